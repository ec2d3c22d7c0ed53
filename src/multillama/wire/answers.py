"""Answers of endpoints: from the bytes of a connection to heads and body parts. No I/O.

llhttp parses; this adds what it leaves open: interim answers, an end without a length, bytes after the end, limits
(RFC 9112 §6.3; guards G13 to G18 of `tests/http`). Framing is rebuilt by the relay, never copied; hop-by-hop fields end
here, and so do the few that would speak for our origin instead of the endpoint's.

HOT: `feed` runs for every segment of every answer. Body parts reach the list without a line of Python between.
"""

from http import HTTPStatus
from typing import Final

import httptools

from multillama.errors import GatewayError
from multillama.wire.answer_memo import AnswerHead, AnswerMemo

MAX_HEAD_BYTES: Final = 256 * 1024
MAX_FIELDS: Final = 500
MAX_INTERIM: Final = 10
STATUS_LINES: Final[dict[int, bytes]] = {
    status: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
    for status in HTTPStatus
    if status >= 200
} | {529: b"HTTP/1.1 529 Overloaded\r\n", 499: b"HTTP/1.1 499 Client Closed Request\r\n"}

# What is done with a header line. Plain numbers, as each answer has many lines.
_FORWARD: Final = 0
_EVENTS: Final = 1
"""Forwarded, and tells that events follow."""
_ID: Final = 2
"""Forwarded, and is the endpoint's name for the request."""
_CHUNKED: Final = 3
_LENGTH: Final = 4
_NAMING: Final = 5
"""A `connection` that names other fields."""
_DROP: Final = 6
_DATE: Final = 7
"""Forwarded, and tells that we need not add one."""
_CODED: Final = 8
"""Forwarded, and tells that the body is compressed: nothing can be written into it."""
_UNBUFFERED: Final = 9
"""Forwarded, and tells that we need not say it: what an nginx in front of us does with events."""
_LINES: Final = 10
"""Forwarded, and tells that events follow, a line each."""
_DROPPED: Final = frozenset(
    (
        b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authentication-info",
        b"te", b"trailer", b"upgrade",  # hop by hop
        b"set-cookie", b"strict-transport-security", b"alt-svc", b"clear-site-data",  # for our origin
        # Ours: a gateway behind us has set its own. What it had to drop is lost for our client, too, and stays.
        b"x-multillama-endpoint", b"x-multillama-id", b"x-multillama-path",
    )
)  # fmt: skip
MAX_KNOWN: Final = 128
"""Header lines that are kept for one endpoint, about 15 kB."""
LONGEST_KNOWN: Final = 256


