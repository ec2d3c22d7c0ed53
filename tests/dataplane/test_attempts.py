import pytest

from multillama.core.breaker import News
from multillama.core.hedge import ENOUGH, FirstBytes
from multillama.core.policy import BreakerPolicy, RetryPolicy
from multillama.core.snapshot import Timeouts
from tests.core.samples import endpoint
from tests.dataplane.routed import (
    ASK_STREAM,
    Routed,
    begun,
    clock_of,
    failing,
    head_of,
    local,
    rest,
    text_of,
)
from tests.dataplane.stage import OK

BUSY = failing(b"503 Busy")


# the next target, the same again, the end

NO_MORE = b"HTTP/1.1 503 Busy\r\nX-Should-Retry: false\r\nContent-Length: 0\r\n\r\n"


def test_a_target_that_cannot_be_reached_is_passed_over_and_the_client_notices_nothing():
    stage = Routed()
    client = stage.ask()

    stage.waiting("a").fail()
    stage.answered_by("b", OK)

    assert client.answers() == [(200, b"ok")]
    assert b"x-multillama-attempts: 2" in head_of(client)
    assert stage.told == [
        ("a", "first", "unreachable", "tried the next target"),
        ("b", "next", None, None),
    ]


def test_one_attempt_that_succeeds_says_nothing_of_attempts():
    stage = Routed()
    client = stage.ask()

    stage.answered_by("a", OK)

    assert client.statuses == [200]
    assert b"x-multillama-attempts" not in client.received


@pytest.mark.parametrize("tries", [1, 2, 3])
def test_an_endpoint_without_others_is_tried_as_often_as_the_policy_says(tries):
    stage = Routed(endpoint("a"), retry=RetryPolicy(max_attempts=tries))
    client = stage.ask()

    for _ in range(tries):
        stage.waiting("a").fail()

    assert client.statuses == [502]
    assert stage.asked == ["a"] * tries
    assert (b"x-should-retry: false" in head_of(client)) is (tries > 1)


def test_the_last_failure_goes_to_the_client_as_it_came():
    stage = Routed()
    client = stage.ask()

    stage.answered_by("a", BUSY)
    stage.answered_by("b", failing(b"500 No", b"X-Own: 1\r\n"))

    assert client.statuses == [500]
    assert client.answers()[0][1] == b'{"error":{"message":"no"}}'
    lines = head_of(client)
    assert {b"X-Own: 1", b"x-multillama-attempts: 2", b"x-should-retry: false"} <= set(lines)


def test_an_endpoint_that_asks_for_a_wait_gets_it():
    stage = Routed(endpoint("a"))
    client = stage.ask()

    stage.answered_by("a", failing(b"429 Slow", b"Retry-After: 2\r\n"))
    stage.loop.advance(1.9)
    before = len(stage.pool.transports[0].written)
    stage.loop.advance(0.2)
    stage.answer(OK)

    assert before == 1
    assert client.statuses == [200]
    assert stage.told[0] == ("a", "first", "rate_limited", "waited 2 s and tried again")


def test_a_wait_that_is_too_long_is_the_clients_to_make():
    stage = Routed(endpoint("a"))
    client = stage.ask()

    stage.answered_by("a", failing(b"429 Slow", b"Retry-After: 60\r\n"))

    assert client.statuses == [429]
    assert b"Retry-After: 60" in head_of(client)
    assert b"x-should-retry" not in client.received


