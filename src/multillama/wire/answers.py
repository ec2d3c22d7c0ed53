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

MAX_HEAD_BYTES: Final = 256 * 1024
MAX_FIELDS: Final = 500
MAX_INTERIM: Final = 10
STATUS_LINES: Final[dict[int, bytes]] = {
    status: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
    for status in HTTPStatus
    if status >= 200
} | {529: b"HTTP/1.1 529 Overloaded\r\n", 499: b"HTTP/1.1 499 Client Closed Request\r\n"}

_FORWARD: Final = 0
_LENGTH: Final = 1
_CODING: Final = 2
_TYPE: Final = 3
_CONNECTION: Final = 4
_ID: Final = 5
_DROP: Final = 6
_NAMES: Final = {
    b"content-length": _LENGTH,
    b"transfer-encoding": _CODING,
    b"content-type": _TYPE,
    b"connection": _CONNECTION,
    b"x-request-id": _ID,
    **dict.fromkeys(
        (
            b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authentication-info",
            b"te", b"trailer", b"upgrade",  # hop by hop
            b"set-cookie", b"strict-transport-security", b"alt-svc", b"clear-site-data",  # for our origin
            b"x-multillama-endpoint", b"x-multillama-id",  # ours: a gateway behind us has set its own
        ),
        _DROP,
    ),
}  # fmt: skip
_ROLES: Final = _NAMES | {name.title(): role for name, role in _NAMES.items()}


class AnswerHead:
    """The facts of one answer's head."""

    __slots__ = ("chunked", "has_request_id", "is_event_stream", "length", "lines", "status")

    def __init__(self, status: int) -> None:
        self.status = status
        self.length: int | None = None
        self.chunked = False
        self.is_event_stream = False
        self.has_request_id = False
        self.lines: list[bytes] = []
        """Header lines for the client as the endpoint sent them, without their CRLF."""

    @property
    def may_have_body(self) -> bool:
        return self.status not in (204, 304)

    @property
    def ends_with_connection(self) -> bool:
        """True when only the end of the connection ends the body (RFC 9112 §6.3, rule 8)."""
        return self.length is None and not self.chunked and self.may_have_body


