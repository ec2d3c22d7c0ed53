"""Virtual time: events in the order of their hour, and nothing ever waits."""

import heapq
from collections.abc import Callable
from itertools import count

from multillama.dataplane.timers import Timers


class Handle:
    """A call that is due at some time."""

    __slots__ = ("callback", "is_cancelled", "when")

    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class SimLoop:
    """As much of an event loop as the data plane uses: a clock, timers, and the end of a turn."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._due: list[tuple[float, int, Handle]] = []
        self._soon: list[Callable[[], None]] = []
        self._number = count()

    def time(self) -> float:
        return self.now

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Handle:
        handle = Handle(self.now + delay_s, callback)
        heapq.heappush(self._due, (handle.when, next(self._number), handle))
        return handle

    def call_soon(self, callback: Callable[[], None]) -> None:
        self._soon.append(callback)

    def timers(self) -> Timers:
        return Timers(self)  # type: ignore[arg-type]  # as much of a loop as the wheel needs

    def run(self, until: float) -> None:
        """Lets everything happen that is due up to then."""
        self._end_turn()
        while self._due and self._due[0][0] <= until:
            when, _, handle = heapq.heappop(self._due)
            if handle.is_cancelled:
                continue
            self.now = max(self.now, when)
            handle.callback()
            self._end_turn()
        self.now = max(self.now, until)

    def _end_turn(self) -> None:
        while self._soon:
            soon, self._soon = self._soon, []
            for callback in soon:
                callback()
