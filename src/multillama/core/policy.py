"""Policies: how the targets of a model are chosen, and what is done when one fails. Compiled from settings, immutable.

The defaults are what a gateway without a configuration file does.
"""

import msgspec


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What may be tried again, as long as the client has no byte of an answer."""

    max_attempts: int = 3
    """Attempts of one exchange in all; a continuation of a cut stream is not one of them."""
    backoff_s: float = 0.25
    """Longest wait before the first repetition on the same target; it doubles with each (full jitter)."""
    max_backoff_s: float = 8.0
    max_retry_after_s: float = 20.0
    """The longest `Retry-After` that is waited for; beyond it the answer goes to the client."""
    budget_percent: float = 20.0
    """Repetitions, in percent of the requests of the last ten seconds."""
    budget_floor_per_s: float = 3.0
    """Repetitions a second that are always allowed."""


class BreakerPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When a target that fails is left alone."""

    failures: int = 5
    """Failures within the window that open it, unless a success came between."""
    window_s: float = 30.0
    cooldown_s: float = 5.0
    """How long it stays open the first time; it doubles with each failed probe."""
    max_cooldown_s: float = 300.0
    rate_limit_s: float = 10.0
    """Cooldown after a 429 that names no time."""
    key_s: float = 60.0
    """Cooldown after 401, 402 or 403, which concern the key and so the whole endpoint."""


class QueuePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Waiting for an endpoint whose concurrency limit is reached."""

    max_waiting: int = 256
    """Exchanges that wait for one endpoint; one more is refused."""
    max_wait_s: float = 60.0
    keepalive_s: float | None = None
    """After this long a waiting stream is answered 200 and kept alive in its dialect; then a failure can no longer
    have its status. None: it waits in silence."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a route is told."""

    strategy: str = "balanced"
    """Name of its row in `core/strategies.py`."""
    local_only: bool = False
    """Never leaves for an endpoint that is not local, whatever fails."""
    retry: RetryPolicy = RetryPolicy()
    breaker: BreakerPolicy = BreakerPolicy()
    queue: QueuePolicy = QueuePolicy()
    first_token_s: float | None = None
    """No event of an answer within this time: the next target is tried. None: `first_byte_s` ends it."""
    deadline_s: float | None = None
    """All attempts and waits together. None: no limit of its own."""
    hedge: bool = False
    """After the usual time to the first byte (p95) a second target races the first."""
    resume: bool | None = None
    """Continue a cut stream on another target. None: where all targets are local and serve the same model."""
    prefill: bool = False
    """The operator says that the targets go on with a last assistant message, where that is not known of them."""
    share: bool = False
    """Identical embeddings requests in flight share one call."""
    count_usage: bool = False
    """Streams are asked for their usage also where the client has not; it does not see that."""


DEFAULT_POLICY = Policy()
