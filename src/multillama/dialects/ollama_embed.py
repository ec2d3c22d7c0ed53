"""`ollama.embed`: `/api/embed`, vectors of one text or of several.

Source: Ollama's api/types.go (August 2026), `EmbedRequest`; ollama 0.6.3 (Python), `EmbedRequest`, `EmbedResponse`.
"""

from typing import Final

import msgspec

from multillama.core.canonical import Embed, Vectors
from multillama.core.codec import EmbedCodec, Goal
from multillama.core.shape import Members, Object, a_list, decode_object
from multillama.dialects.ollama_family.embedding import (
    begin_embed,
    end_embed,
    read_vector,
    texts_of,
    write_embed,
)
from multillama.dialects.ollama_family.fault import read_fault, write_fault
from multillama.dialects.ollama_family.figures import NAME, count

_ENCODE: Final = msgspec.json.Encoder().encode
SAYS: Final = frozenset(("dimensions", "truncate", "keep_alive", "is_single", "is_base64"))
"""Vectors are numbers here; who wants base64 gets it from the writer of his own dialect."""


def read_request(body: bytes) -> Embed:
    """Returns a client's request; one without a text only loads the model.

    Raises:
        Misfit: It is none.
    """
    members = Members(decode_object(body))
    embed = begin_embed(members)
    embed.is_single = isinstance(members.rest.get("input"), str)
    embed.inputs = [*members.texts("input")]
    if embed.inputs == [""]:
        embed.inputs = []
    embed.dimensions = members.whole("dimensions")
    embed.truncate = members.flag("truncate")
    return end_embed(embed, members)


def write_request(embed: Embed, goal: Goal) -> bytes:
    """Returns a request for an endpoint.

    Raises:
        Misfit: It has tokens in place of a text.
    """
    texts = texts_of(embed)
    body: Object = {
        "model": goal.model,
        "input": texts[0] if embed.is_single and len(texts) == 1 else texts,
    }
    if embed.dimensions is not None:
        body["dimensions"] = embed.dimensions
    if embed.truncate is not None:
        body["truncate"] = embed.truncate
    write_embed(embed, goal, body)
    return _ENCODE(body)


def read_answer(body: bytes) -> Vectors:
    """Returns an endpoint's vectors.

    Raises:
        Misfit: It has none.
    """
    value = decode_object(body)
    rows = a_list(value.get("embeddings"), "embeddings")
    vectors = [read_vector(row, f"embeddings[{at}]") for at, row in enumerate(rows)]
    model = value.get("model")
    tokens = count(value.get("prompt_eval_count"))
    return Vectors(model if isinstance(model, str) else "", vectors, tokens)


def write_answer(vectors: Vectors, embed: Embed) -> bytes:
    """Returns the vectors for a client."""
    body: Object = {"model": embed.model or vectors.model, "embeddings": vectors.vectors}
    if vectors.input_tokens is not None:
        body["prompt_eval_count"] = vectors.input_tokens
    return _ENCODE(body)


EMBED_CODEC: Final = EmbedCodec(
    dialect="ollama.embed",
    family=NAME,
    read_request=read_request,
    write_request=write_request,
    read_answer=read_answer,
    write_answer=write_answer,
    read_fault=read_fault,
    write_fault=write_fault,
    says=SAYS,
)
