import struct

import pytest

from multillama.core.snapshot import Limits, Timeouts
from multillama.dataplane.downstream import MAX_QUEUED_BYTES
from multillama.dataplane.request import MAX_WAITING_BYTES
from tests.core.samples import endpoint
from tests.dataplane.stage import CONTINUE, STREAM, Stage, get, post

FORM = b"Content-Type: multipart/form-data; boundary=b0\r\n"
PART = b'--b0\r\nContent-Disposition: form-data; name="model"\r\n\r\nm1\r\n--b0\r\n\r\n'
UPLOAD = b"/v1/audio/transcriptions"
BIG = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.fixture
def stage():
    return Stage()


@pytest.fixture
def client(stage):
    return stage.client()


def stick(stage, client):
    """The client stops reading in the middle of a large answer."""
    client.send(post())
    upstream = stage.answer(BIG)
    client.transport.is_stuck = True
    upstream.protocol.data_received(b"x" * 100_000)
    return upstream


# --- requests and answers --------------------------------------------------------------------------


def test_a_request_is_answered_and_the_connection_stays(stage, client):
    for _ in range(3):
        client.send(post())
        stage.answer()

    assert client.answers() == [(200, b"ok")] * 3
    assert client.transport.ended is None
    assert len(stage.records) == 3


@pytest.mark.parametrize("size", [1, 2, 7, 50])
@pytest.mark.parametrize(
    "request_bytes",
    [
        post(),
        post(b"f\r\n" + b'{"model": "m1"}' + b"\r\n0\r\nA: b\r\n\r\n", CHUNKED),
        b"\r\n" + post(),
    ],
)
def test_a_request_is_read_however_it_arrives(stage, client, request_bytes, size):
    twice = request_bytes * 2

    client.send(*(twice[at : at + size] for at in range(0, len(twice), size)))
    stage.answer()
    stage.answer()

    assert client.statuses == [200, 200]
    assert b'\r\n\r\n{"model": "m1"}' in stage.pool.transports[0].sent


def test_requests_that_come_together_are_answered_one_after_another(stage, client):
    client.send(post() + get(b"/health") + post())
    before = client.statuses

    stage.answer()
    between = client.statuses
    stage.answer()

    assert (before, between, client.statuses) == ([], [200, 200], [200, 200, 200])
    assert [record.operation for record in stage.records] == ["chat", "health", "chat"]


@pytest.mark.parametrize(
    ("version", "lines", "stays"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"Connection: close\r\n", False),
        (b"1.0", b"", False),
        (b"1.0", b"Connection: keep-alive\r\n", True),
    ],
)
@pytest.mark.parametrize("kind", ["relayed", "ours"])
def test_the_client_says_whether_the_connection_stays(stage, client, version, lines, stays, kind):
    body = b'{"model":"m1"}' if kind == "relayed" else b"{}"

    client.send(post(body, b"Content-Length: %d\r\n" % len(body), lines, version=version))
    if kind == "relayed":
        stage.answer()

    assert len(client.statuses) == 1
    assert client.transport.ended == (None if stays else "close")
    told = (b"connection: keep-alive" in client.received, b"connection: close" in client.received)
    assert told == (stays and version == b"1.0", not stays)


def test_requests_refused_together_are_answered_in_order(stage, client):
    client.send((post(b"{}") + post(b"[]")) * 50)

    assert client.statuses == [400] * 100
    codes = [record.error for record in stage.records]
    assert codes == ["model_missing", "invalid_json"] * 50


def test_an_answer_of_ours_is_json_with_a_date(stage, client):
    client.send(post(b"{}"))

    head, _, body = client.received.partition(b"\r\n\r\n")
    assert head == (
        b"HTTP/1.1 400 Bad Request\r\nx-request-id: r1\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
        b"content-type: application/json\r\ncontent-length: %d" % len(body)
    )
    assert client.error["code"] == "model_missing"


# --- what is no request ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"\x16\x03\x01", 400, "bad_request"),
        (b"GET / HTTP/2.0\r\n\r\n", 505, "version_not_supported"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "bad_request"),
        (get(b"/x", method=b"BREW"), 501, "not_implemented"),
        (get(b"/v1/models", method=b"TRACE"), 405, "method_not_allowed"),
        (get(b"/" + b"a" * 9000), 414, "target_too_long"),
        (get(b"/", b"X: " + b"a" * 40_000 + b"\r\n"), 431, "head_too_large"),
    ],
)
def test_what_is_no_request_is_answered_and_the_connection_ends(stage, client, data, status, code):
    client.send(data, b"more", b"and more")

    assert (client.statuses, client.error["code"]) == ([status], code)
    assert b"connection: close\r\n" in client.received
    assert client.transport.is_finished
    assert [record.status for record in stage.records] == [status]


