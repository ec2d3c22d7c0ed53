import pytest

from multillama.dataplane.timers import NEVER
from tests.dataplane.answering import OK, STREAM, ask, connection
from tests.dataplane.parts import FakeLoop


@pytest.fixture
def loop():
    return FakeLoop()


@pytest.fixture
def upstream(loop):
    return connection(loop)


def test_silence_before_the_answer_has_an_end(upstream, loop):
    answer = ask(upstream)

    loop.advance(19.9)
    before = answer.told.copy()
    loop.advance(0.3)

    assert (before, answer.told) == ([], ["lost first_byte_timeout"])
    assert "20 s" in answer.error.text


def test_part_of_a_head_is_no_first_byte_yet(upstream, loop):
    answer = ask(upstream)
    upstream.data_received(OK[:20])

    loop.advance(20.2)

    assert answer.told == ["lost first_byte_timeout"]


def test_silence_within_the_answer_has_an_end(upstream, loop):
    answer = ask(upstream)
    upstream.data_received(STREAM)
    for _ in range(10):
        loop.advance(4.9)
        upstream.data_received(b"2\r\nab\r\n")

    loop.advance(5.2)

    assert answer.told[-1] == "lost idle_timeout"
    assert answer.body == b"ab" * 10


def test_while_the_client_is_slow_the_endpoint_is_not_to_blame(upstream, loop):
    answer = ask(upstream)
    upstream.data_received(STREAM)

    upstream.pause()
    loop.advance(100)
    paused = (upstream.transport.is_reading_paused, answer.told[-1])
    upstream.resume()
    loop.advance(5.2)

    assert paused == (True, "data")
    assert not upstream.transport.is_reading_paused
    assert answer.told[-1] == "lost idle_timeout"


def test_a_client_that_pauses_while_it_is_told_stays_paused(upstream, loop):
    answer = ask(upstream)
    answer.on_data = lambda parts, is_last: upstream.pause()

    upstream.data_received(STREAM + b"2\r\nab\r\n")
    loop.advance(100)

    assert answer.told == ["head 200"]


def test_a_closed_connection_is_neither_paused_nor_resumed(upstream):
    ask(upstream)
    upstream.abort()

    upstream.pause()
    upstream.resume()

    assert not upstream.transport.is_reading_paused


@pytest.mark.parametrize("how", ["whole", "in pieces", "in a last piece"])
def test_an_endpoint_that_takes_no_bytes_is_given_up(upstream, loop, how):
    upstream.transport.is_stuck = True
    answer = ask(upstream, b"x" * 300_000 if how == "whole" else None)
    if how != "whole":
        upstream.send_body(b"x" * 300_000, is_last=how == "in a last piece")

    loop.advance(2.9)
    before = answer.told.copy()
    loop.advance(0.3)

    assert (before, answer.told) == ([], ["lost send_timeout"])
    assert "3 s" in answer.error.text


def test_an_endpoint_that_takes_bytes_slowly_is_not_given_up(upstream, loop):
    upstream.transport.is_stuck = True
    answer = ask(upstream, b"x" * 10_000_000)

    for left in range(9, 0, -1):
        upstream.transport.drain(left * 1_000_000)
        loop.advance(2.9)
    told = answer.told.copy()
    loop.advance(6.2)

    assert (told, answer.told) == ([], ["lost send_timeout"])


def test_once_the_request_is_taken_the_wait_for_the_answer_begins(upstream, loop):
    upstream.transport.is_stuck = True
    answer = ask(upstream, b"x" * 300_000)
    paused = upstream.is_paused

    upstream.transport.drain()
    loop.advance(19.9)
    before = answer.told.copy()
    loop.advance(0.3)

    assert (paused, before) == (True, ["writable"])
    assert answer.told == ["writable", "lost first_byte_timeout"]


def test_bytes_taken_after_the_answer_is_over_concern_nobody(upstream):
    upstream.transport.is_stuck = True
    answer = ask(upstream, None)
    upstream.send_body(b"x" * 300_000, is_last=False)
    upstream.data_received(OK)

    upstream.transport.drain()

    assert (answer.told, upstream.deadline) == (["head 200", "last"], NEVER)


def test_an_idle_connection_is_closed_in_time(upstream, loop):
    ask(upstream)
    upstream.data_received(OK)

    loop.advance(49.9)
    before = upstream.transport.ended
    loop.advance(0.3)

    assert (before, upstream.transport.ended) == (None, "abort")
