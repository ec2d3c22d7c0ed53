"""A brake on guessing: so many wrong tries from one address, then none until the oldest is forgotten.

A stranger who guesses must not lock the operator out, so each address has a budget of its own. Behind a reverse
proxy all share the proxy's: who its clients are is only their own word.
"""

from collections import deque
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

OTHERS: Final = ""
"""The budget that addresses share for which there is no more room."""


class Tries:
    """The newest wrong tries of each address; a fixed number of addresses, and of tries of each."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        limit: int = 10,
        window_s: float = 60.0,
        addresses: int = 1024,
    ) -> None:
        self._clock = clock
        self._limit = limit
        self._window_s = window_s
        self._addresses = addresses
        self._bad: dict[str, deque[float]] = {}

    def wait_s(self, address: str) -> float:
        """Returns 0 where a try from that address is allowed now, else the seconds until one is."""
        budget = self._budget(address)
        bad = self._bad.get(budget)
        if bad is None or len(bad) < self._limit:
            return 0.0
        return max(0.0, bad[0] + self._window_s - self._clock())

    def on_bad(self, address: str) -> None:
        """Takes note of a wrong try."""
        budget = self._budget(address)
        self._bad.setdefault(budget, deque(maxlen=self._limit)).append(self._clock())

    def _budget(self, address: str) -> str:
        network = network_of(address)
        if network not in self._bad and len(self._bad) >= self._addresses:
            self._forget()
        return network if network in self._bad or len(self._bad) < self._addresses else OTHERS

    def _forget(self) -> None:
        until = self._clock() - self._window_s
        self._bad = {network: bad for network, bad in self._bad.items() if bad[-1] > until}


def network_of(address: str) -> str:
    """Returns what one stranger has to himself: an IPv4 address, or the /64 that a single line has of IPv6."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return OTHERS
    if not isinstance(found, IPv6Address):
        return address
    return str(found.ipv4_mapped or ip_network((found, 64), strict=False))
