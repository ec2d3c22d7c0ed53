"""A stream that is one JSON array, as bytes: where one of its rows ends. No I/O, and nothing is changed.

Half a row is held back until it is whole, so that the array can be ended with a row of our own when it breaks off.

Source: Gemini's `streamGenerateContent` without `alt=sse`, recorded traffic (November 2026).
"""

import re
from typing import Final

MAX_HALF_BYTES: Final = 16 * 1024 * 1024
"""A row longer than this is not held back: no client must wait for ever. Images come in rows of some megabytes."""
_OUTSIDE: Final = re.compile(rb"[{\]]")
_INSIDE: Final = re.compile(rb'["{}]')
_IN_TEXT: Final = re.compile(rb'["\\]')
_BLANKS: Final = b" \t\r\n"
_BETWEEN: Final = b",\r\n"


class WholeRows:
    """Passes on whole rows of one stream; of what is no array, every byte as it comes."""

    __slots__ = (
        "_at",
        "_depth",
        "_has_row",
        "_is_closed",
        "_is_in_text",
        "_is_known",
        "_is_torn",
        "half",
    )
    ends: tuple[bytes, ...] = ()
    """No ending of a piece says that a row is whole."""

    def __init__(self) -> None:
        self.half = b""
        """The beginning of a row, held back."""
        self._at = 0
        """So many bytes of it are known."""
        self._depth = 0
        self._is_in_text = False
        self._is_known = False
        self._has_row = False
        self._is_closed = False
        self._is_torn = False

    def take(self, data: bytes) -> bytes:
        """Takes bytes of the stream; returns what has become whole, or too long to wait for."""
        if self._is_torn:
            return data
        data = self.half + data
        if not self._is_known:
            begin = data.lstrip(_BLANKS)[:1]
            self._is_known = bool(begin)
            self._is_torn = begin not in (b"", b"[")
        end = len(data) if self._is_torn else self._end_of_rows(data)
        if len(data) - end > MAX_HALF_BYTES:
            self._is_torn = True
            end = len(data)
        self.half = data[end:]
        self._at -= end
        return data[:end]

    def rest(self) -> bytes:
        """Returns what is held back, for a stream that has ended in order."""
        rest, self.half = self.half, b""
        return rest

    def last(self, row: bytes) -> bytes | None:
        """Returns what ends the array with this row; None where nothing can, as it is none or half a row has left."""
        if self._is_torn:
            return None
        if self._is_closed:
            return b""
        return (_BETWEEN if self._has_row else b"[") + row + b"]"

    def _end_of_rows(self, data: bytes) -> int:
        """Returns where the last whole row ends, or the array."""
        end, at = 0, self._at
        while True:
            found = self._pattern().search(data, at)
            if found is None:
                self._at = len(data)
                return end
            at = found.end()
            mark = found.group()
            if mark == b"\\":
                if at == len(data):  # what it escapes is still to come
                    self._at = at - 1
                    return end
                at += 1
            elif mark == b'"':
                self._is_in_text = not self._is_in_text
            elif self._step(mark):
                end = at

    def _pattern(self) -> re.Pattern[bytes]:
        if self._is_in_text:
            return _IN_TEXT
        return _INSIDE if self._depth else _OUTSIDE

    def _step(self, mark: bytes) -> bool:
        """Takes a bracket; returns True where a row, or the array, ends with it."""
        if mark == b"]":
            self._is_closed = True
            return True
        self._depth += 1 if mark == b"{" else -1
        self._has_row = self._has_row or not self._depth
        return not self._depth
