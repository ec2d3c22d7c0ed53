"""The chunked transfer coding, decoded strictly (RFC 9112 §7.1). No I/O.

Only for requests: `httptools` would merge trailers into the headers, and sets no limit on what is not data.
Anything but exact CRLFs, hexadecimal sizes and short extensions is refused; trailers are read and dropped.
"""

import re
from typing import Final

from multillama.errors import GatewayError

MAX_SIZE_DIGITS: Final = 15
"""Beyond it a size is past every limit, and leading zeros are padding somebody hides behind."""
MAX_LINE_BYTES: Final = 1024
"""A chunk's size line with its extensions."""
MAX_TRAILER_BYTES: Final = 4096
MAX_OVERHEAD_BYTES: Final = 16 * 1024
"""Framing that is allowed beyond a quarter of the data."""
BAD_SIZE: Final = "a chunk's size is not a short hexadecimal number"

_HEX: Final = frozenset(b"0123456789abcdefABCDEF")
_EXTENSION: Final = frozenset(b"\t") | frozenset(range(0x20, 0x7F)) | frozenset(range(0x80, 0x100))

_TRAILER: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*")


class ChunkedReader:
    """Decodes one body: feed it bytes, take data, until `is_done`."""

    __slots__ = ("_buffer", "_data_bytes", "_left", "_overhead", "_trailers", "is_done", "rest")

    def __init__(self) -> None:
        self._buffer = b""
        self._left = -1
        """Data bytes of the current chunk still to come; -1 at a size line, -2 in trailers."""
        self._data_bytes = 0
        self._overhead = 0
        self._trailers = 0
        self.is_done = False
        self.rest = b""
        """After the end: the bytes that belong to the next request."""

    @property
    def announced_bytes(self) -> int:
        """Data that has come, and what the current chunk has yet to bring."""
        return self._data_bytes + max(self._left, 0)

    def feed(self, data: bytes) -> list[bytes]:
        """Takes received bytes and returns the data in them.

        Raises:
            GatewayError: `bad_request`, what breaks the coding or its limits.
        """
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        out: list[bytes] = []
        at = 0
        while at < len(data) and not self.is_done:
            step = self._read_data if self._left > 0 else self._read_line
            moved = step(data, at, out)
            if moved == at:
                self._buffer = data[at:]
                return out
            at = moved
        self.rest = data[at:]
        return out

    def _read_data(self, data: bytes, at: int, out: list[bytes]) -> int:
        piece = data[at : at + self._left]
        out.append(piece)
        self._left -= len(piece)
        self._data_bytes += len(piece)
        return at + len(piece)

    def _read_line(self, data: bytes, at: int, out: list[bytes]) -> int:
        """Reads one line of framing, when it is here whole; else returns `at` unmoved."""
        if self._left == 0:
            return self._read_data_end(data, at)
        end = data.find(b"\n", at)
        self._check_line(data[at : end if end >= 0 else len(data)], is_whole=end >= 0)
        if end < 0:
            return at
        line = data[at : end - 1]
        if self._left == -2:
            self._end_trailer(line)
        else:
            self._begin_chunk(line)
            self._count_overhead(end + 1 - at)
        return end + 1

    def _read_data_end(self, data: bytes, at: int) -> int:
        """Reads the CRLF after a chunk's data."""
        found = data[at : at + 2]
        if found != b"\r\n"[: len(found)]:
            _refuse("a chunk's data does not end where its size says")
        if len(found) < 2:
            return at
        self._left = -1
        self._count_overhead(2)
        return at + 2

    def _check_line(self, line: bytes, *, is_whole: bool) -> None:
        """Refuses what no further byte can mend. The first offence counts, however the bytes were cut."""
        limit = MAX_LINE_BYTES if self._left == -1 else MAX_TRAILER_BYTES
        if self._left == -1:
            size = line[: MAX_SIZE_DIGITS + 1].partition(b";")[0].partition(b"\r")[0]
            if len(size) > MAX_SIZE_DIGITS or not _HEX.issuperset(size):
                _refuse(BAD_SIZE)
        if b"\r" in line[:limit][:-1]:
            _refuse("a line has a bare CR")
        if len(line) > limit:
            _refuse("a line of its framing is too long")
        if is_whole and line[-1:] != b"\r":
            _refuse("a line ends without CR")

    def _begin_chunk(self, line: bytes) -> None:
        size, semicolon, extension = line.partition(b";")
        if not size:
            _refuse(BAD_SIZE)
        if semicolon and (not extension.strip() or not _EXTENSION.issuperset(extension)):
            _refuse("a chunk extension has illegal characters")
        if extension.count(b'"') % 2:
            _refuse("a chunk extension has an open quote")
        self._left = int(size, 16) or -2

    def _count_overhead(self, framing: int) -> None:
        self._overhead += framing
        if self._overhead > self._data_bytes // 4 + MAX_OVERHEAD_BYTES:
            _refuse("its framing is larger than its data")

    def _end_trailer(self, line: bytes) -> None:
        if not line:
            self.is_done = True
            return
        self._trailers += len(line) + 2
        if self._trailers > MAX_TRAILER_BYTES or not _TRAILER.fullmatch(line):
            _refuse("its trailer is too long or not a header field")


def _refuse(what: str) -> None:
    raise GatewayError("bad_request", f"The chunked body is malformed: {what}.")
