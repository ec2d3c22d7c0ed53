"""Without wishes and needs a plan excludes nothing."""

from multillama.core.plan import NO_NEEDS, NO_WISHES, Plan


def test_nothing_is_wished_or_needed_by_default():
    assert not any(NO_WISHES)
    assert not any(NO_NEEDS)


def test_a_plan_may_have_nothing_to_explain():
    assert Plan(targets=()).considered == ()
