from multillama.core.canonical import Stop, Text
from multillama.core.deltas import Close, Count, Delta, Finish, More, Open, Sign
from multillama.core.serial import Serial


def opened(part):
    return Open(part, Text(""))


def test_parts_in_turn_pass_as_they_are():
    events = [
        opened(0),
        Delta(0, "a"),
        Sign(0, "s"),
        Close(0),
        opened(1),
        More(1, "k", 1),
        Close(1),
        Finish(Stop.END),
    ]

    assert Serial().order(events) == events


def test_a_part_that_begins_meanwhile_waits_for_its_turn():
    serial = Serial()

    first = serial.order([opened(0), opened(1), Delta(1, "b"), Delta(0, "a")])
    then = serial.order([Close(0), Delta(1, "c")])
    last = serial.order([Close(1)])

    assert first == [opened(0), Delta(0, "a")]
    assert then == [Close(0), opened(1), Delta(1, "b"), Delta(1, "c")]
    assert last == [Close(1)]


def test_parts_that_are_whole_already_follow_one_after_another():
    serial = Serial()

    serial.order([opened(0), opened(1), Close(1), opened(2), Delta(2, "x")])
    ordered = serial.order([Close(0), Close(2)])

    assert ordered == [Close(0), opened(1), Close(1), opened(2), Delta(2, "x"), Close(2)]


def test_what_is_of_no_part_passes():
    events = [Finish(Stop.END), Count(None)]

    assert Serial().order(events) == events
