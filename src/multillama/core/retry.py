"""What is done after an attempt has failed: the same target again, the next one, or the end.

One decision, made of the failure table (`core/causes.py`), the policy and the retry budget.
"""

from enum import Enum
from typing import Final, NamedTuple

from multillama.core.budget import RetryBudget
from multillama.core.causes import CAUSES, Cause
from multillama.core.policy import RetryPolicy
from multillama.errors import GatewayError

SHOULD_NOT_RETRY: Final = b"x-should-retry: false\r\n"
"""In a final failure after repetitions of ours, so that SDKs do not multiply them (openai, anthropic obey it)."""


class Step(Enum):
    """What comes next."""

    SAME = "same"
    NEXT = "next"
    STOP = "stop"


class Action(NamedTuple):
    """The decision."""

    step: Step
    why: str
    """For `Tried.then`, in words."""
    wait_s: float = 0.0
    """Before the same target is tried again."""


class Failed(NamedTuple):
    """An attempt that failed, and what stands around it."""

    cause: str
    """A name of `core/causes.py`."""
    attempts: int
    """Attempts of this exchange that reached an endpoint, this one included if it did."""
    tries_here: int = 1
    """Attempts on this target."""
    has_next: bool = False
    """True if there is a target after it that may be tried."""
    retry_after_s: float | None = None
    """What the endpoint asked for (`core/retry_after.py`)."""
    left_s: float | None = None
    """Until the exchange's deadline; None without one."""
    may_repeat: bool = True
    """False where the endpoint asks not to be asked again (`x-should-retry: false`): it has tried itself."""
    is_committed: bool = False
    """True once the client has one byte of an answer (architecture law 4)."""
    is_replayable: bool = True
    """False when parts of the request's body are gone."""


def decide(
    failed: Failed, policy: RetryPolicy, budget: RetryBudget, *, now: float, random: float
) -> Action:
    """Says what comes after a failure; takes from the budget what it grants.

    The next target is preferred to a wait for the same one. A failure that never reached its endpoint may always go
    on to the next: the request has been no load to anybody yet, so neither `max_attempts` nor the budget limits it,
    and a request survives any number of dead endpoints while one is up.

    Args:
        failed: What happened.
        policy: Of the route.
        budget: Of the process.
        now: The monotonic clock.
        random: From 0 up to 1, spreads the wait (full jitter).

    Source: RFC 9110 §9.2.2, §10.2.3; "Exponential Backoff And Jitter", AWS 2015; Finagle's RetryBudget.
    """
    cause = CAUSES[failed.cause]
    obstacle = _obstacle(failed, cause)
    if obstacle is not None:
        return _stop(obstacle)
    if cause.next and failed.has_next and not cause.reached:
        return Action(Step.NEXT, "tried the next target")
    if max(failed.attempts, failed.tries_here) >= policy.max_attempts:
        return _stop(f"that was attempt {policy.max_attempts} of {policy.max_attempts}")
    if cause.next and failed.has_next:
        action = Action(Step.NEXT, "tried the next target")
    else:
        action = _wait(failed, cause, policy, random)
    if action.step is not Step.STOP and not budget.take(policy, now):
        return _stop("the retry budget is used up")
    return action


def _obstacle(failed: Failed, cause: Cause) -> str | None:
    """Why nothing at all may be tried, whatever the policy says."""
    if failed.is_committed:
        return "the client already has some of the answer"
    if not failed.is_replayable:
        return "the request's body is not kept"
    if not (cause.next or cause.same):
        return "this is not repeated"
    if failed.left_s is not None and failed.left_s <= 0:
        return "the deadline has passed"
    return None


def _wait(failed: Failed, cause: Cause, policy: RetryPolicy, random: float) -> Action:
    """The same target again, if it may be and is worth the wait."""
    if not cause.same:
        return _stop("there is no other target")
    if not failed.may_repeat:
        return _stop("its endpoint asks for no repetition")
    asked_s = failed.retry_after_s
    if asked_s is None:
        wait_s = backoff_s(policy, failed.tries_here, random)
    elif asked_s > policy.max_retry_after_s:
        return _stop(f"it asks for a wait of {asked_s:.0f} s")
    else:
        # Never earlier than it asked, and not all at the same moment.
        wait_s = asked_s + random * policy.backoff_s
    if failed.left_s is not None and wait_s >= failed.left_s:
        return _stop("the wait would outlast the deadline")
    return Action(Step.SAME, f"waited {wait_s:.2g} s and tried again", wait_s)


def backoff_s(policy: RetryPolicy, tries: int, random: float) -> float:
    """Returns how long to wait after so many failed tries: full jitter below a limit that doubles."""
    # The exponent is bounded, because a float is.
    longest = policy.backoff_s * 2.0 ** min(tries - 1, 60)
    return random * min(longest, policy.max_backoff_s)


def _stop(why: str) -> Action:
    return Action(Step.STOP, f"gave up: {why}")


def out_of_time(deadline_s: float, endpoint: str, *, waits: bool = False) -> GatewayError:
    """The failure of an exchange whose `deadline_s` has passed at this endpoint, or where it `waits` for a place."""
    last = "it was waiting for a place at" if waits else "the last one asked was"
    return GatewayError(
        "deadline_exceeded",
        f"No answer began within the deadline of {deadline_s:g} s; {last} {endpoint}."
        " Raise deadline_s, or look at the endpoints.",
        endpoint=endpoint,
    )
