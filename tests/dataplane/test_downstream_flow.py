import pytest

from multillama.dataplane.downstream import MAX_QUEUED_BYTES
from tests.dataplane.stage import BEGUN, CONTINUE, Stage, get, post

FORM = b"Content-Type: multipart/form-data; boundary=b0\r\n"
PART = b'--b0\r\nContent-Disposition: form-data; name="model"\r\n\r\nm1\r\n--b0\r\n\r\n'
UPLOAD = b"/v1/audio/transcriptions"
BIG = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def stick(stage, client):
    """The client stops reading in the middle of a large answer."""
    client.send(post())
    upstream = stage.answer(BIG)
    client.transport.is_stuck = True
    upstream.protocol.data_received(b"x" * 100_000)
    return upstream


# deadlines


def test_an_idle_connection_is_closed_in_time(stage, client):
    stage.loop.advance(74)
    before = client.transport.ended
    stage.loop.advance(1.2)

    assert (before, client.transport.ended, client.received) == (None, "close", b"")


def test_after_an_answer_the_idle_time_begins_anew(stage, client):
    stage.loop.advance(70)
    client.send(post())
    stage.answer()

    stage.loop.advance(74)
    before = client.transport.ended
    stage.loop.advance(1.2)

    assert (before, client.transport.ended) == (None, "close")


@pytest.mark.parametrize("first", [b"G", b"\r\nG"])
def test_a_head_that_drips_in_is_given_up(stage, client, first):
    client.send(first)
    for _ in range(9):
        stage.loop.advance(1)
        client.send(b"E")
    before = client.statuses
    stage.loop.advance(1.2)

    assert (before, client.statuses) == ([], [408])
    assert client.error["code"] == "request_timeout"


def test_blank_lines_are_no_head(stage, client):
    client.send(b"\r\n\r")

    stage.loop.advance(60)
    before = client.transport.ended
    stage.loop.advance(16)

    assert (before, client.transport.ended, client.received) == (None, "close", b"")


@pytest.mark.parametrize("lines", [b"Content-Length: 500\r\n", CHUNKED])
def test_a_body_that_stalls_is_given_up(stage, client, lines):
    client.send(post(b"1", lines))
    for _ in range(5):
        stage.loop.advance(29)
        client.send(b"0")
    before = client.statuses
    stage.loop.advance(30.2)

    assert (before, client.statuses) == ([], [408])
    assert [record.error for record in stage.records] == ["request_timeout"]


def test_an_answer_may_take_as_long_as_it_takes(stage, client):
    client.send(post())
    stage.connect()

    stage.loop.advance(590)
    answered = client.received
    stage.answer()

    assert (answered, client.statuses) == (b"", [200])


# a client that does not read


def test_a_slow_client_pauses_the_endpoint(stage, client):
    upstream = stick(stage, client)
    paused = upstream.is_reading_paused

    client.transport.drain()
    upstream.protocol.data_received(b"x" * 200_000)

    assert (paused, upstream.is_reading_paused) == (True, False)
    assert client.statuses == [200]


def test_a_client_that_reads_nothing_is_given_up_and_the_endpoint_told(stage, client):
    upstream = stick(stage, client)

    stage.loop.advance(59)
    before = client.transport.ended
    stage.loop.advance(1.2)
    ended = client.transport.ended
    client.transport.lose()

    assert (before, ended, upstream.ended) == (None, "abort", "abort")
    assert [record.outcome for record in stage.records] == ["cancelled"]


def test_a_client_that_reads_nothing_and_sends_on_is_given_up_too(stage, client):
    stick(stage, client)
    client.send(b"x" * (MAX_QUEUED_BYTES + 1))

    stage.loop.advance(61)

    assert client.transport.is_reading_paused
    assert client.transport.ended == "abort"


def test_a_client_that_reads_nothing_gets_nothing_more_served(stage, client):
    client.transport.is_stuck = True
    client.transport.high = 1000

    client.send(get(b"/health") * 10_000)

    assert len(client.received) < 1500
    assert client.transport.is_reading_paused


