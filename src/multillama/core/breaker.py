"""The breaker of one endpoint: what fails is left alone for a while, then tried by one request, and never forgotten.

It remembers conditions, each of one model or of the whole endpoint (`core/causes.py` says which):

    closed ── failures ──▶ open ── its time is over ──▶ half-open ── a success ──▶ closed
                            ▲                               │
                            └── the probe failed, twice as long ──┘

Half-open is an open condition whose time is over: the next request is its probe, and others wait for the news of it.
A probe that never reports is given up after `PROBE_S`, so no state can last. A condition that opens again soon after it
closed goes on with the longer time, so flapping does not reset it. Live traffic is all it needs.

HOT: `blocked` and `on_success` of an endpoint without trouble.
"""

from collections import deque
from typing import Final, NamedTuple

from multillama.core.causes import CAUSES, UNREACHABLE, BreakerRow, Scope
from multillama.core.policy import BreakerPolicy

PROBE_S: Final = 30.0
"""How long one probe keeps others away."""
SPREAD: Final = 0.2
"""Share of a cooldown that is random, so that many gateways do not come back together."""


class News(NamedTuple):
    """What one attempt tells: of which model, and how old the news is."""

    model: str
    """The endpoint's own name of it."""
    began: float
    """When the attempt began, on the monotonic clock."""
    now: float


class Open(NamedTuple):
    """A condition that is open, for people."""

    model: str | None
    """None: the whole endpoint."""
    condition: str
    """A name of a `BreakerRow`."""
    cause: str
    """What opened it: a name of `core/causes.py`."""
    text: str
    left_s: float
    """Until it is tried again; 0 when it is being tried or the next request will."""


class _State:
    """One condition of one model, or of the endpoint."""

    __slots__ = (
        "again_until", "cause", "condition", "cooldown_s", "failed_at", "is_open", "opened_at", "probe_until",
        "until",
    )  # fmt: skip

    def __init__(self, condition: BreakerRow) -> None:
        self.condition = condition
        self.cause = ""
        self.is_open = False
        self.opened_at = float("-inf")
        """The newest time. Attempts that began before tell nothing that is not known."""
        self.until = 0.0
        self.probe_until = 0.0
        self.cooldown_s = 0.0
        """The newest one: the next is twice as long."""
        self.again_until = 0.0
        """Until then an opening is the same trouble as before."""
        self.failed_at: deque[float] = deque(maxlen=1)

    def is_blocking(self, now: float) -> bool:
        return self.is_open and (now < self.until or now < self.probe_until)

    def close(self, now: float, window_s: float) -> None:
        self.is_open = False
        self.failed_at.clear()
        self.again_until = now + max(window_s, 2 * self.cooldown_s)

    def kept_until(self, window_s: float) -> float:
        """When a closed one tells nothing any more."""
        newest = self.failed_at[-1] + window_s if self.failed_at else 0.0
        return max(self.again_until, newest)

    def sentence(self, now: float) -> str:
        if now < self.until:
            return f"left alone for {max(self.until - now, 1):.0f} s: {self.condition.text}"
        return f"another request is trying it: {self.condition.text}"


