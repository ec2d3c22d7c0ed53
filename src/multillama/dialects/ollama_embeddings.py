"""`ollama.embeddings`: `/api/embeddings`, the older one, with one text and one vector.

Source: Ollama's api/types.go (August 2026), `EmbeddingRequest`; ollama 0.6.3 (Python), `EmbeddingsRequest`.
"""

from typing import Final

import msgspec

from multillama.core.canonical import Embed, Vectors
from multillama.core.codec import EmbedCodec, Goal, Misfit
from multillama.core.shape import Members, Object, decode_object
from multillama.dialects.ollama_family.embedding import (
    begin_embed,
    end_embed,
    read_vector,
    texts_of,
    write_embed,
)
from multillama.dialects.ollama_family.fault import read_fault, write_fault
from multillama.dialects.ollama_family.figures import NAME

_ENCODE: Final = msgspec.json.Encoder().encode
SAYS: Final = frozenset(("keep_alive", "is_single", "is_base64"))


def read_request(body: bytes) -> Embed:
    """Returns a client's request; one without a prompt only loads the model.

    Raises:
        Misfit: It is none.
    """
    members = Members(decode_object(body))
    embed = begin_embed(members)
    prompt = members.text("prompt")
    embed.is_single = True
    if prompt:
        embed.inputs = [prompt]
    return end_embed(embed, members)


def write_request(embed: Embed, goal: Goal) -> bytes:
    """Returns a request for an endpoint.

    Raises:
        Misfit: It has several texts, or tokens in place of one.
    """
    texts = texts_of(embed)
    if len(texts) > 1:
        raise Misfit("input", "must be one text: this endpoint makes one vector at a time")
    body: Object = {"model": goal.model, "prompt": texts[0] if texts else ""}
    write_embed(embed, goal, body)
    return _ENCODE(body)


def read_answer(body: bytes) -> Vectors:
    """Returns an endpoint's vector; an empty one is none.

    Raises:
        Misfit: It has none.
    """
    vector = read_vector(decode_object(body).get("embedding"), "embedding")
    return Vectors("", [vector] if vector else [])


def write_answer(vectors: Vectors, embed: Embed) -> bytes:
    """Returns the vector for a client; empty where there is none."""
    return _ENCODE({"embedding": vectors.vectors[0] if vectors.vectors else []})


EMBED_CODEC: Final = EmbedCodec(
    dialect="ollama.embeddings",
    family=NAME,
    read_request=read_request,
    write_request=write_request,
    read_answer=read_answer,
    write_answer=write_answer,
    read_fault=read_fault,
    write_fault=write_fault,
    says=SAYS,
)
