"""Places at endpoints that serve only so many exchanges at one time: who may begin, who waits, and who is next.

A place is free while fewer exchanges are in flight than the endpoint's limit, as configured or as learnt from itself.
Who waits is woken when it has a place, when its time is over, or when it has to make room. Now and then, and when the
snapshot changes, it looks itself whether there is a better place to be.
"""

from time import gmtime, strftime
from typing import TYPE_CHECKING, Final

from multillama.core.alive import Alive, alive
from multillama.core.endpoints_state import EndpointState
from multillama.core.policy import Policy, QueuePolicy
from multillama.core.queue import LOST_FULL, LOST_LATE, WaitQueue, lost
from multillama.core.retry import out_of_time
from multillama.core.snapshot import Endpoint, Snapshot, Target
from multillama.dataplane.choice import Choice
from multillama.dataplane.timers import Timers
from multillama.errors import GatewayError

if TYPE_CHECKING:
    from multillama.dataplane.exchange import Exchange, Server

LOOK_S: Final = 1.0
"""How often one that waits looks whether somebody has recovered."""


def limit_of(endpoint: Endpoint) -> int | None:
    """Returns how many exchanges an endpoint serves at one time; None where nobody knows."""
    return endpoint.max_concurrency or endpoint.state.slots


def has_place(endpoint: Endpoint) -> bool:
    """Says whether an exchange may begin there now."""
    state = endpoint.state
    limit = endpoint.max_concurrency or state.slots  # `limit_of`: once for each exchange
    return limit is None or (state.in_flight < limit and not state.queue)


class Waiter:
    """One exchange that waits for a place at any of some endpoints."""

    __slots__ = (
        "_choice", "_entered", "_exchange", "_limit", "_policy", "_waits", "granted", "lost", "until",
    )  # fmt: skip

    def __init__(self, choice: Choice, policy: QueuePolicy, until: float) -> None:
        self._exchange = choice.exchange
        self._choice = choice
        self._policy = policy
        self._waits: set[EndpointState] = set()
        """In whose queues it is."""
        self._entered: set[EndpointState] = set()
        """In whose queues it has ever been, or was refused."""
        self._limit = self.until = until
        self.granted: Target | None = None
        self.lost: str | None = None
        """Why it will never have its turn."""

    def is_waiting(self, now: float) -> bool:
        """Says whether it has no place yet, and may still get one."""
        return self.granted is None and self.lost is None and now < self.until

    def grant(self, endpoint: Endpoint) -> None:
        """Gives it a place there, which counts as taken from now on."""
        # Not by identity: a reload makes new endpoints around the same state.
        state, choice = endpoint.state, self._choice
        targets = (*choice.targets, *choice.spare)
        self._take(next(target for target in targets if target.endpoint.state is state))
        self.wake()

    def _take(self, target: Target) -> None:
        target.endpoint.state.in_flight += 1
        self.granted = target
        self.leave()

    def on_lost(self, state: EndpointState, why: str) -> None:
        """A queue has put it out."""
        self._waits.discard(state)
        if not self._waits:
            self.lost = why
            self.wake()

    def leave(self) -> None:
        """Waits nowhere any more."""
        self._stay_at(set())

    def _stay_at(self, states: set[EndpointState]) -> None:
        for state in self._waits - states:
            if state.queue is not None:
                state.queue.leave(self)
        self._waits &= states

    def wake(self) -> None:
        """Lets it look again."""
        # Not at once: whoever frees a place is in the middle of its own end.
        self._exchange.server.timers.call_soon(self._exchange.wake)

    def look(self) -> None:
        """Chooses again: takes a place that is free and not kept from us by a breaker, and waits for the others."""
        choice = self._choice
        self._follow()
        every = [*choice.targets, *choice.spare]
        self._stay_at({target.endpoint.state for target in every})
        positions = []
        for target in every:
            if target.endpoint.state in self._waits:
                continue
            is_blocked = choice.is_blocked(target)
            if has_place(target.endpoint):
                if not is_blocked:
                    self._take(target)
                    return
            elif not is_blocked or target not in choice.spare:
                positions += self._enter(target.endpoint)
        if positions:
            self._exchange.story.on_queue(min(positions))
        if self._waits or choice.problem is not None:
            return
        # Where breakers alone keep us, trying beats refusing.
        free = next((target for target in choice.targets if has_place(target.endpoint)), None)
        if free is not None:
            self._take(free)
        else:
            self.lost = LOST_FULL

    def _follow(self) -> None:
        """Goes over to the newest snapshot; where that has nobody for it, it does not wait for long."""
        server = self._exchange.server
        self._choice.follow(server.snapshot)
        if self._choice.problem is None:
            self.until = self._limit
        elif self.until == self._limit:
            self.until = min(self._limit, server.timers.now() + self._choice.patience_s)

    def _enter(self, endpoint: Endpoint) -> list[int]:
        """Joins a queue, once; returns how many are before it there, if it was let in."""
        state = endpoint.state
        if state in self._entered:
            return []
        self._entered.add(state)
        exchange = self._exchange
        queue = _queue_of(endpoint, self._policy, exchange.server)
        position = queue.enter(self, exchange.principal, deadline=self.until)
        if position is None:
            return []
        self._waits.add(state)
        return [position]

    def go_anyway(self, until: float) -> None:
        """Takes what would have been its place if nobody had learnt a limit: that may hold it back, and no more.

        Args:
            until: When the exchange itself is out of time.
        """
        choice = self._choice
        if choice.problem is not None or self._exchange.server.timers.now() >= until:
            return
        for target in choice.targets:
            endpoint = target.endpoint
            is_surmised = endpoint.max_concurrency is None and endpoint.state.is_limit_learnt
            if is_surmised and not choice.is_blocked(target):
                self._take(target)
                return

    def error(self) -> GatewayError:
        """Returns why it got no place."""
        if self._choice.problem is not None:
            return self._choice.problem
        name = self._choice.targets[0].endpoint.name
        return lost(self.lost or LOST_LATE, name, waited_s=self._exchange.story.queue_s)


