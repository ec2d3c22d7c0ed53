import pytest

from multillama.core.breaker import News
from multillama.core.endpoints_state import SMOOTHING, EndpointState
from multillama.core.learning import LearntLimit
from multillama.core.policy import BreakerPolicy


def test_nothing_is_known_at_first():
    state = EndpointState("here")

    assert (state.is_up, state.first_byte_ms, state.last_error) == (None, None, None)
    assert (state.in_flight, state.requests, state.failures, state.tokens) == (0, 0, 0, 0)


def test_an_answer_proves_that_it_is_up():
    state = EndpointState("here")

    state.on_answer(120.0)

    assert (state.is_up, state.first_byte_ms) == (True, 120.0)


def test_the_time_to_the_first_byte_follows_slowly():
    state = EndpointState("here")

    state.on_answer(100.0)
    state.on_answer(200.0)

    assert state.first_byte_ms == pytest.approx(100 + SMOOTHING * 100)


def test_a_failure_without_a_connection_means_down():
    state = EndpointState("here")

    state.on_failure("It refused.", at=1000.0, reached=False)

    assert (state.is_up, state.failures) == (False, 1)
    assert (state.last_error, state.last_error_at) == ("It refused.", 1000.0)


@pytest.mark.parametrize("is_up", [None, True, False])
def test_a_failure_after_a_connection_says_nothing_about_up_or_down(is_up):
    state = EndpointState("here")
    state.is_up = is_up

    state.on_failure("It broke off.", at=1000.0, reached=True)

    assert (state.is_up, state.failures) == (is_up, 1)


def test_a_listing_brings_it_back_and_keeps_the_last_error_to_be_read():
    state = EndpointState("here")
    state.on_failure("It refused.", at=1000.0, reached=False)

    state.on_listing(models=7, at=1010.0, took_ms=12.5)

    assert (state.is_up, state.models) == (True, 7)
    assert (state.listed_at, state.listing_ms) == (1010.0, 12.5)
    assert (state.last_error, state.last_error_at) == ("It refused.", 1000.0)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, None),
        (404, None),
        (401, "It answered 401: its key was refused."),
        (429, "It answered 429: a limit of its account is reached."),
        (500, "It answered 500."),
    ],
)
def test_a_status_counts_as_a_failure_where_it_is_the_endpoints_trouble(status, error):
    state = EndpointState("here")

    state.on_status(status, at=1000.0)

    assert (state.last_error, state.failures) == (error, 0 if error is None else 1)


def test_tokens_add_up_where_they_are_told():
    state = EndpointState("here")

    state.on_usage(3, 4)
    state.on_usage(None, 5)
    state.on_usage(6, None)

    assert state.tokens == 18


def test_a_probe_tells_what_it_holds_and_how_busy_it_is():
    state = EndpointState("here")

    state.on_probe(loaded=frozenset({"m"}), slots=4, busy=1, at=2.0)

    assert (state.loaded, state.slots, state.busy_slots) == (frozenset({"m"}), 4, 1)
    assert state.probed_at == 2.0


def test_silence_of_a_probe_takes_back_what_changes_and_keeps_what_was_learnt():
    state = EndpointState("here")
    state.on_probe(loaded=frozenset({"m"}), slots=4, busy=1, at=2.0)

    state.on_probe(loaded=None, slots=None, busy=None, at=3.0)

    assert (state.loaded, state.slots, state.busy_slots) == (None, 4, None)


@pytest.mark.parametrize(
    ("ours", "busy", "others"), [(0, 3, 3), (1, 3, 2), (3, 2, 0), (1, None, 0)]
)
def test_what_a_probe_counts_is_split_into_ours_and_that_of_others(ours, busy, others):
    state = EndpointState("here")
    state.in_flight = ours

    state.on_probe(loaded=None, slots=4, busy=busy, at=2.0)

    assert state.others == others


def test_who_waits_is_told_when_there_are_more_places():
    state = EndpointState("here")
    told = []
    state.on_free = lambda: told.append(state.slots)

    for slots in (None, 4):
        state.on_probe(loaded=None, slots=slots, busy=None, at=1.0)

    assert told == [4]


def learning() -> EndpointState:
    state = EndpointState("here")
    state.learnt = LearntLimit()
    return state


def test_what_it_has_told_goes_before_what_was_learnt():
    state = learning()
    state.on_look(0.0, running=4, is_short=True)
    learnt, is_learnt = state.slots, state.is_limit_learnt

    state.on_probe(loaded=None, slots=4, busy=None, at=1.0)

    assert (learnt, is_learnt) == (6, True)
    assert (state.slots, state.is_limit_learnt) == (4, False)


def test_what_it_has_told_may_be_taken_back():
    state = learning()
    state.on_probe(loaded=None, slots=4, busy=None, at=1.0)

    state.on_probe(loaded=None, slots=0, busy=None, at=2.0)

    assert state.slots is None


def test_who_waits_is_told_when_a_learnt_limit_falls():
    state = learning()
    state.on_look(0.0, running=4, is_short=True)
    told = []
    state.on_free = lambda: told.append(state.slots)

    state.forget_limit()

    assert told == [None]


def test_a_refusal_makes_what_it_has_of_ours_the_limit():
    state = learning()
    state.in_flight = 9

    state.on_refused()

    assert (state.slots, state.is_limit_learnt) == (9, True)


def test_nothing_is_learnt_where_nobody_could_forget_it():
    state = EndpointState("here")
    state.in_flight = 9

    state.on_refused()
    state.on_look(0.0, running=4, is_short=True)

    assert state.slots is None


def test_a_breaker_is_asked_where_there_is_one():
    state = EndpointState("here")
    before = state.blocked("m", 100.0)

    news = News("m", 100.0, 100.0)
    state.need_breaker().on_failure(news, "unreachable", BreakerPolicy(), random=0.0)

    assert before is None
    assert "it could not be reached" in (state.blocked("m", 101.0) or "")
    assert state.blocked("m", 200.0) is None


def test_one_that_answers_nothing_is_down_and_its_failures_are_those_of_requests():
    state = EndpointState("here")

    state.on_silence("It answers nothing.", at=5.0)

    assert (state.is_up, state.last_error, state.last_error_at) == (
        False,
        "It answers nothing.",
        5.0,
    )
    assert state.failures == 0