class Breaker:
    """All conditions of one endpoint: at most two of its own, and three for each model that has failed."""

    __slots__ = ("_forget_at", "_open", "_states", "_window_s")

    def __init__(self) -> None:
        self._states: dict[str | None, dict[str, _State]] = {}
        """Model, or None for the whole endpoint, to the conditions by name."""
        self._open = 0
        """How many are open."""
        self._window_s = BreakerPolicy().window_s
        self._forget_at = 0.0

    # --- questions ---------------------------------------------------------------------------

    def blocked(self, model: str, now: float) -> str | None:
        """Says why this model should not be asked for here now, and until when; None if it may."""
        if not self._open:
            return None
        for state in self._concerning(model):
            if state.is_blocking(now):
                return state.sentence(now)
        return None

    def open_conditions(self, now: float) -> list[Open]:
        """Lists what is open, for the page and `multillama doctor`."""
        return [
            Open(
                model,
                state.condition.name,
                state.cause,
                state.sentence(now) if state.is_blocking(now) else f"to be tried: {state.condition.text}",
                max(state.until - now, 0.0),
            )
            for model, states in self._states.items()
            for state in states.values()
            if state.is_open
        ]  # fmt: skip

    # --- events ------------------------------------------------------------------------------

    def begin_probe(self, model: str, now: float) -> bool:
        """Makes the attempt that is about to start the probe of what is due, and says whether it is one.

        Whoever got True must report: `on_success`, `on_failure`, or `on_no_news`.
        """
        if not self._open or self.blocked(model, now) is not None:
            return False
        # Nothing blocks, so whatever is open is due.
        due = [state for state in self._concerning(model) if state.is_open]
        for state in due:
            state.probe_until = now + PROBE_S
        return bool(due)

    def on_no_news(self, model: str) -> None:
        """A probe ended without telling anything, e.g. because its client left: the next request is one."""
        for state in self._concerning(model):
            state.probe_until = 0.0

    def on_success(self, news: News) -> None:
        """An answer has come whose status is nobody's trouble."""
        if not self._states:
            return
        for state in self._concerning(news.model):
            if not state.is_open:
                state.failed_at.clear()
            elif news.began >= state.opened_at:
                self._close(state, news.now)
        if not self._open and news.now >= self._forget_at:
            self._forget(news.now)

    def on_reachable(self) -> None:
        """A new connection has been made by somebody else, e.g. to list the models: whoever waits may come now."""
        state = self._unreachable()
        if state is not None:
            self._close(state, state.until)

    def on_failure(
        self,
        news: News,
        cause: str,
        policy: BreakerPolicy,
        *,
        random: float,
        retry_after_s: float | None = None,
    ) -> None:
        """An attempt has failed.

        Args:
            news: Whose it is, and how old.
            cause: A name of `core/causes.py`.
            policy: Of the route.
            random: From 0 up to 1.
            retry_after_s: What the endpoint asked for.
        """
        row = CAUSES[cause]
        model, began, now = news
        self._window_s = policy.window_s
        failed = row.condition
        if row.reached:
            self._on_reached(news)
        self._end_other_probes(model, failed, now)
        if failed.scope is Scope.NONE:
            return
        key = None if failed.scope is Scope.ENDPOINT else model
        states = self._states.setdefault(key, {})
        state = states.get(failed.name)
        if state is None:
            state = states[failed.name] = _State(failed)
        if began < state.opened_at or (state.is_open and now < state.until):
            # One that left before the trouble was known, or was no probe. It makes nothing worse, but may tell a later
            # time. Without this, many requests that hang and end one by one would each double the cooldown.
            if retry_after_s is not None:
                state.until = max(state.until, now + min(retry_after_s, policy.max_cooldown_s))
            return
        if self._is_enough(state, policy, now, retry_after_s):
            state.cause = cause
            self._open_it(state, policy, now, random=random, asked_s=retry_after_s)

    # --- the steps ---------------------------------------------------------------------------

    def _concerning(self, model: str) -> list[_State]:
        states = self._states
        return [*states.get(None, {}).values(), *states.get(model, {}).values()]

    def _unreachable(self) -> _State | None:
        state = self._states.get(None, {}).get(UNREACHABLE.name)
        return state if state is not None and state.is_open else None

    def _on_reached(self, news: News) -> None:
        """A failure, but of a request that has arrived; an older one may have left before the endpoint died."""
        state = self._unreachable()
        if state is not None and news.began >= state.opened_at:
            self._close(state, news.now)

    def _end_other_probes(self, model: str, failed: BreakerRow, now: float) -> None:
        """A probe has brought other news than it was sent for: the old trouble waits as long as before."""
        for state in self._concerning(model):
            if state.is_open and state.condition is not failed and now < state.probe_until:
                state.probe_until = 0.0
                state.until = now + state.cooldown_s

    def _is_enough(
        self, state: _State, policy: BreakerPolicy, now: float, retry_after_s: float | None
    ) -> bool:
        """Says whether this failure opens it; a failed probe does, and who names a time is taken at its word."""
        if state.condition.opens_at_once or state.is_open or retry_after_s:
            return True
        if state.failed_at.maxlen != policy.failures:
            state.failed_at = deque(state.failed_at, maxlen=policy.failures)
        times = state.failed_at
        times.append(now)
        return len(times) == policy.failures and now - times[0] <= policy.window_s

    def _open_it(
        self,
        state: _State,
        policy: BreakerPolicy,
        now: float,
        *,
        random: float,
        asked_s: float | None,
    ) -> None:
        first_s: float = getattr(policy, state.condition.cooldown.value)
        is_again = state.is_open or now < state.again_until
        cooldown_s = max(first_s, 2 * state.cooldown_s) if is_again else first_s
        state.cooldown_s = min(cooldown_s, policy.max_cooldown_s)
        # Who names a time knows better than the doubling, but not better than the cap: no word may need a human.
        wait_s = state.cooldown_s if asked_s is None else asked_s
        state.until = now + min(wait_s * (1 + SPREAD * random), policy.max_cooldown_s)
        state.probe_until = 0.0
        state.failed_at.clear()
        state.opened_at = now
        if not state.is_open:
            state.is_open = True
            self._open += 1

    def _close(self, state: _State, now: float) -> None:
        state.close(now, self._window_s)
        self._open -= 1

    def _forget(self, now: float) -> None:
        """Drops what is no longer remembered, so that the hot path is short again. Asked when nothing is open."""
        self._forget_at = now + 1.0
        kept = {
            model: {name: state for name, state in states.items() if now < state.kept_until(self._window_s)}
            for model, states in self._states.items()
        }  # fmt: skip
        self._states = {model: states for model, states in kept.items() if states}
