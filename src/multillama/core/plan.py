"""What a plan is made from, and what it is: the shapes that routing, strategies and the exchange share."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

import msgspec

from multillama.core.decision import Considered
from multillama.core.policy import DEFAULT_POLICY, Policy
from multillama.core.snapshot import NO_FACTS, Target


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


def are_alike(targets: Sequence[Target]) -> bool:
    """Says at a glance whether nothing but the strategy orders these, and nobody is left out, as on most routes.

    What it does not look at is the client's wishes and the policy's locality.
    """
    tier = targets[0].tier
    for target in targets:
        endpoint = target.endpoint
        state = endpoint.state
        if (
            state.breaker is not None
            or target.facts is not NO_FACTS
            or target.tier != tier
            or state.loaded is not None
            or state.slots is not None
            or endpoint.max_concurrency is not None
            or state.is_up is False
        ):
            return False
    return True