def _queue_of(endpoint: Endpoint, policy: QueuePolicy, server: "Server") -> WaitQueue[Waiter]:
    state = endpoint.state
    if state.queue is None:
        state.queue = WaitQueue(policy.max_waiting, lambda waiter, why: waiter.on_lost(state, why))
        state.on_free = lambda: _on_free(endpoint, server)
    state.queue.max_waiting = policy.max_waiting
    return state.queue


def _on_free(endpoint: Endpoint, server: "Server") -> None:
    state = endpoint.state
    if state.queue:
        # The newest endpoint around this state: its limit counts.
        every = server.snapshot.endpoints
        newest = next((other for other in every if other.state is state), endpoint)
        serve_next(newest, server.timers)


def serve_next(endpoint: Endpoint, timers: Timers) -> None:
    """Gives free places to whoever is next."""
    state = endpoint.state
    limit = limit_of(endpoint)
    while state.queue and (limit is None or state.in_flight < limit):
        waiter = state.queue.next(timers.now())
        if waiter is None:
            return
        waiter.grant(endpoint)


def on_snapshot(old: Snapshot, timers: Timers) -> None:
    """Lets all who wait look at the newest snapshot, then gives away the places that it has added.

    Args:
        old: The snapshot before: who waits does so at its endpoints.
        timers: Of the loop.
    """
    for endpoint in old.endpoints:
        state = endpoint.state
        if state.queue:
            for waiter in list(state.queue):
                waiter.wake()
            if state.on_free is not None:
                timers.call_soon(state.on_free)


async def wait_for_place(choice: Choice, policy: Policy, *, until: float) -> Target:
    """Waits until one of the targets has a place for an exchange, and takes it.

    The caller takes it back from what is in flight, and starts an attempt there in the same turn.

    Args:
        choice: Who waits, and for whom.
        policy: Of the route.
        until: The exchange's deadline, on the loop's clock.

    Raises:
        GatewayError: `queue_full`, `queue_timeout`, `deadline_exceeded`, or why there is nothing to wait for any more.
    """
    exchange, queue = choice.exchange, policy.queue
    timers = exchange.server.timers
    # All waits of an exchange together: one that was in vain does not begin it anew.
    left_s = queue.max_wait_s - exchange.story.queue_s
    waiter = Waiter(choice, queue, min(until, timers.now() + left_s))
    try:
        waiter.look()
        await _wait(exchange, waiter, queue)
    except BaseException:
        waiter.leave()
        if waiter.granted is not None:
            give_back(waiter.granted.endpoint)
        raise
    if waiter.granted is None:
        waiter.leave()
        waiter.go_anyway(until)
    if waiter.granted is None:
        if timers.now() >= until and choice.problem is None:
            name = choice.targets[0].endpoint.name
            raise out_of_time(policy.deadline_s or 0.0, name, waits=True)
        raise waiter.error()
    choice.settle(waiter.granted)
    return waiter.granted


async def _wait(exchange: "Exchange", waiter: Waiter, policy: QueuePolicy) -> None:
    timers, story = exchange.server.timers, exchange.story
    now = told_at = looked_at = timers.now()
    snapshot = exchange.server.snapshot
    keepalive_s, sign = policy.keepalive_s, None
    if keepalive_s is not None and exchange.stream:
        sign = _sign(exchange)
    while waiter.is_waiting(now):
        due = min(waiter.until, looked_at + LOOK_S)
        if keepalive_s is not None and sign is not None:
            if now >= told_at + keepalive_s:
                told_at = now
                exchange.keeps_body = (
                    True  # the answer begins here, and the attempt is still to come
                )
                exchange.relay.keep_alive(sign, at=now, notes=exchange.notes())
            due = min(due, told_at + keepalive_s)
        before = now
        try:
            await exchange.pause_until(due)
        finally:
            now = timers.now()
            story.queue_s += now - before
        is_new = exchange.server.snapshot is not snapshot
        # Not at the very end: what a look finds then comes too late.
        if waiter.is_waiting(now) and (is_new or now >= looked_at + LOOK_S):
            looked_at, snapshot = now, exchange.server.snapshot
            waiter.look()


def _sign(exchange: "Exchange") -> Alive | None:
    request = exchange.request
    return alive(
        exchange.operation.dialect,
        query=request.head.query,
        model=exchange.model or "",
        at=strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(request.at)),
    )


def give_back(endpoint: Endpoint) -> None:
    """Frees a place that was granted and will not be used: whoever is next may have it."""
    state = endpoint.state
    state.in_flight -= 1
    if state.on_free is not None:
        state.on_free()
