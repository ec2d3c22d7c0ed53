"""The guards that the parser leaves to us, on the side of the client: each is seen to bite.

The numbers are those of the list of guards that `httptools` does not give; 13 to 18 are about answers and stand in
`test_guards_of_answers.py`.
"""

import json
import select
import socket
import time

import pytest

from tests.http.case import CHAT, HEALTH, HOST, JSON, LAST, LINE, bare, chunk, chunked, get, post
from tests.http.client import connect, exchange, one_by_one, read_all, read_answers
from tests.http.in_process import stage

H2C = b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\nUpgrade: h2c\r\n"
CLOSING = b"Connection: close\r\n"
MOST_BYTES = 24 * 1024 * 1024
"""More than all buffers of two kernels' sockets together."""


def statuses(port: int, *pieces: bytes, ends: bool = False) -> list[int]:
    return [answer.status for answer in read_answers(exchange(port, pieces, ends=ends))]


def refusal(port: int, raw: bytes) -> int:
    """Sends without ever closing the client's side; the answer must come and the connection end all the same."""
    answers = read_answers(exchange(port, [raw], ends=False))
    assert [(b"connection", b"close") in answer.fields for answer in answers] == [True]
    return answers[0].status


def test_g01_trailers_never_become_headers(gateway, locked_gateway):
    trailers = (
        b"Authorization: Bearer front-door",
        b"Host: evil.test",
        b"Content-Length: 1",
        b"Cookie: evil",
    )
    body = (chunk(), b"0\r\n" + b"".join(line + b"\r\n" for line in trailers) + b"\r\n")

    assert statuses(locked_gateway.port, chunked(*body), ends=True) == [401]
    assert statuses(gateway.port, chunked(*body, fields=CLOSING)) == [200]
    (seen,) = gateway.recorder.take()
    assert b"evil" not in seen.text
    assert seen.body == CHAT


@pytest.mark.parametrize("host", [b"", HOST + HOST, *(
    b"Host: %b\r\n" % value for value in (b"a, b", b"u@h", b"h/p", b"", b"h:x")
)])  # fmt: skip
def test_g02_a_request_names_exactly_one_host(gateway, host):
    assert refusal(gateway.port, post(host=host)) == 400
    assert gateway.recorder.take() == []


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (get(b"/v1/models?" + b"q" * 8_192), 414),
        (LINE + HOST + b"X: " + b"a" * 33_000, 431),
        (LINE + HOST + b"X: a\r\n" * 101 + b"\r\n", 431),
        (chunked(b"1b;" + b"a" * 1_100), 400),
        (chunked(b"0" * 10_000 + b"1b\r\n" + CHAT), 400),
        (chunked(*(b"1;%b\r\n \r\n" % (b"a" * 900) for _ in range(100))), 400),
        (chunked(chunk(), b"0\r\nX: " + b"a" * 4_100), 400),
        (chunked(chunk(), b"0\r\n" + b"X: a\r\n" * 1_000), 400),
    ],
    ids=["target", "head", "fields", "extension", "zeros", "framing", "trailer", "trailers"],
)
def test_g03_wire_bytes_are_limited_not_parsed_ones(gateway, raw, status):
    assert refusal(gateway.port, raw) == status


async def test_g04_a_long_field_in_single_bytes_costs_little():
    raw = LINE + HOST + b"X-A: " + b"a" * 100_000
    async with stage() as on:
        started = time.process_time()

        received, seen = await on.play(one_by_one(raw), ends=False)
        took_s = time.process_time() - started

    assert received.startswith(b"HTTP/1.1 431 ")
    assert seen == []
    # 33,000 segments; the transport of this test takes most of it. Quadratic work took a second and a half.
    assert took_s < 1.0


@pytest.mark.parametrize(
    ("raw", "statuses_allowed"),
    [
        (bare(b"Content-Length: 18446744073709551615\r\n"), {400, 413}),
        (bare(b"Content-Length: 9223372036854775808\r\n"), {400, 413}),
        (bare(b"Content-Length: 1048577\r\n"), {413}),
        (bare(b"Content-Length: 1048577\r\nExpect: 100-continue\r\n"), {413}),
        (chunked(b"FFFFFFFFFFFFFFFF\r\n"), {400, 413}),
        (chunked(b"7fffffffffffffff\r\n"), {400, 413}),
        (chunked(b"100001\r\n"), {413}),
    ],
)
def test_g05_an_announced_size_is_judged_before_a_byte_of_it_is_read(
    gateway, raw, statuses_allowed
):
    assert refusal(gateway.port, raw) in statuses_allowed


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (chunked(chunk(), LAST, line=LINE.replace(b"1.1", b"1.0")), 400),
        (bare(b"Transfer-Encoding: ,chunked\r\n", LAST), 400),
        (bare(b"Transfer-Encoding: chunked, chunked\r\n", LAST), 400),
        (bare(b"Transfer-Encoding: identity\r\n", LAST), 400),
        (bare(b"Transfer-Encoding: gzip\r\n", LAST), 501),
        (bare(b"Transfer-Encoding: gzip, chunked\r\n", LAST), 501),
    ],
)
def test_g06_the_only_coding_is_chunked_and_only_in_http_11(gateway, raw, status):
    assert refusal(gateway.port, raw) in {status, 400}
    assert gateway.recorder.take() == []


@pytest.mark.parametrize(
    ("version", "status"),
    [(b" HTTP/2.0", 505), (b" HTTP/0.9", 505), (b" HTTP/1.2", 505), (b"", 400)],
)
def test_g07_the_only_versions_are_10_and_11(gateway, version, status):
    assert refusal(gateway.port, post(line=b"POST /v1/chat/completions%b\r\n" % version)) in {
        status,
        400,
    }
    assert gateway.recorder.take() == []


