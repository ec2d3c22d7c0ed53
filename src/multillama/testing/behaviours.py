"""How a scripted server answers one request: well, slowly, wrongly or not at all.

Values; nothing here acts. `Behaviour()` is a good server; every member changes one thing, so they
combine: `Behaviour(held=True, status="500 Oops", sizes=(1, 7), cut="mid-body", end="reset")`.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, cycle
from typing import Final, Literal

from multillama.testing.answers import Answer

Place = Literal[
    "before-head", "mid-head", "after-head", "mid-body", "mid-chunk-size", "mid-chunk",
    "before-last-chunk", "end",
]  # fmt: skip
End = Literal["keep", "fin", "reset", "hang", "fin-on-reuse", "reset-on-reuse"]
BLOCK_BYTES: Final = 64 * 1024
ENDLESS: Final = sys.maxsize
"""For `events`: more words than any test can hear."""
LAST_CHUNK: Final = b"0\r\n\r\n"


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """One answer. A member left alone is as a well-behaved server does it."""

    status: str = "200 OK"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    """In place of the operation's own answer."""
    framing: Literal["auto", "length", "chunked", "close"] = "auto"
    """Auto: chunks for a stream, else a length. `close` needs `end="fin"`."""
    raw: bytes | None = None
    """In place of head and body."""
    first: bytes = b""
    """Sent before the head, e.g. an interim `100 Continue`."""
    extra: bytes = b""
    """Sent after the last byte of the answer."""
    early: bool = False
    """Answers as soon as the head has arrived; the request's body is taken afterwards, if at all."""
    held: bool = False
    """Waits for the test's `step()` before the first byte."""
    delay_s: float = 0.0
    """Waits so long before the first byte."""
    events: int | None = None
    """Words of a streamed answer, in place of the server's text."""
    stepwise: bool = False
    """Waits for the test's `step()` before every event, the one that ends the stream included."""
    every_s: float = 0.0
    """Waits so long before every event."""
    sizes: tuple[int, ...] = ()
    """Sizes of the writes, over and over, wherever events begin and end."""
    cut: Place | int = "end"
    """Where the answer breaks off: a place or a number of bytes."""
    end: End = "keep"
    """What then becomes of the connection; `on-reuse`: when the next request comes, unread."""

    def pieces(self, answer: Answer, *, is_head: bool = False) -> Iterator[bytes]:
        """Gives the bytes of the answer as they are written, one after another."""
        head, parts = self._wire(answer, is_head=is_head)
        pieces: Iterable[bytes] = chain([head], parts)
        if self.cut != "end":
            size = self.cut
            if not isinstance(size, int):
                listed = list(parts)
                size, pieces = _offset(size, head, listed), [head, *listed]
            pieces = _until(size, pieces)
        return filter(None, _resized(pieces, self.sizes) if self.sizes else pieces)

    def _wire(self, answer: Answer, *, is_head: bool) -> tuple[bytes, Iterable[bytes]]:
        if self.raw is not None:
            return self.first + self.raw, [self.extra]
        headers = {"content-type": answer.content_type}
        parts = answer.parts if self.body is None else _blocks(self.body)
        framing = self.framing
        if framing == "auto":
            framing = "chunked" if answer.is_stream and self.body is None else "length"
        if self.status[:3] in ("204", "304"):
            headers, parts = {}, ()
        elif framing == "length":
            if self.body is None:
                parts = list(parts)
            size = sum(map(len, parts)) if self.body is None else len(self.body)
            headers["content-length"] = str(size)
        elif framing == "chunked":
            parts = chain(map(_chunk, parts), [LAST_CHUNK])
            headers["transfer-encoding"] = "chunked"
        fields = [f"{name}: {value}\r\n" for name, value in (headers | dict(self.headers)).items()]
        head = f"HTTP/1.1 {self.status}\r\n{''.join(fields)}\r\n".encode("latin-1")
        return self.first + head, chain(() if is_head else parts, [self.extra])


GOOD: Final = Behaviour()
HANG: Final = Behaviour(cut="before-head", end="hang")
RATE_LIMITED: Final = Behaviour(
    status="429 Too Many Requests",
    headers=(("retry-after", "1"), ("content-type", "application/json")),
    body=b'{"error":{"message":"slow down","type":"rate_limit_error","param":null,"code":null}}',
)
OVERLOADED: Final = Behaviour(
    status="529 Overloaded",
    headers=(("content-type", "application/json"),),
    body=b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
)


def _blocks(body: bytes) -> Iterator[bytes]:
    return (body[at : at + BLOCK_BYTES] for at in range(0, len(body), BLOCK_BYTES))


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _offset(place: Place, head: bytes, parts: list[bytes]) -> int:
    middle = max(0, len(parts) - 2) // 2
    before = len(head) + sum(map(len, parts[:middle]))
    whole = len(head) + sum(map(len, parts))
    return {
        "before-head": 0,
        "mid-head": len(head) // 2,
        "after-head": len(head),
        "mid-body": (len(head) + whole) // 2,
        "mid-chunk-size": before + 1,
        "mid-chunk": before + len(parts[middle]) // 2,
        "before-last-chunk": whole - len(LAST_CHUNK),
        "end": whole,
    }[place]


def _until(size: int, pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield piece[:size]
        size -= len(piece)
        if size <= 0:
            return


def _resized(pieces: Iterable[bytes], sizes: tuple[int, ...]) -> Iterator[bytes]:
    buffer, wanted = bytearray(), cycle(sizes)
    size = next(wanted)
    for piece in pieces:
        buffer += piece
        while len(buffer) >= size:
            yield bytes(buffer[:size])
            del buffer[:size]
            size = next(wanted)
    yield bytes(buffer)