class AnswerReader:
    """Reads the answers of one connection, one after another."""

    __slots__ = (
        "_head_bytes", "_interim", "_named", "_parser", "_partial", "_whole_parts", "error", "has_begun",
        "has_extra", "head", "is_complete", "may_stay", "on_body", "parts",
    )  # fmt: skip

    def __init__(self) -> None:
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
        self.error = ""
        self._head_bytes = b""
        self._named: frozenset[bytes] = frozenset()
        self._interim = 0
        self._whole_parts = 0

    def reset(self) -> None:
        """Makes ready for the next answer, after one that was whole and left nothing behind."""
        self.head = None
        self.is_complete = False
        self.has_begun = False
        self.parts.clear()
        if self._interim or self._named:
            self._interim = 0
            self._named = frozenset()

    def feed(self, data: bytes) -> None:
        """Takes received bytes; look at `head`, `parts` and `is_complete` afterwards.

        Raises:
            GatewayError: `endpoint_malformed`, with half a sentence as its text; the caller names the endpoint.
        """
        if self.head is None:
            data = self._collect_head(data)
            # An interim answer: each is read alone, because the next head may not be here whole.
            while data[9:10] == b"1":
                end = data.index(b"\r\n\r\n") + 4
                self._parse(data[:end])
                data = self._collect_head(data[end:])
            if not data:
                return
        self._parse(data)

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self.is_complete:
                raise _malformed(self.error or f"sent bytes that are not HTTP ({error})") from error
            self.has_extra = True
        if self.error:
            raise _malformed(self.error)
        if self.has_extra:
            del self.parts[self._whole_parts :]

    def _collect_head(self, data: bytes) -> bytes:
        """Holds bytes back until they end a head: a field fed byte by byte costs llhttp the square of its length."""
        self.has_begun = True
        partial = self._partial
        searched = max(len(partial) - 3, 0)
        if partial:
            partial += data
        head = partial or data
        if head[:7] != b"HTTP/1." and not b"HTTP/1.".startswith(head):
            raise _malformed("did not answer in HTTP/1.x")
        end = head.find(b"\r\n\r\n", searched)
        if (len(head) if end < 0 else end) > MAX_HEAD_BYTES:
            raise _malformed("sent an over-long head")
        if end >= 0:
            data = bytes(head)
            self._head_bytes = data[:end]
            partial.clear()
            return data
        if not partial:
            partial += data
        return b""

    def end(self) -> bool:
        """Takes note that the connection has ended in order; says whether that completes the answer."""
        if self.head is not None and self.head.ends_with_connection:
            self.is_complete = True
        return self.is_complete

    # --- what llhttp tells -------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self.is_complete:
            self.has_extra = True

    def on_headers_complete(self) -> None:
        if self.head is not None:
            return  # a second answer: for nobody
        status = self._parser.get_status_code()
        if status < 200:
            self._interim += 1
            if status < 100 or status == 101 or self._interim > MAX_INTERIM:
                self.error = "sent interim answers we did not ask for"
            return
        head = AnswerHead(status)
        self._sort_fields(head)
        if len(head.lines) > MAX_FIELDS or status > 599:
            self.error = "sent an impossible head"
        if not self.error:
            self.head = head

    def _sort_fields(self, head: AnswerHead) -> None:
        """Sorts the lines of the head, which llhttp has found to be one field each, ending in CRLF."""
        lines = head.lines
        for line in self._head_bytes.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            role = _ROLES.get(name)
            if role is None:
                role = _NAMES.get(name.lower(), _FORWARD)
            if role == _FORWARD:
                lines.append(line)
            elif role == _LENGTH:
                # llhttp has refused a second one, signs and blanks.
                head.length = int(value)
            elif role == _TYPE:
                lines.append(line)
                head.is_event_stream = value.strip()[:17].lower() == b"text/event-stream"
            elif role != _DROP:
                self._take_field(head, role, line, value.strip().lower())
        self._head_bytes = b""
        if self._named:
            lines[:] = [
                line for line in lines if line.partition(b":")[0].lower() not in self._named
            ]

    def _take_field(self, head: AnswerHead, role: int, line: bytes, value: bytes) -> None:
        if role == _CONNECTION:
            if value not in (b"keep-alive", b"close"):
                self._named |= {token.strip() for token in value.split(b",")}
        elif role == _CODING:
            head.chunked = value == b"chunked"
            if not head.chunked:
                self.error = "uses a transfer coding other than chunked"
        else:
            head.lines.append(line)
            head.has_request_id = True

    def on_message_complete(self) -> None:
        if self.head is not None and not self.is_complete:
            self.is_complete = True
            self._whole_parts = len(self.parts)
            # Only here: between messages llhttp has forgotten the answer's Connection field.
            self.may_stay = self._parser.should_keep_alive()


def _malformed(text: str) -> GatewayError:
    return GatewayError("endpoint_malformed", text)


def status_line(status: int) -> bytes:
    """Returns the status line; the phrase is ours, never the endpoint's."""
    return STATUS_LINES.get(status) or b"HTTP/1.1 %d Status\r\n" % status


def own_head(status: int, length: int, lines: bytes, *, may_stay: bool, has_http_11: bool) -> bytes:
    """Returns the head of a JSON answer of our own.

    Args:
        status: As its number.
        length: The body's bytes.
        lines: Further header lines, each ending in CRLF.
        may_stay: Whether the connection may carry another request.
        has_http_11: The client's version.
    """
    kind = b"content-type: application/json\r\n" if length else b""
    framing = b"" if status == 204 else b"content-length: %d\r\n" % length
    connection = b"" if has_http_11 else b"connection: keep-alive\r\n"
    if not may_stay:
        connection = b"connection: close\r\n"
    return b"".join((status_line(status), lines, kind, framing, connection, b"\r\n"))
