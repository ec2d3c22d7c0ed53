"""Chunks as everybody writes them: a size in small hexadecimal digits, no extension, one segment each. No I/O.

Most endpoints write an event as one such chunk, at once. Its bytes are what framing its data anew would give, so they
may go on as they came: a comparison in place of parsing and writing.

HOT: `chunk_of` runs for every event of every stream.
"""

from functools import lru_cache
from typing import Final, NamedTuple


class Chunk(NamedTuple):
    """What a chunk of a certain length looks like."""

    line: bytes
    """Its first line."""
    data: slice
    """Where its data is."""
    data_bytes: int


IMPOSSIBLE: Final = Chunk(b"-", slice(0), 0)
"""Of a length that no chunk has: none begins so."""


@lru_cache(maxsize=1024)
def chunk_of(length: int) -> Chunk:
    """Returns how a chunk begins that is so long altogether, or `IMPOSSIBLE` where none is."""
    for digits in range(1, len(f"{length:x}") + 1):
        data_bytes = length - digits - len(b"\r\n\r\n")
        if data_bytes > 0 and len(f"{data_bytes:x}") == digits:
            line = b"%x\r\n" % data_bytes
            return Chunk(line, slice(len(line), -2), data_bytes)
    return IMPOSSIBLE


def ends_with_chunk(segment: bytes, last: bytes) -> bool:
    """Says whether a segment ends where a chunk ends.

    Args:
        segment: Bytes as they came.
        last: The last piece of data that the parser has found in them.

    An unfinished chunk cannot look so: its data reaches to the segment's end, so there is no size line before it that
    ends two bytes earlier.
    """
    return bool(last) and segment.endswith(b"%x\r\n%b\r\n" % (len(last), last))
