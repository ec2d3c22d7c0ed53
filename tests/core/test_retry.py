import math
import random

import pytest
from hypothesis import given, strategies as st

from multillama.core.budget import WINDOW_S, RetryBudget
from multillama.core.causes import CAUSES
from multillama.core.policy import RetryPolicy
from multillama.core.retry import Failed, Step, decide, out_of_time

DEFAULT = RetryPolicy()


def act(failed, policy=DEFAULT, budget=None, *, now=100.0, random=1.0):
    return decide(failed, policy, budget or RetryBudget(), now=now, random=random)


def spent_budget():
    budget = RetryBudget()
    while budget.take(DEFAULT, 100.0):
        pass
    return budget


@pytest.mark.parametrize("cause", [name for name, row in CAUSES.items() if row.next])
def test_the_next_target_is_preferred_to_waiting_for_the_same(cause):
    action = act(Failed(cause, attempts=1, has_next=True))

    assert (action.step, action.wait_s) == (Step.NEXT, 0.0)


@pytest.mark.parametrize("cause", CAUSES)
def test_without_another_target_the_same_is_asked_again_only_where_the_table_allows(cause):
    action = act(Failed(cause, attempts=1))

    assert (action.step is Step.SAME) is CAUSES[cause].same
    assert action.step is not Step.NEXT


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize(
    ("obstacle", "why"),
    [
        ({"is_committed": True}, "the client already has some of the answer"),
        ({"is_replayable": False}, "the request's body is not kept"),
    ],
)
def test_nothing_is_repeated_that_cannot_be(cause, obstacle, why):
    action = act(Failed(cause, attempts=1, has_next=True, **obstacle))

    assert (action.step, action.why) == (Step.STOP, f"gave up: {why}")


@pytest.mark.parametrize("cause", CAUSES)
def test_nothing_is_begun_after_the_deadline(cause):
    assert act(Failed(cause, attempts=1, has_next=True, left_s=0.0)).step is Step.STOP


@pytest.mark.parametrize("has_next", [True, False])
def test_attempts_that_reached_an_endpoint_are_limited(has_next):
    action = act(Failed("unavailable", attempts=3, has_next=has_next))

    assert action == (Step.STOP, "gave up: that was attempt 3 of 3", 0.0)


@pytest.mark.parametrize("cause", ["unreachable", "connect_timeout"])
def test_a_request_survives_any_number_of_dead_endpoints_while_one_is_up(cause):
    action = act(Failed(cause, attempts=99, has_next=True), budget=spent_budget())

    assert action.step is Step.NEXT


def test_a_dead_endpoint_that_is_alone_is_asked_no_more_than_any_other():
    steps = [act(Failed("unreachable", attempts=0, tries_here=tries)).step for tries in (1, 2, 3)]

    assert steps == [Step.SAME, Step.SAME, Step.STOP]


@pytest.mark.parametrize("has_next", [True, False])
def test_a_spent_budget_ends_it(has_next):
    action = act(Failed("unavailable", attempts=1, has_next=has_next), budget=spent_budget())

    assert (action.step, action.why) == (Step.STOP, "gave up: the retry budget is used up")


def test_giving_up_costs_nothing():
    budget = RetryBudget()
    for _ in range(100):
        act(Failed("server_error", attempts=1), budget=budget)

    assert budget.take(DEFAULT, 100.0)


@pytest.mark.parametrize(
    ("tries", "longest_s"), [(1, 0.25), (2, 0.5), (3, 1.0), (6, 8.0), (7, 8.0), (10_000, 8.0)]
)
def test_the_wait_doubles_up_to_a_limit_and_is_spread_over_all_of_it(tries, longest_s):
    policy = RetryPolicy(max_attempts=100_000)
    waits = [
        act(Failed("unavailable", attempts=1, tries_here=tries), policy, random=dice).wait_s
        for dice in (0.0, 0.5, 1.0)
    ]

    assert waits == [0.0, longest_s / 2, longest_s]