class AnswerReader:
    """Reads the answers of one connection, one after another."""

    __slots__ = (
        "_head_bytes", "_interim", "_known", "_memo", "_naming", "_parser", "_partial", "has_begun", "has_extra",
        "head", "is_complete", "may_stay", "on_body", "parts",
    )  # fmt: skip

    def __init__(
        self, known: dict[bytes, int] | None = None, memo: AnswerMemo | None = None
    ) -> None:
        """Takes what is known of the endpoint's answers already; all connections to it share that.

        An endpoint repeats most lines in every answer, and what is done with a line depends on nothing else. The memo
        is told of whole answers; whoever feeds this asks it first, and need not feed what it knows.
        """
        self._known = {} if known is None else known
        self._memo = memo or AnswerMemo()
        self.parts: list[bytes] = []
        """Body bytes, unframed, that nobody has taken yet. Empty it in place."""
        self.on_body = self.parts.append
        self._parser = httptools.HttpResponseParser(self)
        self._partial = bytearray()
        """Bytes of a head that is not whole."""
        self.head: AnswerHead | None = None
        """Once it is whole; never an interim one."""
        self.is_complete = False
        self.may_stay = False
        """Once complete: whether the endpoint keeps the connection."""
        self.has_begun = False
        """True from the first byte."""
        self.has_extra = False
        """True if bytes came after the answer: they must never be taken for the next one."""
        self._head_bytes = b""
        self._interim = 0
        self._naming: list[bytes] = []

    def reset(self) -> list[bytes]:
        """Makes ready for the next answer, after one that was whole; returns the body parts nobody has taken."""
        parts = self.parts.copy()
        self.parts.clear()
        self.head = None
        self.is_complete = self.has_begun = False
        self._interim = 0
        return parts

    def feed(self, data: bytes) -> None:
        """Takes received bytes; look at `head`, `parts` and `is_complete` afterwards.

        Raises:
            GatewayError: `endpoint_malformed`, with half a sentence as its text; the caller names the endpoint.
        """
        try:
            if self.head is None:
                self._feed_head(data)
            else:
                self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if self.is_complete:
                self.has_extra = True
            elif isinstance(error.__context__, GatewayError):  # our own judgement of the head
                raise error.__context__ from None
            else:
                raise _malformed(f"sent bytes that are not HTTP ({error})") from error

    def _feed_head(self, data: bytes) -> None:
        """Takes bytes before the head is whole; the rest of the answer may be among them, and often is."""
        data = self._collect_head(data)
        # An interim answer: each is read alone, because the next head may not be here whole.
        while data.startswith(b"1", 9):
            end = data.index(b"\r\n\r\n") + 4
            self._parser.feed_data(data[:end])
            data = self._collect_head(data[end:])
        self._parser.feed_data(data)
        # Only here, where nobody has seen the head: its lines become those of the client's answer.
        if self.is_complete and self.may_stay and self.head is not None:
            self._memo.keep(self._head_bytes, self.head)
        self._head_bytes = b""

    def _collect_head(self, data: bytes) -> bytes:
        """Holds bytes back until they end a head: a field fed byte by byte costs llhttp the square of its length."""
        self.has_begun = True
        partial = self._partial
        searched = 0
        head: bytes | bytearray = data
        if partial:
            searched = max(len(partial) - 3, 0)
            partial += data
            head = partial
        if not head.startswith(b"HTTP/1.") and not b"HTTP/1.".startswith(head):
            raise _malformed("did not answer in HTTP/1.x")
        end = head.find(b"\r\n\r\n", searched)
        if (len(head) if end < 0 else end) > MAX_HEAD_BYTES:
            raise _malformed("sent an over-long head")
        if end < 0:
            if not partial:
                partial += data
            return b""
        if partial:
            data = bytes(partial)
            partial.clear()
        self._head_bytes = data[:end]
        return data

    def end(self) -> bool:
        """Takes note that the connection has ended in order; says whether that completes the answer."""
        if self.head is not None and self.head.ends_with_connection:
            self.is_complete = True
        return self.is_complete

    # --- what llhttp tells -------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self.is_complete:
            raise _malformed("answered twice")  # a second answer: for nobody

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            self._interim += 1
            if status < 100 or status == 101 or self._interim > MAX_INTERIM:
                raise _malformed("sent interim answers we did not ask for")
            return
        head = AnswerHead(status)
        self._sort_fields(head)
        if len(head.lines) > MAX_FIELDS or status > 599:
            raise _malformed("sent an impossible head")
        self.head = head

    def _sort_fields(self, head: AnswerHead) -> None:
        """Sorts the lines of the head, which llhttp has found to be one field each, ending in CRLF."""
        known, forward = self._known.get, head.lines.append
        for line in self._head_bytes.split(b"\r\n")[1:]:
            role = known(line)
            if role is None:
                role = self._learn(line)
            if not role:  # _FORWARD, as most
                forward(line)
            elif role == _LENGTH:
                # llhttp has refused a second one, signs and blanks.
                head.length = int(line[15:])
            elif role == _DATE:
                forward(line)
                head.has_date = True
            elif role != _DROP:
                self._take_field(head, role, line)
        if self._naming:
            head.lines[:] = _without_named(head.lines, self._naming)
            self._naming.clear()

    def _learn(self, line: bytes) -> int:
        """Finds out what is done with a line, and remembers it unless it will hardly come again."""
        if line[:15].lower() == b"content-length:":
            return _LENGTH
        role = _role_of(line)
        if len(line) <= LONGEST_KNOWN:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[line] = role
        return role

    def _take_field(self, head: AnswerHead, role: int, line: bytes) -> None:
        if role == _CHUNKED:
            head.chunked = True
        elif role == _NAMING:
            self._naming.append(line)
        else:
            head.lines.append(line)
            if role == _EVENTS:
                head.is_event_stream = True
            elif role == _LINES:
                head.is_event_stream = head.has_lines = True
            elif role == _CODED:
                head.is_coded = True
            elif role == _UNBUFFERED:
                head.is_unbuffered = True
            else:
                head.has_request_id = True

    def on_message_complete(self) -> None:
        if self.head is not None:
            self.is_complete = True
            # Only here: between messages llhttp has forgotten the answer's Connection field.
            self.may_stay = self._parser.should_keep_alive()


def _role_of(line: bytes) -> int:
    name, _, value = line.partition(b":")
    name = name.lower()
    if name in _DROPPED:
        return _DROP
    if name == b"content-type":
        return _role_of_kind(value.strip()[:20].lower())
    if name == b"x-request-id":
        return _ID
    if name == b"date":
        return _DATE
    if name == b"content-encoding":
        return _CODED
    if name == b"x-accel-buffering":
        return _UNBUFFERED
    if name == b"connection":
        return _DROP if value.strip().lower() in (b"keep-alive", b"close") else _NAMING
    if name == b"transfer-encoding":
        if value.strip().lower() != b"chunked":
            raise _malformed("uses a transfer coding other than chunked")
        return _CHUNKED
    return _FORWARD


def _role_of_kind(kind: bytes) -> int:
    if kind == b"application/x-ndjson":
        return _LINES
    return _EVENTS if kind[:17] == b"text/event-stream" else _FORWARD


def _without_named(lines: list[bytes], naming: list[bytes]) -> list[bytes]:
    """Leaves out the fields that `connection` lines name: they are for one hop only."""
    values = b",".join(line.partition(b":")[2] for line in naming)
    named = {token.strip().lower() for token in values.split(b",")}
    return [line for line in lines if line.partition(b":")[0].lower() not in named]


def _malformed(text: str) -> GatewayError:
    return GatewayError("endpoint_malformed", text)


def status_line(status: int) -> bytes:
    """Returns the status line; the phrase is ours, never the endpoint's."""
    return STATUS_LINES.get(status) or b"HTTP/1.1 %d Status\r\n" % status


def own_head(status: int, length: int, lines: bytes, *, may_stay: bool, has_http_11: bool) -> bytes:
    """Returns the head of an answer of our own, which is JSON unless its lines say otherwise.

    Args:
        status: As its number.
        length: The body's bytes.
        lines: Further header lines, each ending in CRLF.
        may_stay: Whether the connection may carry another request.
        has_http_11: The client's version.
    """
    is_json = length and b"content-type:" not in lines
    kind = b"content-type: application/json\r\n" if is_json else b""
    framing = b"" if status == 204 else b"content-length: %d\r\n" % length
    connection = b"" if has_http_11 else b"connection: keep-alive\r\n"
    if not may_stay:
        connection = b"connection: close\r\n"
    return b"".join((status_line(status), lines, kind, framing, connection, b"\r\n"))
