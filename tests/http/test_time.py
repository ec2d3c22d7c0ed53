"""What takes time: heads and bodies that drip, clients that stop, and refusals that must be quick."""

import contextlib
import json
import select
import socket
import struct
import time

import pytest

from tests.http.case import CHAT, HOST, LINE, PROBE, bare, chunk, chunked, get, post
from tests.http.client import connect, exchange, read_all, read_answers
from tests.http.in_process import CONTINUE

CLOSING = b"Connection: close\r\n"
LIMIT_S = 0.3
"""The time limits of `hasty_gateway`."""
LATE_S = 2.0
"""A limit may be noticed late, on a machine that is busy; not this late."""


def drip(sock: socket.socket, data: bytes, *, every_s: float) -> bytes:
    """Sends byte by byte until the gateway says something or leaves; returns what it says to the end."""
    for at in range(len(data)):
        with contextlib.suppress(ConnectionError):
            sock.sendall(data[at : at + 1])
        if select.select([sock], [], [], every_s)[0]:
            break
    return read_all(sock)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (get(b"/v1/models", b"X-A: " + b"a" * 200), 408),
        (bare(b"Content-Length: 27\r\n"), 408),
        (bare(b"Content-Length: 27\r\n") + CHAT[:5], 408),
        (chunked(b"1b\r\n", CHAT[:5]), 408),
        (chunked(chunk(), b"0\r\n"), 408),
    ],
    ids=["head", "body", "length", "chunk", "last line"],
)
def test_a_client_that_stops_is_told_so_and_left(hasty_gateway, raw, status):
    started = time.monotonic()
    stopped = raw if raw.startswith(b"POST") else raw[:-20]

    answers = read_answers(exchange(hasty_gateway.port, [stopped], ends=False))

    assert [answer.status for answer in answers] == [status]
    assert (b"connection", b"close") in answers[0].fields
    assert LIMIT_S * 0.9 < time.monotonic() - started < LIMIT_S + LATE_S
    assert hasty_gateway.recorder.take() == []


def test_a_head_that_drips_in_is_cut_off_in_time(hasty_gateway):
    """The limit is for the whole head: bytes that keep coming do not move it."""
    started = time.monotonic()

    with connect(hasty_gateway.port) as sock:
        received = drip(sock, get(b"/v1/models", b"X-A: %b\r\n" % (b"a" * 2_000)), every_s=0.02)

    assert [answer.status for answer in read_answers(received)] == [408]
    assert time.monotonic() - started < LIMIT_S + LATE_S


def test_a_connection_on_which_nothing_happens_is_closed_in_silence(hasty_gateway):
    with connect(hasty_gateway.port) as never, connect(hasty_gateway.port) as once:
        once.sendall(get())

        assert read_all(never) == b""
        assert [answer.status for answer in read_answers(read_all(once))] == [200]


def test_a_client_that_leaves_within_a_head_is_no_event(tmp_path_factory, hasty_gateway):
    for goodbye in (b"", b"PO", LINE + HOST):
        with connect(hasty_gateway.port) as sock:
            sock.sendall(goodbye)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset

    assert [
        answer.status for answer in read_answers(exchange(hasty_gateway.port, [PROBE], ends=False))
    ] == [200]
    assert hasty_gateway.recorder.take() == []


def test_a_client_that_waits_is_told_to_continue(gateway):
    with connect(gateway.port) as sock:
        sock.sendall(bare(CLOSING + b"Expect: 100-continue\r\nContent-Length: %d\r\n" % len(CHAT)))
        interim = sock.recv(len(CONTINUE))
        sock.sendall(CHAT)

        rest = read_all(sock)

    assert interim == CONTINUE
    assert [answer.status for answer in read_answers(rest)] == [200]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (b"Content-Length: 1048577\r\n", b"413"),
        (b"Content-Length: 27\r\nx-api-key: wrong\r\n", b"401"),
        (b"Content-Length: 27\r\nContent-Encoding: gzip\r\nx-api-key: front-door\r\n", b"415"),
        (b"Content-Length: 27\r\nContent-Length: 28\r\n", b"400"),
    ],
)
def test_a_client_that_will_be_refused_is_never_told_to_continue(locked_gateway, fields, status):
    key = b"" if b"x-api-key" in fields else b"x-api-key: front-door\r\n"

    received = exchange(
        locked_gateway.port, [bare(b"Expect: 100-continue\r\n" + fields + key)], ends=False
    )

    assert received.startswith(b"HTTP/1.1 " + status)


def test_nobody_is_told_to_continue_in_http_10(gateway):
    old = LINE.replace(b"1.1", b"1.0")

    received = exchange(gateway.port, [post(b"Expect: 100-continue\r\n", line=old)], ends=False)

    assert received.startswith(b"HTTP/1.1 200 ")


def test_a_refused_body_is_drained_for_a_second_at_most(gateway):
    started = time.monotonic()

    with connect(gateway.port) as sock:
        sock.sendall(bare(b"Content-Length: 1048577\r\n"))
        received = drip(sock, b"x" * 10_000, every_s=0.01)
        with contextlib.suppress(ConnectionError):
            while (
                time.monotonic() - started < 5
            ):  # the gateway's side is closed; now it must stop reading too
                sock.sendall(b"x")
                select.select([], [], [], 0.02)

    assert received.startswith(b"HTTP/1.1 413 ")
    assert time.monotonic() - started < 1 + LATE_S


@pytest.mark.parametrize(
    "body",
    [
        b"{" + b'"x":{' * 100_000,
        b"[" * 500_000,
        b'{"model":"m","x":' + b"9" * 500_000,
        b'{"model":"m","x":"' + b"\\u0041" * 80_000,
        b'{"model":"' + b"m" * 500_000 + b'"}',
        b'{"model":"m",' + b'"model":"m",' * 40_000 + b'"x":1}',
        b'{"model":"none",' + b'"k":[],' * 70_000 + b'"x":1}',
    ],
    ids=["objects", "lists", "number", "escapes", "name", "names", "members"],
)
def test_hostile_json_is_refused_at_once(gateway, body):
    raw = post(CLOSING, body)
    exchange(gateway.port, [PROBE], ends=False)  # whatever is imported late is imported now
    took_s = []
    for _ in range(3):
        started = time.monotonic()
        (answer,) = read_answers(exchange(gateway.port, [raw], ends=False))
        took_s.append(time.monotonic() - started)

    assert answer.status in {400, 404}
    assert json.loads(answer.body)["error"]["origin"] == "client"
    assert min(took_s) < 0.05
    assert gateway.recorder.take() == []


def test_ten_megabytes_in_chunks_of_one_byte_end_early(gateway):
    started = time.monotonic()

    received = exchange(gateway.port, [chunked(chunk(b"x") * 1_700_000)], ends=False)

    assert received[:13] in {b"HTTP/1.1 413 ", b"HTTP/1.1 400 "}
    assert time.monotonic() - started < 1 + LATE_S
    assert gateway.recorder.take() == []
