"""Streams of server-sent events: `streamGenerateContent?alt=sse`.

An event is one line of data and a blank line, nothing else: google-genai refuses comments, names of events and
`[DONE]`. When read, all of these are passed over.

HOT: runs for every event of a translated stream.

Source: google-genai 3.4.0 `_api_client.HttpResponse`, measured; recorded traffic has CRLF.
"""

from typing import Any, Final

from multillama.core.codec import Misfit, Reply
from multillama.core.deltas import Event
from multillama.core.shape import decode
from multillama.dialects.gemini.chunks import Chunks
from multillama.dialects.gemini.writing import ChunkWriter
from multillama.wire.sse import Splitter, one_line

_DONE: Final = b"[DONE]"


class Reader:
    """Reads a stream of server-sent events."""

    def __init__(self) -> None:
        self._chunks = Chunks()
        self._splitter = Splitter()

    def feed(self, data: bytes) -> list[Event]:
        chunks = self._chunks
        events: list[Event] = []
        for payload in self._splitter.payloads(data):
            if payload and payload != _DONE:
                events += chunks.take(decode(payload))
        return events

    def end(self) -> list[Event]:
        """Takes note of the end of the bytes; an event without the blank line is one, where it is whole."""
        payload = self._splitter.last()
        value = None if payload is None else _whole(payload)
        events = [] if value is None else self._chunks.take(value)
        return events + self._chunks.end()


def _whole(data: bytes) -> Any:
    """Returns what a JSON text says, None where it is cut off."""
    try:
        return decode(data)
    except Misfit:
        return None


class Writer:
    """Writes a stream of server-sent events."""

    def __init__(self, reply: Reply) -> None:
        self._chunks = ChunkWriter(reply)

    def write(self, events: list[Event]) -> bytes:
        return b"".join([b"data: %b\n\n" % one_line(chunk) for chunk in self._chunks.write(events)])