@pytest.mark.parametrize("dice", [0.0, 0.5, 0.99])
def test_who_says_when_is_never_asked_earlier(dice):
    action = act(Failed("rate_limited", attempts=1, retry_after_s=7.0), random=dice)

    assert action.step is Step.SAME
    assert 7.0 <= action.wait_s < 7.25
    assert action.why.startswith("waited 7")


def test_a_wait_that_is_too_long_is_the_clients_to_decide():
    alone = act(Failed("rate_limited", attempts=1, retry_after_s=20.1))
    other = act(Failed("rate_limited", attempts=1, retry_after_s=20.1, has_next=True))

    assert alone == (Step.STOP, "gave up: it asks for a wait of 20 s", 0.0)
    assert other.step is Step.NEXT


def test_a_wait_that_would_outlast_the_deadline_is_not_begun():
    action = act(Failed("rate_limited", attempts=1, retry_after_s=5.0, left_s=5.0), random=0.0)

    assert action == (Step.STOP, "gave up: the wait would outlast the deadline", 0.0)
    assert act(Failed("rate_limited", attempts=1, retry_after_s=5.0, left_s=6.0)).step is Step.SAME


def test_the_deadline_is_told_with_what_to_do():
    error = out_of_time(30.0, "here")

    assert (error.kind, error.status) == ("deadline_exceeded", 504)
    assert "30 s" in error.text


@given(
    failed=st.builds(
        Failed,
        cause=st.sampled_from(sorted(CAUSES)),
        attempts=st.integers(0, 5),
        tries_here=st.integers(1, 5),
        has_next=st.booleans(),
        retry_after_s=st.none() | st.floats(0, 1e9),
        left_s=st.none() | st.floats(-10, 100),
        is_committed=st.booleans(),
        is_replayable=st.booleans(),
    ),
    dice=st.floats(0, 1, exclude_max=True),
)
def test_whatever_fails_the_laws_hold(failed, dice):
    action = act(failed, random=dice)

    row = CAUSES[failed.cause]
    if failed.is_committed or not failed.is_replayable:
        assert action.step is Step.STOP
    if action.step is Step.SAME:
        assert row.same
        assert max(failed.attempts, failed.tries_here) < DEFAULT.max_attempts
        assert action.wait_s >= (failed.retry_after_s or 0.0)
        assert action.wait_s < (math.inf if failed.left_s is None else failed.left_s)
    if action.step is Step.NEXT:
        assert row.next
        assert failed.has_next
    assert (action.step is Step.STOP) is action.why.startswith("gave up: ")


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("cause", ["unavailable", "closed", "unreachable"])
def test_an_outage_is_not_answered_with_a_storm(cause, share):
    # 200 requests a second over two targets, 100 000 for each cause in all; what reaches an endpoint is its load.
    dice, budget, policy = random.Random(7), RetryBudget(), RetryPolicy()
    requests, load, step_s = 20_000, 0, 1 / 200

    for number in range(requests):
        now = number * step_s
        budget.on_request(now)
        attempts, tries, targets = 0, 1, 2
        while True:
            fails = dice.random() < share
            attempts += CAUSES[cause].reached or not fails
            if not fails:
                break
            failed = Failed(cause, attempts, tries, has_next=targets > 1)
            action = decide(failed, policy, budget, now=now, random=dice.random())
            if action.step is Step.STOP:
                break
            targets, tries = (targets - 1, 1) if action.step is Step.NEXT else (targets, tries + 1)
        load += attempts

    floor = policy.budget_floor_per_s * (requests * step_s + WINDOW_S)
    assert load <= requests * 1.20 + floor


def test_who_asks_for_no_repetition_is_not_asked_again_but_others_are():
    alone = act(Failed("unavailable", attempts=1, may_repeat=False))
    beside = act(Failed("unavailable", attempts=1, may_repeat=False, has_next=True))

    assert (alone.step, alone.why) == (Step.STOP, "gave up: its endpoint asks for no repetition")
    assert beside.step is Step.NEXT
