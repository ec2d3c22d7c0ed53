import json

import pytest

from tests.dataplane.scene import CHUNKED, SSE, Scene, unchunked
from tests.dataplane.stage import Stage, post

# heads


def test_the_endpoints_head_comes_back_with_our_ids_and_framing():
    scene = Scene()

    scene.answer(b"X-Ratelimit: 5\r\nContent-Length: 2\r\nContent-Type: a/b\r\n", b"ok")

    assert scene.client.written == [
        b"HTTP/1.1 200 OK\r\nX-Ratelimit: 5\r\nContent-Type: a/b\r\ndate: now\r\nx-request-id: r1\r\n"
        b"x-multillama-endpoint: here\r\nx-multillama-path: passthrough\r\ncontent-length: 2\r\n\r\nok"
    ]
    assert (scene.client.commits, scene.attempt.status, scene.relay.must_close) == (1, 200, False)


@pytest.mark.parametrize("name", [b"Date", b"date", b"DATE"])
def test_the_endpoints_date_stays_and_ours_is_not_added(name):
    scene = Scene()

    scene.answer(name + b": then\r\nContent-Length: 0\r\n")

    assert b"\r\n%b: then\r\n" % name in scene.client.head
    assert b"now" not in scene.client.head


def test_the_endpoints_request_id_keeps_its_name_and_ours_stands_beside():
    scene = Scene()

    scene.answer(b"x-request-id: theirs\r\nContent-Length: 0\r\n")

    assert scene.client.head.count(b"x-request-id") == 1
    assert b"\r\nx-request-id: theirs\r\n" in scene.client.head
    assert b"\r\nx-multillama-id: r1\r\n" in scene.client.head


@pytest.mark.parametrize(
    "lines", [b"", b"X-Accel-Buffering: no\r\n", b"x-accel-buffering: yes\r\n"]
)
def test_how_a_proxy_buffers_events_is_said_once_and_by_the_endpoint_if_it_says_it(lines):
    scene = Scene()

    scene.answer(lines + CHUNKED + SSE, b"9\r\ndata: a\n\n\r\n")

    assert scene.client.head.lower().count(b"x-accel-buffering") == 1
    assert (lines or b"x-accel-buffering: no\r\n") in scene.client.head


