import pytest
from hypothesis import given, strategies as st

from multillama.dataplane.timers import NEVER, TICK_S
from tests.dataplane.parts import Alarm, FakeLoop

LATEST_S = 2 * TICK_S + 0.001


@pytest.fixture
def loop():
    return FakeLoop()


@pytest.fixture
def timers(loop):
    return loop.timers()


@pytest.mark.parametrize("delay_s", [0, 0.001, TICK_S, 0.3, 1.0, 59.99])
def test_a_deadline_is_met_never_early_and_at_most_two_ticks_late(loop, timers, delay_s):
    alarm = Alarm()
    timers.arm(alarm, delay_s)

    loop.advance(delay_s - 0.001)
    early = alarm.rung
    loop.advance(LATEST_S)

    assert (early, alarm.rung, alarm.deadline) == (0, 1, NEVER)


def test_it_is_met_once(loop, timers):
    alarm = Alarm()
    timers.arm(alarm, 0.1)

    loop.advance(10)

    assert alarm.rung == 1


def test_a_deadline_moved_later_is_met_later(loop, timers):
    alarm = Alarm()
    for _ in range(100):
        timers.arm(alarm, 1.0)
        loop.advance(0.5)

    before = alarm.rung
    loop.advance(0.5 + LATEST_S)

    assert (before, alarm.rung) == (0, 1)


def test_a_deadline_moved_sooner_is_met_sooner(loop, timers):
    alarm = Alarm()
    timers.arm(alarm, 60.0)

    timers.arm(alarm, 0.2)
    loop.advance(0.2 + LATEST_S)

    assert alarm.rung == 1


def test_moving_a_deadline_later_touches_the_wheel_once_a_turn_and_not_each_time(loop, timers):
    alarm = Alarm()
    timers.arm(alarm, 10.0)
    watched = alarm.watched

    for _ in range(1000):
        timers.arm(alarm, 10.0 + TICK_S)

    assert alarm.watched == watched


def test_a_deadline_set_to_never_is_not_met(loop, timers):
    alarm = Alarm()
    timers.arm(alarm, 0.1)

    alarm.deadline = NEVER
    loop.advance(1)

    assert alarm.rung == 0


def test_what_is_forgotten_is_not_called_and_may_be_armed_again(loop, timers):
    alarm = Alarm()
    timers.arm(alarm, 0.1)

    timers.forget(alarm)
    timers.forget(alarm)
    loop.advance(1)
    forgotten = alarm.rung
    timers.arm(alarm, 0.1)
    loop.advance(1)

    assert (forgotten, alarm.rung) == (0, 1)


def test_one_that_rings_may_forget_its_neighbour(loop, timers):
    second = Alarm()
    first = Alarm(lambda: timers.forget(second))
    timers.arm(first, 0.1)
    timers.arm(second, 0.1)

    loop.advance(1)

    assert (first.rung, second.rung) == (1, 0)


def test_one_that_rings_may_be_armed_again_at_once(loop, timers):
    alarm = Alarm()
    alarm._then = lambda: timers.arm(alarm, 1.0) if alarm.rung < 3 else None
    timers.arm(alarm, 1.0)

    loop.advance(10)

    assert alarm.rung == 3


def test_a_slow_callback_makes_nobody_miss_a_deadline(loop, timers):
    late, next_one = Alarm(), Alarm()

    def block():
        loop.now += 0.5  # longer than `late` had left
        timers.arm(next_one, 5.0)

    timers.arm(Alarm(block), 0.1)
    timers.arm(late, 0.4)

    loop.advance(1.0)
    rung = late.rung
    loop.advance(5.0)

    assert (rung, next_one.rung) == (1, 1)


def test_one_that_fails_does_not_stop_the_wheel(loop, timers):
    def fail():
        raise ValueError("a bug")

    later = Alarm()
    timers.arm(Alarm(fail), 0.1)
    timers.arm(later, 1.0)

    with pytest.raises(ValueError, match="a bug"):
        loop.advance(0.3)
    loop.advance(1.0)

    assert later.rung == 1


def test_after_a_long_sleep_everything_due_is_called_in_order(loop, timers):
    order = []
    for delay_s in (3.0, 1.0, 2.0, 90.0):
        timers.arm(Alarm(lambda delay_s=delay_s: order.append(delay_s)), delay_s)

    loop.now += 60
    loop.advance(0)

    assert order == [1.0, 2.0, 3.0]


def test_an_empty_wheel_stands_still(loop, timers):
    timers.arm(Alarm(), 0.1)

    loop.advance(1)

    assert loop.calls == []


def test_a_closed_wheel_calls_nobody(loop, timers):
    alarm = Alarm()
    timers.arm(alarm, 0.1)

    timers.close()
    timers.close()
    loop.advance(1)

    assert alarm.rung == 0


STEPS = st.lists(
    st.tuples(st.sampled_from(["arm", "forget", "pass"]), st.integers(0, 3), st.floats(0, 3)),
    max_size=40,
)


@given(STEPS)
def test_whatever_is_armed_moved_and_forgotten_each_is_called_in_its_time(steps):
    loop = FakeLoop()
    timers = loop.timers()
    alarms = [Alarm() for _ in range(4)]
    wanted: dict[int, float] = {}
    for step, which, seconds in steps:
        rung = [alarm.rung for alarm in alarms]
        if step == "arm":
            timers.arm(alarms[which], seconds)
            wanted[which] = loop.now + seconds
        elif step == "forget":
            timers.forget(alarms[which])
            wanted.pop(which, None)
        else:
            loop.advance(seconds)
            for at, alarm in enumerate(alarms):
                if alarm.rung > rung[at]:
                    assert alarm.rung == rung[at] + 1
                    assert wanted.pop(at) <= loop.now
                elif at in wanted:
                    assert loop.now < wanted[at] + LATEST_S
