"""Answers of `/api/generate`, whole and as a stream: `{"response", "thinking"}`, and images that were made.

Source: Ollama's api/types.go (August 2026), `GenerateResponse`; ollama 0.6.3 (Python), `GenerateResponse`.
"""

from typing import Any, Final

from multillama.core.canonical import Answer
from multillama.core.codec import Reply
from multillama.core.shape import Object
from multillama.dialects.ollama_family.reader import LineReader, read_whole
from multillama.dialects.ollama_family.writer import Form, LineWriter, write_whole

_FORM: Final = Form(b'"response":', b"", "image")


def unfold(line: Object) -> tuple[Any, Object, Any]:
    """Takes the text out of a line; returns it, where the thoughts stand, and the image."""
    return line.pop("response", None), line, line.pop("image", None)


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
