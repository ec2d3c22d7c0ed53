"""Without wishes and needs a plan excludes nothing."""

from multillama.core.decision import Considered
from multillama.core.plan import NO_NEEDS, NO_WISHES, Plan
from tests.core.samples import target


def test_nothing_is_wished_or_needed_by_default():
    assert not any(NO_WISHES)
    assert not any(NO_NEEDS)


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
