import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from multillama.dataplane.fast_lane import FastLane
from multillama.dataplane.outbox import Outbox
from multillama.dataplane.relay import EDGE_BYTES, Ahead
from multillama.dataplane.timers import NEVER
from multillama.dataplane.upstream import Upstream
from multillama.wire.events import BLANK_LINES
from tests.dataplane.parts import FakeTransport
from tests.dataplane.scene import CHUNKED, SSE, Scene, unchunked

EVENT = b'data: {"a":1}\n\n'


def framed(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


class Slow:
    """The connection that a lane stands in for."""

    def __init__(self):
        self.deadline = 5.0
        self.told = []

    def data_received(self, data):
        self.told.append(data)

    def eof_received(self):
        self.told.append("eof")
        return False

    def connection_lost(self, error):
        self.told.append(error)

    def pause_writing(self):
        self.told.append("pause")

    def resume_writing(self):
        self.told.append("resume")


class Answer:
    """What counts the bytes."""

    def __init__(self):
        self.answer_bytes, self.max_pieces, self.trims = 0, 2, 0
        self.ending = []
        self.client = FakeTransport(asyncio.Protocol())
        self.ahead = Ahead(self.client, Outbox(lambda callback: None))

    def trim(self):
        self.trims += 1


@pytest.fixture
def slow():
    return Slow()


@pytest.fixture
def answer():
    return Answer()


@pytest.fixture
def lane(slow, answer):
    lane = FastLane(slow, answer, lambda: 100.0, 30.0, BLANK_LINES)
    lane.is_clear = True
    return lane


def test_a_chunk_of_whole_events_goes_on_as_it_came(lane, slow, answer):
    lane.data_received(framed(EVENT))

    assert answer.client.written == [framed(EVENT)]
    assert (answer.ending, answer.answer_bytes) == ([EVENT], len(EVENT))
    assert (slow.told, slow.deadline) == ([], 130.0)


def test_while_the_client_is_waited_for_the_endpoint_is_not(lane, slow):
    slow.deadline = NEVER

    lane.data_received(framed(EVENT))

    assert slow.deadline == NEVER


@pytest.mark.parametrize(
    "segment",
    [
        framed(EVENT) * 2,
        framed(EVENT[:-1]),
        framed(EVENT)[:-1],
        framed(EVENT) + b"0\r\n\r\n",
        b"0\r\n\r\n",
        b"f;a=b\r\n" + EVENT + b"\r\n",
        b"0f\r\n" + EVENT + b"\r\n",
        b"F\r\n" + EVENT + b"\r\n",
        EVENT,
    ],
)
def test_what_looks_otherwise_goes_the_long_way(lane, slow, answer, segment):
    lane.data_received(segment)

    assert (slow.told, answer.client.written, answer.ending) == ([segment], [], [])


def test_in_the_midst_of_a_chunk_nothing_is_taken_for_one(lane, slow):
    lane.is_clear = False

    lane.data_received(framed(EVENT))

    assert slow.told == [framed(EVENT)]


def test_nothing_overtakes_what_waits_to_be_written(lane, slow, answer):
    answer.ahead.outbox.waiting.append((answer.client, b"first"))

    lane.data_received(framed(EVENT))

    assert (slow.told, answer.client.written) == ([framed(EVENT)], [])


def test_a_client_that_leaves_is_not_written_to(lane, slow, answer):
    answer.client.close()

    lane.data_received(framed(EVENT))

    assert (slow.told, answer.client.written) == ([framed(EVENT)], [])


def test_the_edges_of_the_answer_stay_short(lane, answer):
    for _ in range(answer.max_pieces):
        lane.data_received(framed(EVENT))
    few = answer.trims
    lane.data_received(framed(EVENT))
    many = answer.trims
    answer.ending.clear()
    lane.data_received(framed(b"x" * EDGE_BYTES + EVENT))

    assert (few, many, answer.trims) == (0, 1, 2)


def test_all_else_is_told_to_the_connection(lane, slow):
    assert lane.eof_received() is False
    lane.pause_writing()
    lane.resume_writing()
    lane.connection_lost(None)

    assert slow.told == ["eof", "pause", "resume", None]


def test_an_answer_takes_the_lane_and_gives_the_connection_back():
    scene = Scene()
    transport = scene.answer(SSE + CHUNKED, framed(EVENT))

    transport.protocol.data_received(framed(EVENT))
    during = transport.protocol
    transport.protocol.data_received(framed(EVENT))
    transport.protocol.data_received(framed(EVENT) + b"0\r\n\r\n")

    assert (type(during), type(transport.protocol)) == (FastLane, Upstream)
    assert unchunked(scene.client.body) == (EVENT * 4, True)
    assert (scene.attempt.is_over, scene.attempt.error) == (True, None)


def test_an_answer_that_breaks_off_in_the_lane_is_told_to():
    scene = Scene()
    transport = scene.answer(SSE + CHUNKED, framed(EVENT))
    transport.protocol.data_received(framed(EVENT))
    transport.protocol.data_received(framed(EVENT))

    transport.protocol.connection_lost(None)

    body, is_done = unchunked(scene.client.body)
    assert body.startswith(EVENT * 3)
    assert b'"endpoint_truncated"' in body
    assert (is_done, scene.attempt.why) == (True, "endpoint_truncated")


@pytest.mark.parametrize("blank", BLANK_LINES)
def test_each_blank_line_ends_an_event(lane, answer, blank):
    lane.data_received(framed(b"data: 1" + blank))

    assert answer.client.written == [framed(b"data: 1" + blank)]


def test_lines_are_events_where_each_is_one():
    scene = Scene()
    transport = scene.answer(
        b"Content-Type: application/x-ndjson\r\n" + CHUNKED, framed(b'{"a":1}\n')
    )
    transport.protocol.data_received(framed(b'{"a":2}\n'))

    transport.protocol.data_received(framed(b'{"a":3}\n'))

    assert type(transport.protocol) is FastLane
    assert scene.client.written[-1] == framed(b'{"a":3}\n')


def test_only_streams_take_the_lane():
    scene = Scene()

    transport = scene.answer(CHUNKED, framed(b'{"a":1}\n'))
    transport.protocol.data_received(framed(b'{"a":1}\n'))

    assert type(transport.protocol) is Upstream


@given(
    chunks=st.lists(st.sampled_from((EVENT, EVENT * 2, EVENT[:5], EVENT[5:], b"data: 2\r\n\r\n")), max_size=12),
    cuts=st.lists(st.integers(min_value=0, max_value=400), max_size=12),
    by_chunk=st.booleans(),
)  # fmt: skip
def test_the_client_gets_what_the_endpoint_sent_however_it_comes(chunks, cuts, by_chunk):
    scene = Scene()
    transport = scene.answer(SSE + CHUNKED, framed(EVENT))
    transport.protocol.data_received(framed(EVENT))
    segments = [framed(chunk) for chunk in chunks] + [b"0\r\n\r\n"]
    if not by_chunk:
        stream = b"".join(segments)
        at = [0, *sorted({cut for cut in cuts if 0 < cut < len(stream)}), len(stream)]
        segments = [stream[a:b] for a, b in pairwise(at)]

    for segment in segments:
        transport.protocol.data_received(segment)

    assert unchunked(scene.client.body) == (EVENT * 2 + b"".join(chunks), True)
    assert scene.relay.answer_bytes == len(EVENT * 2) + sum(map(len, chunks))