def test_the_answer_to_a_refused_request_can_be_read_before_the_connection_ends(stage, client):
    client.send(b"\x16")

    stage.loop.advance(0.9)
    before = client.transport.ended
    stage.loop.advance(0.3)

    assert (before, client.transport.ended) == (None, "abort")


def test_a_client_that_does_not_read_the_refusal_has_longer(stage, client):
    client.transport.is_stuck = True
    client.send(b"\x16")

    stage.loop.advance(59)
    before = client.transport.ended
    stage.loop.advance(1.2)

    assert (before, client.transport.ended) == (None, "abort")


# --- bodies ----------------------------------------------------------------------------------------


def test_a_body_is_waited_for_and_its_length_kept_to(stage, client):
    client.send(post(b'{"model"', b"Content-Length: 15\r\n"))
    waiting = list(stage.pool.waiting)
    client.send(b': "m1"}' + get(b"/health"))
    stage.answer()

    assert waiting == []
    assert client.statuses == [200, 200]
    assert stage.records[0].request_bytes == 15


@pytest.mark.parametrize("lines", [b"Content-Length: 5\r\n", CHUNKED])
def test_who_expects_100_is_told_to_go_on(stage, client, lines):
    client.send(post(b"", lines, b"Expect: 100-continue\r\n"))

    assert client.received == CONTINUE


def test_who_has_sent_already_is_not_told_to_go_on(stage, client):
    client.send(post({"model": "m1"}, b"Content-Length: 15\r\n", b"Expect: 100-continue\r\n"))

    assert client.received == b""


def test_who_expects_100_without_a_right_to_it_is_refused_at_once():
    stage = Stage(api_key=b"front-door")
    client = stage.client()

    client.send(post(b"", b"Content-Length: 5\r\n", b"Expect: 100-continue\r\n"))

    assert client.statuses == [401]
    assert b"www-authenticate: Bearer\r\n" in client.received
    assert CONTINUE not in client.received
    assert client.transport.is_finished


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (post(b"", b"Content-Length: 101\r\n"), 413),
        (post(b"x" * 101), 413),
        (post(b"x" * 101) + post(), 413),
        (post(b"65\r\n", CHUNKED), 413),
        (post(b"33\r\n%b\r\n33\r\n" % (b"x" * 0x33), CHUNKED), 413),
        (post(b"zz\r\n", CHUNKED), 400),
    ],
)
def test_a_body_beyond_the_limit_or_the_rules_is_refused_before_it_is_read(request_bytes, status):
    stage = Stage(limits=Limits(body_bytes=100))
    client = stage.client()

    client.send(request_bytes)

    assert client.statuses == [status]
    assert client.transport.is_finished
    assert [record.status for record in stage.records] == [status]


def test_an_upload_is_held_back_while_the_endpoint_is_slow(stage, client):
    client.send(
        post(PART, FORM, CHUNKED, target=UPLOAD).replace(PART, b"%x\r\n%b\r\n" % (len(PART), PART))
    )
    upstream = stage.connect()
    upstream.is_stuck = True
    piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"

    for _ in range(40):
        if client.transport.is_reading_paused:
            break
        client.send(piece)
    paused_after = stage.listener.connections.copy().pop()._request.waiting_bytes
    upstream.drain()

    assert paused_after <= MAX_WAITING_BYTES + 0x10000
    assert not client.transport.is_reading_paused


def test_an_upload_whose_client_is_leaving_is_not_read_on(stage, client):
    client.send(post(PART, FORM, b"Content-Length: 9999999\r\n", target=UPLOAD))
    upstream = stage.connect()
    upstream.is_stuck = True
    while not client.transport.is_reading_paused:
        client.send(b"x" * 50_000)

    client.transport.close()
    upstream.drain()

    assert client.transport.is_reading_paused


def test_an_upload_that_stalls_after_it_was_held_back_is_given_up(stage, client):
    client.send(post(PART, FORM, b"Content-Length: 9999999\r\n", target=UPLOAD))
    upstream = stage.connect()
    upstream.is_stuck = True
    while not client.transport.is_reading_paused:
        client.send(b"x" * 50_000)
    stage.loop.advance(25)
    upstream.drain()

    stage.loop.advance(29)
    before = client.statuses
    stage.loop.advance(1.2)

    assert (before, client.statuses) == ([], [408])
    assert upstream.ended == "abort"


# --- deadlines -------------------------------------------------------------------------------------


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


# --- a client that does not read -------------------------------------------------------------------


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


# --- a client that sends too much ------------------------------------------------------------------


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


# --- a client that leaves --------------------------------------------------------------------------


