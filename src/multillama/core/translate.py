"""Translating: a client's request into what an endpoint of another dialect understands, and its answer back.

Two dialects meet here and know nothing of each other: what one has read, the other writes. What the target cannot
be told is named, never left out in silence.
"""

from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Final, TypeVar

import msgspec

from multillama.core.bounds import Bounds, within
from multillama.core.canonical import (
    Embed,
    Foreign,
    Format,
    Part,
    Reasoning,
    Request,
    Text,
    ToolCall,
    ToolChoice,
    ToolResult,
)  # fmt: skip
from multillama.core.carrier import CLAUDES, PREFIX, Opened, is_claudes, unseal
from multillama.core.codec import Codec, CountCodec, EmbedCodec, Goal, Losses, Misfit
from multillama.core.lowering import NOTHING, Lowering, lower
from multillama.errors import GatewayError

ARROW: Final = "->"
"""In a header, which holds ASCII."""
CUSTOM_TOOLS: Final = frozenset(("openai", "azure"))
"""Providers that know custom tools."""
_ALWAYS: Final = frozenset((
    "model", "messages", "prompt", "stream", "wants_usage", "wants_signatures", "family", "dialect", "extras",
))  # fmt: skip
"""Fields that every dialect can say, or whose writer tells by itself that it cannot."""
_DEFAULT: Final = Request("")
_WORDED: Final = frozenset((Foreign, ToolResult))
"""Parts that may hold what another family must be told in plain words."""
SAYS_NOTHING: Final[Mapping[str, object]] = MappingProxyType({
    "n": 1, "presence_penalty": 0, "frequency_penalty": 0, "repeat_penalty": 1, "min_p": 0, "logprobs": False,
    "top_logprobs": 0, "logit_bias": {}, "metadata": {}, "store": False, "suffix": "", "parallel_tools": True,
    "modalities": ["text"], "format": Format("text"), "tool_choice": ToolChoice("auto"), "service_tier": "auto",
})  # fmt: skip
"""Field of `Request` to the value that asks for what is done unasked: leaving it out loses nothing."""

Read = TypeVar("Read")
Asked = TypeVar("Asked", Request, Embed)


class Way(msgspec.Struct, frozen=True, dict=True):
    """How an operation of one dialect reaches an endpoint that speaks another."""

    source: Codec
    """The client's."""
    target: Codec
    """The endpoint's."""
    operation: str
    """The endpoint's operation to call."""
    streamed: str = ""
    """The one to call for a stream, where that is another."""
    unframed: Codec | None = None
    """In place of `source` for a client that streams without `alt=sse`, as Gemini's may."""
    bounds: Bounds | None = None
    """The values that the endpoint takes; None where that is everything, or nobody says."""

    @cached_property
    def name(self) -> str:
        return f"{self.source.dialect}{ARROW}{self.target.dialect}"


class Detour(msgspec.Struct, frozen=True):
    """The way of requests in an endpoint's own dialect that ask for what it ignores there."""

    asks: Callable[[bytes], bool]
    """Says whether a body asks for it; must cost next to nothing where it does not."""
    way: Way


class EmbedWay(msgspec.Struct, frozen=True):
    """The same for embeddings."""

    source: EmbedCodec
    target: EmbedCodec
    operation: str

    @property
    def name(self) -> str:
        return f"{self.source.dialect}{ARROW}{self.target.dialect}"


class CountWay(msgspec.Struct, frozen=True):
    """The same for counting tokens."""

    source: CountCodec
    target: CountCodec
    operation: str

    @property
    def name(self) -> str:
        return f"{self.source.dialect}{ARROW}{self.target.dialect}"


class EstimateWay(msgspec.Struct, frozen=True):
    """Tokens are estimated, for an endpoint that counts none."""

    source: CountCodec


class ShowWay(msgspec.Struct, frozen=True):
    """What is known of a model is told from its row."""


AnyWay = Way | EmbedWay | CountWay | EstimateWay | ShowWay


class Asking(msgspec.Struct, frozen=True):
    """What is known of an exchange beside its body."""

    model: str
    """The public name that the client asked for."""
    stream: bool
    id: str
    at: float
    """Seconds since 1970."""
    key: bytes
    """The gateway's secret for carriers."""


