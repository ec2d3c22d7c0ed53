import pytest

from multillama.dataplane.outbox import LARGE_BYTES, MAX_WAITING, Outbox
from tests.dataplane.parts import FakeTransport


@pytest.fixture
def soon():
    return []


@pytest.fixture
def outbox(soon):
    return Outbox(soon.append)


@pytest.fixture
def transports():
    return [FakeTransport(None), FakeTransport(None)]


@pytest.fixture
def busy(outbox, soon):
    """The outbox after a turn with two writes: the next one is gathered from its first write on."""
    for transport in (FakeTransport(None), FakeTransport(None)):
        outbox.write(transport, b"x")
    soon.pop()()
    return outbox


def test_in_a_busy_time_nothing_is_written_before_the_end_of_the_turn(busy, soon, transports):
    busy.write(transports[0], b"a")
    busy.write(transports[1], b"b")
    busy.write(transports[0], b"c")
    before = [transport.written.copy() for transport in transports]

    assert before == [[], []]
    assert len(soon) == 1
    soon.pop()()
    assert [transport.written for transport in transports] == [[b"a", b"c"], [b"b"]]


def test_with_one_write_a_turn_each_is_made_at_once(outbox, soon, transports):
    outbox.write(transports[0], b"a")
    first = transports[0].sent
    soon.pop()()

    outbox.write(transports[0], b"b")

    assert (first, transports[0].sent) == (b"a", b"ab")


def test_a_second_write_of_a_turn_waits_for_its_end(outbox, soon, transports):
    outbox.write(transports[0], b"a")
    outbox.write(transports[0], b"b")
    before = transports[0].sent
    soon.pop()()

    assert (before, transports[0].sent) == (b"a", b"ab")


def test_a_busy_time_is_over_after_a_turn_with_one_write(busy, soon, transports):
    busy.write(transports[0], b"a")
    gathered = transports[0].sent
    soon.pop()()

    busy.write(transports[0], b"b")

    assert (gathered, transports[0].sent) == (b"", b"ab")


def test_a_large_write_is_made_at_once_and_in_order(busy, soon, transports):
    large = b"x" * (LARGE_BYTES + 1)
    busy.write(transports[0], b"a")

    busy.write(transports[0], large)

    assert transports[0].sent == b"a" + large
    soon.pop()()
    assert transports[0].sent == b"a" + large


def test_who_cannot_wait_writes_now_and_nothing_is_written_twice(busy, soon, transports):
    busy.write(transports[0], b"a")

    busy.flush()
    flushed = transports[0].sent
    soon.pop()()

    assert (flushed, transports[0].sent) == (b"a", b"a")


@pytest.mark.parametrize("data", [b"a", b"a" * (LARGE_BYTES + 1)])
def test_what_is_closed_is_not_written_to(outbox, transports, data):
    transports[0].abort()

    outbox.write(transports[0], data)

    assert transports[0].written == []


def test_what_is_closed_meanwhile_is_not_written_to(busy, soon, transports):
    busy.write(transports[0], b"a")
    busy.write(transports[1], b"b")
    transports[0].abort()

    soon.pop()()

    assert [transport.written for transport in transports] == [[], [b"b"]]


def test_a_write_while_writing_is_for_the_next_turn(busy, soon, transports):
    first, second = transports
    first.is_stuck, first.high = True, 0
    first.protocol = type("Paused", (), {"pause_writing": lambda _: busy.write(second, b"b")})()
    busy.write(first, b"a")
    busy.write(first, b"c")

    soon.pop(0)()
    between = second.sent
    soon.pop(0)()

    assert (first.sent, between, second.sent) == (b"ac", b"", b"b")


def test_many_writes_do_not_wait_for_the_end(busy, soon, transports):
    for _ in range(MAX_WAITING):
        busy.write(transports[0], b"a")

    assert transports[0].sent == b"a" * MAX_WAITING
    for callback in soon:
        callback()
    assert transports[0].sent == b"a" * MAX_WAITING


def test_pieces_are_written_at_once_where_there_is_nothing_to_gather(outbox, transports):
    outbox.write_pieces(transports[0], (b"b", b"c"))

    assert transports[0].sent == b"bc"


def test_pieces_wait_in_a_busy_time_and_are_written_after_what_waits(busy, soon, transports):
    busy.write(transports[0], b"a")
    busy.write_pieces(transports[0], (b"b", b"c"))
    before = transports[0].sent

    soon.pop()()

    assert (before, transports[0].sent) == (b"", b"abc")


def test_pieces_alone_make_a_time_busy(outbox, soon, transports):
    for transport in transports:
        outbox.write_pieces(transport, (b"a", b"b"))
    soon.pop()()

    outbox.write_pieces(transports[0], (b"c", b"d"))

    assert [transport.sent for transport in transports] == [b"ab", b"ab"]


def test_many_pieces_do_not_wait_for_the_end(busy, transports):
    for _ in range(MAX_WAITING):
        busy.write_pieces(transports[0], (b"a", b"b"))

    assert transports[0].sent == b"ab" * MAX_WAITING


def test_pieces_for_a_transport_that_closes_are_dropped(outbox, transports):
    transports[0].close()

    outbox.write_pieces(transports[0], (b"b", b"c"))

    assert transports[0].sent == b""
