import asyncio
import socket

import pytest
import uvloop

from multillama.core.snapshot import Timeouts
from multillama.dataplane.connect import Connector
from multillama.dataplane.pool import Origin
from multillama.dataplane.upstream import Upstream
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