class Bound(msgspec.Struct, frozen=True):
    """Where a translated request goes."""

    model: str
    """The endpoint's own name of the model."""
    provider: str
    may_drop: bool
    """False where a request that cannot be told whole is refused."""

    @property
    def origin(self) -> str:
        """Whose signatures come from there."""
        return f"{self.provider}/{self.model}"


class Translated(msgspec.Struct):
    """A request in the endpoint's words."""

    body: bytes
    request: Request
    """As the client meant it."""
    lowering: Lowering
    dropped: tuple[str, ...]
    """What could not be told, in the client's words."""
    stream: bool
    """Whether the endpoint was asked for a stream."""
    answer: bytes | None = None
    """The answer itself, where nothing is asked of a model; then there is no body."""


def understand(read: Callable[[bytes], Read], body: bytes) -> Read:
    """Reads a client's request.

    Raises:
        GatewayError: `bad_request`, with the member at fault.
    """
    try:
        return read(body)
    except Misfit as misfit:
        raise GatewayError("bad_request", f"{misfit}.", param=misfit.path or None) from misfit


def translate(body: bytes, way: Way, bound: Bound, asking: Asking) -> Translated:
    """Puts a request into the target's words.

    Raises:
        GatewayError: `bad_request`, or `not_translatable` where nothing may be dropped.
    """
    source, target = way.source, way.target
    request = understand(source.read_request, body)
    request.model, request.stream = asking.model, asking.stream
    if source.answer_here is not None and (answer := source.answer_here(request, int(asking.at))):
        return Translated(b"", request, NOTHING, (), False, answer)
    losses = Losses()
    told, lowering = _lowered(request, way, bound, asking)
    goal = Goal(bound.model, bound.provider, target.family, asking.stream, losses)
    if way.bounds is not None:
        told = within(told, way.bounds, goal, source.names)
    if target.must_stream is not None and target.must_stream(told, goal):
        goal.stream = True
    if source.tidy is not None:
        source.tidy(told, goal)
    for field in unsaid(told, target.says):
        losses.drop(source.names.get(field, field))
    if told.extras and told.family != target.family:
        for name in told.extras:
            losses.drop(name)
    written = _written(target.write_request, told, goal)
    if not bound.may_drop and losses.grave:
        raise _refused(losses.grave, way.name)
    return Translated(written, request, lowering, losses.names, goal.stream)


def _lowered(request: Request, way: Way, bound: Bound, asking: Asking) -> tuple[Request, Lowering]:
    """Returns the request as any dialect of the target's family can be told it.

    Most say nothing but texts, which none of these steps changes: that is seen in one look.
    """
    told, lowering = request, NOTHING
    kinds = {type(part) for message in request.messages for part in message.parts}
    if ToolResult in kinds:
        name_results(request)
    if request.tools or ToolCall in kinds:
        told, lowering = lower(request, has_customs=bound.provider in CUSTOM_TOOLS)
    if Reasoning in kinds:
        told = with_signatures(told, way.source, way.target, bound=bound, key=asking.key)
    if told.family != way.target.family and not kinds.isdisjoint(_WORDED):
        told = in_plain_words(told)
    return told, lowering


def _written(write: Callable[[Asked, Goal], bytes], asked: Asked, goal: Goal) -> bytes:
    try:
        return write(asked, goal)
    except Misfit as misfit:
        raise GatewayError("not_translatable", f"{misfit}.", param=misfit.path or None) from misfit


def _refused(names: tuple[str, ...], way: str) -> GatewayError:
    return GatewayError(
        "not_translatable",
        f"This request cannot be told the endpoint whole ({way}): {', '.join(names)}. Leave it out, or let the "
        "endpoint drop it: `untranslatable: warn`.",
        param=names[0],
    )


def unsaid(request: Request, says: frozenset[str]) -> list[str]:
    """Returns the fields that a request has and a dialect has no word for."""
    return [field for field, nothing in _beyond(says) if getattr(request, field) not in nothing]


@lru_cache(maxsize=64)
def _beyond(says: frozenset[str]) -> tuple[tuple[str, tuple[object, object]], ...]:
    """Returns the fields that a dialect has no word for, each with the values that say nothing."""
    return tuple(
        (field, (getattr(_DEFAULT, field), SAYS_NOTHING.get(field)))
        for field in Request.__struct_fields__
        if field not in says and field not in _ALWAYS
    )


