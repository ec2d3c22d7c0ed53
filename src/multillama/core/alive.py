"""What a client that waits for its stream's first event is told, so that it does not give up: nothing, in its dialect.

Where the strictest reader of a dialect would take any sign for a fault, there is none.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec

_COMMENT: Final = b": waiting for a free endpoint\n\n"
_BLANK: Final = b"\r\n"
"""All that google-genai reads over: it raises at a comment."""
_EVENTS: Final = b"text/event-stream"
_LINES: Final = b"application/x-ndjson"
_OF_EVENTS: Final[Mapping[str, bytes]] = MappingProxyType({
    "openai.chat": _COMMENT,
    "openai.completions": _COMMENT,
    "openai.responses": _COMMENT,
    "anthropic.messages": _COMMENT,
    "gemini": _BLANK,
})  # fmt: skip
_OF_LINES: Final[Mapping[str, Mapping[str, object]]] = MappingProxyType({
    "ollama.chat": {"message": {"role": "assistant", "content": ""}},
    "ollama.generate": {"response": ""},
})  # fmt: skip
"""Ollama's clients want an object in every line, so it is one in which nothing is said."""


class Alive(NamedTuple):
    """A sign of life, and the stream that it may stand in."""

    kind: bytes
    """The stream's content type."""
    sign: bytes


def alive(dialect: str, *, query: bytes, model: str, at: str) -> Alive | None:
    """Returns how a stream that has said nothing yet is kept alive; None where it cannot be.

    Args:
        dialect: The client's.
        query: The request's: Gemini streams events with `alt=sse` alone; an array has no sign of life.
        model: The public name that the client asked for.
        at: When the request came, as in RFC 3339.

    Source: openai 3.54, anthropic 2.12, google-genai 3.4 and ollama 0.6.3, run against each form in November 2026.
    """
    if dialect in _OF_LINES:
        line = {"model": model, "created_at": at, **_OF_LINES[dialect], "done": False}
        return Alive(_LINES, msgspec.json.encode(line) + b"\n")
    if dialect == "gemini" and b"alt=sse" not in query:
        return None
    sign = _OF_EVENTS.get(dialect)
    return None if sign is None else Alive(_EVENTS, sign)
