import pytest

from multillama.core.affinity import session_blocks
from multillama.core.breaker import News
from multillama.core.dry_run import dry_run
from multillama.core.policy import BreakerPolicy
from multillama.core.strategies import Live
from multillama.errors import GatewayError
from tests.core.samples import dice, endpoint, offering, serving, target


def test_it_tells_the_order_the_scores_and_who_is_left_out():
    snapshot = offering(
        target("a", is_local=True, in_flight=2), target("b", is_local=True), target("cloud"),
        local_only=True, strategy="least_busy",
    )  # fmt: skip

    choice = dry_run(snapshot, "m1", Live(dice(0.0)))

    assert (choice.model, choice.strategy) == ("m1", "least_busy")
    assert [(row.endpoint, row.score, row.excluded) for row in choice.considered] == [
        ("b", 0.0, None),
        ("a", 2.0, None),
        ("cloud", None, "it is not local"),
    ]
    assert choice.considered[1].now == ("local", "2 running")


def test_it_tells_what_else_counts_for_a_place():
    busy = target("a", tier=1, is_up=False, slots=1, in_flight=1, first_byte_ms=62.4, loaded={"m1"})

    (row,) = dry_run(offering(busy), "m1").considered

    assert row.now == (
        "tier 1", "known to be down", "full", "holds the model", "1 running", "first byte 62 ms",
    )  # fmt: skip


def test_a_quiet_target_has_nothing_to_tell():
    (row,) = dry_run(offering(target("a")), "m1").considered

    assert row.now == ()


def test_it_takes_nobodys_turn():
    snapshot = offering(target("a"), target("b"), strategy="round_robin")
    live = Live(dice(0.0))

    firsts = [dry_run(snapshot, "m1", live).considered[0].endpoint for _ in range(3)]

    assert firsts == ["a"] * 3
    assert live.turns == {}


def test_a_session_shows_who_has_the_conversation():
    snapshot = offering(target("a"), target("b"))
    live = Live(dice(0.0))
    live.affinity.remember(session_blocks(b"s"), snapshot.routes["m1"].targets[1])

    choice = dry_run(snapshot, "m1", live, wishes={"session": b"s"})

    assert (choice.strategy, choice.remembered) == ("affinity", "b")


def test_whom_a_breaker_leaves_alone_is_told_with_its_reason():
    one, two = endpoint("a"), endpoint("b")
    one.state.need_breaker().on_failure(News("", 0.0, 0.0), "key", BreakerPolicy(), random=0.0)

    def allows(row):
        breaker = row.endpoint.state.breaker
        return None if breaker is None else breaker.blocked(row.model, 1.0)

    choice = dry_run(serving(one, two), "m1", Live(dice(0.0), allows))

    assert [row.endpoint for row in choice.considered] == ["b", "a"]
    assert choice.considered[1].excluded


def test_an_unknown_model_fails_as_a_request_for_it_would():
    with pytest.raises(GatewayError, match="Did you mean m1"):
        dry_run(offering(target("a")), "m11")
