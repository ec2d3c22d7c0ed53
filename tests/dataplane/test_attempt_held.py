"""What is held back before an answer begins, and for how long."""

import gzip

import pytest

from multillama.core.policy import QueuePolicy
from tests.dataplane.routed import ASK_STREAM, Routed, begun, framed, local, rest, text_of
from tests.dataplane.stage import OK, ok
from tests.dataplane.test_upload import FORM, upload

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
COMMENT = STREAM + b"\r\n" + framed(b": OPENROUTER PROCESSING\n\n")
ERROR = b'{"error":{"message":"Provider returned error","code":502},"user_id":"u1"}'
TRICKLING = b"HTTP/1.1 500 No\r\nContent-Length: 99\r\n\r\nso"

# failures that take their time


def test_a_failure_whose_body_trickles_is_survived_before_its_end():
    stage = Routed()
    client = stage.ask()
    transport = stage.answered_by("a", TRICKLING)

    stage.loop.advance(1.0)
    transport.protocol.data_received(b"rry")
    before = stage.asked
    stage.loop.advance(1.2)
    stage.answered_by("b", OK)

    assert (before, transport.ended) == (["a"], "abort")
    assert client.answers() == [(200, b"ok")]
    assert stage.told[0][2] == "server_error"


def test_a_failure_of_which_only_the_head_comes_is_survived():
    stage = Routed()
    client = stage.ask()
    stage.answered_by("a", b"HTTP/1.1 503 Busy\r\nContent-Length: 9\r\n\r\n")

    stage.loop.advance(2.2)
    stage.answered_by("b", OK)

    assert client.answers() == [(200, b"ok")]


def test_a_failure_of_the_only_target_that_trickles_goes_to_the_client_as_it_comes():
    stage = Routed(*local("a"))
    client = stage.ask()
    transport = stage.answered_by("a", TRICKLING)

    stage.loop.advance(2.2)
    before = client.received
    transport.protocol.data_received(b"r" * 97)

    assert before.startswith(b"HTTP/1.1 500 ")
    assert before.endswith(b"\r\n\r\nso")
    assert client.answers() == [(500, b"so" + b"r" * 97)]


def test_a_failure_that_is_the_requests_own_goes_on_as_it_comes():
    stage = Routed()
    client = stage.ask()
    stage.answered_by("a", b"HTTP/1.1 400 Bad\r\nContent-Length: 99\r\n\r\nso")

    stage.loop.advance(2.2)

    assert client.received.startswith(b"HTTP/1.1 400 ")
    assert stage.asked == ["a"]


# bodies


