"""A decision record in words, row by row: the page and the command line show the same ones.

Pure formatting. What a stranger wrote stays data: whoever shows it makes it harmless.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from multillama.core.causes import CAUSES
from multillama.core.decision import Considered, Decision, Tried
from multillama.core.strategies import STRATEGIES
from multillama.observe.lines import duration, size

ROLES: Final = {
    "first": "first",
    "same": "again",
    "next": "next",
    "hedge": "race",
    "resume": "goes on",
}
"""`Tried.role` in a word."""
ENDS: Final = {
    "ok": "The client has the whole answer",
    "refused": "The gateway answered with an error",
    "failed": "No endpoint gave an answer",
    "truncated": "The answer broke off",
    "cancelled": "The client left",
}
"""`Decision.outcome` in a sentence."""


class Fact(NamedTuple):
    """One line: what it is, and how it was."""

    name: str
    text: str


class CandidateRow(NamedTuple):
    """One target that could have served it."""

    place: str
    """`1` for the first; empty for one that was left out."""
    endpoint: str
    model: str
    score: str
    text: str
    """Why it was left out, or what else counts."""


class AttemptRow(NamedTuple):
    """One attempt."""

    role: str
    endpoint: str
    begun: str
    first_byte: str
    over: str
    status: str
    text: str
    """How it went."""
    then: str
    """What was decided after it."""
    begun_ms: float
    waited_ms: float
    """Without an answer."""
    answered_ms: float
    """From the first byte on."""
    is_good: bool


def ending(decision: Decision) -> str:
    """Says how it ended, in a sentence or two."""
    sentence = ENDS.get(decision.outcome, decision.outcome)
    if decision.outcome == "ok" and decision.status >= 400:
        sentence = "The client has the endpoint's own error"
    told = f"{sentence}: {decision.status}"
    if decision.endpoint is not None and decision.outcome == "ok":
        told += f" from {decision.endpoint}"
    told += f", after {duration(decision.total_ms)}."
    why = ": ".join(part for part in (decision.cause, decision.text) if part)
    return f"{told} {why}" if why else told


def facts(decision: Decision) -> list[Fact]:
    """Returns what is known of the exchange as a whole; unknown ones are left out."""
    return [Fact(name, text) for name, text in _facts(decision) if text]


def _facts(decision: Decision) -> Iterator[tuple[str, str]]:
    kind = f"{decision.operation}, stream" if decision.stream else decision.operation
    yield "Operation", kind
    yield "Model", decision.model or ""
    if decision.first_byte_ms is not None:
        yield "First byte", f"after {duration(decision.first_byte_ms)}"
    yield "Whole", f"after {duration(decision.total_ms)}"
    yield "Bytes", f"{size(decision.request_bytes)} in, {size(decision.response_bytes)} out"
    yield "Tokens", _tokens(decision)
    yield "Queue", _queue(decision)
    yield "Changed", _edits(decision)


def _tokens(decision: Decision) -> str:
    counts = ((decision.input_tokens, "in"), (decision.output_tokens, "out"))
    return ", ".join(f"{count:,} {way}" for count, way in counts if count is not None)


def _queue(decision: Decision) -> str:
    if decision.queue_position is None:
        return ""
    return f"waited {duration(decision.queue_ms)} for a place, {decision.queue_position} before it"


def _edits(decision: Decision) -> str:
    if not decision.attempts:
        return ""
    if decision.dropped:
        return f"translated; the endpoint could not be told: {', '.join(decision.dropped)}"
    if not decision.edits:
        return "nothing: the body went byte for byte"
    return f"{', '.join(decision.edits)}; all else in the body went byte for byte"


def choice(strategy: str | None, remembered: str | None, considered: Sequence[Considered]) -> str:
    """Says how the target was chosen."""
    if strategy is None:
        return "One target has the model: there was nothing to choose." if considered else ""
    told = f"By strategy {strategy}"
    if strategy in STRATEGIES:
        told += f": {STRATEGIES[strategy].text}"
    told += "."
    if any(row.score is not None for row in considered):
        told += " Of scores, the lower one is better."
    if remembered is not None:
        told += f" {remembered} had the conversation in its cache."
    return told


def candidates(considered: Sequence[Considered]) -> list[CandidateRow]:
    """Returns the targets in the order in which they were to be tried, those left out last."""
    return [_candidate(place, row) for place, row in enumerate(considered, 1)]


def _candidate(place: int, row: Considered) -> CandidateRow:
    now = ", ".join(row.now)
    if row.excluded is None:
        score = "" if row.score is None else f"{row.score:.4g}"
        return CandidateRow(str(place), row.endpoint, row.model, score, now)
    text = f"left out: {row.excluded}" + (f" ({now})" if now else "")
    return CandidateRow("", row.endpoint, row.model, "", text)


def attempts(decision: Decision) -> list[AttemptRow]:
    """Returns the attempts in the order of their ends."""
    return [_attempt(row, decision.total_ms) for row in decision.attempts]


def _attempt(row: Tried, total_ms: float) -> AttemptRow:
    over = total_ms if row.over_ms is None else row.over_ms
    answered_at = over if row.first_byte_ms is None else min(row.first_byte_ms, over)
    cause = CAUSES.get(row.cause or "")
    text = row.text or (cause.meaning if cause is not None else None)
    failure = ": ".join(part for part in (row.cause, text) if part)
    return AttemptRow(
        role=ROLES.get(row.role, row.role),
        endpoint=row.endpoint,
        begun=duration(row.begun_ms),
        first_byte=duration(row.first_byte_ms),
        over=duration(over),
        status="-" if row.status is None else str(row.status),
        text=failure or ("answered" if row.first_byte_ms is not None else "no answer"),
        then=row.then or "",
        begun_ms=row.begun_ms,
        waited_ms=max(answered_at - row.begun_ms, 0.0),
        answered_ms=max(over - answered_at, 0.0),
        is_good=row.cause is None and row.first_byte_ms is not None,
    )