@pytest.mark.parametrize(
    "target",
    [
        b"*",
        b"/v1/models#x",
        b"s://]ufd/:",
        b"http://other.test/v1/models",
        b"v1/models",
        b"gateway.test:80",
    ],
)
def test_g08_a_target_is_a_path_or_leads_to_this_host(gateway, target):
    assert refusal(gateway.port, get(target)) == 400
    assert statuses(gateway.port, get(b"*", CLOSING, method=b"OPTIONS"))[0] in {200, 204}
    assert statuses(gateway.port, get(b"http://gateway.test/v1/models", CLOSING)) == [200]


def test_g09_a_name_with_an_underscore_is_no_other_name(gateway):
    fields = b"Transfer_Encoding: chunked\r\nContent_Length: 3\r\nX_Forwarded_For: evil\r\n"

    assert statuses(gateway.port, post(fields + CLOSING)) == [200]

    (seen,) = gateway.recorder.take()
    assert [name for name, _ in seen.fields if b"_" in name] == []
    assert seen.body == CHAT


@pytest.mark.parametrize(
    "name", [b"Content-Length", b"Content-Type", b"Authorization", b"x-api-key", b"Host"]
)
def test_g10_what_must_be_single_is_not_there_twice(gateway, name):
    values = {
        b"Content-Length": (b"27", b"28"),
        b"Content-Type": (b"application/json", b"text/html"),
    }
    one, other = values.get(name, (b"one", b"other"))

    raw = LINE + b"%b: %b\r\n%b: %b\r\n" % (name, one, name, other)
    raw += (b"" if name == b"Host" else HOST) + (
        b"" if name == b"Content-Length" else b"Content-Length: 27\r\n"
    )

    assert refusal(gateway.port, raw + b"\r\n" + CHAT) == 400
    assert gateway.recorder.take() == []


@pytest.mark.parametrize(
    "framed", [post, lambda fields: chunked(chunk(), LAST, fields=fields)], ids=["length", "chunks"]
)
@pytest.mark.parametrize(
    "cut",
    [
        lambda raw: [raw],
        lambda raw: [raw[: raw.index(b"\r\n\r\n") + 4], raw[raw.index(b"\r\n\r\n") + 4 :]],
        one_by_one,
    ],
    ids=["one segment", "head and body", "single bytes"],
)
def test_g11_an_offer_to_upgrade_is_served_as_plain_http(gateway, framed, cut):
    """As the HTTP client of every stock JDK sends its first request, then one on the kept connection."""
    pieces = [*cut(framed(H2C)), post(CLOSING)]

    assert statuses(gateway.port, *pieces) == [200, 200]

    assert [seen.body for seen in gateway.recorder.take()] == [CHAT, CHAT]


def test_g11_connect_opens_no_tunnel(gateway):
    assert refusal(gateway.port, get(b"gateway.test:443", method=b"CONNECT")) in {400, 405}


@pytest.mark.parametrize("count", [100, 1_000])
def test_g12_pipelined_requests_are_answered_in_order(gateway, count):
    bodies = [b'{"model":"m","n":%d}' % at for at in range(count)]
    raw = b"".join(post(body=body) for body in bodies[:-1]) + post(CLOSING, bodies[-1])

    answers = read_answers(exchange(gateway.port, [raw], ends=False))

    seen = gateway.recorder.take()
    assert [request.body for request in seen] == bodies
    assert [json.loads(answer.body)["bytes"] for answer in answers] == [
        len(body) for body in bodies
    ]


@pytest.mark.parametrize("request_raw", [HEALTH, post()], ids=["of ours", "of the endpoint"])
def test_g12_a_client_that_only_sends_is_stopped(gateway, request_raw):
    """Its answers would fill the memory: while it takes none, no more of its requests are read."""
    stream = memoryview(request_raw * 2_000)
    at = sent = 0
    with connect(gateway.port) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        sock.setblocking(False)

        while sent < MOST_BYTES and select.select([], [sock], [], 0.5)[1]:
            count = sock.send(stream[at : at + 65_536])
            at, sent = (at + count) % len(stream), sent + count

        assert sent < MOST_BYTES
        assert statuses(gateway.port, get(fields=CLOSING)) == [200]
    assert statuses(gateway.port, get(fields=CLOSING)) == [
        200
    ]  # by now it knows that the client is gone
    gateway.recorder.take()


def test_g19_a_length_is_forwarded_as_the_number_it_is(gateway):
    body = b'{"model":"m","n":19}'

    assert statuses(gateway.port, bare(CLOSING + b"Content-Length: 00020\r\n", body)) == [200]

    (seen,) = (seen for seen in gateway.recorder.take() if seen.body == body)
    assert seen.values(b"content-length") == [b"20"]


def test_g20_bytes_beyond_ascii_are_never_our_own_words(gateway):
    odd = b"\xe9\xff\xc3\xa9"
    fields = b"X-Request-Id: %b\r\nUser-Agent: %b\r\n" % (odd, odd)

    received = exchange(gateway.port, [post(fields + CLOSING)], ends=False)
    unknown = exchange(
        gateway.port, [LINE + HOST + JSON + fields + b"X: y\r\n" + CLOSING + b"\r\n"], ends=False
    )

    assert received.startswith(b"HTTP/1.1 200 ")
    assert received.isascii()
    assert unknown.isascii()


def test_a_refusal_reaches_a_client_that_keeps_sending(gateway):
    """A close with unread bytes would reset the connection and could take the answer with it."""
    with connect(gateway.port) as sock:
        sock.sendall(bare(b"Content-Length: 1048577\r\n"))
        for _ in range(20):
            sock.sendall(b"x" * 10_000)

        received = read_all(sock)

    assert received.startswith(b"HTTP/1.1 413 ")