def test_once_it_reads_again_everything_is_served(stage, client):
    client.transport.is_stuck = True
    client.transport.high = 1000
    client.send(get(b"/health") * 2000)

    client.transport.drain()

    assert client.statuses == [200] * 2000
    assert not client.transport.is_reading_paused


def test_a_client_that_asks_and_never_reads_is_given_up(stage, client):
    client.transport.is_stuck = True
    client.transport.high = 1000
    client.send(get(b"/health") * 100)

    stage.loop.advance(59)
    before = client.transport.ended
    stage.loop.advance(1.2)

    assert (before, client.transport.ended) == (None, "abort")


def test_after_a_slow_answer_the_next_request_waits_until_the_client_reads(stage, client):
    upstream = stick(stage, client)
    upstream.protocol.data_received(b"x" * 200_000)
    client.send(post())
    waits = len(stage.records)

    client.transport.drain()
    stage.answer()

    assert (waits, client.statuses) == (1, [200, 200])


def test_an_upload_goes_on_while_its_early_answer_is_not_read(stage, client):
    client.send(post(PART, FORM, b"Content-Length: 200000\r\n", target=UPLOAD))
    upstream = stage.connect()
    upstream.protocol.data_received(BIG)
    client.transport.is_stuck = True
    upstream.protocol.data_received(b"x" * 100_000)

    client.send(b"\x01" * 90_000)
    client.send(b"\x01" * (110_000 - len(PART)))

    assert upstream.sent.count(b"\x01") == 200_000 - len(PART)
    stage.loop.advance(61)
    assert client.transport.ended == "abort"


def test_a_client_that_reads_in_time_may_send_in_time(stage, client):
    client.send(post(PART, FORM, b"Content-Length: 200000\r\n", target=UPLOAD))
    upstream = stage.connect()
    upstream.protocol.data_received(BIG)
    client.transport.is_stuck = True
    upstream.protocol.data_received(b"x" * 100_000)
    client.transport.drain()

    stage.loop.advance(29)
    before = upstream.ended
    stage.loop.advance(1.2)

    assert (before, upstream.ended) == (None, "abort")
    assert [record.error for record in stage.records] == ["request_timeout"]


def test_a_closing_client_that_reads_slowly_has_time_to_read_and_then_to_leave(stage, client):
    client.transport.is_stuck = True
    client.transport.high = 10
    client.send(b"\x16")
    stage.loop.advance(50)

    client.transport.drain()
    stage.loop.advance(0.9)
    before = client.transport.ended
    stage.loop.advance(0.3)

    assert (before, client.transport.ended) == (None, "abort")


# a client that sends too much


def test_requests_ahead_of_their_turn_are_not_read_without_end(stage, client):
    client.send(post())
    ahead = get(b"/health") * 100

    while not client.transport.is_reading_paused:
        client.send(ahead)
    stage.answer()

    assert not client.transport.is_reading_paused
    assert len(client.statuses) >= MAX_QUEUED_BYTES // len(get(b"/health"))


def test_a_body_after_such_a_pause_is_read(stage, client):
    client.send(post())
    while not client.transport.is_reading_paused:
        client.send(get(b"/health") * 100)
    client.send(post(b'{"mod', b"Content-Length: 15\r\n"))

    stage.answer()
    resumed = not client.transport.is_reading_paused
    client.send(b'el": "m1"}')
    stage.answer()

    assert resumed
    assert stage.records[-1].outcome == "ok"


# a client that leaves


@pytest.mark.parametrize("before", [b"", b"GET /", post(b"{", b"Content-Length: 9\r\n")])
def test_a_client_that_ends_where_nothing_is_owed_is_let_go(stage, client, before):
    if before:
        client.send(before)

    assert not client.protocol.eof_received()
    client.transport.lose()
    assert client.received == b""
    assert len(stage.records) == before.count(b"POST")


