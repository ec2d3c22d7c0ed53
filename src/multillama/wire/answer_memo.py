"""The last plain answer's head of an endpoint: an answer that begins like it is not parsed again. No I/O.

Servers repeat their heads but for the length of the body, and for the date once a second. What a head means is a pure
function of its bytes, so all connections to one endpoint may share what is known.

HOT: `find` runs once for every answer.
"""

import re
from typing import Final

import msgspec

MAX_LENGTH_DIGITS: Final = 15
_LENGTH: Final = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: ([0-9]{1,15})\r\n")


class AnswerHead(msgspec.Struct, gc=False, eq=False):
    """The facts of one answer's head."""

    # A struct, as it is made in a quarter of the time that eight slots take to be set.
    status: int
    length: int | None = None
    lines: list[bytes] = []
    """Header lines for the client as the endpoint sent them, without their CRLF."""
    has_date: bool = False
    has_request_id: bool = False
    is_coded: bool = False
    is_unbuffered: bool = False
    is_event_stream: bool = False
    """True for server-sent events, and for events that are lines of JSON."""
    has_lines: bool = False
    """True for the latter."""
    chunked: bool = False

    @property
    def has_open_events(self) -> bool:
        """True for a stream of events that can be read on the way, and ended by an event of ours."""
        return self.is_event_stream and self.length is None and not self.is_coded

    @property
    def may_have_body(self) -> bool:
        return self.status not in (204, 304)

    @property
    def ends_with_connection(self) -> bool:
        """True when only the end of the connection ends the body (RFC 9112 §6.3, rule 8)."""
        return self.length is None and not self.chunked and self.may_have_body


class AnswerMemo:
    """The last head of an answer with status 200 and a length, after which the connection stayed."""

    __slots__ = ("_after", "_before", "_head")

    def __init__(self) -> None:
        self._head: AnswerHead | None = None
        self._before = b""
        """The head up to the digits of its content-length."""
        self._after = b""
        """What follows them, with the blank line."""

    def find(self, data: bytes) -> tuple[AnswerHead, bytes] | None:
        """Returns head and body, if these bytes are one whole answer whose head differs in nothing but the length."""
        known, before, after = self._head, self._before, self._after
        if known is None or not data.startswith(before):
            return None
        start = len(before)
        end = data.find(after, start, start + MAX_LENGTH_DIGITS + len(after))
        digits = data[start:end]
        if end < 0 or not digits.isdigit():
            return None
        body, length = data[end + len(after) :], int(digits)
        if len(body) != length:
            return None
        return _with_length(known, length), body

    def keep(self, raw: bytes, head: AnswerHead) -> None:
        """Remembers the head of an answer that has come whole; nobody may have changed it yet.

        Args:
            raw: Its bytes without the blank line.
            head: What they mean.
        """
        if head.status != 200 or head.length is None or head.is_event_stream:
            return
        raw += b"\r\n\r\n"
        found = _LENGTH.search(raw)
        if found is None:
            return  # in unusual spelling: not worth remembering
        self._head = _with_length(head, 0)
        self._before, self._after = raw[: found.start(1)], raw[found.end(1) :]


def _with_length(head: AnswerHead, length: int) -> AnswerHead:
    """Makes a plain answer's head with lines of its own: they become those of the client's answer."""
    lines = head.lines.copy()
    return AnswerHead(
        200, length, lines, head.has_date, head.has_request_id, head.is_coded, head.is_unbuffered
    )
