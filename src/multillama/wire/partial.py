"""A request head that has not arrived whole: collected, and judged as early as its bytes allow. No I/O.

The verdict depends on the bytes alone, never on how they were cut: the offence with the lowest offset counts.
Every byte is looked at once, so one-byte segments cost no more than a large one.
"""

import re
from typing import Final

from multillama.errors import GatewayError

MAX_BLANK_LINES: Final = 8
_TOKEN: Final = frozenset(b"!#$%&'*+-.^_`|~" + bytes(range(0x30, 0x3A))) | frozenset(
    bytes(range(0x41, 0x5B)) + bytes(range(0x61, 0x7B))
)
_REQUEST_LINE: Final = re.compile(rb"[!-~]+ [!-~]+ HTTP/[0-9]\.[0-9]\r")


class PartialHead:
    """Collects one head."""

    __slots__ = ("_blank_lines", "_bytes", "_head_limit", "_line_end", "_seen", "_target_limit")

    def __init__(self, *, target_limit: int, head_limit: int) -> None:
        self._bytes = bytearray()
        self._target_limit = target_limit
        self._head_limit = head_limit
        self._seen = 0
        """Bytes already judged."""
        self._line_end = -1
        """Offset of the request line's LF, once known."""
        self._blank_lines = 0

    @property
    def is_empty(self) -> bool:
        """True when nothing but blank lines has come: closing now loses no request."""
        return bytes(self._bytes) in (b"", b"\r")

    def add(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Takes received bytes; returns the head and what follows it, once the head is whole.

        Raises:
            GatewayError: `bad_request`, `target_too_long` or `head_too_large`.
        """
        self._bytes += data
        self._skip_blank_lines()
        buffer = self._bytes
        if not buffer or (len(buffer) == 1 and buffer == b"\r"):
            return None
        if buffer[0] not in _TOKEN:
            raise GatewayError("bad_request", "This is no HTTP request.")
        if self._line_end < 0:
            self._judge_request_line()
        end = buffer.find(b"\r\n\r\n", max(self._seen - 3, 0))
        self._judge_lines(end + 4 if end >= 0 else len(buffer))
        if end < 0:
            self._seen = len(buffer)
            return None
        return bytes(buffer[: end + 4]), bytes(buffer[end + 4 :])

    def _skip_blank_lines(self) -> None:
        """Drops CRLFs before the request line (RFC 9112 §2.2), a few of them."""
        while self._bytes.startswith(b"\r\n"):
            del self._bytes[:2]
            self._blank_lines += 1
            if self._blank_lines > MAX_BLANK_LINES:
                raise GatewayError("bad_request", "Too many blank lines before the request.")

    def _judge_request_line(self) -> None:
        end = self._bytes.find(b"\n", self._seen)
        length = end if end >= 0 else len(self._bytes)
        if length > self._target_limit:
            raise GatewayError(
                "target_too_long", f"The request line is longer than {self._target_limit} bytes."
            )
        if end < 0:
            return
        if not _REQUEST_LINE.fullmatch(self._bytes, 0, end):
            raise GatewayError("bad_request", "The request line is malformed.")
        self._line_end = end

    def _judge_lines(self, end: int) -> None:
        """Refuses a bare LF and an over-long head, whichever comes first."""
        if self._line_end < 0:
            return
        at = max(self._seen, self._line_end + 1)
        while (at := self._bytes.find(b"\n", at, min(end, self._head_limit + 1))) >= 0:
            if self._bytes[at - 1] != 0x0D:
                raise GatewayError("bad_request", "A header line ends without CR.")
            at += 1
        if end > self._head_limit:
            raise GatewayError(
                "head_too_large", f"The request's head is larger than {self._head_limit} bytes."
            )
