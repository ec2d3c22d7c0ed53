"""The responses that the gateway keeps for endpoints that keep none: a bounded store in memory.

A response is found only by whoever made it. The oldest goes when there are too many, too many bytes, or it is too old.
No clock: the time is an argument. No text of a response is ever logged.
"""

from typing import NamedTuple

import msgspec

OVERHEAD_BYTES = 256
"""What Python needs for an item, about."""

Owner = bytes | None
"""Whose it is: the key it was asked for with, None for none."""


class StoreLimits(NamedTuple):
    """How much is kept."""

    responses: int
    """0: none at all."""
    bytes: int
    """Of all responses together. History that several of them share counts for each."""
    age_s: float


class Item(NamedTuple):
    """One item of an input or of an output."""

    id: str
    raw: bytes
    """As JSON."""


class Stored(msgspec.Struct, frozen=True):
    """One response."""

    id: str
    body: bytes
    """What `GET` answers."""
    input: tuple[Item, ...]
    """All that the model was told, also of the responses before."""
    output: tuple[Item, ...]

    @property
    def items(self) -> tuple[Item, ...]:
        """What a next response goes on from."""
        return self.input + self.output

    @property
    def size(self) -> int:
        items = self.items
        return len(self.body) + sum(len(item.raw) + OVERHEAD_BYTES for item in items)


class _Kept(NamedTuple):
    stored: Stored
    at: float
    size: int


class ResponseStore:
    """All stored responses of one gateway."""

    def __init__(self, limits: StoreLimits) -> None:
        self._limits = limits
        self._kept: dict[tuple[Owner, str], _Kept] = {}
        """In the order in which they came."""
        self._items: dict[tuple[Owner, str], dict[str, bytes]] = {}
        """Owner and an item's id to the responses that have it, the newest last, each with the item."""
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __repr__(self) -> str:
        return f"ResponseStore({len(self._kept)} responses)"

    @property
    def limits(self) -> StoreLimits:
        return self._limits

    def resize(self, limits: StoreLimits) -> None:
        """Goes over to other limits; what is too much for them goes."""
        self._limits = limits
        self._shrink()

    def put(self, owner: Owner, stored: Stored, *, now: float) -> bool:
        """Keeps a response; says whether it fits at all.

        Args:
            owner: Who asked for it.
            stored: The response.
            now: Seconds of any clock that only goes forward.
        """
        size = stored.size
        self._forget_old(now)
        if size > self._limits.bytes or not self._limits.responses:
            return False
        self._drop((owner, stored.id))
        self._kept[owner, stored.id] = _Kept(stored, now, size)
        self._bytes += size
        for item in stored.items:
            self._items.setdefault((owner, item.id), {})[stored.id] = item.raw
        self._shrink()
        return True

    def get(self, owner: Owner, response_id: str, *, now: float) -> Stored | None:
        """Returns a response of theirs."""
        self._forget_old(now)
        kept = self._kept.get((owner, response_id))
        return None if kept is None else kept.stored

    def delete(self, owner: Owner, response_id: str, *, now: float) -> bool:
        """Drops a response of theirs; says whether it was there."""
        self._forget_old(now)
        return self._drop((owner, response_id))

    def item(self, owner: Owner, item_id: str, *, now: float) -> bytes | None:
        """Returns an item of their responses, as JSON."""
        self._forget_old(now)
        found = self._items.get((owner, item_id))
        return None if found is None else next(reversed(found.values()))

    def _forget_old(self, now: float) -> None:
        while self._kept:
            key, kept = next(iter(self._kept.items()))
            if now - kept.at < self._limits.age_s:
                return
            self._drop(key)

    def _shrink(self) -> None:
        limits = self._limits
        while self._kept and (len(self._kept) > limits.responses or self._bytes > limits.bytes):
            self._drop(next(iter(self._kept)))

    def _drop(self, key: tuple[Owner, str]) -> bool:
        kept = self._kept.pop(key, None)
        if kept is None:
            return False
        self._bytes -= kept.size
        owner, response_id = key
        for item in kept.stored.items:
            known = self._items.get((owner, item.id), {})
            known.pop(response_id, None)
            if not known:
                self._items.pop((owner, item.id), None)
        return True
