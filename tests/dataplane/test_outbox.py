import pytest

from multillama.dataplane.outbox import MAX_WAITING, Outbox
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


def test_nothing_is_written_before_the_end_of_the_turn(outbox, soon, transports):
    outbox.write(transports[0], b"a")
    outbox.write(transports[1], b"b")
    outbox.write(transports[0], b"c")
    before = [transport.written for transport in transports]

    assert before == [[], []]
    assert len(soon) == 1
    soon.pop()()
    assert [transport.written for transport in transports] == [[b"a", b"c"], [b"b"]]


def test_the_next_turn_has_its_own_end(outbox, soon, transports):
    outbox.write(transports[0], b"a")
    soon.pop()()

    outbox.write(transports[0], b"b")
    soon.pop()()

    assert transports[0].sent == b"ab"


def test_who_cannot_wait_writes_now_and_nothing_is_written_twice(outbox, soon, transports):
    outbox.write(transports[0], b"a")

    outbox.flush()
    flushed = transports[0].sent
    soon.pop()()

    assert (flushed, transports[0].sent) == (b"a", b"a")


def test_what_is_closed_meanwhile_is_not_written_to(outbox, soon, transports):
    outbox.write(transports[0], b"a")
    outbox.write(transports[1], b"b")
    transports[0].abort()

    soon.pop()()

    assert [transport.written for transport in transports] == [[], [b"b"]]


def test_a_write_while_writing_is_for_the_next_turn(outbox, soon, transports):
    first, second = transports
    first.is_stuck, first.high = True, 0
    first.protocol = type("Paused", (), {"pause_writing": lambda _: outbox.write(second, b"b")})()
    outbox.write(first, b"a")

    soon.pop(0)()
    between = second.sent
    soon.pop(0)()

    assert (first.sent, between, second.sent) == (b"a", b"", b"b")


def test_many_writes_do_not_wait_for_the_end(outbox, soon, transports):
    for _ in range(MAX_WAITING):
        outbox.write(transports[0], b"a")

    assert transports[0].sent == b"a" * MAX_WAITING
    for callback in soon:
        callback()
    assert transports[0].sent == b"a" * MAX_WAITING
