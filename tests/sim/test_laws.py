"""Each law bites: a data plane with one rule broken is found by some schedule."""

import random

import msgspec
import pytest

from multillama.core import routing
from multillama.core.breaker import Breaker
from multillama.core.budget import RetryBudget
from multillama.core.queue import WaitQueue
from multillama.core.retry import Action, Step
from multillama.core.snapshot import Route
from multillama.core.stitch import ChunkStitcher
from multillama.dataplane import attempts, places, resuming
from multillama.dataplane.attempt import Attempt
from multillama.dataplane.exchange import Exchange
from multillama.dataplane.timers import NEVER, Timers
from tests.sim import test_schedules as draws
from tests.sim.laws import ALWAYS, everybody_is_served
from tests.sim.schedule import offences, prove, shrink

ENOUGH = 150
"""Schedules that each break is looked for in."""


def around(monkeypatch, owner, name, change):
    """Replaces a function by one that is given the old one first."""
    old = getattr(owner, name)
    monkeypatch.setattr(owner, name, lambda *args, **more: change(old, *args, **more))


def forget_to_count_down(monkeypatch):
    def end(old, attempt):
        if not attempt.is_over:
            attempt.target_endpoint.state.in_flight += 1
        old(attempt)

    around(monkeypatch, Attempt, "_end", end)


def begin_anew(monkeypatch):
    monkeypatch.setattr(resuming, "continuation_body", lambda body, partial, how: body)


def let_it_leave(monkeypatch):
    def sift(old, route, asked, allows):
        policy = msgspec.structs.replace(route.policy, local_only=False)
        asked.wishes = asked.wishes._replace(local_only=False)
        return old(Route(route.targets, policy), asked, allows)

    around(monkeypatch, routing, "_sift", sift)


def spend_without_end(monkeypatch):
    monkeypatch.setattr(RetryBudget, "take", lambda self, policy, now: True)


def overfill(monkeypatch):
    monkeypatch.setattr(attempts, "has_place", lambda endpoint: True)


def drop_the_body(monkeypatch):
    monkeypatch.setattr(Exchange, "keeps_body", property(lambda self: False, lambda self, _: None))


def stay_open(monkeypatch):
    def open_it(old, breaker, state, *args, **more):
        old(breaker, state, *args, **more)
        state.until = NEVER

    around(monkeypatch, Breaker, "_open_it", open_it)


def let_the_loser_run(monkeypatch):
    monkeypatch.setattr(Attempt, "stop", lambda self: None)


def begin_again_after_the_first_byte(monkeypatch):
    async def again(self, broken):
        await self.watch(self.begin(broken.target, "next"))

    monkeypatch.setattr(attempts, "continue_elsewhere", again)


def count_twice(monkeypatch):
    monkeypatch.setattr(ChunkStitcher, "_total", lambda self, usage: usage)


def record_twice(monkeypatch):
    def record(old, *args, **more):
        old(*args, **more)
        old(*args, **more)

    around(monkeypatch, Exchange, "_record", record)


def ignore_the_deadline(monkeypatch):
    def init(old, self, *args):
        old(self, *args)
        self._deadline = NEVER

    around(monkeypatch, attempts.Attempts, "__init__", init)


def give_up_at_once(monkeypatch):
    stop = Action(Step.STOP, "gave up")
    monkeypatch.setattr(attempts, "decide", lambda *args, **more: stop)


def leave_the_alarm(monkeypatch):
    def forget(old, self, waiting):
        if not isinstance(waiting, Exchange):
            old(self, waiting)

    around(monkeypatch, Timers, "forget", forget)


def first_come_first_served(monkeypatch):
    around(
        monkeypatch,
        WaitQueue,
        "enter",
        lambda old, self, waiter, principal, **more: old(self, waiter, "all", **more),
    )


def forget_the_next(monkeypatch):
    monkeypatch.setattr(places, "serve_next", lambda endpoint, timers: None)


def bound_no_attempts(monkeypatch):
    def decide(old, failed, *args, **more):
        return old(failed._replace(attempts=0, tries_here=0), *args, **more)

    around(monkeypatch, attempts, "decide", decide)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("broken", "draw", "law"),
    [
        (forget_to_count_down, draws.draw_anything, None),
        (begin_anew, draws.draw_connections, None),
        (let_it_leave, draws.draw_home, None),
        (spend_without_end, draws.draw_anything, None),
        (overfill, draws.draw_anything, None),
        (drop_the_body, draws.draw_anything, None),
        (stay_open, draws.draw_recovery, draws.later_is_well),
        (let_the_loser_run, draws.draw_race, None),
        (begin_again_after_the_first_byte, draws.draw_connections, None),
        (count_twice, draws.draw_connections, None),
        (record_twice, draws.draw_anything, None),
        (ignore_the_deadline, draws.draw_anything, None),
        (give_up_at_once, draws.draw_connections, everybody_is_served),
        (leave_the_alarm, draws.draw_anything, None),
        (first_come_first_served, draws.draw_queue, draws.the_queue_is_fair),
        (forget_the_next, draws.draw_queue, everybody_is_served),
        (bound_no_attempts, draws.draw_anything, None),
    ],
)
def test_a_broken_rule_is_found(monkeypatch, broken, draw, law):
    laws = ALWAYS if law is None else (*ALWAYS, law)
    broken(monkeypatch)

    found = any(offences(draw(random.Random(seed), seed), *laws) for seed in range(ENOUGH))

    assert found


def test_what_is_found_is_made_smaller_and_can_be_played_again(monkeypatch):
    forget_to_count_down(monkeypatch)

    with pytest.raises(
        AssertionError, match=r"in flight at e0\nseed 0, made smaller: play\("
    ) as found:
        prove(draws.draw_connections, *ALWAYS, seeds=range(5))

    line = str(found.value).partition("made smaller: play(")[2][:-1]
    again = eval(line, vars(draws))  # our own line
    assert offences(again, *ALWAYS)
    assert (len(again.boxes), len(again.callers)) == (1, 1)


def test_nothing_is_left_out_that_the_failure_needs():
    schedule = draws.draw_race(random.Random(1), 1)

    smallest = shrink(schedule, lambda tried: len(tried.boxes) > 1 and tried.policy.hedge)

    assert (len(smallest.boxes), smallest.callers) == (2, ())
    assert smallest.policy == draws.Policy(hedge=True)
