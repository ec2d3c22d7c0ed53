"""The decision record: why an exchange went where it went, for `multillama explain` and the page.

The exchange fills one while it runs; a bounded ring keeps the newest. It never holds a secret, a prompt or an answer.
Times are milliseconds since the request's head was complete.
"""

import msgspec


class Considered(msgspec.Struct, frozen=True):
    """One target that could have served the model."""

    endpoint: str
    model: str
    """The endpoint's own name of it."""
    score: float | None = None
    """What the strategy compared, lower first; None where it compares nothing."""
    excluded: str | None = None
    """Why it was left out, in a sentence for people; None if it was in the plan."""
    now: tuple[str, ...] = ()
    """What else counts for its place, e.g. `tier 1`, `full`; told by a dry run alone, as it moves."""


class Tried(msgspec.Struct, kw_only=True):
    """One attempt."""

    endpoint: str
    role: str = "first"
    """`first`, `same` (again on the same target), `next`, `hedge`, `resume`, or `shared`: another's call."""
    begun_ms: float
    first_byte_ms: float | None = None
    over_ms: float | None = None
    status: int | None = None
    """The endpoint's, if it answered."""
    cause: str | None = None
    """Why it failed: a name of `core/causes.py`; None if it did not."""
    text: str | None = None
    """The failure in words."""
    then: str | None = None
    """What was decided after it, in words: `waited 0.3 s and tried again`, `gave up: …`."""
    answer_bytes: int = 0


class Decision(msgspec.Struct, kw_only=True):
    """Why one exchange went where it went."""

    id: str
    at: float
    """Seconds since 1970."""
    operation: str
    model: str | None = None
    stream: bool = False
    endpoint: str | None = None
    """Whose answer the client got, or who was tried last."""
    status: int = 0
    """What the client got; 499 for one that left before."""
    outcome: str = "ok"
    """As `core/record.py` has it."""
    first_byte_ms: float | None = None
    total_ms: float = 0.0
    request_bytes: int = 0
    response_bytes: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    strategy: str | None = None
    """None where there was one target, so nothing to choose."""
    remembered: str | None = None
    """The endpoint that had the conversation in its cache, as `affinity` remembers; None where none had it."""
    considered: tuple[Considered, ...] = ()
    """In the order of the plan, the excluded last."""
    attempts: list[Tried] = []
    queue_ms: float = 0.0
    queue_position: int | None = None
    """How many were before it when it began to wait."""
    edits: tuple[str, ...] = ()
    """Members of the request's body that were replaced, e.g. `model`."""
    dropped: tuple[str, ...] = ()
    """What a translation could not tell the endpoint, e.g. `top_k`."""
    cause: str | None = None
    """Why it ended as it did: the kind of its failure; None for success."""
    text: str | None = None


class Choice(msgspec.Struct, kw_only=True):
    """What would be tried for a model now: the dry run, with which nothing is sent."""

    model: str
    strategy: str | None = None
    remembered: str | None = None
    considered: tuple[Considered, ...] = ()
    """In the order of the plan, the excluded last."""
