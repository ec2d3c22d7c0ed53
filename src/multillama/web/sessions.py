"""Who has shown the key to the page: random session ids, bounded in number and in age.

Only hashes of the ids are kept, so that looking one up tells nothing by its timing.
"""

import secrets
from collections.abc import Callable
from hashlib import sha256
from typing import Final

LIFETIME_S: Final = 12 * 3600
LIMIT: Final = 64
ID_BYTES: Final = 32


class Sessions:
    """The open sessions of one gateway."""

    def __init__(
        self, clock: Callable[[], float], *, limit: int = LIMIT, lifetime_s: float = LIFETIME_S
    ) -> None:
        self._clock = clock
        self._limit = limit
        self._lifetime_s = lifetime_s
        self._ends: dict[bytes, float] = {}
        """Hash of an id to the end of its life; in order of opening, so the first ends first."""

    def open(self) -> str:
        """Begins a session and returns its id; where there are too many, the oldest one ends."""
        while len(self._ends) >= self._limit:
            del self._ends[next(iter(self._ends))]
        session = secrets.token_urlsafe(ID_BYTES)
        self._ends[_hash(session)] = self._clock() + self._lifetime_s
        return session

    def is_open(self, session: str) -> bool:
        end = self._ends.get(_hash(session))
        return end is not None and self._clock() < end

    def close_all(self) -> None:
        self._ends.clear()

    def close(self, session: str) -> None:
        self._ends.pop(_hash(session), None)


def _hash(session: str) -> bytes:
    return sha256(session.encode("utf-8", "surrogateescape")).digest()
