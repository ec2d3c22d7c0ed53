"""`openai.embeddings`: `/v1/embeddings`, with vectors as lists of numbers and as base64 of 32-bit floats.

Source: openai 3.54.0, `EmbeddingCreateParams` (it asks for base64 unless told otherwise), `CreateEmbeddingResponse`.
"""

from array import array
from base64 import b64decode, b64encode
from binascii import Error
from struct import pack, unpack
from typing import Any, Final

import msgspec

from multillama.core.canonical import Embed, Vectors
from multillama.core.codec import EmbedCodec, Goal, Misfit
from multillama.core.shape import Members, Object, decode_object
from multillama.dialects.openai_family.fault import read_fault, write_fault
from multillama.dialects.openai_family.usage import NAME, count

_ENCODE: Final = msgspec.json.Encoder().encode
_FLOAT_BYTES: Final = 4
SAYS: Final = frozenset(("dimensions", "is_base64", "is_single", "user"))


def read_request(body: bytes) -> Embed:
    """Reads a client's request.

    Raises:
        Misfit: It is none.
    """
    members = Members(decode_object(body))
    embed = Embed(members.text("model") or "", family=NAME)
    embed.inputs, embed.is_single = _inputs(members.take("input"))
    embed.dimensions = members.whole("dimensions")
    form = members.text("encoding_format")
    if form not in (None, "float", "base64"):
        raise Misfit("encoding_format", "must be float or base64")
    embed.is_base64 = form == "base64"
    embed.user = members.text("user")
    embed.extras = {name: value for name, value in members.rest.items() if value is not None}
    return embed


def _inputs(value: Any) -> tuple[list[str | list[int]], bool]:
    if isinstance(value, str):
        return [value], True
    if not isinstance(value, list):
        raise Misfit("input", "must be a text, a list of texts, or tokens")
    if value and all(isinstance(token, int) and not isinstance(token, bool) for token in value):
        return [value], True
    return [_input(row, f"input[{at}]") for at, row in enumerate(value)], False


def _input(value: Any, path: str) -> str | list[int]:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(
        isinstance(token, int) and not isinstance(token, bool) for token in value
    ):
        return value
    raise Misfit(path, "must be a text or a list of tokens")


def write_request(embed: Embed, goal: Goal) -> bytes:
    """Writes a request for an endpoint; numbers are asked for, which all servers have."""
    body: Object = {
        "model": goal.model,
        "input": embed.inputs[0] if embed.is_single and embed.inputs else embed.inputs,
    }
    if embed.dimensions is not None:
        body["dimensions"] = embed.dimensions
    if embed.user is not None:
        body["user"] = embed.user
    if embed.family == NAME:
        for name, value in embed.extras.items():
            body.setdefault(name, value)
    return _ENCODE(body)


def read_answer(body: bytes) -> Vectors:
    """Reads an endpoint's answer, in either form of vectors.

    Raises:
        Misfit: It is none.
    """
    value = decode_object(body)
    rows = value.get("data")
    if not isinstance(rows, list):
        raise Misfit("data", "must be a list")
    found = [_row(row, at) for at, row in enumerate(rows)]
    found.sort(key=lambda row: row[0])
    model, usage = value.get("model"), value.get("usage")
    tokens = None
    if isinstance(usage, dict):
        tokens = count(usage.get("prompt_tokens"))
        if tokens is None:
            tokens = count(usage.get("total_tokens"))  # Voyage tells the total only
    return Vectors(model if isinstance(model, str) else "", [vector for _, vector in found], tokens)


def _row(row: Any, at: int) -> tuple[int, list[float]]:
    path = f"data[{at}].embedding"
    if not isinstance(row, dict):
        raise Misfit(f"data[{at}]", "must be an object")
    vector, index = row.get("embedding"), row.get("index")
    if isinstance(vector, str):
        vector = _decoded(vector, path)
    if not isinstance(vector, list) or not all(
        isinstance(figure, int | float) and not isinstance(figure, bool) for figure in vector
    ):
        raise Misfit(path, "must be a list of numbers, or base64")
    return (index if isinstance(index, int) else at), vector


def _decoded(text: str, path: str) -> list[float]:
    try:
        raw = b64decode(text, validate=True)
    except (Error, ValueError) as error:
        raise Misfit(path, "must be base64") from error
    if len(raw) % _FLOAT_BYTES:
        raise Misfit(path, "must be base64 of 32-bit floats")
    return list(unpack(f"<{len(raw) // _FLOAT_BYTES}f", raw))


def write_answer(vectors: Vectors, embed: Embed) -> bytes:
    """Writes the vectors in the form that the client asked for."""
    tokens = vectors.input_tokens or 0
    rows = [
        {
            "object": "embedding",
            "index": at,
            "embedding": _encoded(vector) if embed.is_base64 else vector,
        }
        for at, vector in enumerate(vectors.vectors)
    ]
    return _ENCODE(
        {
            "object": "list",
            "data": rows,
            "model": embed.model or vectors.model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
    )


def _encoded(vector: list[float]) -> str:
    # through an array, for which a figure too great for 32 bits is infinite and no error
    return b64encode(pack(f"<{len(vector)}f", *array("f", vector))).decode()


EMBED_CODEC: Final = EmbedCodec(
    dialect="openai.embeddings",
    family=NAME,
    read_request=read_request,
    write_request=write_request,
    read_answer=read_answer,
    write_answer=write_answer,
    read_fault=read_fault,
    write_fault=write_fault,
    says=SAYS,
)
