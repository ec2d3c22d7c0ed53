"""What happened to one exchange beyond a plain attempt: made when something does, read by `multillama explain`."""

from typing import TYPE_CHECKING

from multillama.core.causes import cause_of_error
from multillama.core.decision import Decision, Tried
from multillama.core.plan import NO_PLAN, Plan
from multillama.core.record import Record

if TYPE_CHECKING:
    from multillama.dataplane.attempt import Attempt


class Story:
    """The plan of an exchange, its attempts, and how long it waited."""

    # Defaults stand on the class: most exchanges change none of them.
    queue_s: float = 0.0
    queue_position: int | None = None
    edits: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    is_shared: bool = False
    """True for an exchange that got the answer of another's call: it has made no attempt."""

    def __init__(self, plan: Plan | None = None) -> None:
        self.plan = plan
        self.attempts: list[Tried] = []

    @property
    def _queue_ms(self) -> float:
        return int(self.queue_s * 1e6) / 1000

    def on_queue(self, position: int) -> None:
        """Takes note of a wait, and of how many are before it."""
        if self.queue_position is None:
            self.queue_position = position

    def on_edit(self, member: str) -> None:
        """Takes note that a member of the request's body was replaced on its way."""
        if member not in self.edits:
            self.edits += (member,)

    def on_drop(self, names: tuple[str, ...]) -> None:
        """Takes note of what a translation could not tell the endpoint."""
        self.dropped = names

    def on_end(self, last: "Attempt | None", record: Record, *, started: float) -> None:
        """Takes note of what was under way at the end: the last attempt, and its rival."""
        if self.queue_position is not None:
            record.queue_ms = self._queue_ms
        if self.is_shared:
            record.attempts = 0
            return
        if last is None or record.attempts <= max(len(self.attempts), 1):
            return  # a single attempt is told by the record
        now = started + record.total_ms / 1000
        for attempt in (last.rival, last):
            if attempt is not None:
                row = tried(attempt, started=started, now=now)
                if row.cause is None and record.error is not None:
                    row.then = "stopped with the exchange"
                self.attempts.append(row)

    def tell(self, record: Record) -> Decision:
        """Makes the decision record; plain exchanges have their one attempt from the record itself."""
        decision = (self.plan or NO_PLAN).tell(record)
        if self.attempts:
            decision.attempts = self.attempts
        elif self.is_shared:
            for row in decision.attempts:
                row.role = "shared"
        decision.queue_ms = self._queue_ms
        decision.queue_position = self.queue_position
        decision.edits, decision.dropped = self.edits, self.dropped
        return decision


def tried(attempt: "Attempt", *, started: float, now: float) -> Tried:
    """Makes the row of an attempt that is over; times are on the monotonic clock."""
    first_byte = attempt.first_byte_at
    return Tried(
        endpoint=attempt.endpoint,
        role=attempt.role,
        begun_ms=_ms(attempt.begun_at - started),
        first_byte_ms=_ms(first_byte - started) if first_byte else None,
        over_ms=_ms(now - started),
        status=attempt.status or None,
        cause=attempt.cause
        or (cause_of_error(attempt.error) if attempt.error is not None else None),
        text=attempt.error.text if attempt.error is not None else None,
        answer_bytes=attempt.answer_bytes,
    )


def _ms(seconds: float) -> float:
    return int(seconds * 1e6) / 1000


def header_lines(attempts: int, story: Story | None) -> bytes:
    """Returns header lines for the client that tell what an exchange took, without the last CRLF."""
    lines = []
    if attempts > 1:
        lines.append(b"x-multillama-attempts: %d" % attempts)
    if story is not None and story.queue_position is not None:
        lines.append(b"x-multillama-queue-ms: %d" % int(story.queue_s * 1000))
        lines.append(b"x-multillama-queue-position: %d" % story.queue_position)
    return b"\r\n".join(lines)
