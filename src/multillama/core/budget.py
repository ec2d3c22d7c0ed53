"""The retry budget: repetitions may be a share of the newest requests, and a few a second besides.

Without it, an outage of the endpoints would be answered with a multiple of the usual load.
One serves the whole process, because the storm it prevents is the whole process's.
"""

from typing import Final

from multillama.core.policy import RetryPolicy

WINDOW_S: Final = 10


class RetryBudget:
    """Requests and repetitions of the last ten seconds, in a wheel of one slot a second.

    Over any time, repetitions are at most `budget_percent` of the requests and `budget_floor_per_s` times the
    seconds, rounded up to whole windows.
    """

    __slots__ = ("_ends_at", "_newest", "_repetitions", "_requests", "_second", "_wheel")

    def __init__(self) -> None:
        self._second = 0
        self._ends_at = 1.0
        """When the next second begins."""
        self._requests = 0
        """Of the seconds before this one."""
        self._repetitions = 0
        self._wheel = [[0, 0] for _ in range(WINDOW_S)]
        """Requests and repetitions of each second."""
        self._newest = self._wheel[0]
        """Those of this second."""

    def on_request(self, now: float) -> None:
        """Counts a request of a client. HOT: once per exchange."""
        if now >= self._ends_at:
            self._turn(int(now))
        self._newest[0] += 1

    def take(self, policy: RetryPolicy, now: float) -> bool:
        """Says whether there may be one more repetition (or hedge) now, and counts it if so."""
        if now >= self._ends_at:
            self._turn(int(now))
        allowed = policy.budget_floor_per_s * WINDOW_S
        allowed += policy.budget_percent / 100 * (self._requests + self._newest[0])
        if self._repetitions + 1 > allowed:
            return False
        self._repetitions += 1
        self._newest[1] += 1
        return True

    def _turn(self, second: int) -> None:
        """Forgets what is older than the window."""
        self._requests += self._newest[0]
        passed = second - self._second
        for step in range(1, min(passed, WINDOW_S) + 1):
            slot = self._wheel[(self._second + step) % WINDOW_S]
            self._requests -= slot[0]
            self._repetitions -= slot[1]
            slot[0] = slot[1] = 0
        self._second, self._ends_at = second, second + 1.0
        self._newest = self._wheel[second % WINDOW_S]
