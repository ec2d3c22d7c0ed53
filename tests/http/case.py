"""One row of the table: the bytes of a client, what the RFC makes of them, and how to write such rows short.

Every row is sent with a probe behind it, a small good request that also asks to close: whether it is answered
shows if the connection was kept, and where the gateway believes the row's request to end.
"""

from typing import NamedTuple

HOST = b"Host: gateway.test\r\n"
JSON = b"Content-Type: application/json\r\n"
CHAT = b'{"model":"m","messages":[]}'
LINE = b"POST /v1/chat/completions HTTP/1.1\r\n"
HEALTH = b"GET /health HTTP/1.1\r\nHost: gateway.test\r\n\r\n"
PROBE = b"GET /health HTTP/1.1\r\nHost: probe.test\r\nConnection: close\r\n\r\n"
SILENCE = 0
"""Stands among statuses for "closed without an answer"."""


class Case(NamedTuple):
    """What is sent and what must come of it."""

    name: str
    section: str
    """RFC and section that decides."""
    raw: bytes
    answers: tuple[frozenset[int], ...]
    """The statuses allowed for each answer, in order, without the probe's."""
    sees: tuple[bytes, ...] = ()
    """The bodies of the requests that the endpoint must see, in order."""
    is_kept: bool | None = False
    """Whether the probe is answered; None where both are right."""
    has_probe: bool = True
    """False where the row ends in the middle of something: the client closes its side there."""
    faults: tuple[int, ...] = ()
    """Numbers of `faults.FAULTS` that this row covers."""
    is_head: bool = False
    """The first request is a HEAD: its answer has no body."""
    needs: tuple[bytes, ...] = ()
    """Bytes that the first answer must hold, e.g. a header line in lower case."""
    lacks: tuple[bytes, ...] = ()
    """Bytes that no request at the endpoint may hold, in lower case."""
    wants_key: bool = False
    """For the gateway that demands a key."""

    @property
    def sent(self) -> bytes:
        return self.raw + PROBE if self.has_probe else self.raw


def post(
    fields: bytes = b"", body: bytes = CHAT, *, line: bytes = LINE, host: bytes = HOST
) -> bytes:
    """A request with a body and its true length."""
    return line + host + JSON + fields + b"Content-Length: %d\r\n\r\n" % len(body) + body


def bare(fields: bytes, body: bytes = b"", *, line: bytes = LINE, host: bytes = HOST) -> bytes:
    """A request without a framing field but those in `fields`."""
    return line + host + JSON + fields + b"\r\n" + body


def chunked(*chunks: bytes, fields: bytes = b"", line: bytes = LINE, host: bytes = HOST) -> bytes:
    """A chunked request whose chunks are given as raw bytes, framing included."""
    return bare(fields + b"Transfer-Encoding: chunked\r\n", b"".join(chunks), line=line, host=host)


def get(
    target: bytes = b"/health", fields: bytes = b"", *, method: bytes = b"GET", host: bytes = HOST
) -> bytes:
    return method + b" " + target + b" HTTP/1.1\r\n" + host + fields + b"\r\n"


def chunk(data: bytes = CHAT) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST = b"0\r\n\r\n"


def served(
    name: str, section: str, raw: bytes, *, body: bytes = CHAT, faults: tuple[int, ...] = ()
) -> Case:
    """The endpoint sees this one body, the client gets 200, the connection stays."""
    return Case(name, section, raw, (frozenset({200}),), (body,), True, faults=faults)


def answered(
    name: str, section: str, raw: bytes, *statuses: int, faults: tuple[int, ...] = ()
) -> Case:
    """We answer, the endpoint sees nothing, and the connection stays: the framing was sound."""
    return Case(name, section, raw, (frozenset(statuses),), (), True, faults=faults)


def refused(
    name: str, section: str, raw: bytes, *statuses: int, faults: tuple[int, ...] = ()
) -> Case:
    """We refuse (400 unless told), the endpoint sees nothing, the connection closes."""
    return Case(name, section, raw, (frozenset(statuses or {400}),), faults=faults)


def cut(name: str, section: str, raw: bytes, *statuses: int, faults: tuple[int, ...] = ()) -> Case:
    """The client closes its side in the middle; silence is right, and the endpoint sees nothing."""
    return Case(
        name, section, raw, (frozenset(statuses or {SILENCE}),), has_probe=False, faults=faults
    )
