"""Server-sent events as bytes: where one ends. No I/O, and nothing is changed: what comes in goes out.

A client that is given half an event reads whatever follows as its rest, so half an event is held back until it is
whole. An event ends with a blank line, and a line with LF, CRLF or CR.

HOT: `take` is for what does not end in one of `BLANK_LINES`, or follows something held back: few segments do.

Source: WHATWG HTML, server-sent events, interpreting an event stream (November 2026).
"""

from typing import Final

BLANK_LINES: Final = (b"\n\n", b"\n\r\n", b"\r\r")
"""What the last bytes of an event are; the second also ends CR LF CR LF."""
MAX_HALF_BYTES: Final = 64 * 1024
"""An event longer than this is not held back: its client must not wait for ever."""


class WholeLines:
    """Passes on whole lines of one stream, each an event."""

    __slots__ = ("half",)
    ends = (b"\n",)
    """What a piece ends with that ends an event."""

    def __init__(self) -> None:
        self.half = b""
        """The beginning of a line, held back."""

    def take(self, data: bytes) -> bytes:
        """Takes bytes of the stream; returns what has become whole, or too long to wait for."""
        data = self.half + data
        end = data.rfind(b"\n") + 1
        if len(data) - end > MAX_HALF_BYTES:
            end = len(data)
        self.half = data[end:]
        return data[:end]

    def rest(self) -> bytes:
        """Returns what is held back, for a stream that has ended in order."""
        rest, self.half = self.half, b""
        return rest


class WholeEvents:
    """Passes on whole events of one stream."""

    __slots__ = ("half",)
    ends = BLANK_LINES

    def __init__(self) -> None:
        self.half = b""
        """The beginning of an event, held back."""

    def take(self, data: bytes) -> bytes:
        """Takes bytes of the stream; returns what has become whole, or too long to wait for."""
        searched = max(len(self.half) - 2, 0)
        data = self.half + data
        end = 0
        for line in BLANK_LINES:
            at = data.rfind(line, searched)
            if at >= 0:
                end = max(end, at + len(line))
        if len(data) - end > MAX_HALF_BYTES:
            end = len(data)
        self.half = data[end:]
        return data[:end]

    def rest(self) -> bytes:
        """Returns what is held back, for a stream that has ended in order."""
        rest, self.half = self.half, b""
        return rest
