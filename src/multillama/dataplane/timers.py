"""Deadlines of everything that waits, in one coarse wheel.

Arming costs a dictionary entry, and moving a deadline later costs one attribute (the wheel looks again when the
old one passes), so every byte may move one. Precision: two ticks late at most, never early.
"""

import asyncio
import math
from collections.abc import Callable
from typing import Final, Protocol

TICK_S: Final = 0.05
NEVER: Final = math.inf


class Waiting(Protocol):
    """Something that waits until its deadline."""

    deadline: float
    """On the loop's clock, in seconds; `NEVER` for none."""
    watched: float
    """The wheel's own mark, on the loop's clock: when it looks next. Start with `NEVER`."""

    def on_deadline(self) -> None: ...


class Timers:
    """The wheel of one event loop."""

    __slots__ = ("_due", "_handle", "_slots", "call_later", "call_soon", "now")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.now: Callable[[], float] = loop.time
        self.call_soon = loop.call_soon
        self.call_later = loop.call_later
        """For the few waits that are shorter than a tick."""
        self._slots: dict[int, dict[int, Waiting]] = {}
        self._due = 0
        self._handle: asyncio.TimerHandle | None = None

    def arm(self, waiting: Waiting, delay_s: float) -> None:
        """Sets the deadline `delay_s` from now."""
        deadline = waiting.deadline = self.now() + delay_s
        # Watched, and not later: the wheel will see the new deadline when it looks next.
        if deadline < waiting.watched:
            self._watch(waiting, deadline)

    def _watch(self, waiting: Waiting, deadline: float) -> None:
        if waiting.watched != NEVER:
            self._unwatch(waiting)
        tick = int(deadline / TICK_S) + 1
        # The start of its slot: a deadline moved within it finds it watched already.
        waiting.watched = (tick - 1) * TICK_S
        slot = self._slots.get(tick)
        if slot is None:
            slot = self._slots[tick] = {}
        slot[id(waiting)] = waiting
        if self._handle is None:
            self._due = int(self.now() / TICK_S)
            self._handle = self.call_later(TICK_S, self._turn)

    def _unwatch(self, waiting: Waiting) -> None:
        slot = self._slots.get(round(waiting.watched / TICK_S) + 1)
        if slot is not None:
            slot.pop(id(waiting), None)
        waiting.watched = NEVER

    def forget(self, waiting: Waiting) -> None:
        """Takes it out of the wheel; for what is closed."""
        if waiting.watched != NEVER:
            self._unwatch(waiting)
        waiting.deadline = NEVER

    def _turn(self) -> None:
        now = self.now()
        reached = int(now / TICK_S)
        if reached - self._due > len(self._slots):
            due = sorted(tick for tick in self._slots if tick <= reached)
        else:
            due = [tick for tick in range(self._due, reached + 1) if tick in self._slots]
        self._due = reached + 1
        try:
            for tick in due:
                for waiting in self._slots.pop(tick).values():
                    self._pass(waiting, now)
        finally:
            # Only now: a slot that a slow callback has armed meanwhile must not move where the next turn begins.
            self._handle = self.call_later(TICK_S, self._turn) if self._slots else None

    def _pass(self, waiting: Waiting, now: float) -> None:
        waiting.watched = NEVER
        if waiting.deadline <= now:
            waiting.deadline = NEVER
            waiting.on_deadline()
        elif waiting.deadline != NEVER:
            self._watch(waiting, waiting.deadline)

    def close(self) -> None:
        """Stops the wheel; nothing fires any more."""
        self._slots.clear()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
