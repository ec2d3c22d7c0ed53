import pytest
from hypothesis import given, settings, strategies as st

from multillama.core.breaker import PROBE_S, SPREAD, Breaker, News
from multillama.core.causes import CAUSES, Scope
from multillama.core.endpoints_state import EndpointState
from multillama.core.policy import BreakerPolicy

POLICY = BreakerPolicy()
T = 1000.0


def fail(
    breaker, cause, now=T, *, model="m", began=None, policy=POLICY, random=0.0, retry_after_s=None
):
    news = News(model, now if began is None else began, now)
    breaker.on_failure(news, cause, policy, random=random, retry_after_s=retry_after_s)


def succeed(breaker, now=T, *, model="m", began=None):
    breaker.on_success(News(model, now if began is None else began, now))


def broken(cause="unreachable", now=T, **more):
    breaker = Breaker()
    fail(breaker, cause, now, **more)
    return breaker


def left_s(breaker, now=T, model="m"):
    """How long this model is left alone, to a tenth of a second."""
    for tenth in range(100_000):
        if breaker.blocked(model, now + tenth / 10) is None:
            return tenth / 10
    raise AssertionError("for ever")


# --- opening ---------------------------------------------------------------------------------


def test_nothing_is_open_at_first():
    breaker = Breaker()
    succeed(breaker, T)
    breaker.on_no_news("m")
    breaker.on_reachable()

    assert breaker.blocked("m", T) is None
    assert not breaker.begin_probe("m", T)
    assert breaker.open_conditions(T) == []


@pytest.mark.parametrize(
    ("cause", "cooldown_s"),
    [("unreachable", 5.0), ("connect_timeout", 5.0), ("key", 60.0), ("rate_limited", 10.0), ("model_gone", 5.0)],
)  # fmt: skip
def test_what_leaves_no_doubt_opens_at_once(cause, cooldown_s):
    assert left_s(broken(cause)) == cooldown_s


@pytest.mark.parametrize("cause", [n for n, c in CAUSES.items() if c.condition.name == "trouble"])
def test_what_may_be_chance_opens_after_some_failures_in_a_row(cause):
    breaker = Breaker()
    seen = []
    for _ in range(POLICY.failures):
        fail(breaker, cause)
        seen.append(left_s(breaker))

    assert seen == [0, 0, 0, 0, POLICY.cooldown_s]


def test_failures_of_all_kinds_of_trouble_count_together():
    breaker = Breaker()
    for cause in ("closed", "server_error", "empty", "overloaded", "truncated"):
        fail(breaker, cause)

    assert left_s(breaker) == POLICY.cooldown_s


def test_a_success_between_starts_the_count_again():
    breaker = Breaker()
    for _ in range(POLICY.failures - 1):
        fail(breaker, "server_error")
    succeed(breaker, T)
    for _ in range(POLICY.failures - 1):
        fail(breaker, "server_error")

    assert breaker.blocked("m", T) is None


def test_failures_further_apart_than_the_window_do_not_count_together():
    breaker = Breaker()
    for number in range(20):
        fail(breaker, "server_error", T + number * 10)

    assert breaker.blocked("m", T + 190) is None


def test_another_policy_counts_with_its_own_number():
    breaker = Breaker()
    fail(breaker, "server_error")
    fail(breaker, "server_error", policy=BreakerPolicy(failures=2))

    assert left_s(breaker) == POLICY.cooldown_s


@pytest.mark.parametrize("cause", ["conflict", "too_early", "unsupported", "internal"])
def test_what_one_request_brought_about_opens_nothing(cause):
    breaker = Breaker()
    for _ in range(50):
        fail(breaker, cause)

    assert breaker.open_conditions(T) == []


@pytest.mark.parametrize(
    "cause", [n for n, c in CAUSES.items() if c.condition.scope is not Scope.NONE]
)
def test_a_condition_concerns_the_model_or_the_whole_endpoint(cause):
    breaker = Breaker()
    for _ in range(POLICY.failures):
        fail(breaker, cause, model="m")

    is_whole = CAUSES[cause].condition.scope is Scope.ENDPOINT
    assert breaker.blocked("m", T) is not None
    assert (breaker.blocked("other", T) is not None) is is_whole


@pytest.mark.parametrize("cause", ["rate_limited", "unavailable", "overloaded"])
def test_who_names_a_time_is_taken_at_its_word(cause):
    assert left_s(broken(cause, retry_after_s=33.0)) == 33.0


def test_no_word_of_an_endpoint_can_take_it_out_for_good():
    assert left_s(broken("rate_limited", retry_after_s=1e9)) == POLICY.max_cooldown_s


def test_a_wait_of_nothing_leaves_it_to_the_next_request():
    breaker = broken("rate_limited", retry_after_s=0.0)

    assert breaker.blocked("m", T) is None
    assert breaker.begin_probe("m", T)


def test_cooldowns_are_spread():
    assert left_s(broken("key", random=0.5)) == POLICY.key_s * (1 + SPREAD / 2)


