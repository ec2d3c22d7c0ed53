"""A brake on guessing: so many wrong tries, then none until the oldest is forgotten."""

from collections import deque
from collections.abc import Callable


class Tries:
    """The wrong tries of everybody together; their number is bounded by the limit itself."""

    def __init__(
        self, clock: Callable[[], float], *, limit: int = 10, window_s: float = 60.0
    ) -> None:
        self._clock = clock
        self._limit = limit
        self._window_s = window_s
        self._bad: deque[float] = deque(maxlen=limit)

    def wait_s(self) -> float:
        """Returns 0 where a try is allowed now, else the seconds until one is."""
        if len(self._bad) < self._limit:
            return 0.0
        return max(0.0, self._bad[0] + self._window_s - self._clock())

    def on_bad(self) -> None:
        """Takes note of a wrong try."""
        self._bad.append(self._clock())
