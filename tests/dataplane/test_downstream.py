import struct

import pytest

from multillama.core.snapshot import Limits, Timeouts
from multillama.dataplane.request import MAX_WAITING_BYTES
from tests.core.samples import endpoint
from tests.dataplane.stage import CONTINUE, Stage, get, post

FORM = b"Content-Type: multipart/form-data; boundary=b0\r\n"
PART = b'--b0\r\nContent-Disposition: form-data; name="model"\r\n\r\nm1\r\n--b0\r\n\r\n'
UPLOAD = b"/v1/audio/transcriptions"
BIG = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


# requests and answers


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


# what is no request


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


# bodies


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


# how it ends


def test_a_body_that_breaks_off_without_framing_ends_with_a_reset(stage, client):
    client.send(post(version=b"1.0"))
    upstream = stage.answer(b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"\r\n3\r\nhel\r\n")

    upstream.lose(ConnectionResetError())

    assert client.transport.ended == "abort"
    assert client.transport.socket.options[0][2] == struct.pack("ii", 1, 0)


def test_a_body_that_breaks_off_with_framing_ends_with_a_fin(stage, client):
    client.send(post())
    upstream = stage.answer(BIG + b"x")

    upstream.lose(ConnectionResetError())

    assert (client.transport.ended, client.transport.is_finished) == (None, True)
    assert [record.outcome for record in stage.records] == ["truncated"]


def test_what_ends_already_is_not_ended_again(stage, client):
    client.send(post())
    upstream = stage.answer(BIG + b"x")
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


# writes at the end of a turn


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


def test_a_body_that_drips_is_cut(stage, client):
    stage.listener.now = stage.loop.time
    client.send(post(b"", b"Content-Length: 1000\r\n"))

    for _ in range(15):
        stage.loop.advance(1)
        client.send(b" ")

    assert client.statuses == [408]
    assert client.error["message"] == (
        "The request body comes too slowly: less than 500 bytes a second."
    )


def test_a_slow_body_that_keeps_the_least_pace_is_read(stage, client):
    stage.listener.now = stage.loop.time
    body = b'{"model":"m1","x":"%b"}' % (b"y" * 20_000)
    raw = post(body)

    for at in range(0, len(raw), 600):
        client.send(raw[at : at + 600])
        stage.loop.advance(1)
    stage.answer()

    assert client.statuses == [200]
