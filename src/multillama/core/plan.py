"""What a plan is made from, and what it is: the shapes that routing, strategies and the exchange share."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

import msgspec

from multillama.core.decision import Considered, Decision, Tried
from multillama.core.endpoints_state import EndpointState
from multillama.core.policy import DEFAULT_POLICY, Policy
from multillama.core.record import Record
from multillama.core.snapshot import Target


class Wishes(NamedTuple):
    """What a client asks of routing, in `x-multillama-…` headers; empty by default."""

    only: tuple[str, ...] = ()
    """Names of endpoints that may serve it (`x-multillama-only`)."""
    order: tuple[str, ...] = ()
    """Names of endpoints to prefer, in this order (`x-multillama-order`)."""
    local_only: bool = False
    """`x-multillama-local-only: true`"""
    session: bytes | None = None
    """`x-multillama-session`: exchanges with the same value like the same target."""


NO_WISHES = Wishes()


class Plan(msgspec.Struct, frozen=True):
    """The ordered targets chosen for one exchange; a struct, as it is made in a third of a named tuple's time."""

    targets: tuple[Target, ...]
    policy: Policy = DEFAULT_POLICY
    strategy: str | None = None
    """The name of its row; None where there was nothing to choose."""
    scores: tuple[float | None, ...] = ()
    """What was compared, of the first targets; lower first."""
    excluded: tuple[tuple[Target, str], ...] = ()
    """Who was left out, and why: a sentence without its end."""
    paused: tuple[Target, ...] = ()
    """Left out by a breaker alone: for when everybody else has failed."""
    blocks: tuple[int, ...] = ()
    """What `Affinity.remember` is told when the answer begins; empty where nothing is to be remembered."""

    remembered: Target | None = None
    """Who has the conversation in its cache, where `affinity` was asked and knows."""

    @property
    def considered(self) -> tuple[Considered, ...]:
        """The rows for `explain`, made when somebody asks: in the order of the plan, the excluded last."""
        pairs = zip_longest(self.targets, self.scores)
        chosen = [Considered(target.endpoint.name, target.model, score) for target, score in pairs]
        left_out = [
            Considered(target.endpoint.name, target.model, None, reason)
            for target, reason in self.excluded
        ]
        return (*chosen, *left_out)

    def tell(self, record: Record) -> Decision:
        """Makes the decision record of an exchange that was one attempt at most: all else is in its record."""
        return Decision(
            id=record.id,
            at=record.at,
            operation=record.operation,
            model=record.model,
            stream=record.stream,
            endpoint=record.endpoint,
            status=record.status,
            outcome=record.outcome,
            first_byte_ms=record.first_byte_ms,
            total_ms=record.total_ms,
            request_bytes=record.request_bytes,
            response_bytes=record.response_bytes,
            input_tokens=record.input_tokens,
            output_tokens=record.output_tokens,
            strategy=self.strategy,
            remembered=self.remembered.endpoint.name if self.remembered else None,
            considered=self.considered,
            attempts=[] if record.endpoint is None else [_only(record, record.endpoint)],
            cause=record.error,
            text=record.error_text,
        )


NO_PLAN = Plan(())
"""Of an exchange that came to none, or had nothing to choose."""


def _only(record: Record, endpoint: str) -> Tried:
    return Tried(
        endpoint=endpoint,
        begun_ms=0.0,
        first_byte_ms=record.first_byte_ms,
        over_ms=record.total_ms,
        status=record.status if record.first_byte_ms is not None else None,
        cause=record.error,
        text=record.error_text,
        answer_bytes=record.response_bytes,
    )


def is_plain(policy: Policy) -> bool:
    """Says whether an attempt that succeeds needs no watching."""
    return policy.first_token_s is None and policy.deadline_s is None and not policy.hedge


def may_resume(plan: Plan) -> bool:
    """Says whether a cut stream is to be continued: as the policy has it, or between local endpoints with one model."""
    resume = plan.policy.resume
    if resume is not None:
        return resume
    targets = plan.targets + plan.paused
    model = targets[0].model
    return len(targets) > 1 and all(
        target.endpoint.is_local and target.model == model for target in targets
    )


def are_alike(peers: Sequence[EndpointState]) -> bool:
    """Says at a glance whether nothing but the strategy orders these, and nobody is left out, as on most routes.

    What it does not look at is the client's wishes, and what makes a route's targets peers.
    """
    for state in peers:
        if (
            state.breaker is not None
            or state.loaded is not None
            or state.slots is not None
            or state.is_up is False
        ):
            return False
    return bool(peers)