@pytest.mark.parametrize("head", [BEGUN, BIG + b"x"])
def test_a_client_that_ends_while_it_is_answered_has_left(stage, client, head):
    client.send(post())
    upstream = stage.answer(head)

    stays = client.protocol.eof_received()
    client.transport.lose()

    assert (stays, upstream.ended) == (False, "abort")
    assert [record.outcome for record in stage.records] == ["cancelled"]


def test_a_client_that_has_left_is_not_waited_for_until_it_reads(stage, client):
    upstream = stick(stage, client)

    client.protocol.eof_received()

    assert (client.transport.ended, upstream.ended) == ("abort", "abort")
    assert [record.outcome for record in stage.records] == ["cancelled"]


def test_a_client_that_ends_before_it_is_answered_may_still_wait(stage, client):
    client.send(post())

    stays = client.protocol.eof_received()
    stage.loop.advance(12)
    stage.answer()

    assert stays
    # At once, after 20, 50, 100, 200 and 500 ms, and then every 5 s.
    assert client.received.count(CONTINUE) == 8
    assert client.statuses == [200]
    assert client.transport.ended == "close"


def test_an_answer_that_has_begun_is_not_spoiled_by_probes(stage, client):
    client.send(post())
    client.protocol.eof_received()
    upstream = stage.answer(BIG + b"x")

    stage.loop.advance(20)
    upstream.protocol.data_received(b"x" * 299_999)

    assert client.answers() == [(200, b"x" * 300_000)]
    assert client.received.count(CONTINUE) == 1


def test_the_second_of_two_requests_before_an_end_is_answered_too(stage, client):
    client.send(post() + get(b"/health"))
    client.protocol.eof_received()

    stage.answer()

    assert client.statuses == [200, 200]
    assert client.transport.ended == "close"


def test_half_a_request_before_an_end_is_not_waited_for(stage, client):
    client.send(post() + b"GET /")
    client.protocol.eof_received()

    stage.answer()

    assert client.statuses == [200]
    assert client.transport.ended == "close"


def test_a_client_of_http_10_that_ends_is_answered_without_probes(stage, client):
    client.send(post(version=b"1.0"))

    stays = client.protocol.eof_received()
    stage.loop.advance(1)
    stage.answer()

    assert (stays, client.statuses) == (True, [200])
    assert CONTINUE not in client.received


def test_no_probe_is_written_to_a_closing_connection(stage, client):
    client.send(post())
    client.transport.close()

    client.protocol.eof_received()

    assert client.received == b""


def test_a_lost_connection_ends_everything_and_is_forgotten(stage, client):
    client.send(post() + post())
    upstream = stage.connect()

    client.transport.lose(ConnectionResetError())
    client.transport.lose()

    assert (upstream.ended, stage.listener.connections) == ("abort", set())
    assert [record.outcome for record in stage.records] == ["cancelled"]


def test_an_idle_connection_that_is_lost_leaves_no_record(stage, client):
    client.transport.lose()

    assert (stage.records, stage.listener.connections) == ([], set())


@pytest.mark.parametrize("reset_after_s", [0.01, 0.04, 0.1, 0.4])
def test_a_client_far_away_that_left_is_noticed_soon_after_its_reset_is_here(
    stage, client, reset_after_s
):
    client.send(post())
    client.protocol.eof_received()

    stage.loop.advance(reset_after_s)
    before = client.received.count(CONTINUE)
    stage.loop.advance(reset_after_s * 1.5 + 0.02)

    assert client.received.count(CONTINUE) > before


@pytest.mark.parametrize("times", [1, 2], ids=["first of its kind", "known"])
def test_a_client_that_stalls_at_an_answers_end_leaves_the_endpoints_connection_read(times):
    """It is the next exchange's by then: nobody would read its answer, or ever read on."""
    stage = Stage()
    for _ in range(times):
        client = stage.client()
        client.transport.is_stuck = True
        client.transport.high = 10
        client.send(post())
        upstream = stage.answer()

    other = stage.client()
    other.send(post())

    assert client.transport.is_protocol_paused
    assert upstream.sent.count(b"POST /v1/") == times + 1
    assert not upstream.is_reading_paused
