"""What only a real connection can tell: pages that leave, and a stop while pages are open."""

import socket

import pytest

from multillama.web.live import STREAMS
from tests.web.browsing import Serve
from tests.web.fakes import busy_view


def open_stream(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.sendall(
        b"GET /multillama/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    return connection


def read_until(connection: socket.socket, wanted: bytes) -> bytes:
    read = b""
    while wanted not in read and (more := connection.recv(65536)):
        read += more
    return read


def test_pages_that_leave_make_room_for_others(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    port = serve(busy_view()).port

    answers = []
    for _ in range(STREAMS * 2):
        with open_stream(port) as connection:
            answers.append(read_until(connection, b"event: overview")[:12])

    assert set(answers) == {b"HTTP/1.1 200"}
    assert caplog.records == []


def test_a_page_too_many_is_told_when_to_come_back(serve: Serve) -> None:
    port = serve(busy_view()).port
    pages = [open_stream(port) for _ in range(STREAMS)]
    for page in pages:
        read_until(page, b"event: overview")

    with open_stream(port) as one_more:
        answer = read_until(one_more, b"too_many_pages")
    for page in pages:
        page.close()

    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: 5\r\n" in answer


def test_closing_ends_the_open_pages_at_once(serve: Serve) -> None:
    served = serve(busy_view())
    with open_stream(served.port) as page:
        read_until(page, b"event: overview")

        served.stop()
        rest = read_until(page, b"\n\n\n")

    assert rest.endswith(b"0\r\n\r\n")
