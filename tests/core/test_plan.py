"""Without wishes a plan excludes nothing."""

import pytest

from multillama.core.decision import Considered, Tried
from multillama.core.plan import NO_PLAN, NO_WISHES, Plan, is_plain, may_resume
from multillama.core.policy import Policy
from multillama.core.record import Record
from tests.core.samples import target


def test_nothing_is_wished_by_default():
    assert not any(NO_WISHES)


def test_a_plan_may_have_nothing_to_explain():
    assert Plan(targets=()).considered == ()


def test_the_rows_are_in_the_order_of_the_plan_and_the_excluded_come_last():
    plan = Plan(
        (target("a"), target("b")),
        strategy="balanced",
        scores=(1.5,),
        excluded=((target("c"), "it is not local"),),
    )

    assert plan.considered == (
        Considered("a", "m1", 1.5),
        Considered("b", "m1"),
        Considered("c", "m1", None, "it is not local"),
    )


def record(**facts):
    return Record(id="r1", at=1.0, operation="chat", total_ms=9.0, **facts)


def test_a_plan_tells_of_an_exchange_that_was_one_attempt():
    plan = Plan((target("a"), target("b")), strategy="balanced", remembered=target("a"))
    ended = record(
        endpoint="a", status=200, outcome="ok", first_byte_ms=4.0, response_bytes=7, attempts=1
    )

    decision = plan.tell(ended)

    assert (decision.strategy, decision.remembered) == ("balanced", "a")
    assert decision.considered == plan.considered
    assert decision.attempts == [
        Tried(
            endpoint="a", begun_ms=0.0, first_byte_ms=4.0, over_ms=9.0, status=200, answer_bytes=7
        )
    ]


def test_an_attempt_without_an_answer_has_the_failure_and_not_the_clients_status():
    ended = record(
        endpoint="a", status=502, outcome="failed", error="endpoint_closed", error_text="It broke."
    )

    (row,) = Plan((target("a"),)).tell(ended).attempts

    assert (row.status, row.cause, row.text) == (None, "endpoint_closed", "It broke.")


def test_where_there_was_no_plan_there_was_nobody_to_consider():
    decision = NO_PLAN.tell(record(status=404, outcome="refused", error="model_not_found"))

    assert (decision.considered, decision.attempts, decision.strategy) == ((), [], None)


@pytest.mark.parametrize(
    ("policy", "plain"),
    [
        ({}, True),
        ({"first_token_s": 1.0}, False),
        ({"deadline_s": 1.0}, False),
        ({"hedge": True}, False),
    ],
)
def test_an_attempt_is_watched_where_the_policy_has_something_for_it(policy, plain):
    assert is_plain(Policy(**policy)) == plain


@pytest.mark.parametrize(
    ("places", "resume", "may"),
    [
        ((True, True), None, True),
        ((True, False), None, False),
        ((True,), None, False),
        ((False,), True, True),
        ((True, True), False, False),
    ],
)
def test_a_cut_stream_is_continued_as_told_or_between_local_endpoints(places, resume, may):
    targets = tuple(target(f"t{at}", is_local=is_local) for at, is_local in enumerate(places))

    assert may_resume(Plan(targets, Policy(resume=resume))) == may
