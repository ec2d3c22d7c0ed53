import pytest
from hypothesis import given, strategies as st

from multillama.core.budget import WINDOW_S, RetryBudget
from multillama.core.policy import RetryPolicy

POLICY = RetryPolicy(budget_percent=20.0, budget_floor_per_s=3.0)


def granted(budget, policy=POLICY, *, now):
    count = 0
    while budget.take(policy, now):
        count += 1
    return count


def test_a_few_repetitions_are_always_allowed():
    assert granted(RetryBudget(), now=5.0) == 3 * WINDOW_S


def test_more_requests_allow_more_repetitions():
    budget = RetryBudget()
    for _ in range(1000):
        budget.on_request(5.0)

    assert granted(budget, now=5.0) == 3 * WINDOW_S + 200


def test_without_a_floor_only_requests_allow_repetitions():
    budget = RetryBudget()
    for _ in range(10):
        budget.on_request(5.0)

    assert granted(budget, RetryPolicy(budget_floor_per_s=0.0), now=5.0) == 2


@pytest.mark.parametrize(("later_s", "count"), [(9, 0), (10, 30), (11, 30), (10_000, 30)])
def test_what_is_older_than_the_window_is_forgotten(later_s, count):
    budget = RetryBudget()
    for _ in range(1000):
        budget.on_request(5.0)
    granted(budget, now=5.0)

    assert granted(budget, now=5.0 + later_s) == count


def test_a_clock_that_goes_back_breaks_nothing():
    budget = RetryBudget()
    budget.on_request(50.0)
    budget.on_request(45.0)

    assert granted(budget, RetryPolicy(budget_floor_per_s=0.0, budget_percent=100.0), now=50.0) == 2


@given(
    st.lists(st.tuples(st.floats(0, 3), st.integers(0, 30), st.integers(0, 40)), max_size=80),
    st.floats(0, 100),
    st.floats(0, 5),
)
def test_over_any_time_repetitions_stay_within_their_share(turns, percent, floor):
    budget = RetryBudget()
    policy = RetryPolicy(budget_percent=percent, budget_floor_per_s=floor)
    now, requests, repetitions = 0.0, 0, 0

    for passed_s, came, wanted in turns:
        now += passed_s
        for _ in range(came):
            budget.on_request(now)
        requests += came
        repetitions += sum(budget.take(policy, now) for _ in range(wanted))

    windows = now // WINDOW_S + 1
    assert repetitions <= requests * percent / 100 + floor * WINDOW_S * windows + 1e-6