# --- half-open -------------------------------------------------------------------------------


def test_when_its_time_is_over_exactly_one_request_tries_it():
    breaker = broken()

    tries = [breaker.begin_probe("m", T + at) for at in (0, 4.9, 5.0, 5.0, 6.0)]

    assert tries == [False, False, True, False, False]
    assert "another request is trying it" in breaker.blocked("other", T + 6)


def test_a_success_closes_it():
    breaker = broken()
    breaker.begin_probe("m", T + 5)
    succeed(breaker, T + 6)

    assert breaker.blocked("m", T + 6) is None
    assert breaker.open_conditions(T + 6) == []


@pytest.mark.parametrize("now", [T + 1, T + 60])
def test_an_answer_to_a_request_from_before_the_trouble_does_not_close_it(now):
    breaker = broken("rate_limited")
    succeed(breaker, now, began=T - 1)

    assert [row.condition for row in breaker.open_conditions(now)] == ["limit"]


def test_an_answer_to_a_later_request_closes_it_before_its_time():
    breaker = broken("rate_limited")
    succeed(breaker, T + 2, began=T + 1)

    assert breaker.blocked("m", T + 2) is None


@pytest.mark.parametrize("began", [T - 1, T])
def test_requests_that_were_no_probe_make_nothing_worse(began):
    breaker = broken("rate_limited")
    for _ in range(50):
        fail(breaker, "rate_limited", T + 1, began=began)

    assert left_s(breaker) == POLICY.rate_limit_s


def test_requests_that_hang_and_end_one_by_one_count_once():
    breaker = Breaker()
    for number in range(60):
        fail(breaker, "first_token_timeout", T + number, began=T - 30 + number / 100)

    opened = T + POLICY.failures - 1
    assert left_s(breaker, opened) == POLICY.cooldown_s
    assert breaker.begin_probe("m", T + 60)


def test_what_hung_since_before_the_trouble_says_nothing_when_that_is_over():
    breaker = broken()
    succeed(breaker, T + 6)
    fail(breaker, "connect_timeout", T + 7, began=T - 1)

    assert breaker.blocked("m", T + 7) is None


def test_a_later_time_that_such_a_request_brings_counts():
    breaker = broken("rate_limited", retry_after_s=5.0)
    fail(breaker, "rate_limited", T + 1, retry_after_s=20.0)
    fail(breaker, "rate_limited", T + 1, retry_after_s=3.0)

    assert left_s(breaker) == 21.0


def test_each_failed_probe_doubles_the_time_up_to_a_limit():
    breaker = broken()
    now, seen = T, []
    for _ in range(9):
        wait_s = left_s(breaker, now)
        seen.append(wait_s)
        now += wait_s
        breaker.begin_probe("m", now)
        fail(breaker, "unreachable", now)

    assert seen == [5, 10, 20, 40, 80, 160, 300, 300, 300]


def test_one_failed_probe_is_enough_to_go_on_waiting():
    breaker = Breaker()
    for _ in range(POLICY.failures):
        fail(breaker, "server_error")
    fail(breaker, "server_error", T + POLICY.cooldown_s)

    assert left_s(breaker, T + POLICY.cooldown_s) == 2 * POLICY.cooldown_s


def test_a_probe_that_never_reports_is_given_up():
    breaker = broken()
    breaker.begin_probe("m", T + 5)

    assert not breaker.begin_probe("m", T + 5 + PROBE_S - 0.1)
    assert breaker.begin_probe("m", T + 5 + PROBE_S)


def test_a_probe_whose_client_left_makes_room_for_the_next():
    breaker = broken()
    breaker.begin_probe("m", T + 5)
    breaker.on_no_news("m")

    assert breaker.begin_probe("m", T + 5)


def test_a_probe_with_other_news_leaves_the_old_trouble_as_it_was():
    breaker = Breaker()
    for _ in range(POLICY.failures):
        fail(breaker, "server_error")
    breaker.begin_probe("m", T + 5)
    fail(breaker, "rate_limited", T + 5, retry_after_s=2.0)

    by_name = {row.condition: row.left_s for row in breaker.open_conditions(T + 5)}
    assert by_name == {"trouble": 5.0, "limit": 2.0}


def test_a_probe_with_news_that_concern_nobody_lets_it_wait_as_long_as_before():
    breaker = broken("model_gone")
    breaker.begin_probe("m", T + 5)
    fail(breaker, "conflict", T + 5)

    assert left_s(breaker, T + 5) == 5.0


def test_one_that_was_reached_is_no_longer_unreachable_whatever_it_said():
    breaker = broken()
    breaker.begin_probe("m", T + 5)
    fail(breaker, "server_error", T + 5)

    assert breaker.blocked("m", T + 5) is None


def test_a_connection_that_breaks_while_the_endpoint_dies_does_not_make_it_reachable():
    breaker = broken()
    fail(breaker, "closed", T + 6, began=T - 1)

    assert [row.condition for row in breaker.open_conditions(T + 6)] == ["unreachable"]


