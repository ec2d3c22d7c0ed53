"""Without wishes a plan excludes nothing."""

import pytest

from multillama.core.decision import Considered
from multillama.core.plan import NO_WISHES, Plan, is_plain, may_resume
from multillama.core.policy import Policy
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
