"""What is learnt of a server stands while it is short of room, and holds nobody back for nothing."""

import pytest

from multillama.core.learning import AHEAD, FORGET_S, LEAST_AHEAD, LEAST_REFUSED, LearntLimit


def looked(
    learnt: LearntLimit,
    at: float,
    running: int | None,
    is_short: bool | None,
    holds_back: bool = False,
) -> int | None:
    learnt.on_look(at, running=running, is_short=is_short, holds_back=holds_back)
    return learnt.limit


@pytest.mark.parametrize(("running", "limit"), [(1, 3), (4, 6), (8, 10), (64, 80)])
def test_what_runs_while_something_waits_is_the_limit_and_the_server_keeps_some_in_hand(
    running: int, limit: int
) -> None:
    assert looked(LearntLimit(), 0.0, running, True) == limit


@pytest.mark.parametrize(("running", "is_short"), [(4, False), (4, None), (None, None), (0, True)])
def test_a_server_that_is_not_short_of_room_has_no_limit(
    running: int | None, is_short: bool | None
) -> None:
    assert looked(LearntLimit(), 0.0, running, is_short) is None


def test_the_limit_follows_what_runs_up_and_down() -> None:
    learnt = LearntLimit()

    assert [looked(learnt, 0.0, running, True) for running in (8, 16, 4)] == [10, 20, 6]


def test_it_is_forgotten_when_nothing_has_waited_for_a_while() -> None:
    learnt = LearntLimit()
    looked(learnt, 0.0, 4, True)

    before = looked(learnt, FORGET_S - 1, 2, False)

    assert before == 6
    assert looked(learnt, FORGET_S, 2, False) is None


def test_who_is_held_back_for_nothing_is_let_go_and_more_is_kept_in_hand_from_then_on() -> None:
    learnt = LearntLimit()
    looked(learnt, 0.0, 4, True)

    limits = [looked(learnt, 5.0, 3, False, holds_back=True), looked(learnt, 10.0, 4, True)]

    assert limits == [None, 4 + 2 * LEAST_AHEAD]


def test_what_is_kept_in_hand_is_bounded() -> None:
    learnt = LearntLimit()

    for _ in range(9):
        looked(learnt, 0.0, 4, True)
        looked(learnt, 0.0, 4, False, holds_back=True)

    assert looked(learnt, 0.0, 4, True) == 4 + AHEAD * LEAST_AHEAD


def test_a_full_queue_is_a_limit_at_what_it_had_accepted() -> None:
    learnt = LearntLimit()

    for accepted in (20, 17, 18):
        learnt.on_refused(accepted)

    assert learnt.limit == 17


def test_a_queue_that_others_have_filled_is_no_limit() -> None:
    learnt = LearntLimit()

    learnt.on_refused(LEAST_REFUSED - 1)

    assert learnt.limit is None


def test_after_a_refusal_it_grows_while_somebody_waits_and_is_forgotten_in_time() -> None:
    learnt = LearntLimit()
    learnt.on_refused(16)

    limits = [looked(learnt, at, None, None, holds_back=True) for at in (100.0, 105.0, 110.0)]

    assert limits == [16, 18, 20]
    assert looked(learnt, 100.0 + FORGET_S, None, None, holds_back=True) is None


def test_a_new_refusal_renews_it() -> None:
    learnt = LearntLimit()
    learnt.on_refused(16)
    looked(learnt, 100.0, None, None)
    learnt.on_refused(16)
    looked(learnt, 150.0, None, None)

    assert looked(learnt, 100.0 + FORGET_S, None, None) == 16
