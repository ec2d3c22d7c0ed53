"""The defaults of routing keep the promises that the docs make."""

from multillama.core.policy import DEFAULT_POLICY, RetryPolicy


def test_repetitions_are_a_fifth_of_the_load_at_most():
    assert RetryPolicy().budget_percent <= 20


def test_nothing_that_costs_twice_is_on_unless_asked_for():
    policy = DEFAULT_POLICY

    assert (policy.hedge, policy.share, policy.queue.keepalive_s) == (False, False, None)


def test_a_repetition_never_waits_longer_than_it_says():
    retry = RetryPolicy()

    assert retry.backoff_s <= retry.max_backoff_s <= retry.max_retry_after_s
