import pytest

from multillama.dataplane.request import Request
from multillama.errors import GatewayError
from multillama.wire.parse import parse_head


def request(lines=b"", length=None):
    head = parse_head(b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n%b\r\n" % lines)
    return Request(head, length, None, at=1.0, started=2.0)


@pytest.mark.parametrize(
    ("lines", "length", "is_complete"),
    [
        (b"", None, True),
        (b"Content-Length: 0\r\n", 0, True),
        (b"Content-Length: 5\r\n", 5, False),
        (b"Transfer-Encoding: chunked\r\n", None, False),
    ],
)
def test_only_a_request_that_announces_a_body_waits_for_one(lines, length, is_complete):
    assert request(lines, length).is_complete is is_complete


def test_a_body_is_taken_once_and_in_order():
    arriving = request(b"Transfer-Encoding: chunked\r\n")
    for piece in (b"a", b"b", b"c"):
        arriving.feed(piece)

    first, second = arriving.take(), arriving.take()
    arriving.feed(b"d")

    assert (first, second, arriving.take()) == (b"abc", b"", b"d")


def test_a_body_in_one_piece_is_not_copied():
    arriving = request(b"Content-Length: 5\r\n", 5)
    piece = b"hello"

    arriving.feed(piece)

    assert arriving.take() is piece


def test_it_counts_what_came_and_what_waits():
    arriving = request(b"Transfer-Encoding: chunked\r\n")
    arriving.feed(b"hello")

    before = (arriving.received_bytes, arriving.waiting_bytes)
    arriving.take()

    assert before == (5, 5)
    assert (arriving.received_bytes, arriving.waiting_bytes) == (5, 0)


def test_two_requests_share_nothing():
    first, second = (request(b"Transfer-Encoding: chunked\r\n") for _ in range(2))

    first.feed(b"hello")
    first.wants_pieces = True

    assert (second.take(), second.received_bytes, second.wants_pieces) == (b"", 0, False)


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize(
    ("lines", "length", "framed"),
    [
        (b"Content-Length: 5\r\n", 5, b"hello"),
        (b"Transfer-Encoding: chunked\r\n", None, b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
    ],
)
def test_framing_is_taken_off_and_what_follows_given_back(lines, length, framed, size):
    arriving = request(lines, length)
    arriving.limit_bytes = 5
    rest = b""
    for at in range(0, len(framed), size):
        assert not arriving.is_complete
        rest = arriving.receive(
            framed[at : at + size] + (b"next" if at + size >= len(framed) else b""), 2.0
        )

    assert (arriving.take(), arriving.is_complete, rest) == (b"hello", True, b"next")


@pytest.mark.parametrize(
    ("framed", "kind"), [(b"zz\r\n", "bad_request"), (b"6\r\n", "body_too_large")]
)
def test_a_chunk_against_the_rules_or_beyond_the_limit_is_refused_at_its_size(framed, kind):
    arriving = request(b"Transfer-Encoding: chunked\r\n")
    arriving.limit_bytes = 5

    with pytest.raises(GatewayError) as caught:
        arriving.receive(framed, 2.0)

    assert (caught.value.kind, arriving.is_complete) == (kind, False)


@pytest.mark.parametrize(
    ("after_s", "received", "is_fine"),
    [(9.9, 1, True), (10.1, 51, True), (10.1, 49, False), (20.0, 4999, False), (20.0, 5001, True)],
)
def test_a_body_that_drips_is_given_up(after_s, received, is_fine):
    arriving = request(b"Content-Length: 9999\r\n", 9999)
    arriving.feed(b"x" * (received - 1))

    if is_fine:
        arriving.receive(b"x", arriving.started + after_s)
    else:
        with pytest.raises(GatewayError, match="too slowly") as caught:
            arriving.receive(b"x", arriving.started + after_s)
        assert caught.value.kind == "request_timeout"


@pytest.mark.parametrize("fact", ["whole", "kept waiting"])
def test_a_body_that_is_whole_or_was_kept_waiting_may_have_taken_long(fact):
    arriving = request(b"Content-Length: 2\r\n", 2)
    arriving.has_paused = fact == "kept waiting"

    rest = arriving.receive(b"xx"[fact != "whole" :], arriving.started + 1000)

    assert (rest, arriving.is_complete) == (b"", fact == "whole")
