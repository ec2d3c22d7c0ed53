"""Client connections on a whole data plane without sockets: the test is the client, the endpoints and the clock."""

import json
import re
from typing import Any

import h11

from multillama.core.record import Record
from multillama.core.snapshot import Endpoint
from multillama.core.strategies import Live
from multillama.dataplane.downstream import Downstream
from multillama.dataplane.listener import Listener
from tests.core.samples import endpoint, serving
from tests.dataplane.parts import FakeLoop, FakePool, FakeTransport

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

BEGUN = STREAM + b"9\r\ndata: a\n\n\r\n"
"""A stream and its first event, with which the client's answer begins."""


def ok(body: bytes = b"ok", status: bytes = b"200 OK") -> bytes:
    """An endpoint's whole answer."""
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


def post(
    body: object = None,
    *lines: bytes,
    target: bytes = b"/v1/chat/completions",
    version: bytes = b"1.1",
) -> bytes:
    """A whole request; by default a chat of the model m1."""
    data = body if isinstance(body, bytes) else json.dumps(body or {"model": "m1"}).encode()
    fields = b"".join(lines) or b"Content-Length: %d\r\n" % len(data)
    return b"POST %b HTTP/%b\r\nHost: a\r\n%b\r\n%b" % (target, version, fields, data)


def get(target: bytes, *lines: bytes, method: bytes = b"GET", version: bytes = b"1.1") -> bytes:
    return b"%b %b HTTP/%b\r\nHost: a\r\n%b\r\n" % (method, target, version, b"".join(lines))


class Client:
    """One client's connection."""

    def __init__(self, listener: Listener) -> None:
        self.protocol = Downstream(listener)
        self.transport = FakeTransport(self.protocol)
        self.protocol.connection_made(self.transport)

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.protocol.data_received(piece)

    @property
    def received(self) -> bytes:
        return self.transport.sent

    @property
    def statuses(self) -> list[int]:
        """The statuses of all answers, the interim ones left out; fails where they are no HTTP."""
        return [status for status, _ in self.answers()]

    def answers(self, method: str = "POST") -> list[tuple[int, bytes]]:
        """All answers that are whole, as status and body."""
        return parsed(self.received, method, ended=bool(self.transport.ended))

    @property
    def error(self) -> dict[str, Any]:
        """The error in the last answer."""
        return dict(json.loads(self.answers()[-1][1])["error"])


def parsed(data: bytes, method: str = "POST", *, ended: bool) -> list[tuple[int, bytes]]:
    """Whole answers in these bytes, as h11 reads them."""
    found = []
    while data and (answer := first_answer(data, method, ended=ended)):
        status, body, data = answer
        found.append((status, body))
    return found


def first_answer(data: bytes, method: str, *, ended: bool) -> tuple[int, bytes, bytes] | None:
    """Status, body and what follows; None where it is not whole."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method=method, target="/", headers=[("host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    if ended:
        connection.receive_data(b"")
    status, body = 0, b""
    try:
        while (event := connection.next_event()) is not h11.NEED_DATA:
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return status, body, connection.trailing_data[0]
    except h11.RemoteProtocolError as error:
        # cut off within the body, or before the answer's head
        assert re.match(
            "peer closed connection|can't handle event type ConnectionClosed", str(error)
        ), data
    return None


class Still(Live):
    """Dice that always fall alike."""

    def even(self) -> float:
        return 0.0


class Stage:
    """A data plane; by default with one endpoint, `here`, which serves the model m1."""

    def __init__(self, *endpoints: Endpoint, **facts: Any) -> None:
        self.loop = FakeLoop()
        self.timers = self.loop.timers()
        self.pool = FakePool(self.timers)
        self.records: list[Record] = []
        self.crashes: list[BaseException] = []
        self.handed_over: list[tuple[FakeTransport, bytes]] = []
        self.endpoints = endpoints or (endpoint("here"),)
        self.listener = Listener(
            snapshot=serving(*self.endpoints, **facts),
            pool=self.pool,  # type: ignore[arg-type]  # as much of a pool as an attempt needs
            timers=self.timers,
            id_prefix="r",
            on_record=self.records.append,
            hand_over=lambda transport, data: self.handed_over.append((transport, data)),  # type: ignore[arg-type]
        )
        self.listener.on_crash = self.crashes.append
        # Of equal targets the first, and no wait before a repetition.
        self.listener.random = lambda: 0.0
        self.listener.live = Still(self.listener.random, self.listener.left_alone)
        self.listener.date = lambda: b"Thu, 01 Jan 1970 00:00:00 GMT"  # type: ignore[method-assign]

    def client(self) -> Client:
        return Client(self.listener)

    def connect(self) -> FakeTransport:
        """The connection to an endpoint that is waited for is made."""
        return self.pool.waiting[0].come()

    def answer(self, data: bytes = OK) -> FakeTransport:
        """The endpoint that is asked answers, on a new connection or on the last one."""
        transport = self.connect() if self.pool.waiting else self.pool.transports[-1]
        transport.protocol.data_received(data)
        return transport
