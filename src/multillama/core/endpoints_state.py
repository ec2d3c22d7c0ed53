"""Live state of an endpoint: plain attributes, written by the data plane and by discovery in one process.

Nothing here waits or decides when to probe; it only remembers and answers questions.
"""

from collections.abc import Callable
from typing import Any

from multillama.core.breaker import Breaker
from multillama.core.hedge import FirstBytes
from multillama.core.learning import LearntLimit
from multillama.core.queue import WaitQueue

TROUBLE = {
    401: ": its key was refused",
    402: ": its account has no credit",
    403: ": its key may not do this",
    429: ": a limit of its account is reached",
}
"""Statuses below 500 that say something about the endpoint, and what."""
SMOOTHING = 0.2
"""Weight of the newest first-byte time in the moving average."""


class EndpointState:
    """What is known of one endpoint right now. It outlives snapshots."""

    __slots__ = (
        "name", "is_up", "in_flight", "first_byte_ms", "requests", "failures", "tokens",
        "models", "last_error", "last_error_at", "listed_at", "listing_ms", "breaker", "queue",
        "on_free", "first_bytes", "slots", "loaded", "busy_slots", "others", "probed_at",
        "told_slots", "learnt", "is_doubted",
    )  # fmt: skip

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_up: bool | None = None
        """None until the first attempt or listing has told."""
        self.is_doubted = False
        """True where somebody has waited in vain and left, until it was asked whether it lives."""
        self.in_flight = 0
        self.on_free: Callable[[], None] | None = None
        """Called when a place may be free: an exchange is over, or there are more places. None until somebody waits."""
        self.first_byte_ms: float | None = None
        """Exponentially weighted mean of the time to the first byte of an answer."""
        self.requests = self.failures = self.models = 0
        self.tokens = 0
        """Tokens in and out that its answers have reported."""
        self.last_error: str | None = None
        """Public text of the newest failure; kept after recovery, cleared by nothing."""
        self.last_error_at: float | None = None
        """Seconds since 1970."""
        self.listed_at: float | None = None
        """When its models were last listed with success, seconds since 1970."""
        self.listing_ms: float | None = None
        self.slots: int | None = None
        """How many exchanges it serves at one time, as it has told or as was learnt; None where nobody knows."""
        self.told_slots: int | None = None
        """What of that it has told itself."""
        self.learnt: LearntLimit | None = None
        """None where nobody looks at it, who could forget what was learnt."""
        self.loaded: frozenset[str] | None = None
        """Its own names of the models it holds in memory; None where it does not say."""
        self.busy_slots: int | None = None
        """Exchanges of all its clients that it works on or has waiting; None where it does not say."""
        self.others = 0
        """How many of these were not ours, at that time."""
        self.probed_at: float | None = None
        """When `loaded` and `busy_slots` were told, on the clock of its prober."""
        self.queue: WaitQueue[Any] | None = None
        """Who waits for a place; None until somebody does."""
        self.first_bytes: dict[str, FirstBytes] | None = None
        """Times to the first byte by model; None until hedging asks for them."""
        self.breaker: Breaker | None = None
        """None until something has failed: a healthy endpoint pays one look at it."""

    def need_breaker(self) -> Breaker:
        """Returns the breaker, made at the first failure."""
        if self.breaker is None:
            self.breaker = Breaker()
        return self.breaker

    def blocked(self, model: str, now: float) -> str | None:
        """Says why a breaker keeps exchanges with this model away, None if it does not."""
        return None if self.breaker is None else self.breaker.blocked(model, now)

    def on_answer(self, first_byte_ms: float) -> None:
        """Takes note of an answer's first byte."""
        self.is_up = True
        known = self.first_byte_ms
        self.first_byte_ms = (
            first_byte_ms if known is None else known + SMOOTHING * (first_byte_ms - known)
        )

    def on_status(self, status: int, *, at: float) -> None:
        """Takes note of the status of an answer; some are the endpoint's trouble, not the client's."""
        if status >= 500 or status in TROUBLE:
            self.failures += 1
            self.last_error = f"It answered {status}{TROUBLE.get(status, '')}."
            self.last_error_at = at

    def on_usage(self, input_tokens: int | None, output_tokens: int | None) -> None:
        """Takes note of the tokens that an answer has reported."""
        self.tokens += (input_tokens or 0) + (output_tokens or 0)

    def on_failure(self, text: str, *, at: float, reached: bool) -> None:
        """Takes note of a failure; `reached` is False when no connection could be made."""
        self.failures += 1
        self.last_error, self.last_error_at = text, at
        if not reached:
            self.is_up = False

    def on_silence(self, text: str, *, at: float) -> None:
        """Takes note that it answers nothing at all."""
        self.is_up = False
        self.last_error, self.last_error_at = text, at

    def on_listing(self, *, models: int, at: float, took_ms: float) -> None:
        """Takes note of a successful listing."""
        self.is_up = True
        self.models, self.listed_at, self.listing_ms = models, at, took_ms
        if self.breaker is not None:
            self.breaker.on_reachable()

    def on_probe(
        self, *, loaded: frozenset[str] | None, slots: int | None, busy: int | None, at: float
    ) -> None:
        """Takes note of what it has told of itself; None is what it does not say."""
        self.loaded, self.busy_slots, self.probed_at = loaded, busy, at
        self.others = max(0, (busy or 0) - self.in_flight)
        if slots is not None:  # a setting of its start: silence does not take it back
            self.told_slots = slots or None
            self._limit()

    @property
    def is_limit_learnt(self) -> bool:
        """True if how much it takes is only surmised."""
        return self.told_slots is None and self.learnt is not None and self.learnt.limit is not None

    def on_look(self, at: float, *, running: int | None, is_short: bool | None) -> None:
        """Takes note of how it copes with its work; see `LearntLimit.on_look`."""
        if self.learnt is not None:
            self.learnt.on_look(at, running=running, is_short=is_short, holds_back=bool(self.queue))
            self._limit()

    def on_refused(self) -> None:
        """Takes note that it has refused an exchange, not counted in flight any more, as its queue is full."""
        if self.learnt is not None:
            self.learnt.on_refused(self.in_flight)
            self._limit()

    def forget_limit(self) -> None:
        """Ends learning: nobody looks at it any more."""
        self.learnt = None
        self._limit()

    def _limit(self) -> None:
        before, self.slots = self.slots, self.told_slots
        if self.slots is None and self.learnt is not None:
            self.slots = self.learnt.limit
        if self.slots != before and self.on_free is not None:
            self.on_free()
