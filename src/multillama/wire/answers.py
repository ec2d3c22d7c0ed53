"""Response heads: from an endpoint's parsed fields to the lines a client receives. No I/O.

Framing is rebuilt by the relay, never copied; hop-by-hop fields end here (RFC 9110 §7.6.1), and so do the few that
would speak for our origin instead of the endpoint's.

HOT: one call per answer.
"""

from http import HTTPStatus
from typing import Final

from multillama.errors import GatewayError

Field = tuple[bytes, bytes]

MAX_FIELDS: Final = 500
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
        ),
        _DROP,
    ),
}  # fmt: skip
_ROLES: Final = _NAMES | {name.title(): role for name, role in _NAMES.items()}


class AnswerHead:
    """The facts of one response's head."""

    __slots__ = ("chunked", "has_request_id", "is_event_stream", "length", "lines", "status")

    def __init__(self, status: int) -> None:
        self.status = status
        self.length: int | None = None
        self.chunked = False
        self.is_event_stream = False
        self.has_request_id = False
        self.lines: list[bytes] = []
        """Header lines for the client, as alternating name, `: `, value, CRLF."""

    @property
    def may_have_body(self) -> bool:
        return self.status not in (204, 304)

    @property
    def ends_with_connection(self) -> bool:
        """True when only the end of the connection ends the body (RFC 9112 §6.3, rule 8)."""
        return self.length is None and not self.chunked and self.may_have_body


def read_answer(status: int, fields: list[Field]) -> AnswerHead:
    """Sorts the fields of a parsed response head.

    Raises:
        GatewayError: `endpoint_malformed`, for framing that cannot be trusted. The caller adds the endpoint's name.
    """
    if len(fields) > MAX_FIELDS or not 200 <= status <= 599:
        raise GatewayError("endpoint_malformed", "The endpoint's answer has an impossible head.")
    head = AnswerHead(status)
    lines = head.lines
    named: list[bytes] = []
    for name, value in fields:
        role = _ROLES.get(name)
        if role is None:
            role = _NAMES.get(name.lower(), _FORWARD)
        if role == _FORWARD:
            lines += (name, b": ", value, b"\r\n")
        elif role == _LENGTH:
            # llhttp has refused a second one, signs and blanks.
            head.length = int(value)
        elif role == _TYPE:
            lines += (name, b": ", value, b"\r\n")
            head.is_event_stream = value[:17].lower() == b"text/event-stream"
        elif role != _DROP:
            _take_field(head, role, name, value, named)
    if named:
        for at in range(len(lines) - 4, -1, -4):
            if lines[at].lower() in named:
                del lines[at : at + 4]
    return head


def _take_field(head: AnswerHead, role: int, name: bytes, value: bytes, named: list[bytes]) -> None:
    if role == _CODING:
        if value.lower() != b"chunked":
            raise GatewayError(
                "endpoint_malformed", "The endpoint uses a transfer coding other than chunked."
            )
        head.chunked = True
    elif role == _ID:
        head.lines += (name, b": ", value, b"\r\n")
        head.has_request_id = True
    elif value not in (b"keep-alive", b"close"):
        named += [token.strip() for token in value.lower().split(b",")]


def status_line(status: int) -> bytes:
    """Returns the status line; the phrase is ours, never the endpoint's."""
    return STATUS_LINES.get(status) or b"HTTP/1.1 %d Status\r\n" % status
