"""Places at endpoints that serve only so many exchanges at one time: who may begin, who waits, and who is next.

A place is free while fewer exchanges are in flight than the endpoint's limit, as configured or as learnt from itself.
Who waits is woken when it has a place, when its time is over, or when it has to make room.
"""

from typing import TYPE_CHECKING, Final

from multillama.core.policy import QueuePolicy
from multillama.core.queue import WaitQueue, lost
from multillama.core.snapshot import Endpoint, Target
from multillama.dataplane.timers import Timers

if TYPE_CHECKING:
    from multillama.dataplane.exchange import Exchange

WAITING: Final = b": waiting for a free endpoint\n\n"
"""A comment, which is legal between the events of every dialect that streams server-sent events."""
SSE_DIALECTS: Final = frozenset(
    ("openai.chat", "openai.completions", "openai.responses", "anthropic.messages")
)


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

    __slots__ = ("_exchange", "_targets", "granted", "lost", "queues")

    def __init__(self, exchange: "Exchange", targets: list[Target]) -> None:
        self._exchange = exchange
        self._targets = targets
        self.granted: Target | None = None
        self.lost: str | None = None
        """Why it will never have its turn."""
        self.queues = 0
        """In how many it waits."""

    def grant(self, endpoint: Endpoint) -> None:
        """Gives it a place there, which counts as taken from now on."""
        endpoint.state.in_flight += 1
        # Not by identity: a reload makes new endpoints around the same state.
        state = endpoint.state
        self.granted = next(target for target in self._targets if target.endpoint.state is state)
        self.leave()
        self._wake()

    def on_lost(self, why: str) -> None:
        """One of the queues has put it out."""
        self.queues -= 1
        if not self.queues:
            self.lost = why
            self._wake()

    def leave(self) -> None:
        """Waits nowhere any more."""
        for target in self._targets:
            queue = target.endpoint.state.queue
            if queue is not None:
                queue.leave(self)

    def _wake(self) -> None:
        # Not at once: whoever frees a place is in the middle of its own end.
        self._exchange.server.timers.call_soon(self._exchange.wake)


def _queue_of(endpoint: Endpoint, policy: QueuePolicy, timers: Timers) -> WaitQueue[Waiter]:
    state = endpoint.state
    if state.queue is None:
        state.queue = WaitQueue(policy.max_waiting, Waiter.on_lost)
    state.queue.max_waiting = policy.max_waiting
    state.on_free = lambda: serve_next(endpoint, timers)  # the newest endpoint: its limit counts
    return state.queue


def serve_next(endpoint: Endpoint, timers: Timers) -> None:
    """Gives free places to whoever is next."""
    state = endpoint.state
    limit = limit_of(endpoint)
    while state.queue and (limit is None or state.in_flight < limit):
        waiter = state.queue.next(timers.now())
        if waiter is None:
            return
        waiter.grant(endpoint)


async def wait_for_place(
    exchange: "Exchange", targets: list[Target], policy: QueuePolicy, *, until: float
) -> Target:
    """Waits until one of the targets has a place for this exchange, and takes it.

    The caller takes it back from what is in flight, and starts an attempt there in the same turn.

    Args:
        exchange: Who waits.
        targets: In order of preference, at least one.
        policy: Of the route.
        until: The exchange's deadline, on the loop's clock.

    Raises:
        GatewayError: `queue_full`, `queue_timeout`, or why there is nothing to wait for any more.
    """
    timers = exchange.server.timers
    now = timers.now()
    until = min(until, now + policy.max_wait_s)
    waiter = Waiter(exchange, targets)
    position: int | None = None
    for endpoint in {target.endpoint.name: target.endpoint for target in targets}.values():
        queue = _queue_of(endpoint, policy, timers)
        place = queue.enter(waiter, exchange.principal, deadline=until)
        if place is not None:
            waiter.queues += 1
            position = place if position is None else min(position, place)
    first = targets[0].endpoint
    if position is None:
        raise lost("queue_full", first.name)
    exchange.story.on_queue(position)
    try:
        await _wait(exchange, waiter, policy, until)
    except BaseException:
        waiter.leave()
        if waiter.granted is not None:
            give_back(waiter.granted.endpoint)
        raise
    finally:
        exchange.story.queue_s += timers.now() - now
    if waiter.granted is None:
        waiter.leave()
        raise lost(waiter.lost or "queue_timeout", first.name, waited_s=timers.now() - now)
    return waiter.granted


async def _wait(exchange: "Exchange", waiter: Waiter, policy: QueuePolicy, until: float) -> None:
    timers = exchange.server.timers
    told_at = timers.now()
    may_tell = policy.keepalive_s is not None and exchange.stream
    may_tell = may_tell and exchange.operation.dialect in SSE_DIALECTS
    while waiter.granted is None and waiter.lost is None and (now := timers.now()) < until:
        due = until
        if may_tell and policy.keepalive_s is not None:
            if now >= told_at + policy.keepalive_s:
                told_at = now
                exchange.keeps_body = (
                    True  # the answer begins here, and the attempt is still to come
                )
                exchange.relay.keep_alive(WAITING, at=now, notes=exchange.notes())
            due = min(until, told_at + policy.keepalive_s)
        await exchange.pause_until(due)


def give_back(endpoint: Endpoint) -> None:
    """Frees a place that was granted and will not be used: whoever is next may have it."""
    state = endpoint.state
    state.in_flight -= 1
    if state.on_free is not None:
        state.on_free()
