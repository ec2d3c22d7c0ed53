"""Waiting for an endpoint whose concurrency limit is reached: bounded, fair between principals, aware of deadlines.

Fair means by service, not by arrival: the principal that has been served least is next (start-time fair queueing, Goyal
and others 1996). Deficit round robin comes close to it, but lets two waiting principals be a quantum and the
costliest exchange apart; here it is the costliest exchange alone, and nobody has to choose a quantum.
"""

import heapq
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Final, Generic, NamedTuple, TypeVar

from multillama.errors import GatewayError

W = TypeVar("W", bound=Hashable)

LOST_FULL: Final = "queue_full"
LOST_LATE: Final = "queue_timeout"


class _Place(NamedTuple):
    order: int
    """By arrival: among equals, who came first is first."""
    cost: float
    deadline: float


class _Line(Generic[W]):
    """The waiters of one principal, first come first served."""

    __slots__ = ("asked", "is_listed", "principal", "served", "waiters")

    def __init__(self, principal: Hashable, served: float) -> None:
        self.principal = principal
        self.served = served
        """Cost that it has been served, on the queue's scale."""
        self.asked = 0.0
        """Cost of all its waiters."""
        self.is_listed = False
        """Whether the heap has it."""
        self.waiters: OrderedDict[W, _Place] = OrderedDict()


class WaitQueue(Generic[W]):
    """The queue of one endpoint.

    Args:
        max_waiting: Waiters at one time; it may be changed at any moment.
        on_lost: Told of a waiter that will never have its turn, with `queue_full` or `queue_timeout`. It is no longer
            in the queue then.
    """

    __slots__ = ("_heap", "_line_of", "_lines", "_on_lost", "_order", "_served", "max_waiting")

    def __init__(self, max_waiting: int, on_lost: Callable[[W, str], None]) -> None:
        self.max_waiting = max_waiting
        self._on_lost = on_lost
        self._line_of: dict[W, _Line[W]] = {}
        self._lines: dict[Hashable, _Line[W]] = {}
        self._heap: list[tuple[float, int, _Line[W]]] = []
        """Served cost, the order of the first waiter, and the line. A line stands here at most once."""
        self._served = 0.0
        """Where the scale is: who was away is not owed anything, who was served before stays served."""
        self._order = 0

    def __len__(self) -> int:
        return len(self._line_of)

    @property
    def arrivals(self) -> int:
        """How many have begun to wait since it was made."""
        return self._order

    def __iter__(self) -> Iterator[W]:
        """Names all waiters, in no order."""
        return iter(self._line_of)

    def enter(
        self, waiter: W, principal: Hashable, *, cost: float = 1.0, deadline: float = float("inf")
    ) -> int | None:
        """Lets one wait. O(log n), but for its position.

        When it is full, a principal with fewer waiters takes the place of the newest waiter of the one that has most,
        so that nobody can fill it against the others.

        Args:
            waiter: Anything hashable, once.
            principal: Whose it is.
            cost: What its service is worth, above 0: 1, or its estimated tokens; all waiters on the same scale.
            deadline: On the clock of `next`.

        Returns:
            How many are served before it if nobody else comes; None when it is full.
        """
        line = self._lines.get(principal)
        if len(self._line_of) >= self.max_waiting and not self._make_room(line):
            return None
        if line is None:
            line = self._lines[principal] = _Line(principal, self._served)
        self._order += 1
        line.waiters[waiter] = _Place(self._order, cost, deadline)
        line.asked += cost
        self._line_of[waiter] = line
        self._list(line)
        return self.position(waiter)

    def leave(self, waiter: W) -> None:
        """It waits no longer; nothing happens if it did not. O(1)."""
        line = self._line_of.pop(waiter, None)
        if line is not None:
            # An empty line stays in the heap until its turn: it remembers what its principal has been served.
            line.asked -= line.waiters.pop(waiter).cost
            if not self._line_of:
                self._start_anew()

    def next(self, now: float) -> W | None:
        """Takes out whose turn it is; None if nobody waits. Those whose deadline has passed are told and skipped."""
        while self._heap:
            served, order, line = heapq.heappop(self._heap)
            line.is_listed = False
            self._served = served
            if not line.waiters:
                del self._lines[line.principal]
                continue
            waiter, place = next(iter(line.waiters.items()))
            if place.order != order:
                self._list(line)  # its first waiter has left: among equals it is later now
                continue
            is_late = place.deadline <= now
            if not is_late:
                line.served += place.cost
            self.leave(waiter)
            if self._line_of:
                self._list(line)
            if not is_late:
                return waiter
            self._on_lost(waiter, LOST_LATE)
        return None

    def position(self, waiter: W) -> int:
        """Counts who is served before it if nobody else comes. O(n): for a header, not for every turn."""
        mine = self._line_of[waiter]
        order = mine.waiters[waiter].order
        earlier = [place.cost for place in mine.waiters.values() if place.order < order]
        before, start = len(earlier), mine.served + sum(earlier)
        for line in self._lines.values():
            served = line.served
            if line is mine:
                continue
            if served + line.asked <= start:
                before += len(line.waiters)
                continue
            for place in line.waiters.values():
                if (served, place.order) >= (start, order):
                    break
                before += 1
                served += place.cost
        return before

    # --- the steps ---------------------------------------------------------------------------

    def _list(self, line: _Line[W]) -> None:
        if line.is_listed:
            return
        line.is_listed = True
        first = next(iter(line.waiters.values()), None)
        if first is None:
            self._order += 1
        heapq.heappush(self._heap, (line.served, first.order if first else self._order, line))

    def _make_room(self, newcomer: _Line[W] | None) -> bool:
        """Sends the newest waiter of the longest line away, if the newcomer's stays the shorter one. O(principals)."""
        longest = max(self._lines.values(), key=lambda line: len(line.waiters), default=None)
        has = len(newcomer.waiters) if newcomer is not None else 0
        if longest is None or len(longest.waiters) <= has + 1:
            return False
        waiter = next(reversed(longest.waiters))
        self.leave(waiter)
        self._on_lost(waiter, LOST_FULL)
        return True

    def _start_anew(self) -> None:
        """Nobody waits: there is nobody to be fair to, and nothing to remember."""
        self._lines.clear()
        self._heap.clear()
        self._served = 0.0


def lost(kind: str, endpoint: str, *, waited_s: float = 0.0) -> GatewayError:
    """The failure of an exchange that the queue refused or lost.

    Args:
        kind: `queue_full` or `queue_timeout`.
        endpoint: The endpoint's name.
        waited_s: For `queue_timeout`.
    """
    if kind == LOST_FULL:
        return GatewayError(
            kind, f"Endpoint {endpoint} is busy, and its waiting line is full. Try again later."
        )  # fmt: skip
    return GatewayError(
        kind, f"Endpoint {endpoint} stayed busy: no turn came within {waited_s:.0f} s. Try again later."
    )  # fmt: skip
