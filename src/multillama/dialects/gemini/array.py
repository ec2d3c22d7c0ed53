"""Streams as one JSON array: `streamGenerateContent` without `alt=sse`.

Its rows come one after another, and the array ends where the answer ends. An error before any row may be an object
alone; so may a whole answer, from who streams nothing.

Source: recorded traffic: `[{…}`, then `,` CRLF `{…}`, then `]`.
"""

import re
from typing import Final

from multillama.core.canonical import Fault
from multillama.core.codec import Misfit, Reply
from multillama.core.deltas import Broken, End, Event
from multillama.core.shape import decode
from multillama.dialects.gemini.chunks import Chunks
from multillama.dialects.gemini.writing import ChunkWriter
from multillama.wire.sse import BOM

_NEXT: Final = re.compile(rb'["{}\[\]]')
_IN_TEXT: Final = re.compile(rb'["\\]')
_BETWEEN: Final = re.compile(rb"[\s,]*")


class ArrayReader:
    """Reads a stream that is one JSON array."""

    def __init__(self) -> None:
        self._chunks = Chunks()
        self._rest = bytearray()
        """From the beginning of a row that is not whole."""
        self._at = 0
        """So many bytes of it are known."""
        self._depth = 0
        self._is_in_text = False
        self._is_array = False
        self._has_ended = False
        self._is_first = True

    def feed(self, data: bytes) -> list[Event]:
        if self._is_first:
            data = self._without_mark(data)
        self._rest += data
        events: list[Event] = []
        while (row := self._row()) is not None:
            events += self._chunks.take(decode(row))
        return events

    def end(self) -> list[Event]:
        is_whole = not self._rest and (self._has_ended or not self._is_array)
        return self._chunks.end(is_whole=is_whole)

    def _without_mark(self, data: bytes) -> bytes:
        """Returns the bytes without the mark of their order, once it is certain that there is none or one."""
        data = bytes(self._rest) + data
        self._rest.clear()
        if len(data) < len(BOM) and BOM.startswith(data):
            self._rest += data
            return b""
        self._is_first = False
        return data.removeprefix(BOM)

    def _row(self) -> bytes | None:
        """Returns the next whole row, None where there is none yet."""
        rest = self._rest
        if self._is_first:
            return None
        while not self._depth:
            between = _BETWEEN.match(rest)
            del rest[: between.end() if between else 0]
            if not rest:
                return None
            self._step_between(rest[0])
            if not self._depth:
                del rest[0]
        while self._depth:
            found = (_IN_TEXT if self._is_in_text else _NEXT).search(rest, self._at)
            if found is None:
                self._at = len(rest)
                return None
            if not self._step_inside(found.group(), found.end()):
                return None
        row = bytes(rest[: self._at])
        del rest[: self._at]
        self._at = 0
        return row

    def _step_between(self, byte: int) -> None:
        """Takes a byte that stands outside of all rows."""
        if byte == ord("{"):
            self._depth = 1
            self._at = 1
        elif byte == ord("]"):
            self._has_ended = True
        elif byte == ord("["):
            self._is_array = True
        else:
            raise Misfit("the stream", "must be a JSON array of objects")

    def _step_inside(self, mark: bytes, end: int) -> bool:
        """Takes a mark that stands inside of a row; returns False where one more byte is needed."""
        if mark == b"\\":
            if end == len(self._rest):
                self._at = end - 1
                return False
            end += 1
        elif mark == b'"':
            self._is_in_text = not self._is_in_text
        else:
            self._depth += 1 if mark in b"{[" else -1
        self._at = end
        return True


class ArrayWriter:
    """Writes a stream that is one JSON array."""

    def __init__(self, reply: Reply) -> None:
        self._chunks = ChunkWriter(reply)
        self._has_begun = False

    def write(self, events: list[Event]) -> bytes:
        pieces: list[bytes] = []
        for chunk in self._chunks.write(events):
            pieces.append(b",\r\n" if self._has_begun else b"[")
            pieces.append(chunk)
            self._has_begun = True
        if events and isinstance(events[-1], End | Broken):
            pieces.append(b"]")
        return b"".join(pieces)

    def write_fault(self, fault: Fault) -> bytes:
        """Returns what ends the array with an error."""
        return self.write([Broken(fault)])
