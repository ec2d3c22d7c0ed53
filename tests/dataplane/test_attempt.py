import pytest

from tests.dataplane.scene import CHUNKED, HEAD, SSE, Scene

# the way there


def test_the_request_is_sent_once_a_connection_is_there():
    scene = Scene()
    before = (scene.attempt.is_sent, scene.endpoint.state.in_flight)

    transport = scene.connect()

    assert before == (False, 1)
    assert (transport.sent, scene.attempt.is_sent, scene.calls) == (HEAD + b"{}", True, [])


def test_an_idle_connection_is_used_again():
    scene = Scene()
    scene.answer(b"Content-Length: 2\r\n", b"ok")

    second = scene.make()

    assert second.is_sent
    assert scene.pool.waiting == []
    assert scene.pool.transports[0].sent == 2 * (HEAD + b"{}")


def test_an_upload_never_meets_a_connection_that_may_be_dead():
    scene = Scene()
    scene.answer(b"Content-Length: 2\r\n", b"ok")
    scene.body = None

    upload = scene.make()
    scene.connect()

    assert upload.is_sent
    assert [transport.sent for transport in scene.pool.transports] == [HEAD + b"{}", HEAD]
    assert scene.calls[1:] == [(True, False)]  # told, so that the body may follow


def test_no_connection_is_a_failure_and_commits_nothing():
    scene = Scene()

    scene.pool.waiting[0].fail("connect_timeout")

    assert scene.attempt.error.kind == "connect_timeout"
    assert (scene.attempt.is_over, scene.relay.is_begun) == (True, False)
    assert (scene.calls, scene.endpoint.state.in_flight) == ([(False, True)], 0)
    assert (scene.client.commits, scene.client.written) == (0, [])


def test_a_connection_that_died_idle_is_made_anew_once_and_nobody_notices():
    scene = Scene()
    transport = scene.answer(b"Content-Length: 2\r\n", b"ok")
    second = scene.make()

    transport.lose()
    fresh = scene.connect()

    assert (fresh.sent, second.is_over, second.error) == (HEAD + b"{}", False, None)
    assert scene.endpoint.state.in_flight == 1


def test_a_fresh_connection_that_ends_without_an_answer_is_a_failure():
    scene = Scene()

    scene.connect().lose()

    assert scene.attempt.error.kind == "endpoint_closed"
    assert scene.pool.waiting == []


def test_it_is_not_made_anew_a_second_time():
    scene = Scene()
    first = scene.answer(b"Content-Length: 2\r\n", b"ok")
    second = scene.make()
    first.lose()
    scene.connect()
    second.upstream.is_reused = True  # as if another had died in the pool

    scene.pool.transports[1].lose()

    assert second.error.kind == "endpoint_closed"


@pytest.mark.parametrize("lines", [CHUNKED, CHUNKED + SSE, b"Content-Length: 0\r\n"])
def test_an_empty_200_is_no_answer_by_any_framing(lines):
    scene = Scene()
    attempt = scene.attempt
    attempt._on_over = lambda: None

    scene.answer(lines, b"0\r\n\r\n" if CHUNKED in lines else b"")

    assert (attempt.cause, attempt.is_over, attempt.has_begun) == ("empty", True, False)
    assert scene.client.written == []


def test_a_body_of_unknown_length_begins_with_its_first_byte():
    scene = Scene()

    transport = scene.answer(CHUNKED)
    before = scene.client.commits
    transport.protocol.data_received(b"2\r\n{}\r\n")

    assert (before, scene.client.commits) == (0, 1)
    assert (scene.client.body, scene.attempt.is_over) == (b"2\r\n{}\r\n", False)
