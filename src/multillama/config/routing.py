"""What the file says about routing: aliases, and policies that fill each other's gaps.

The members are those of `core/policy.py`, which this layer cannot import; a test keeps them equal.
Everything may be left out: what one policy does not say, the next general one does.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Strategy = Literal[
    "balanced", "ordered", "round_robin", "weighted", "least_busy", "fastest", "cheapest", "affinity"
]  # fmt: skip

_Seconds = Annotated[float, Meta(ge=0.01, le=86_400)]


class RetrySetting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be tried again."""

    max_attempts: (
        Annotated[int, Meta(ge=1, le=20, description="Attempts of one exchange in all.")]
        | UnsetType
    ) = UNSET
    backoff_s: (
        Annotated[
            float,
            Meta(ge=0, le=60, description="Longest wait before the first repetition; it doubles."),
        ]
        | UnsetType
    ) = UNSET
    max_backoff_s: (
        Annotated[float, Meta(ge=0, le=600, description="Longest wait before any repetition.")]
        | UnsetType
    ) = UNSET
    max_retry_after_s: (
        Annotated[float, Meta(ge=0, le=3600, description="Longest Retry-After that is waited for.")]
        | UnsetType
    ) = UNSET
    budget_percent: (
        Annotated[
            float,
            Meta(ge=0, le=1000, description="Repetitions, in percent of the newest requests."),
        ]
        | UnsetType
    ) = UNSET
    budget_floor_per_s: (
        Annotated[
            float, Meta(ge=0, le=1000, description="Repetitions a second that are always allowed.")
        ]
        | UnsetType
    ) = UNSET


class BreakerSetting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a target that fails is left alone."""

    failures: (
        Annotated[int, Meta(ge=1, le=1000, description="Failures in the window that open it.")]
        | UnsetType
    ) = UNSET
    window_s: Annotated[_Seconds, Meta(description="How far back failures count.")] | UnsetType = (
        UNSET
    )
    cooldown_s: (
        Annotated[_Seconds, Meta(description="How long it stays open at first; it doubles.")]
        | UnsetType
    ) = UNSET
    max_cooldown_s: (
        Annotated[_Seconds, Meta(description="The longest it stays open.")] | UnsetType
    ) = UNSET
    rate_limit_s: (
        Annotated[_Seconds, Meta(description="Rest after a 429 that names no time.")] | UnsetType
    ) = UNSET
    key_s: (
        Annotated[_Seconds, Meta(description="Rest of the endpoint after 401, 402 or 403.")]
        | UnsetType
    ) = UNSET


class QueueSetting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Waiting for an endpoint whose max_concurrency is reached."""

    max_waiting: (
        Annotated[
            int, Meta(ge=0, le=100_000, description="Exchanges that may wait for one endpoint.")
        ]
        | UnsetType
    ) = UNSET
    max_wait_s: Annotated[_Seconds, Meta(description="The longest that one waits.")] | UnsetType = (
        UNSET
    )
    keepalive_s: (
        Annotated[
            _Seconds | None,
            Meta(description="After this long a waiting stream is answered 200 and kept alive."),
        ]
        | UnsetType
    ) = UNSET


class PolicySetting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the targets of a model are chosen, and what is done when one fails."""

    strategy: Annotated[Strategy, Meta(description="How one of several is chosen.")] | UnsetType = (
        UNSET
    )
    local_only: (
        Annotated[bool, Meta(description="Never leaves for an endpoint that is not local.")]
        | UnsetType
    ) = UNSET
    retry: RetrySetting = RetrySetting()
    breaker: BreakerSetting = BreakerSetting()
    queue: QueueSetting = QueueSetting()
    first_token_s: (
        Annotated[
            _Seconds | None,
            Meta(description="No event within this time: the next target is tried."),
        ]
        | UnsetType
    ) = UNSET
    deadline_s: (
        Annotated[_Seconds | None, Meta(description="All attempts and waits together.")] | UnsetType
    ) = UNSET
    hedge: (
        Annotated[bool, Meta(description="After the usual time (p95) a second target races.")]
        | UnsetType
    ) = UNSET
    resume: (
        Annotated[
            bool | None,
            Meta(
                description="Continue a cut stream on another target; left out: where all are local."
            ),
        ]
        | UnsetType
    ) = UNSET
    prefill: (
        Annotated[
            bool,
            Meta(
                description="These models go on with a last assistant message: tried where it is not known."
            ),
        ]
        | UnsetType
    ) = UNSET
    share: (
        Annotated[bool, Meta(description="Identical embeddings requests in flight share one call.")]
        | UnsetType
    ) = UNSET
    count_usage: (
        Annotated[
            bool,
            Meta(
                description="Ask streams for their usage, unseen by a client that has not, to count tokens."
            ),
        ]
        | UnsetType
    ) = UNSET


class AliasTarget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One target of an alias."""

    model: Annotated[
        str,
        Meta(min_length=1, max_length=300, description="A model, or endpoint/model for one place."),
    ]
    weight: (
        Annotated[
            float, Meta(gt=0, le=1000, description="Its share; with any, the alias is weighted.")
        ]
        | UnsetType
    ) = UNSET
    tier: (
        Annotated[
            int,
            Meta(ge=0, le=99, description="Lower tiers come first; without any, the order counts."),
        ]
        | UnsetType
    ) = UNSET


# Structs that share members inherit them: an alias *is* a policy with targets.
class AliasSetting(PolicySetting, frozen=True, kw_only=True):
    """A public name, what it leads to, and the policy it has there."""

    targets: Annotated[
        tuple[str | AliasTarget, ...], Meta(min_length=1, description="In the order of preference.")
    ]

    def rows(self) -> tuple[AliasTarget, ...]:
        """Return the targets in their long form."""
        return tuple(
            AliasTarget(model=row) if isinstance(row, str) else row for row in self.targets
        )


class RoutingSetting(PolicySetting, frozen=True, kw_only=True):
    """The policy of all models, and what is different for some of them."""

    models: Annotated[
        dict[str, PolicySetting],
        Meta(description="Glob to policy; all that match a name count, the last one most."),
    ] = {}


_MEMBERS: Final = tuple(field.name for field in msgspec.structs.fields(PolicySetting))


def policy_values(setting: PolicySetting) -> dict[str, object]:
    """Return what a policy says, as nested dicts that hold nothing it leaves out."""
    values: dict[str, object] = msgspec.to_builtins(setting)
    return {name: value for name in _MEMBERS if (value := values.get(name, {})) != {}}
