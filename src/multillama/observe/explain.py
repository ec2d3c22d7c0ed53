"""What is remembered of the newest exchanges, so that each can be explained: a bounded ring in memory.

HOT: `on_record` runs on the event loop for every exchange. It keeps a reference; the decision record is made when
somebody asks for it, and only then cleaned of secrets.
"""

from collections import deque
from itertools import islice
from typing import Final, Protocol

import msgspec

from multillama.core.decision import Decision
from multillama.core.record import Record
from multillama.observe.lines import LONGEST, Redactor

CAPACITY: Final = 1000
"""Exchanges that can be explained."""
UNASKED: Final = ("health", "ready")
"""Operations that nobody asks about: a probe each second would push out everything else."""


class Teller(Protocol):
    """What is known of an exchange beyond its record."""

    def tell(self, record: Record) -> Decision: ...


Entry = Record | tuple[Record, Teller]
"""A plain exchange is its record alone."""


class Explanations:
    """The ring.

    Args:
        plain: Tells an exchange of which nothing but its record is known.
        capacity: Exchanges that are kept; the oldest goes for the next one.
    """

    def __init__(self, plain: Teller, *, capacity: int = CAPACITY) -> None:
        self.redactor = Redactor()
        """Takes secrets out of what is told."""
        self._plain = plain
        # A deque and no dict: lookups are rare and may search, but each exchange pays for what is added.
        self._ring: deque[Entry] = deque(maxlen=capacity)
        self._story: Teller | None = None

    def __len__(self) -> int:
        return len(self._ring)

    @property
    def capacity(self) -> int:
        return self._ring.maxlen or 0

    def on_story(self, _record: Record, story: Teller) -> None:
        """Takes what goes beyond the record that comes next."""
        self._story = story

    def on_record(self, record: Record) -> None:
        """Takes one finished exchange, cleaned as it is for the log."""
        story = self._story
        if story is not None:
            self._story = None
            self._ring.append((record, story))
        elif record.operation not in UNASKED:
            self._ring.append(record)

    def newest(self, limit: int) -> list[Record]:
        """Returns the newest records, newest first."""
        return [_record(entry) for entry in islice(reversed(self._ring), limit)]

    def find(self, id: str) -> Decision | None:
        """Explains the exchange with this id of ours; None if it is not, or no longer, known."""
        for entry in reversed(self._ring):
            if _record(entry).id == id:
                return self._tell(entry)
        return None

    def _tell(self, entry: Entry) -> Decision:
        record, story = entry if isinstance(entry, tuple) else (entry, self._plain)
        facts = self.redactor.clean(msgspec.to_builtins(story.tell(record)))
        decision = msgspec.convert(facts, Decision)
        for row in decision.attempts:
            row.text = None if row.text is None else _cut(row.text)
        return decision


def _record(entry: Entry) -> Record:
    return entry[0] if isinstance(entry, tuple) else entry


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