@pytest.mark.parametrize("framing", [b"Content-Length: 9\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_an_answer_that_breaks_off_before_its_first_byte_comes_from_elsewhere(framing):
    stage = Routed()
    client = stage.ask()

    stage.answered_by("a", b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n").lose()
    stage.answered_by("b", OK)

    assert client.answers() == [(200, b"ok")]
    assert stage.told[0][2] == "truncated"


@pytest.mark.parametrize(
    "pieces", [[ERROR], [b"", ERROR], [ERROR[:4], ERROR[4:]], [b"\n\n", ERROR]]
)
def test_a_200_that_is_only_an_error_is_a_failure(pieces):
    stage = Routed()
    client = stage.ask()
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % sum(map(len, pieces))

    transport = stage.answered_by("a", head + pieces[0])
    for piece in pieces[1:]:
        transport.protocol.data_received(piece)
    stage.answered_by("b", OK)

    assert client.answers() == [(200, b"ok")]
    assert stage.told[0][2] == "bad_gateway"


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":{"code":502},"choices":[]}',
        b'{"error":null,"id":"r1"}',
        b'{"error":{"code":400}}',
        b'{"error": not json',
    ],
)
def test_a_200_with_more_than_an_error_or_with_the_requests_own_passes(body):
    stage = Routed()
    client = stage.ask()

    stage.answered_by("a", ok(body))

    assert client.answers() == [(200, body)]


def test_an_error_in_a_200_that_nobody_can_help_passes_as_it_came():
    stage = Routed(*local("a"))
    client = stage.ask()

    for _ in range(3):
        stage.answer(ok(ERROR))

    assert client.answers() == [(200, ERROR)]


def test_a_body_that_begins_as_an_error_and_takes_its_time_goes_to_the_client():
    stage = Routed()
    client = stage.ask()
    stage.answered_by("a", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + ERROR[:20])

    stage.loop.advance(2.2)

    assert client.received.endswith(b"\r\n\r\n" + ERROR[:20])


# streams


def test_an_error_after_comments_is_survived():
    stage = Routed()
    client = stage.ask(ASK_STREAM)
    transport = stage.answered_by("a", COMMENT)

    transport.protocol.data_received(framed(b'data: {"error":{"code":502}}\n\n'))
    stage.answered_by("b", rest("x"))

    assert text_of(client) == "x"
    assert b"OPENROUTER" not in client.received


def test_comments_are_not_lost_and_the_event_after_them_goes_on_at_once():
    stage = Routed()
    client = stage.ask(ASK_STREAM)
    transport = stage.answered_by("a", COMMENT)
    before = client.received

    transport.protocol.data_received(framed(b'data: {"choices":[]}\n\n'))

    assert before == b""
    assert b': OPENROUTER PROCESSING\n\ndata: {"choices":[]}\n\n' in client.received


def test_comments_alone_begin_a_stream_that_stays_silent_for_long():
    stage = Routed()
    client = stage.ask(ASK_STREAM)
    transport = stage.answered_by("a", COMMENT)

    stage.loop.advance(10.2)
    before = client.received
    transport.protocol.data_received(framed(b": again\n\n"))

    assert before.endswith(b": OPENROUTER PROCESSING\n\n\r\n")
    assert client.received.endswith(b": again\n\n\r\n")


def test_where_the_first_event_is_timed_comments_never_begin_a_stream():
    stage = Routed(*local("a", "b"), first_token_s=20.0)
    client = stage.ask(ASK_STREAM)
    stage.answered_by("a", COMMENT)

    stage.loop.advance(19.0)
    before = client.received
    stage.loop.advance(1.2)

    assert (before, stage.asked) == (b"", ["a", "b"])


# after a stream has begun with comments of ours


def waits_alive():
    """A client whose stream our comments have begun, and the connection that is to answer it now."""
    stage = Routed(*local("a", max_concurrency=1), queue=QueuePolicy(keepalive_s=1.0), resume=False)
    stage.ask()
    transport = stage.waiting("a").come()
    client = stage.ask(ASK_STREAM)
    stage.loop.advance(1.3)
    transport.protocol.data_received(OK)
    return stage, transport, client


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 204 No Content\r\n\r\n",
        STREAM + b"Content-Encoding: gzip\r\n\r\n" + framed(gzip.compress(b"data: a\n\n")),
        b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70_000,
        b"HTTP/1.1 500 No\r\nContent-Length: 70000\r\n\r\nx",
    ],
    ids=["nothing", "compressed", "long", "trickling"],
)
def test_what_cannot_follow_our_comments_ends_in_an_event(answer):
    stage, transport, client = waits_alive()

    transport.protocol.data_received(answer)
    stage.loop.advance(2.2)

    ((status, body),) = client.answers()
    assert status == 200
    assert b"data: {" in body
    assert all(event[:1] in (b":", b"d") for event in body.split(b"\n\n") if event)
    assert b"\x1f\x8b" not in body
    assert stage.records[-1].outcome == "truncated"


def test_an_event_stream_of_known_length_follows_our_comments():
    _, transport, client = waits_alive()
    events = b'data: {"choices":[]}\n\ndata: [DONE]\n\n'

    transport.protocol.data_received(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        b"Content-Length: %d\r\n\r\n" % len(events) + events
    )

    assert client.answers()[0][1].endswith(events)


def test_a_stream_that_cannot_go_on_where_it_broke_off_is_compressed_in_vain():
    stage = Routed(*local("a", "b", "c"))
    client = stage.ask(ASK_STREAM)
    stage.answered_by("a", begun("one")).lose(ConnectionResetError())

    stage.answered_by("b", STREAM + b"Content-Encoding: gzip\r\n\r\n" + framed(b"\x1f\x8b..."))
    stage.answered_by("c", rest(" two"))

    assert text_of(client) == "one two"
    assert b"\x1f\x8b" not in client.received


# our key in an endpoint's words

QUOTED = b'{"error":{"message":"Incorrect API key provided: of-a-secret"}}'


def keyed():
    head = b"host: a\r\nauthorization: Bearer of-a-secret\r\n"
    return Routed(*local("a", fixed_head=head))


@pytest.mark.parametrize("status", [401, 403])
def test_an_endpoint_that_quotes_our_key_does_not_tell_it_to_the_client(status):
    stage = keyed()
    client = stage.ask()

    stage.answered_by("a", ok(QUOTED, b"%d No" % status))

    assert client.answers() == [(status, QUOTED.replace(b"of-a-secret", b"*" * 11))]


def test_what_an_upload_is_told_does_not_have_it_either():
    stage = keyed()
    client = stage.ask(upload(FORM))

    stage.answered_by("a", ok(QUOTED, b"401 No"))

    assert client.answers() == [(401, QUOTED.replace(b"of-a-secret", b"*" * 11))]


@pytest.mark.parametrize("status", [200, 400, 404, 500])
def test_all_other_answers_pass_byte_for_byte(status):
    stage = keyed()
    client = stage.ask()

    stage.answered_by("a", ok(b" " + QUOTED[10:], b"%d Yes" % status))

    assert client.answers() == [(status, b" " + QUOTED[10:])]