def test_one_that_answers_a_listing_is_tried_at_once():
    state = EndpointState("here")
    fail(state.need_breaker(), "unreachable")
    fail(state.need_breaker(), "rate_limited", model="limited")

    state.on_listing(models=1, at=0.0, took_ms=1.0)

    assert state.breaker.blocked("m", T) is None
    assert state.breaker.blocked("limited", T) is not None


# --- flapping --------------------------------------------------------------------------------


def flap(breaker, now):
    """Fails, is tried with success, and returns when."""
    fail(breaker, "unreachable", now)
    now += left_s(breaker, now)
    breaker.begin_probe("m", now)
    succeed(breaker, now)
    return now


def test_one_that_fails_again_soon_after_it_recovered_waits_longer_each_time():
    breaker, now, seen = Breaker(), T, []
    for _ in range(4):
        fail(breaker, "unreachable", now)
        seen.append(left_s(breaker, now))
        now += seen[-1]
        succeed(breaker, now)

    assert seen == [5, 10, 20, 40]


def test_one_that_stayed_well_begins_anew():
    breaker = Breaker()
    now = flap(breaker, flap(breaker, T))
    now += POLICY.window_s + 1

    fail(breaker, "unreachable", now)

    assert left_s(breaker, now) == POLICY.cooldown_s


def test_however_often_it_failed_it_begins_anew_after_twice_the_longest_time():
    breaker, now = Breaker(), T
    for _ in range(40):
        fail(breaker, "unreachable", now)
        now += POLICY.max_cooldown_s
    succeed(breaker, now)
    now += 2 * POLICY.max_cooldown_s

    fail(breaker, "unreachable", now)

    assert left_s(breaker, now) == POLICY.cooldown_s


def test_what_is_long_over_is_forgotten():
    breaker = Breaker()
    now = flap(breaker, T)
    fail(breaker, "server_error", now, model="other")
    now += 31

    succeed(breaker, now)

    assert breaker._states == {}


# --- words -----------------------------------------------------------------------------------


def test_people_read_why_and_until_when():
    breaker = broken("key")

    assert breaker.blocked("m", T) == "left alone for 60 s: its key or account was refused"


def test_what_is_open_is_listed():
    breaker = broken("key")
    fail(breaker, "rate_limited", model="b")
    breaker.begin_probe("a", T + 60)

    rows = breaker.open_conditions(T + 60)

    assert [(row.model, row.condition, row.cause, row.left_s) for row in rows] == [
        (None, "key", "key", 0.0), ("b", "limit", "rate_limited", 0.0),
    ]  # fmt: skip
    assert [row.text.partition(":")[0] for row in rows] == [
        "another request is trying it",
        "to be tried",
    ]


# --- whatever happens ------------------------------------------------------------------------

EVENT = st.one_of(
    st.tuples(
        st.just("fail"),
        st.sampled_from(["a", "b"]),
        st.sampled_from(sorted(CAUSES)),
        st.none() | st.floats(0, 1e9),
        st.floats(0, 100),
    ),
    st.tuples(st.sampled_from(["success", "probe", "no_news", "reachable"]), st.sampled_from("ab")),
)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.floats(0, 60), EVENT), max_size=60), st.floats(0, 1))
def test_it_always_recovers_by_itself(history, dice):
    breaker, now = Breaker(), T

    for passed_s, (what, model, *more) in history:
        now += passed_s
        if what == "fail":
            cause, retry_after_s, age_s = more
            fail(
                breaker, cause, now,
                model=model, began=now - age_s, random=dice, retry_after_s=retry_after_s,
            )  # fmt: skip
        elif what == "success":
            succeed(breaker, now, model=model)
        elif what == "no_news":
            breaker.on_no_news(model)
        elif what == "reachable":
            breaker.on_reachable()
        elif breaker.begin_probe(model, now):
            assert breaker.begin_probe(model, now) is False
        assert all(
            row.left_s <= POLICY.max_cooldown_s + 1e-6 for row in breaker.open_conditions(now)
        )
        assert breaker._open == len(breaker.open_conditions(now))

    # Nobody helps but traffic: after the longest cooldown each model may be asked, and one answer closes all.
    now += POLICY.max_cooldown_s + PROBE_S
    for model in ("a", "b"):
        assert breaker.blocked(model, now) is None
        breaker.begin_probe(model, now)
        succeed(breaker, now, model=model)
    assert breaker.open_conditions(now) == []


def test_an_endpoint_that_somebody_else_has_reached_may_be_asked_at_once():
    breaker = broken("unreachable")
    before = breaker.blocked("m", T)

    breaker.on_reachable()

    assert before is not None
    assert breaker.blocked("m", T) is None


def test_being_reached_says_nothing_about_a_key_that_was_refused():
    breaker = broken("key")

    breaker.on_reachable()

    assert breaker.blocked("m", T) is not None
