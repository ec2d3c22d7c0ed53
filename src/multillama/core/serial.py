"""Puts the parts of a stream one after another, for writers whose dialect cannot have two open at one time.

HOT: runs for every event of such a stream.
"""

from multillama.core.deltas import Close, Delta, Event, More, Open, Sign


class Serial:
    """Lets one part through at a time; what comes of others waits until it is closed."""

    def __init__(self) -> None:
        self._open: int | None = None
        self._waiting: dict[int, list[Event]] = {}
        """Parts that have begun meanwhile, in order, with all that came of them."""

    def order(self, events: list[Event]) -> list[Event]:
        """Returns the events that may be written now, in an order in which no two parts overlap.

        Readers close all parts of a choice before its `Finish`, so that nothing waits at the end.

        """
        ordered: list[Event] = []
        for event in events:
            if not isinstance(event, Open | Delta | Sign | More | Close):
                ordered.append(event)
            elif isinstance(event, Open) and self._open is None:
                self._open = event.part
                ordered.append(event)
            elif event.part == self._open:
                ordered.append(event)
                if isinstance(event, Close):
                    self._open = None
                    self._let_through(ordered)
            else:
                self._waiting.setdefault(event.part, []).append(event)
        return ordered

    def _let_through(self, ordered: list[Event]) -> None:
        while self._open is None and self._waiting:
            part, events = next(iter(self._waiting.items()))
            del self._waiting[part]
            ordered += events
            if not isinstance(events[-1], Close):
                self._open = part
