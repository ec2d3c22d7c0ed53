import asyncio
import socket
import threading

import pytest
import uvloop

from multillama.core.snapshot import Timeouts
from multillama.dataplane.connect import Connector
from multillama.dataplane.fast_lane import FastLane
from multillama.dataplane.outbox import Outbox
from multillama.dataplane.pool import Origin
from multillama.dataplane.relay import Ahead, Relay
from multillama.dataplane.upstream import Upstream
from multillama.wire.events import WholeEvents
from tests.core.samples import endpoint
from tests.dataplane.answering import Answer
from tests.dataplane.certificates import Authority
from tests.dataplane.parts import FakeLoop

UNTIL_THE_END = b"HTTP/1.1 200 OK\r\n\r\nhello"
WITH_LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


class Over(Answer):
    """Says when it is over."""

    def __init__(self):
        super().__init__()
        self.over = asyncio.get_running_loop().create_future()

    def on_data(self, parts, is_last):
        super().on_data(parts, is_last=is_last)
        if is_last:
            self.over.set_result(None)

    def on_lost(self, error, *, reusable_socket_died):
        super().on_lost(error, reusable_socket_died=reusable_socket_died)
        self.over.set_result(None)


def serve_one(listening, context, answer, *, is_clean):
    connection = context.wrap_socket(listening.accept()[0], server_side=True)
    connection.recv(1000)
    connection.sendall(answer)
    if is_clean:
        connection.settimeout(5)
        connection.unwrap()
        connection.close()
    else:
        socket.socket(fileno=connection.detach()).close()  # a FIN, and no close_notify before it


@pytest.mark.parametrize(
    ("answer", "is_clean", "told"),
    [
        (UNTIL_THE_END, True, "last"),
        (UNTIL_THE_END, False, "lost endpoint_truncated"),
        (WITH_LENGTH, True, "last"),
        (WITH_LENGTH, False, "last"),
    ],
)
async def test_an_end_that_anybody_could_have_sent_does_not_make_an_answer_whole(
    authority, monkeypatch, answer, is_clean, told
):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        serving = asyncio.to_thread(
            serve_one, listening, authority.server_context("localhost"), answer, is_clean=is_clean
        )
        served = asyncio.ensure_future(serving)  # noqa: TID251 - awaited below
        upstream = Upstream(Origin(FakeLoop().timers(), Timeouts()))
        target = endpoint(scheme="https", host="localhost", port=port)
        await Connector({}).connect(target, upstream)
        answering = Over()

        upstream.send(b"POST / HTTP/1.1\r\n\r\n", b"{}", answering)
        await asyncio.wait_for(answering.over, 5)
        await served

    if not isinstance(asyncio.get_running_loop(), uvloop.Loop):
        told = "last"  # asyncio's own loop does not tell the two ends apart
    assert (answering.body, answering.told[-1]) == (b"hello", told)


EVENT = b'10\r\ndata: {"a": 1}\n\n\r\n'
SEEN_S = 5
"""How long a server waits until what it has sent is seen."""


class Streamed(Over):
    """Lets its stream take the lane, and tells which way each event came."""

    def __init__(self, upstream):
        super().__init__()
        self.upstream = upstream
        self.events = WholeEvents()
        self.seen = threading.Semaphore(0)
        self.hastened = []
        self.relay = Relay(self, "openai.chat", "r1")
        self.relay.is_event_stream = self.relay._is_chunked = True

    def on_data(self, parts, is_last):
        super().on_data(parts, is_last=is_last)
        if not is_last:
            self.upstream.hasten(self.relay, self.events)
            self.seen.release()

    @property
    def ahead(self):
        return Ahead(self, Outbox(lambda callback: None))

    def is_closing(self):
        return False

    def write(self, data):
        self.hastened.append(data)
        self.seen.release()


def serve_events(listening, context, count, streamed):
    connection = context.wrap_socket(listening.accept()[0], server_side=True)
    connection.recv(1000)
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + EVENT)
    for _ in range(count):
        assert streamed[0].seen.acquire(timeout=SEEN_S)
        connection.sendall(EVENT)
    assert streamed[0].seen.acquire(timeout=SEEN_S)
    connection.sendall(b"0\r\n\r\n")
    connection.close()


async def test_events_take_the_lane_inside_tls_too(authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        streamed = []
        context = authority.server_context("localhost")
        serving = asyncio.to_thread(serve_events, listening, context, 3, streamed)
        served = asyncio.ensure_future(serving)  # noqa: TID251 - awaited below
        upstream = Upstream(Origin(FakeLoop().timers(), Timeouts()))
        target = endpoint(scheme="https", host="localhost", port=port)
        await Connector({}).connect(target, upstream)
        streamed.append(Streamed(upstream))

        upstream.send(b"POST / HTTP/1.1\r\n\r\n", b"{}", streamed[0])
        await asyncio.wait_for(streamed[0].over, SEEN_S)
        await served

    assert streamed[0].hastened == [EVENT] * 3
    assert streamed[0].told[-1] == "last"
    assert not isinstance(upstream.transport.get_protocol(), FastLane)
