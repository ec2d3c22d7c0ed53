import pytest

from multillama.core.retry import may_try_next
from multillama.errors import FAILURES, GatewayError

NOTHING_ANSWERED = {
    "endpoint_unreachable", "endpoint_tls_failed", "endpoint_closed", "connect_timeout",
}  # fmt: skip


@pytest.mark.parametrize("kind", FAILURES)
def test_the_next_target_is_tried_only_where_the_last_one_answered_nothing(kind):
    verdict = may_try_next(GatewayError(kind, "It failed."), committed=False, replayable=True)

    assert verdict is (kind in NOTHING_ANSWERED)


@pytest.mark.parametrize("kind", ["first_byte_timeout", "idle_timeout", "send_timeout"])
def test_what_may_still_be_generating_is_not_paid_for_twice(kind):
    assert not may_try_next(GatewayError(kind, "Late."), committed=False, replayable=True)


@pytest.mark.parametrize("replayable", [True, False])
@pytest.mark.parametrize("kind", sorted(NOTHING_ANSWERED))
def test_nothing_is_tried_once_the_client_has_a_byte(kind, replayable):
    error = GatewayError(kind, "It failed.")

    assert not may_try_next(error, committed=True, replayable=replayable)


@pytest.mark.parametrize("kind", sorted(NOTHING_ANSWERED))
def test_a_body_that_is_gone_cannot_be_sent_again(kind):
    error = GatewayError(kind, "It failed.")

    assert not may_try_next(error, committed=False, replayable=False)
