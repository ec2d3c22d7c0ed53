"""What a dialect is: a row of functions between its bytes and the canonical form.

The functions are pure. Readers raise `Misfit` for what is not their dialect; `core/translate.py` makes the client's or
the endpoint's fault of it. Writers tell what they cannot say to `Losses`, and never drop anything in silence.
"""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

import msgspec

from multillama.core.canonical import Answer, Count, Embed, Fault, Request, Vectors
from multillama.core.deltas import Event


class Misfit(Exception):
    """A value is not what the dialect has in its place.

    Args:
        path: The place, e.g. `messages[0].content`.
        text: What is wanted there, e.g. `must be a text or a list of parts`.
    """

    def __init__(self, path: str, text: str) -> None:
        super().__init__(f"{path} {text}" if path else text)
        self.path = path
        self.text = text


HINTS: Final = frozenset((
    "cache", "cache_key", "cache_control", "extras.cache_control", "prompt_cache_key", "prompt_cache_options",
    "prompt_cache_retention", "context_management", "tools.eager_input_streaming", "tools.defer_loading",
    "extras.eager_input_streaming", "extras.defer_loading", "keep_alive", "user", "metadata",
    "metadata.user_id", "safety_identifier", "messages.reasoning",
))  # fmt: skip
"""Names of what can be left out of a request and the client misses nothing in the answer: what makes it cheaper,
who asks, and what another model has thought earlier."""


class Losses:
    """Collects what a writer cannot say, in the order found and each once."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def drop(self, name: str) -> None:
        """Takes note of a canonical field (`top_k`), or of a part (`image`, `extras.web_search_options`)."""
        self._names[name] = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._names)

    @property
    def grave(self) -> tuple[str, ...]:
        """Those that are no hints."""
        return tuple(name for name in self._names if name not in HINTS)


class Goal(msgspec.Struct):
    """What a writer of requests knows of the one who reads them."""

    model: str
    """The endpoint's own name of the model."""
    provider: str
    """Its row in the catalog, e.g. `anthropic`, `llamacpp`."""
    family: str
    """The target dialect's: extras of this family may be written."""
    stream: bool
    """Whether to ask for a stream; may differ from what the client asked."""
    losses: Losses


class Reply(msgspec.Struct):
    """What a writer of answers knows of the one who reads them."""

    request: Request
    """As the client sent it."""
    model: str
    """The public name that the client asked for."""
    id: str
    """Unique, for answers that must have an id and were given none; letters, digits and hyphens."""
    created: int
    """Seconds since 1970."""
    losses: Losses


class Reader(Protocol):
    """Reads one stream; whatever the cuts between the bytes are, the events are the same."""

    def feed(self, data: bytes) -> list[Event]:
        """Takes bytes; returns what they complete. Raises Misfit for bytes that are no event of the dialect."""

    def end(self) -> list[Event]:
        """Takes note of the end of the bytes; returns what that completes, with `End` if all was there."""


class Writer(Protocol):
    """Writes one stream."""

    def write(self, events: list[Event]) -> bytes:
        """Returns the bytes of these events, maybe none."""


class Codec(msgspec.Struct, frozen=True):
    """A dialect in which answers of a model are asked for."""

    dialect: str
    """E.g. `anthropic.messages`."""
    family: str
    read_request: Callable[[bytes], Request]
    write_request: Callable[[Request, Goal], bytes]
    read_answer: Callable[[bytes], Answer]
    write_answer: Callable[[Answer, Reply], bytes]
    reader: Callable[[], Reader]
    writer: Callable[[Reply], Writer]
    read_fault: Callable[[int, bytes], Fault]
    """From the status and the body of an error answer, whatever that is; never raises.

    A status below 400 is that of an answer with an error in its place: what the error itself tells counts then.
    """
    write_fault: Callable[[Fault], bytes]
    """The body of an error answer."""
    write_fault_event: Callable[[Fault], bytes]
    """What tells an error inside a stream that has begun, whole with its framing."""
    says: frozenset[str]
    """Fields of `Request` that it can say, beside `model`, `messages`, `stream`, `family` and `extras`."""
    names: Mapping[str, str]
    """Field of `Request` to its own name for it, where that is another: `{"max_tokens": "max_output_tokens"}`."""
    stream_type: bytes = b"text/event-stream"
    """The content type of its streams."""
    tidy: Callable[[Request, Goal], None] | None = None
    """Takes out of a client's request what its clients say to their own servers only, and would harm elsewhere."""
    answer_here: Callable[[Request, int], bytes | None] | None = None
    """The answer to a request that asks nothing of a model, at this time in seconds since 1970; None for all others."""
    must_stream: Callable[[Request, Goal], bool] | None = None
    """Says whether an endpoint should be asked for a stream though the client wants none: it may take too long."""


class EmbedCodec(msgspec.Struct, frozen=True):
    """A dialect in which embeddings are asked for."""

    dialect: str
    family: str
    read_request: Callable[[bytes], Embed]
    write_request: Callable[[Embed, Goal], bytes]
    read_answer: Callable[[bytes], Vectors]
    write_answer: Callable[[Vectors, Embed], bytes]
    read_fault: Callable[[int, bytes], Fault]
    write_fault: Callable[[Fault], bytes]
    says: frozenset[str]
    """Fields of `Embed` that it can say, beside `model`, `inputs`, `family` and `extras`."""


class CountCodec(msgspec.Struct, frozen=True):
    """A dialect in which the tokens of a request are counted."""

    dialect: str
    family: str
    read_request: Callable[[bytes], Request]
    write_request: Callable[[Request, Goal], bytes]
    read_answer: Callable[[bytes], Count]
    write_answer: Callable[[Count], bytes]
    read_fault: Callable[[int, bytes], Fault]
    write_fault: Callable[[Fault], bytes]
