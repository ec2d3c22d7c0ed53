from hypothesis import given, strategies as st

from multillama.core.usage import Usage, read_usage
from multillama.dataplane.relay import EDGE_BYTES
from tests.dataplane.scene import CHUNKED, SSE, Scene

# the client's pace, and its leaving


def test_a_slow_client_pauses_the_endpoint_once_its_answer_has_begun():
    scene = Scene()
    scene.attempt.pause()
    scene.attempt.resume()
    transport = scene.answer(b"Content-Length: 5\r\n", b"he")

    scene.attempt.pause()
    paused = transport.is_reading_paused
    scene.attempt.resume()

    assert (paused, transport.is_reading_paused) == (True, False)


def test_before_the_answer_has_begun_there_is_nothing_to_pause():
    scene = Scene()
    transport = scene.connect()

    scene.attempt.pause()

    assert not transport.is_reading_paused


def test_when_all_is_over_nothing_is_paused_or_resumed():
    scene = Scene()
    transport = scene.answer(b"Content-Length: 2\r\n", b"ok")

    scene.attempt.pause()
    scene.attempt.resume()

    assert not transport.is_reading_paused


def test_a_client_that_leaves_ends_the_endpoints_work_at_once():
    scene = Scene()
    transport = scene.answer(CHUNKED, b"3\r\nhel\r\n")

    scene.attempt.cancel()
    scene.attempt.cancel()

    assert transport.ended == "abort"
    assert (scene.attempt.is_over, scene.attempt.error) == (True, None)
    assert (scene.endpoint.state.in_flight, len(scene.calls)) == (0, 1)


def test_a_client_that_leaves_ends_the_connecting():
    scene = Scene()

    scene.attempt.cancel()

    assert scene.pool.begun[0].is_cancelled
    assert scene.endpoint.state.in_flight == 0


def test_an_upload_is_told_when_the_endpoint_takes_bytes_again():
    scene = Scene(body=None)
    transport = scene.connect()
    transport.is_stuck = True
    scene.attempt.upstream.send_body(b"x" * 100_000, is_last=False)

    transport.drain()

    assert scene.calls == [(True, False)] * 2


# the books


@given(st.lists(st.integers(1, 3 * EDGE_BYTES), max_size=40), st.booleans())
def test_the_edges_of_an_answer_are_kept_and_no_more(sizes, is_stream):
    scene = Scene()
    transport = scene.answer(CHUNKED + (SSE if is_stream else b""))
    sent = b""
    for at, size in enumerate(sizes):
        piece = bytes([at % 256]) * size + b"\n\n"
        transport.protocol.data_received(b"%x\r\n%b\r\n" % (len(piece), piece))
        sent += piece

    attempt = scene.relay
    ending = b"".join(attempt.ending)
    assert attempt.answer_bytes == len(sent)
    assert sent.startswith(attempt.opening)
    assert sent.endswith(ending)
    assert len(attempt.opening) <= EDGE_BYTES
    assert min(EDGE_BYTES, len(sent)) <= len(ending) <= 17 * EDGE_BYTES
    if is_stream or len(sent) > len(ending):
        assert len(attempt.opening) == min(EDGE_BYTES, len(sent))


def test_usage_is_found_in_what_is_kept():
    scene = Scene()
    transport = scene.answer(CHUNKED + SSE)
    events = [
        b'data: {"message":{"usage":{"input_tokens":25,"output_tokens":1}}}\n\n',
        *[b"data: %b\n\n" % (b"x" * 500)] * 50,
        b'data: {"usage":{"output_tokens":15}}\n\n',
    ]

    for event in events:
        transport.protocol.data_received(b"%x\r\n%b\r\n" % (len(event), event))

    usage = read_usage(scene.relay.opening, b"".join(scene.relay.ending))
    assert usage == Usage(25, 15)


def test_a_long_stream_does_not_hold_its_prompt():
    scene = Scene(body=b"x" * 1_000_000)

    scene.answer(CHUNKED + SSE)

    assert (scene.attempt._request_head, scene.attempt._request_body) == (b"", b"")