def test_an_error_of_the_endpoint_passes_untouched():
    scene = Scene()

    scene.answer(b"Retry-After: 1\r\nContent-Length: 2\r\n", b"no", status=b"429 Slow Down")

    assert scene.client.head.startswith(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\n")
    assert (scene.client.body, scene.attempt.error) == (b"no", None)


FIRST = {CHUNKED: b"2\r\n{}\r\n", b"": b"{}", CHUNKED + SSE: b"9\r\ndata: a\n\n\r\n"}
"""The first bytes of a body whose length is not told: before them the answer has not begun."""


@pytest.mark.parametrize(
    ("client", "lines", "status", "has", "must_close"),
    [
        # to HTTP/1.1
        ({}, b"Content-Length: 0\r\n", b"200 OK", b"content-length: 0\r\n", False),
        ({}, CHUNKED, b"200 OK", b"transfer-encoding: chunked\r\n", False),
        ({}, b"", b"200 OK", b"transfer-encoding: chunked\r\n", False),
        ({}, CHUNKED + SSE, b"200 OK", b"transfer-encoding: chunked\r\nx-accel-buffering: no\r\n", False),
        ({}, b"", b"204 No Content", b"", False),
        ({}, b"Content-Length: 0\r\n", b"204 No Content", b"", False),
        ({}, b"", b"304 Not Modified", b"", False),
        ({}, b"Content-Length: 9\r\n", b"304 Not Modified", b"content-length: 9\r\n", False),
        ({"stays": False}, b"", b"204 No Content", b"connection: close\r\n", True),
        # to HTTP/1.0
        ({"has_http_11": False}, b"Content-Length: 0\r\n", b"200 OK",
         b"content-length: 0\r\nconnection: keep-alive\r\n", False),
        ({"has_http_11": False}, CHUNKED, b"200 OK", b"connection: close\r\n", True),
        ({"has_http_11": False, "stays": False}, CHUNKED, b"200 OK", b"connection: close\r\n", True),
    ],
)  # fmt: skip
def test_framing_is_made_anew_for_each_client(client, lines, status, has, must_close):
    scene = Scene(**client)

    scene.answer(lines, FIRST.get(lines, b"") if status == b"200 OK" else b"", status=status)

    assert scene.client.head.endswith(
        b"\r\nx-multillama-endpoint: here\r\nx-multillama-path: passthrough\r\n" + has
    )
    assert scene.relay.must_close is must_close


# bodies


def test_every_event_goes_on_the_moment_it_is_whole():
    scene = Scene()
    transport = scene.answer(CHUNKED + SSE)

    for piece in (
        b"5\r\ndata:\r\n",
        b"2\r\n a",
        b"\r\n",
        b"6\r\n\n\ndata\r\n",
        b"4\r\n: b\n\r\n0\r\n\r\n",
    ):
        transport.protocol.data_received(piece)

    first, second = scene.client.written
    assert first.endswith(b"\r\n\r\n9\r\ndata: a\n\n\r\n")  # with the head
    assert second == b"8\r\ndata: b\n\r\n0\r\n\r\n"
    assert scene.attempt.is_over
    assert unchunked(scene.client.body) == (b"data: a\n\ndata: b\n", True)


def test_what_is_held_back_goes_with_an_end_that_brings_nothing():
    scene = Scene()
    transport = scene.answer(CHUNKED + SSE, b"7\r\ndata: a\r\n")

    transport.protocol.data_received(b"0\r\n\r\n")

    assert unchunked(scene.client.body) == (b"data: a", True)
    assert scene.relay.answer_bytes == 7


@pytest.mark.parametrize(
    "lines", [b"Content-Length: 9\r\n", CHUNKED + b"content-encoding: gzip\r\n"]
)
def test_nothing_is_held_back_where_no_event_of_ours_could_follow(lines):
    scene = Scene()

    scene.answer(lines + SSE, b"3\r\nhel\r\n")

    assert b"hel" in scene.client.body


def test_a_compressed_stream_that_breaks_off_gets_no_event_it_could_not_read():
    scene = Scene()
    transport = scene.answer(CHUNKED + SSE + b"Content-Encoding: gzip\r\n", b"3\r\nhel\r\n")

    transport.lose()

    assert (scene.client.body, scene.client.hung_up) == (b"3\r\nhel\r\n", "soft")


def test_half_an_event_is_dropped_before_the_error():
    scene = Scene()
    transport = scene.answer(CHUNKED + SSE, b'12\r\ndata: a\n\ndata: {"h\r\n')

    transport.lose()

    body, is_whole = unchunked(scene.client.body)
    assert is_whole
    assert body.startswith(b'data: a\n\n\n\ndata: {"error":')
    assert scene.relay.answer_bytes == 9


def test_events_that_come_together_leave_in_one_write():
    scene = Scene()
    transport = scene.answer(CHUNKED + SSE)

    transport.protocol.data_received(b"3\r\na\n\n\r\n3\r\nb\n\n\r\n")
    transport.protocol.data_received(b"3\r\nc\n\n\r\n")

    first, second = scene.client.written
    assert first.endswith(b"\r\n\r\n6\r\na\n\nb\n\n\r\n")  # with the head
    assert second == b"3\r\nc\n\n\r\n"


def test_an_answer_in_one_segment_leaves_in_one_write():
    scene = Scene()

    scene.answer(CHUNKED, b"2\r\nok\r\n0\r\n\r\n")

    assert len(scene.client.written) == 1
    assert scene.client.body == b"2\r\nok\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("lines", "body"), [(CHUNKED, b"0\r\n\r\n"), (b"Content-Length: 0\r\n", b"")]
)
def test_an_empty_body_is_whole(lines, body):
    scene = Scene()

    scene.answer(lines, b"0\r\n\r\n" if lines == CHUNKED else b"")

    assert (scene.client.body, scene.attempt.is_over) == (body, True)


def test_the_head_of_a_slow_answer_goes_with_its_first_byte():
    scene = Scene()

    transport = scene.answer(b"Content-Length: 5\r\n")
    before = list(scene.client.written)
    transport.protocol.data_received(b"h")

    assert before == []
    assert scene.client.written[0].endswith(b"content-length: 5\r\n\r\nh")
    assert not scene.attempt.is_over


def test_a_body_without_length_is_chunked_for_http_11():
    scene = Scene()
    transport = scene.answer(b"", b"hel")

    transport.protocol.data_received(b"lo")
    transport.lose()

    assert unchunked(scene.client.body) == (b"hello", True)
    assert (scene.attempt.is_over, scene.attempt.error) == (True, None)


