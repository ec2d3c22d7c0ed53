"""Answers of `/api/chat`, whole and as a stream: `{"message": {"role", "content", "thinking", "tool_calls"}}`.

Source: Ollama's api/types.go (August 2026), `ChatResponse`; ollama 0.6.3 (Python), `ChatResponse`.
"""

from typing import Any, Final

from multillama.core.canonical import Answer
from multillama.core.codec import Reply
from multillama.core.shape import Object
from multillama.dialects.ollama_family.reader import LineReader, read_whole
from multillama.dialects.ollama_family.writer import Form, LineWriter, write_whole

_FORM: Final = Form(b'"message":{"role":"assistant","content":', b"}", None)
"""Its server may tell images in a message; the Python SDK fails at them."""


def unfold(line: Object) -> tuple[Any, Object, Any]:
    """Takes the message out of a line; returns its text, its members, and its images."""
    message = line.pop("message", None)
    if not isinstance(message, dict):
        return None, {}, None
    return message.get("content"), message, message.get("images")


def read_answer(body: bytes) -> Answer:
    """Returns an endpoint's answer.

    Raises:
        Misfit: It is none.
    """
    return read_whole(body, unfold)


def write_answer(answer: Answer, reply: Reply) -> bytes:
    """Returns an answer for a client."""
    return write_whole(answer, reply, _FORM)


def reader() -> LineReader:
    """Returns what reads a stream."""
    return LineReader(unfold)


def writer(reply: Reply) -> LineWriter:
    """Returns what writes a stream."""
    return LineWriter(reply, _FORM)
