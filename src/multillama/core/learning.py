"""A limit that nobody has told: how many exchanges a server takes at one time, learnt from how it copes.

It may never make things worse than no limit: it stands while the server says it is short of room, leaves the server
some work in hand, grows where it might hold somebody back for nothing, and is forgotten when the shortage is over. Who
has waited in vain for its sake is sent all the same (`dataplane/places.py`), as if there were no limit.
"""

from typing import Final

FORGET_S: Final = 60.0
"""Without another sign of shortage."""
LEAST_AHEAD: Final = 2
AHEAD: Final = 4
"""One in so many of what runs may wait at the server, so that it does not fall idle between two looks at it."""
LEAST_REFUSED: Final = 4
"""Ollama refuses when the queue of all its clients is full. A limit below what it may work on at one time (4 at most
where nobody has said otherwise) would leave it idle once the others have gone."""
GROWTH: Final = 8
"""One in so many more at each look, while somebody waits and nothing is refused."""


class LearntLimit:
    """What is learnt of one server. Times are those of whoever looks at it."""

    __slots__ = ("_ahead", "_is_new", "_told_at", "limit")

    def __init__(self) -> None:
        self.limit: int | None = None
        """Exchanges at one time; None while nothing is known."""
        self._told_at = 0.0
        """When it was last known to be short of room."""
        self._is_new = False
        """It has refused somebody since the last look."""
        self._ahead = 1
        """Doubles each time that the server had run dry."""

    def on_refused(self, accepted: int) -> None:
        """Takes note that it has refused one more, as its queue is full.

        Args:
            accepted: Exchanges of ours that it has at that time.
        """
        if accepted >= LEAST_REFUSED:
            self.limit = accepted if self.limit is None else min(self.limit, accepted)
            self._is_new = True

    def on_look(
        self, at: float, *, running: int | None, is_short: bool | None, holds_back: bool
    ) -> None:
        """Takes note of what it tells of itself.

        Args:
            at: Now, in seconds.
            running: What it works on, of all its clients; None where it does not say.
            is_short: Something waits there for want of room; None where it does not say.
            holds_back: Somebody waits here for its sake.
        """
        if is_short and running:
            self.limit = running + max(LEAST_AHEAD, running // AHEAD) * self._ahead
            self._told_at = at
        elif self._is_new:
            self._is_new, self._told_at = False, at
        elif self.limit is None:
            return
        elif at - self._told_at >= FORGET_S:
            self.limit, self._ahead = None, 1
        elif holds_back and is_short is None:
            self.limit += max(1, self.limit // GROWTH)
        elif holds_back:
            # It has done all it had while others waited here: let them go, and keep more in hand from now on.
            self.limit, self._ahead = None, min(self._ahead * 2, AHEAD)
