from collections.abc import Iterable
from itertools import islice, repeat

import pytest

from multillama.testing.answers import Answer
from multillama.testing.behaviours import (
    HANG,
    LAST_CHUNK,
    OVERLOADED,
    RATE_LIMITED,
    Behaviour,
    Place,
)

WHOLE = Answer("application/json", [b'{"a":1}'])
STREAM = Answer("text/event-stream", [b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n"], True)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def bytes_of(behaviour: Behaviour, answer: Answer = WHOLE) -> bytes:
    return b"".join(behaviour.pieces(answer))


def test_a_good_server_sends_a_whole_body_with_its_length() -> None:
    sent = bytes_of(Behaviour())

    assert sent == (
        b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 7\r\n\r\n{"a":1}'
    )


def test_a_good_server_sends_each_event_as_a_chunk() -> None:
    pieces = list(Behaviour().pieces(STREAM))

    assert pieces == [
        HEAD,
        b"9\r\ndata: 1\n\n\r\n",
        b"9\r\ndata: 2\n\n\r\n",
        b"9\r\ndata: 3\n\n\r\n",
        LAST_CHUNK,
    ]


@pytest.mark.parametrize(
    ("place", "sent"),
    [
        ("before-head", b""),
        ("mid-head", HEAD[: len(HEAD) // 2]),
        ("after-head", HEAD),
        ("mid-body", HEAD + b"9\r\ndata: 1\n\n\r\n9\r\ndata: "),
        ("mid-chunk-size", HEAD + b"9\r\ndata: 1\n\n\r\n9"),
        ("mid-chunk", HEAD + b"9\r\ndata: 1\n\n\r\n9\r\ndata"),
        (
            "before-last-chunk",
            HEAD + b"9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n9\r\ndata: 3\n\n\r\n",
        ),
        (len(HEAD) + 1, HEAD + b"9"),
        (7, HEAD[:7]),
        (0, b""),
    ],
)
def test_an_answer_breaks_off_at_a_place(place: Place | int, sent: bytes) -> None:
    assert bytes_of(Behaviour(cut=place), STREAM) == sent


def test_a_cut_beyond_the_end_cuts_nothing() -> None:
    assert bytes_of(Behaviour(cut=1_000_000)) == bytes_of(Behaviour())


def test_a_cut_by_bytes_works_on_an_endless_stream() -> None:
    endless = Answer("text/event-stream", repeat(b"data: 1\n\n"), True)

    assert len(bytes_of(Behaviour(cut=100_000), endless)) == 100_000


def test_writes_take_the_sizes_given_over_and_over() -> None:
    pieces = list(Behaviour(sizes=(1, 7)).pieces(STREAM))

    assert b"".join(pieces) == bytes_of(Behaviour(), STREAM)
    assert [len(piece) for piece in pieces[:5]] == [1, 7, 1, 7, 1]


def test_an_endless_stream_is_made_as_it_is_read() -> None:
    def parts() -> Iterable[bytes]:
        yield b"data: 1\n\n"
        raise AssertionError("asked for too much")

    pieces = Behaviour().pieces(Answer("text/event-stream", parts(), True))

    assert list(islice(pieces, 2)) == [HEAD, b"9\r\ndata: 1\n\n\r\n"]


def test_a_body_of_its_own_takes_the_place_of_the_answer() -> None:
    sent = bytes_of(Behaviour(body=b"x" * 100_000), STREAM)

    head, _, body = sent.partition(b"\r\n\r\n")

    assert b"content-length: 100000" in head
    assert body == b"x" * 100_000


def test_headers_may_be_replaced_and_added() -> None:
    behaviour = Behaviour(headers=(("content-type", "text/html"), ("x-a", "1")))

    head = bytes_of(behaviour).partition(b"\r\n\r\n")[0]

    assert head == b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 7\r\nx-a: 1"


def test_a_close_delimited_answer_has_no_framing() -> None:
    sent = bytes_of(Behaviour(framing="close", end="fin"))

    assert sent == b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{"a":1}'


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_statuses_without_content_send_a_head_alone(status: str) -> None:
    assert bytes_of(Behaviour(status=status)) == f"HTTP/1.1 {status}\r\n\r\n".encode()


def test_head_gets_the_length_without_the_body() -> None:
    sent = b"".join(Behaviour().pieces(WHOLE, is_head=True))

    assert sent.endswith(b"content-length: 7\r\n\r\n")


def test_raw_bytes_take_the_place_of_everything() -> None:
    assert bytes_of(Behaviour(raw=b"SSH-2.0\r\n", extra=b"!")) == b"SSH-2.0\r\n!"


def test_bytes_may_be_sent_before_and_after_the_answer() -> None:
    sent = bytes_of(Behaviour(first=b"HTTP/1.1 100 Continue\r\n\r\n", extra=b"more"))

    assert sent.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert sent.endswith(b'{"a":1}more')


def test_the_named_behaviours_say_what_they_are() -> None:
    assert bytes_of(HANG) == b""
    assert b"\r\nretry-after: 1\r\n" in bytes_of(RATE_LIMITED)
    assert bytes_of(OVERLOADED).startswith(b"HTTP/1.1 529 Overloaded\r\n")
