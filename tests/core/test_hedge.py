import pytest
from hypothesis import given, strategies as st

from multillama.core.hedge import ENOUGH, KEPT, RENEW, SHORTEST_S, FirstBytes, hedge_after_s


def filled(*seconds):
    first_bytes = FirstBytes()
    for second in seconds:
        first_bytes.add(second)
    return first_bytes


def test_too_few_answers_say_nothing():
    assert hedge_after_s(None) is None
    assert hedge_after_s(filled(*[1.0] * (ENOUGH - 1))) is None


def test_after_the_usual_time_a_second_target_joins():
    assert hedge_after_s(filled(*(number / 10 for number in range(100)))) == 9.5


def test_a_fast_target_is_not_doubled_for_nothing():
    assert hedge_after_s(filled(*[0.001] * ENOUGH)) == SHORTEST_S


@pytest.mark.parametrize(("left_s", "after_s"), [(1.0, None), (0.5, None), (1.1, 1.0), (None, 1.0)])
def test_nobody_joins_when_the_deadline_comes_first(left_s, after_s):
    assert hedge_after_s(filled(*[1.0] * ENOUGH), left_s=left_s) == after_s


def test_old_answers_are_forgotten():
    first_bytes = filled(*[9.0] * KEPT, *[1.0] * KEPT)

    assert (len(first_bytes), first_bytes.p95_s()) == (KEPT, 1.0)


def test_the_figure_is_renewed_after_some_answers_and_not_at_each():
    first_bytes = filled(*[1.0] * KEPT)
    first_bytes.p95_s()

    seen = []
    for _ in range(RENEW):
        first_bytes.add(5.0)
        seen.append(first_bytes.p95_s())

    assert seen == [1.0] * (RENEW - 1) + [5.0]


@given(st.lists(st.floats(0, 600), min_size=ENOUGH, max_size=3 * KEPT))
def test_about_one_of_twenty_of_the_newest_is_slower(samples):
    p95 = filled(*samples).p95_s()

    newest = samples[-KEPT:]
    assert sum(sample > p95 for sample in newest) <= len(newest) * 0.05
    assert sum(sample >= p95 for sample in newest) >= len(newest) * 0.05
