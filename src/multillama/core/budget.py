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

    __slots__ = ("_repetitions", "_requests", "_second", "_wheel")

    def __init__(self) -> None:
        self._second = 0
        self._requests = 0
        self._repetitions = 0
        self._wheel = [[0, 0] for _ in range(WINDOW_S)]
        """Requests and repetitions of each second."""

    def on_request(self, now: float) -> None:
        """Counts a request of a client. HOT: once per exchange."""
        second = int(now)
        if second != self._second:
            self._turn(second)
        self._requests += 1
        self._wheel[second % WINDOW_S][0] += 1

    def take(self, policy: RetryPolicy, now: float) -> bool:
        """Says whether there may be one more repetition (or hedge) now, and counts it if so."""
        second = int(now)
        if second != self._second:
            self._turn(second)
        allowed = policy.budget_floor_per_s * WINDOW_S
        allowed += policy.budget_percent / 100 * self._requests
        if self._repetitions + 1 > allowed:
            return False
        self._repetitions += 1
        self._wheel[second % WINDOW_S][1] += 1
        return True

    def _turn(self, second: int) -> None:
        """Forgets what is older than the window."""
        passed = second - self._second
        if passed < 0:
            return  # a clock that went back: the slot of this second is still in the wheel
        for step in range(1, min(passed, WINDOW_S) + 1):
            slot = self._wheel[(self._second + step) % WINDOW_S]
            self._requests -= slot[0]
            self._repetitions -= slot[1]
            slot[0] = slot[1] = 0
        self._second = second