def test_a_body_without_length_ends_with_the_connection_for_http_10():
    scene = Scene(has_http_11=False)
    transport = scene.answer(CHUNKED, b"3\r\nhel\r\n")

    transport.protocol.data_received(b"2\r\nlo\r\n0\r\n\r\n")

    assert (scene.client.body, scene.relay.must_close) == (b"hello", True)


def test_in_flight_counts_what_is_not_over():
    scene = Scene()
    transport = scene.answer(b"Content-Length: 2\r\n", b"o")
    before = scene.endpoint.state.in_flight

    transport.protocol.data_received(b"k")

    assert (before, scene.endpoint.state.in_flight) == (1, 0)
    assert scene.calls == [(True, True)]


# what breaks off after the first byte


@pytest.mark.parametrize("dialect", ["openai.chat", "anthropic.messages"])
def test_a_stream_that_breaks_off_ends_with_an_error_in_the_clients_dialect(dialect):
    scene = Scene(dialect=dialect)
    transport = scene.answer(CHUNKED + SSE, b"9\r\ndata: a\n\n\r\n")

    transport.lose(ConnectionResetError())

    body, is_whole = unchunked(scene.client.body)
    last = body.decode().strip().split("\n\n")[-1]
    told = json.loads(last.split("data: ")[1])
    assert is_whole
    assert told["error"]["code"] == "endpoint_truncated"
    assert told["error"]["origin"] == "endpoint:here"
    assert ("event: error\n" in last) is (dialect == "anthropic.messages")
    assert b"[DONE]" not in body
    assert (scene.client.hung_up, scene.relay.must_close) == (None, False)


def test_a_stream_to_http_10_gets_the_error_too_and_ends_with_the_connection():
    scene = Scene(has_http_11=False)
    transport = scene.answer(CHUNKED + SSE, b"9\r\ndata: a\n\n\r\n")

    transport.lose()

    assert b'"code":"endpoint_truncated"' in scene.client.body
    assert (scene.client.hung_up, scene.relay.must_close) == (None, True)


@pytest.mark.parametrize(
    ("client", "lines", "body", "how"),
    [
        # A body that lacks its end cannot be taken for whole ...
        ({}, b"Content-Length: 9\r\n", b"hel", "soft"),
        ({}, SSE + b"Content-Length: 9\r\n", b"hel", "soft"),
        ({}, CHUNKED, b"3\r\nhel\r\n", "soft"),
        ({"has_http_11": False}, b"Content-Length: 9\r\n", b"hel", "soft"),
        # ... unless nothing but the end of the connection tells its end.
        ({"has_http_11": False}, CHUNKED, b"3\r\nhel\r\n", "hard"),
    ],
)
def test_a_body_that_breaks_off_breaks_off_for_the_client(client, lines, body, how):
    scene = Scene(**client)
    transport = scene.answer(lines, body)

    transport.lose(ConnectionResetError())

    assert scene.client.hung_up == how
    assert scene.client.body in (b"hel", b"3\r\nhel\r\n")
    assert (scene.relay.must_close, scene.attempt.error.kind) == (True, "endpoint_truncated")


def test_nothing_is_tried_anew_after_the_first_byte():
    scene = Scene()
    scene.answer(b"Content-Length: 2\r\n", b"ok")
    second = scene.make()
    transport = scene.pool.transports[0]
    transport.protocol.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")

    transport.lose()

    assert (second.error.kind, scene.pool.waiting) == ("endpoint_truncated", [])


def test_an_anthropic_client_finds_our_id_where_it_looks_for_one():
    stage = Stage()
    client = stage.client()
    client.send(post(target=b"/v1/messages"))

    stage.answer()

    assert b"x-request-id: r1\r\nrequest-id: r1\r\n" in client.received


def test_the_id_of_anthropic_itself_stays_alone():
    stage = Stage()
    client = stage.client()
    client.send(post(target=b"/v1/messages"))

    stage.answer(b"HTTP/1.1 200 OK\r\nRequest-Id: req_1\r\nContent-Length: 2\r\n\r\nok")

    assert client.received.lower().count(b"\nrequest-id:") == 1


def test_an_error_of_ours_has_both_ids_for_an_anthropic_client():
    stage = Stage()
    client = stage.client()
    client.send(post({"model": "nobody"}, target=b"/v1/messages"))

    assert b"x-request-id: r1\r\nrequest-id: r1\r\n" in client.received