def test_an_empty_answer_is_a_failure_of_ours_to_tell():
    stage = Routed(endpoint("a"))
    client = stage.ask()

    stage.answered_by("a", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    assert (client.statuses, client.error["code"]) == ([502], "endpoint_empty")


def test_one_that_was_not_reached_is_asked_again_once_all_others_have_failed():
    stage = Routed()
    client = stage.ask()

    stage.waiting("a").fail()
    stage.waiting("b").come().lose()
    stage.answered_by("a", OK)

    assert client.statuses == [200]
    assert [row[:3] for row in stage.told] == [
        ("a", "first", "unreachable"),
        ("b", "next", "closed"),
        ("a", "next", None),
    ]


def test_when_nobody_was_reached_all_are_tried_once_more_after_a_wait():
    stage = Routed()
    client = stage.ask()

    stage.waiting("a").fail()
    stage.waiting("b").fail()
    stage.answered_by("a", OK)

    assert client.statuses == [200]
    assert stage.told[1][3] == "waited 0 s and tried again"


@pytest.mark.parametrize(
    ("kind", "status"), [("connect_timeout", 504), ("endpoint_unreachable", 502)]
)
def test_endpoints_that_stay_away_are_not_tried_for_ever(kind, status):
    stage = Routed()
    client = stage.ask()

    while stage.pool.waiting:
        stage.pool.waiting[0].fail(kind)

    assert client.statuses == [status]
    assert stage.asked == ["a", "b"] * 3


def test_a_target_that_a_breaker_keeps_back_meanwhile_is_tried_after_the_others():
    stage = Routed(*local("a", "b", "c"))
    client = stage.ask()
    now = stage.loop.now
    breaker = stage.endpoints[1].state.need_breaker()
    breaker.on_failure(News("m1", now, now), "unreachable", BreakerPolicy(), random=0.0)

    stage.waiting("a").fail()
    stage.waiting("c").come().lose()
    stage.answered_by("b", OK)

    assert client.statuses == [200]
    assert stage.asked == ["a", "c", "b"]


# in time


def test_a_target_that_says_nothing_in_time_is_left_for_the_next():
    stage = Routed(first_token_s=1.0)
    client = stage.ask(ASK_STREAM)
    silent = stage.waiting("a").come()

    stage.loop.advance(1.2)
    stage.answered_by("b", rest("x"))

    assert silent.ended == "abort"
    assert text_of(client) == "x"
    assert stage.told[0] == ("a", "first", "first_token_timeout", "tried the next target")


def test_comments_are_no_first_event():
    stage = Routed(first_token_s=1.0)
    stage.ask(ASK_STREAM)
    stage.answered_by("a", b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: wait\n\n")

    stage.loop.advance(1.2)

    assert stage.asked == ["a", "b"]


def test_a_deadline_ends_the_exchange_whatever_runs():
    stage = Routed(deadline_s=2.0)
    client = stage.ask()
    silent = stage.waiting("a").come()

    stage.loop.advance(2.2)

    assert (client.statuses, client.error["code"]) == ([504], "deadline_exceeded")
    assert silent.ended == "abort"
    assert [here.state.in_flight for here in stage.endpoints] == [0, 0]


def test_a_deadline_does_not_end_an_answer_that_has_begun():
    stage = Routed(deadline_s=2.0)
    client = stage.ask(ASK_STREAM)
    transport = stage.answered_by("a", begun("x"))

    stage.loop.advance(3.0)
    transport.protocol.data_received(rest("y")[len(begun()) :])

    assert text_of(client) == "xy"
    assert stage.records[0].outcome == "ok"


# two at one time


def hedging(*endpoints, **policy):
    """A stage where the first target usually answers within 0.2 s."""
    stage = Routed(*endpoints, hedge=True, **policy)
    usual = FirstBytes()
    for _ in range(ENOUGH):
        usual.add(0.2)
    stage.endpoints[0].state.first_bytes = {"m1": usual}
    return stage


def test_after_the_usual_time_a_second_target_races_and_the_loser_is_cancelled():
    stage = hedging()
    client = stage.ask(ASK_STREAM)
    slow = stage.waiting("a").come()
    stage.loop.advance(0.3)

    stage.answered_by("b", rest("x"))

    assert slow.ended == "abort"
    assert text_of(client) == "x"
    assert stage.told == [("a", "first", None, "lost the race"), ("b", "hedge", None, None)]
    assert (stage.records[0].endpoint, stage.records[0].attempts) == ("b", 2)
    assert [here.state.in_flight for here in stage.endpoints] == [0, 0]


def test_the_first_may_still_win():
    stage = hedging()
    client = stage.ask(ASK_STREAM)
    first = stage.waiting("a").come()
    stage.loop.advance(0.3)
    second = stage.waiting("b").come()

    first.protocol.data_received(rest("x"))

    assert second.ended == "abort"
    assert text_of(client) == "x"
    assert [row[:2] for row in stage.told] == [("b", "hedge"), ("a", "first")]
    assert stage.records[0].endpoint == "a"


def test_when_the_first_fails_the_race_is_the_seconds():
    stage = hedging()
    client = stage.ask(ASK_STREAM)
    first = stage.waiting("a").come()
    stage.loop.advance(0.3)

    first.lose()
    stage.answered_by("b", rest("x"))

    assert text_of(client) == "x"
    assert stage.told[0] == ("a", "first", "closed", "the other goes on")


def test_a_race_that_both_lose_goes_on_to_who_is_left():
    stage = hedging(*local("a", "b", "c"))
    client = stage.ask()
    first = stage.waiting("a").come()
    stage.loop.advance(0.3)

    first.lose()
    stage.waiting("b").come().lose()
    stage.answered_by("c", OK)

    assert client.statuses == [200]
    assert stage.asked == ["a", "b", "c"]


def test_without_budget_nobody_races():
    stage = hedging(retry=RetryPolicy(budget_percent=0, budget_floor_per_s=0))
    stage.ask()

    stage.loop.advance(1.0)

    assert stage.asked == ["a"]


def test_a_client_that_leaves_ends_both():
    stage = hedging()
    client = stage.ask()
    first = stage.waiting("a").come()
    stage.loop.advance(0.3)
    second = stage.waiting("b").come()

    client.transport.lose()

    assert (first.ended, second.ended) == ("abort", "abort")
    assert [here.state.in_flight for here in stage.endpoints] == [0, 0]
    assert stage.records[0].outcome == "cancelled"


def test_the_times_to_the_first_byte_are_learnt_where_hedging_asks_for_them():
    stage = Routed(hedge=True)
    stage.ask()

    with clock_of(stage):
        stage.loop.advance(0.2)
        stage.answered_by("a", OK)

    assert len(stage.endpoints[0].state.first_bytes["m1"]) == 1


# probes


def due_for_a_probe(**policy):
    """A stage whose first endpoint was not reachable, and may be tried again."""
    stage = Routed(**policy)
    stage.ask()
    stage.waiting("a").fail()
    stage.answered_by("b", OK)
    stage.endpoints[0].state.is_up = True
    stage.loop.advance(7.0)
    return stage


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"]
)
def test_a_probe_whose_client_leaves_is_given_back(said):
    stage = due_for_a_probe()
    client = stage.ask(ASK_STREAM)
    probe = stage.waiting("a").come()
    if said:
        probe.protocol.data_received(said)
    breaker = stage.endpoints[0].state.breaker
    before = breaker.blocked("m1", stage.loop.now)

    client.transport.lose()

    assert before == "another request is trying it: it could not be reached"
    assert breaker.blocked("m1", stage.loop.now) is None


def test_a_probe_reports_when_its_answer_begins_and_not_at_its_end():
    stage = due_for_a_probe()
    stage.ask(ASK_STREAM)

    stage.answered_by("a", begun("x"))

    assert stage.endpoints[0].state.breaker.blocked("m1", stage.loop.now) is None
    assert stage.endpoints[0].state.in_flight == 1


def test_a_probe_that_loses_a_race_is_given_back():
    stage = due_for_a_probe(hedge=True)
    usual = FirstBytes()
    for _ in range(ENOUGH):
        usual.add(0.2)
    stage.endpoints[0].state.first_bytes = {"m1": usual}
    client = stage.ask(ASK_STREAM)
    stage.waiting("a").come()
    stage.loop.advance(0.3)

    stage.pool.transports[0].protocol.data_received(rest("x"))  # b's, which it has kept

    assert stage.endpoints[0].state.breaker.blocked("m1", stage.loop.now) is None
    assert text_of(client) == "x"


def test_a_probe_that_is_answered_closes_the_breaker():
    stage = due_for_a_probe()
    client = stage.ask()

    stage.answered_by("a", OK)

    assert client.statuses == [200]
    assert stage.endpoints[0].state.breaker.open_conditions(stage.loop.now) == []


def test_the_wait_for_a_place_is_no_time_of_the_endpoint():
    stage = Routed(*local("a", max_concurrency=1))
    stage.ask()
    running = stage.waiting("a").come()
    stage.ask()
    with clock_of(stage):
        stage.loop.advance(30.0)
        running.protocol.data_received(failing(b"400 Bad"))
        stage.loop.advance(0.5)
        running.protocol.data_received(OK)

    assert stage.endpoints[0].state.first_byte_ms == pytest.approx(500.0)


def test_a_connection_that_hangs_is_the_targets_failure():
    stage = Routed(endpoint("a", timeouts=Timeouts(first_byte_s=1.0)))
    client = stage.ask()
    stage.waiting("a").come()

    stage.loop.advance(1.2)

    assert (client.statuses, client.error["code"]) == ([504], "first_byte_timeout")
    assert stage.told == [("a", "first", "first_byte_timeout", "gave up: this is not repeated")]


def test_a_gateway_behind_us_that_has_tried_enough_is_not_asked_again():
    stage = Routed(*local("a"))
    client = stage.ask()

    stage.answered_by("a", NO_MORE)

    assert stage.asked == ["a"]
    assert client.statuses == [503]


def test_a_failure_with_a_good_status_is_no_quick_answer():
    stage = Routed(*local("a", "b"))
    stage.ask()

    stage.answered_by("a", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    stage.answered_by("b", OK)

    assert stage.endpoints[0].state.first_byte_ms is None


def test_a_failure_that_is_long_is_survived_where_there_is_another_target():
    stage = Routed()
    client = stage.ask()

    stage.answered_by("a", b"HTTP/1.1 503 Busy\r\nContent-Length: 99999\r\n\r\n" + b"x" * 70_000)
    stage.answered_by("b", OK)

    assert client.answers() == [(200, b"ok")]


def test_a_long_failure_of_the_only_target_goes_to_the_client_as_it_comes():
    stage = Routed(*local("a"))
    client = stage.ask()

    stage.answered_by("a", b"HTTP/1.1 503 Busy\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70_000)

    assert client.answers() == [(503, b"x" * 70_000)]


def test_a_failure_that_breaks_off_is_known_by_its_status():
    stage = Routed()
    client = stage.ask()

    half = b"HTTP/1.1 503 Busy\r\nContent-Length: 9\r\n\r\nhalf"
    stage.answered_by("a", half).lose()
    stage.answered_by("b", OK)

    assert client.answers() == [(200, b"ok")]
    assert stage.told[0][2] == "unavailable"


def test_a_long_failure_after_which_nothing_may_be_tried_is_told_in_our_words():
    stage = Routed(retry=RetryPolicy(max_attempts=1))
    client = stage.ask()

    stage.answered_by("a", b"HTTP/1.1 503 Busy\r\nContent-Length: 99999\r\n\r\n" + b"x" * 70_000)

    assert client.statuses == [502]
    assert client.error["message"].startswith("The endpoint a answered 503: xxx")
