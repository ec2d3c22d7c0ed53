"""The guards that the parser leaves to us, on the side of the endpoint: what it sends wrong stays with us.

Numbers as in `test_guards_of_requests.py`.
"""

from collections.abc import Iterator
from typing import NamedTuple

import h11
import pytest

from multillama.testing.behaviours import Behaviour
from multillama.testing.server import ScriptedServer
from tests.http.case import get, post
from tests.http.client import Answer, exchange, read_answers
from tests.http.process import running

BODY = b'{"object":"answer"}'
GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 19\r\n\r\n" + BODY
POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"


class Pair(NamedTuple):
    port: int
    server: ScriptedServer


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A gateway, and an endpoint that answers whatever it is told to."""
    log = tmp_path_factory.mktemp("scripted") / "log"
    with ScriptedServer(["m"]) as server, running(server.port, log) as port:
        yield Pair(port, server)


def ask(pair: Pair, *behaviours: Behaviour) -> bytes:
    """Asks once for each behaviour, on connections of their own; returns what came for the last."""
    pair.server.next(*behaviours)
    for _ in behaviours[:-1]:
        exchange(pair.port, [post(b"Connection: close\r\n")], ends=False)
    return exchange(pair.port, [post(b"Connection: close\r\n")], ends=False)


def answer_of(received: bytes) -> Answer:
    (answer,) = read_answers(received)
    return answer


def raw(data: bytes, **more: object) -> Behaviour:
    return Behaviour(raw=data, **more)  # type: ignore[arg-type]


def test_g13_no_head_request_ever_reaches_an_endpoint(pair):
    paths = (b"/v1/models", b"/v1/models/m", b"/health", b"/ready", b"/v1/chat/completions")
    heads = [
        exchange(pair.port, [get(path, b"Connection: close\r\n", method=b"HEAD")], ends=False)
        for path in paths
    ]

    assert [head.partition(b"\r\n\r\n")[2] for head in heads] == [b""] * len(paths)
    assert {request.method for request in pair.server.requests} <= {"GET", "POST"}


def test_g14_an_answer_that_ends_with_its_connection_is_whole(pair):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"

    answer = answer_of(ask(pair, raw(head + BODY, end="fin")))

    assert (answer.status, answer.body) == (200, BODY)


@pytest.mark.parametrize("end", ["fin", "reset"])
@pytest.mark.parametrize(
    "framed",
    [
        b"Content-Length: 40\r\n\r\n" + BODY,
        b"Transfer-Encoding: chunked\r\n\r\n13\r\n" + BODY + b"\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n30\r\n" + BODY,
        b"Transfer-Encoding: chunked\r\n\r\n13\r\n" + BODY + b"\r\n0\r\n",
    ],
    ids=["length", "last chunk", "chunk", "last line"],
)
def test_g14_an_answer_cut_short_is_never_passed_as_whole(pair, framed, end):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

    received = ask(pair, raw(head + framed, end=end))

    try:
        status = answer_of(received).status
    except (h11.RemoteProtocolError, AssertionError):
        return  # it breaks off for the client too, or the client was reset before a byte
    assert status == 502


@pytest.mark.parametrize(
    "interim",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 3,
        b"HTTP/1.1 102 Processing\r\n\r\n" * 9,
    ],
)
def test_g15_interim_answers_are_passed_over(pair, interim):
    answer = answer_of(ask(pair, raw(GOOD, first=interim)))

    assert (answer.status, answer.body) == (200, BODY)


def test_g15_a_flood_of_interim_answers_is_a_failure_of_the_endpoint(pair):
    answer = answer_of(ask(pair, raw(GOOD, first=b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000)))

    assert answer.status == 502


@pytest.mark.parametrize("extra", [b"x", POISON], ids=["a byte", "a second answer"])
def test_g16_bytes_behind_an_answer_reach_nobody(pair, extra):
    first = answer_of(ask(pair, raw(GOOD, extra=extra)))
    before = len(pair.server.connections)

    second = answer_of(ask(pair, raw(GOOD)))

    assert (first.status, first.body) == (second.status, second.body) == (200, BODY)
    assert len(pair.server.connections) == before + 1


def test_g16_empty_lines_behind_an_answer_do_no_harm(pair):
    """They may be dropped with or without the connection: RFC 9112 §2.2 has parsers skip them."""
    first = answer_of(ask(pair, raw(GOOD, extra=b"\r\n\r\n")))

    second = answer_of(ask(pair, raw(GOOD)))

    assert (first.status, first.body) == (second.status, second.body) == (200, BODY)


def test_g17_a_switch_of_protocols_is_a_failure_of_the_endpoint(pair):
    switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"

    assert answer_of(ask(pair, raw(switch))).status == 502


@pytest.mark.parametrize(
    "coding",
    [b"gzip", b"gzip, chunked", b"chunked, gzip", b"identity", b"cow", b"chunked, chunked"],
)
def test_g18_a_coding_other_than_chunked_is_a_failure_of_the_endpoint(pair, coding):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: %b\r\n\r\n" % coding

    assert (
        answer_of(ask(pair, raw(head + b"13\r\n" + BODY + b"\r\n0\r\n\r\n", end="fin"))).status
        == 502
    )


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 19\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 19\r\nContent-Length: 20\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 99999999999999999999\r\n",
        b"X-A: b\r\n c\r\nContent-Length: 19\r\n",
        b"X-A: b\0c\r\nContent-Length: 19\r\n",
        b"X A: b\r\nContent-Length: 19\r\n",
        b"X-A: " + b"a" * 1_000_000 + b"\r\nContent-Length: 19\r\n",
        b"X: a\r\n" * 20_000 + b"Content-Length: 19\r\n",
    ],
    ids=[
        "both",
        "two lengths",
        "negative",
        "huge",
        "fold",
        "nul",
        "blank",
        "long field",
        "many fields",
    ],
)
def test_an_answer_with_a_bad_head_is_a_failure_of_the_endpoint(pair, fields):
    received = ask(pair, raw(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n" + BODY, end="fin"))

    assert answer_of(received).status == 502


@pytest.mark.parametrize(
    "noise", [b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/2.0 200 OK\r\n\r\n", b"HTTP/1.1 20O OK\r\n\r\n",
              b"HTTP/1.1 99 X\r\n\r\n", b"HTTP/1.1 600 X\r\nContent-Length: 0\r\n\r\n", b"{}", bytes(64),
              b"HTTP/1.1\r\n\r\n"],
)  # fmt: skip
def test_noise_instead_of_an_answer_is_a_failure_of_the_endpoint(pair, noise):
    assert answer_of(ask(pair, raw(noise, end="fin"))).status == 502


def test_fields_of_one_connection_stay_on_it(pair):
    head = (
        b"HTTP/1.1 200 OK\r\nConnection: x-hop, close\r\nX-Hop: secret\r\nKeep-Alive: timeout=1\r\nTrailer: x\r\n"
        b"Proxy-Authenticate: Basic\r\nUpgrade: h2c\r\nX-Kept: yes\r\n"
        b"Set-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 0019\r\n\r\n"
    )

    answer = answer_of(ask(pair, raw(head + BODY, end="fin")))

    names = [name for name, _ in answer.fields]
    assert {b"x-hop", b"keep-alive", b"trailer", b"proxy-authenticate", b"upgrade"} & set(
        names
    ) == set()
    assert (b"x-kept", b"yes") in answer.fields
    assert [value for name, value in answer.fields if name == b"set-cookie"] in ([b"a", b"b"], [])
    assert (b"content-length", b"19") in answer.fields
    assert answer.body == BODY
