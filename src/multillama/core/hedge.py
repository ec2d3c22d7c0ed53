"""Hedging: after how long a second target races the first. Bounded memory, and nothing but arithmetic."""

from typing import Final

KEPT: Final = 128
"""Newest samples of one target."""
ENOUGH: Final = 20
"""Fewer samples say nothing about the slowest twentieth."""
RENEW: Final = 16
"""Samples between two looks at all of them: a look costs about 10 µs."""
SHORTEST_S: Final = 0.05
"""A second request sooner than this would double the load for nothing that anybody notices."""


class FirstBytes:
    """The newest times to the first byte of one target."""

    __slots__ = ("_at", "_fresh", "_p95", "_samples")

    def __init__(self) -> None:
        self._samples: list[float] = []
        self._at = 0
        self._fresh = 0
        self._p95: float | None = None

    def __len__(self) -> int:
        return len(self._samples)

    def add(self, seconds: float) -> None:
        """Takes note of one answer."""
        self._fresh += 1
        if len(self._samples) < KEPT:
            self._samples.append(seconds)
            return
        self._samples[self._at] = seconds
        self._at = (self._at + 1) % KEPT

    def p95_s(self) -> float | None:
        """The time that 95 of 100 stay below, at most `RENEW` samples old; None until there are `ENOUGH`."""
        size = len(self._samples)
        if size < ENOUGH:
            return None
        if self._p95 is None or self._fresh >= RENEW:
            self._p95 = sorted(self._samples)[size * 95 // 100]
            self._fresh = 0
        return self._p95


def hedge_after_s(first_bytes: FirstBytes | None, *, left_s: float | None = None) -> float | None:
    """Says after how long without a first byte a second target joins; None: never.

    Args:
        first_bytes: Of the first target, if any are known.
        left_s: Until the exchange's deadline.
    """
    usual_s = first_bytes.p95_s() if first_bytes is not None else None
    if usual_s is None:
        return None
    after_s = max(usual_s, SHORTEST_S)
    return None if left_s is not None and after_s >= left_s else after_s