def name_results(request: Request) -> None:
    """Gives each tool's result what some dialects go by, from the call it answers: the tool's name and its kind."""
    calls: dict[str, ToolCall] = {}
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, ToolCall):
                calls[part.id] = part
            elif isinstance(part, ToolResult) and part.call_id in calls:
                call = calls[part.call_id]
                part.name = call.name if part.name is None else part.name
                part.is_custom = part.is_custom or call.is_custom


def in_plain_words(request: Request) -> Request:
    """Returns the request with the text of those parts that another family does not understand, where they have one."""
    if not any(_has_words(part) for message in request.messages for part in message.parts):
        return request
    messages = [
        msgspec.structs.replace(message, parts=[_plain(part) for part in message.parts])
        for message in request.messages
    ]
    return msgspec.structs.replace(request, messages=messages)


def _has_words(part: Part) -> bool:
    if isinstance(part, ToolResult):
        return any(_has_words(inner) for inner in part.parts)
    return isinstance(part, Foreign) and part.text is not None


def _plain(part: Part) -> Part:
    if isinstance(part, ToolResult):
        return msgspec.structs.replace(part, parts=[_plain(inner) for inner in part.parts])
    return Text(part.text) if isinstance(part, Foreign) and part.text is not None else part


def with_signatures(
    request: Request, source: Codec, target: Codec, *, bound: Bound, key: bytes
) -> Request:
    """Returns the request with those signatures alone that the target has made itself, opened.

    What stands there bare was made by an endpoint of the client's own dialect: only such a one may get it back.
    """
    if not any(
        isinstance(part, Reasoning) and part.signature is not None
        for message in request.messages
        for part in message.parts
    ):
        return request
    may_be_bare = source.dialect == target.dialect
    messages = []
    for message in request.messages:
        parts = []
        for part in message.parts:
            if isinstance(part, Reasoning) and part.signature is not None:
                signature = part.signature
                is_bare = may_be_bare and not signature.startswith(PREFIX)
                if is_bare and bound.provider in CLAUDES and not part.is_redacted:
                    is_bare = is_claudes(signature)
                if not is_bare:
                    opened = unseal(signature, origin=bound.origin, key=key)
                    if opened is None and not part.text:
                        continue
                    part = _reopened(part, opened)
            parts.append(part)
        messages.append(msgspec.structs.replace(message, parts=parts))
    return msgspec.structs.replace(request, messages=messages)


def _reopened(part: Reasoning, opened: Opened | None) -> Reasoning:
    """Returns a part with its signature as it was made; a client may have lost that there was nothing to read."""
    if opened is None:
        return msgspec.structs.replace(part, signature=None, is_redacted=False)
    is_redacted = opened.is_redacted or part.is_redacted
    return msgspec.structs.replace(part, signature=opened.signature, is_redacted=is_redacted)


def translate_embed(
    body: bytes, way: EmbedWay, bound: Bound, asking: Asking
) -> tuple[bytes, Embed, tuple[str, ...]]:
    """Puts a request for embeddings into the target's words.

    Returns:
        The body, what the client meant, and what was dropped.

    Raises:
        GatewayError: `bad_request`, or `not_translatable` where nothing may be dropped.
    """
    embed = understand(way.source.read_request, body)
    embed.model = asking.model
    losses = Losses()
    default = Embed("")
    for field in ("dimensions", "task", "title", "truncate", "user", "keep_alive"):
        if field not in way.target.says and getattr(embed, field) != getattr(default, field):
            losses.drop(field)
    if embed.family != way.target.family:
        for name in embed.extras:
            losses.drop(name)
    goal = Goal(bound.model, bound.provider, way.target.family, False, losses)
    written = _written(way.target.write_request, embed, goal)
    if losses.grave and not bound.may_drop:
        raise _refused(losses.grave, way.name)
    return written, embed, losses.names


def translate_count(body: bytes, way: CountWay, bound: Bound, asking: Asking) -> bytes:
    """Puts a request to count tokens into the target's words; what cannot be told is not counted.

    Raises:
        GatewayError: `bad_request`.
    """
    request = understand(way.source.read_request, body)
    request.model = asking.model
    name_results(request)
    told, _ = lower(request, has_customs=bound.provider in CUSTOM_TOOLS)
    if told.family != way.target.family:
        told = in_plain_words(told)
    goal = Goal(bound.model, bound.provider, way.target.family, False, Losses())
    return _written(way.target.write_request, told, goal)