@pytest.mark.parametrize("before", [b"", b"GET /", post(b"{", b"Content-Length: 9\r\n")])
def test_a_client_that_ends_where_nothing_is_owed_is_let_go(stage, client, before):
    if before:
        client.send(before)

    assert not client.protocol.eof_received()
    client.transport.lose()
    assert client.received == b""
    assert len(stage.records) == before.count(b"POST")


@pytest.mark.parametrize("head", [STREAM, BIG])
def test_a_client_that_ends_while_it_is_answered_has_left(stage, client, head):
    client.send(post())
    upstream = stage.answer(head)

    stays = client.protocol.eof_received()
    client.transport.lose()

    assert (stays, upstream.ended) == (False, "abort")
    assert [record.outcome for record in stage.records] == ["cancelled"]


def test_a_client_that_ends_before_it_is_answered_may_still_wait(stage, client):
    client.send(post())

    stays = client.protocol.eof_received()
    stage.loop.advance(12)
    stage.answer()

    assert stays
    assert client.received.count(CONTINUE) == 4  # at once, after 0.05 s, and then every 5 s
    assert client.statuses == [200]
    assert client.transport.ended == "close"


def test_an_answer_that_has_begun_is_not_spoiled_by_probes(stage, client):
    client.send(post())
    client.protocol.eof_received()
    upstream = stage.answer(BIG)

    stage.loop.advance(20)
    upstream.protocol.data_received(b"x" * 300_000)

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


# --- how it ends -----------------------------------------------------------------------------------


def test_a_body_that_breaks_off_without_framing_ends_with_a_reset(stage, client):
    client.send(post(version=b"1.0"))
    upstream = stage.answer(b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"\r\n3\r\nhel\r\n")

    upstream.lose(ConnectionResetError())

    assert client.transport.ended == "abort"
    assert client.transport.socket.options[0][2] == struct.pack("ii", 1, 0)


def test_a_body_that_breaks_off_with_framing_ends_with_a_fin(stage, client):
    client.send(post())
    upstream = stage.answer(BIG)

    upstream.lose(ConnectionResetError())

    assert (client.transport.ended, client.transport.is_finished) == (None, True)
    assert [record.outcome for record in stage.records] == ["truncated"]


def test_what_ends_already_is_not_ended_again(stage, client):
    client.send(post())
    upstream = stage.answer(BIG)
    client.transport.close()

    upstream.lose()

    assert (client.transport.ended, client.transport.is_finished) == ("close", False)


def test_a_client_that_never_takes_the_last_answer_does_not_stay_for_ever(stage, client):
    client.send(post({"model": "m1"}, b"Content-Length: 15\r\nConnection: close\r\n"))
    stage.answer()
    closing = client.transport.ended

    stage.loop.advance(60.2)

    assert (closing, client.transport.ended) == ("close", "abort")


def test_while_draining_the_connection_ends_with_its_answer(stage, client):
    client.send(post())
    stage.listener.is_draining = True

    stage.answer()

    assert b"connection: close\r\n" in client.received
    assert client.transport.ended == "close"


@pytest.mark.parametrize(
    ("sent", "is_idle"), [(b"", True), (b"\r\n", True), (b"GET", False), (post(), False)]
)
def test_it_is_idle_between_requests(client, sent, is_idle):
    if sent:
        client.send(sent)

    assert client.protocol.is_idle is is_idle


def test_a_request_for_the_pages_is_handed_over_with_all_that_came(stage, client):
    client.send(get(b"/") + b"more")

    stage.loop.advance(1000)

    assert stage.handed_over == [(client.transport, get(b"/") + b"more")]
    assert (client.transport.ended, stage.listener.connections) == (None, set())


def test_a_snapshots_limits_and_timeouts_count_from_the_next_request_on():
    stage = Stage(endpoint("here"), timeouts=Timeouts(header_s=3), limits=Limits(head_bytes=1000))
    client = stage.client()

    client.send(b"GET")
    stage.loop.advance(3.2)

    assert client.statuses == [408]
    assert "3 s" in client.error["message"]


# --- writes at the end of a turn -------------------------------------------------------------------


def test_an_answer_reaches_a_client_that_ends_in_the_same_turn(stage, client):
    stage.loop.is_lazy = True
    client.send(get(b"/health"))

    stays = client.protocol.eof_received()

    assert (stays, client.statuses) == (False, [200])


def test_many_requests_in_one_turn_do_not_fill_the_memory(stage, client):
    stage.loop.is_lazy = True
    client.transport.is_stuck = True

    client.send(get(b"/health") * 100_000)
    stage.loop.turn()

    assert len(client.received) < 100_000
    assert client.transport.is_reading_paused
