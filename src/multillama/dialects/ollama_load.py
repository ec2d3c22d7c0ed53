"""Requests that only load a model into memory, or take it out: those without a message, a prompt or a text.

No server of another dialect understands them, so that the gateway answers them in its place.

Source: Ollama's docs, "Load a model" and "Unload a model" (November 2026).
"""

from typing import Final

import msgspec

from multillama.core.canonical import Embed, Request
from multillama.dialects.ollama_family.figures import NAME, created_at

_ENCODE: Final = msgspec.json.Encoder().encode
_AT_ONCE: Final = frozenset(("0", "0s", "0m", "0h"))


def is_load(request: Request | Embed) -> bool:
    """Says whether a client of Ollama's asks for nothing but a loaded model."""
    if request.family != NAME:
        return False
    if isinstance(request, Embed):
        return not request.inputs
    return not request.messages and request.prompt is None


def answer_load(dialect: str, request: Request, created: int) -> bytes | None:
    """Returns the answer to a request of a chat that asks for nothing but a loaded model; None for all others."""
    return write_load(dialect, request, created=created) if is_load(request) else None


def write_load(dialect: str, request: Request | Embed, *, created: int) -> bytes:
    """Returns the answer to such a request: the same whether the client wants a stream or not.

    Args:
        dialect: The client's, e.g. `ollama.chat`.
        request: As it was read, with the public name of the model.
        created: Seconds since 1970.
    """
    if dialect == "ollama.embeddings":
        return _ENCODE({"embedding": []})
    if dialect == "ollama.embed":
        return _ENCODE({"model": request.model, "embeddings": []})
    keep = request.keep_alive
    is_out = keep in _AT_ONCE if isinstance(keep, str) else keep == 0
    said = (
        {"response": ""}
        if dialect == "ollama.generate"
        else {"message": {"role": "assistant", "content": ""}}
    )
    return _ENCODE(
        {
            "model": request.model,
            "created_at": created_at(created),
            **said,
            "done": True,
            "done_reason": "unload" if is_out else "load",
        }
    )
