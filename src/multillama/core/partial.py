"""What a client has of an answer whose stream broke off, read from the events that it got.

Only what a continuation needs is read. What cannot be understood, or cannot be continued, is named in `oddity`.
"""

from typing import Any, Final

import msgspec

from multillama.wire.sse import data_of, events_in

CHAT: Final = "openai.chat"
COMPLETIONS: Final = "openai.completions"
MESSAGES: Final = "anthropic.messages"

IDENTITY: Final = ("id", "created", "model", "system_fingerprint")
"""Members of a chunk that are the same in all of one stream."""


class Partial(msgspec.Struct, frozen=True, kw_only=True):
    """A broken-off answer."""

    dialect: str
    text: str = ""
    reasoning: str = ""
    tokens: int = 0
    """Events with text or reasoning. llama.cpp and vLLM send one for each token."""
    held_tokens: int = 0
    """Those of them that are all blank and stand last."""
    has_begun: bool = False
    """True once the client was told who speaks: the role, or `message_start`."""
    finish: str | None = None
    """Why it ended, if that was still told."""
    oddity: str | None = None
    """Why this answer cannot be continued by anybody, as a sentence."""
    identity: dict[str, bytes] = {}
    """Of `IDENTITY`, what the first chunk had, as JSON."""
    input_tokens: int | None = None
    """All of the request's, where the stream has told them."""
    output_tokens: int | None = None
    """Those so far, where the stream tells them with each chunk."""
    input_usage: dict[str, bytes] = {}
    """Counts of `message_start`, as JSON."""
    open_block: int | None = None
    """Index of the content block that has begun and not ended."""
    open_type: str = ""
    """The type of the content block that began last."""
    next_block: int = 0

    @property
    def is_reasoning(self) -> bool:
        """True if it broke off while reasoning, before any of the text proper."""
        return not self.text and bool(self.reasoning)

    @property
    def size(self) -> int:
        """Characters of text and reasoning."""
        return len(self.text) + len(self.reasoning)

    @property
    def prefill(self) -> str:
        """What the continuing endpoint is told was said last, without blanks at its end.

        A blank at the end is held back, because it is rarely the token that the model said: most vocabularies join it
        with what follows, Anthropic refuses it, and many chat templates cut it off.
        """
        return (self.text or self.reasoning).rstrip()

    @property
    def held(self) -> str:
        """The blanks that the client has and the continuing endpoint will say again."""
        return (self.text or self.reasoning)[len(self.prefill) :]

    @property
    def spent_tokens(self) -> int:
        """Tokens that need not be said again, as far as is known; rather too few."""
        known = self.tokens if self.output_tokens is None else self.output_tokens
        return max(known - self.held_tokens, 0)


class _Delta(msgspec.Struct):
    role: str | None = None
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    audio: Any = None
    tool_calls: Any = None
    function_call: Any = None


class _Choice(msgspec.Struct):
    index: int = 0
    delta: _Delta | None = None
    text: str | None = None
    finish_reason: str | None = None


class Counts(msgspec.Struct):
    """The usage of either dialect."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None

    @property
    def all_input(self) -> int | None:
        """Input with what came from a cache, which Anthropic counts beside it."""
        if self.input_tokens is None:
            return self.prompt_tokens
        return (
            self.input_tokens
            + (self.cache_creation_input_tokens or 0)
            + (self.cache_read_input_tokens or 0)
        )


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    usage: Counts | None = None
    error: Any = None


class _Message(msgspec.Struct):
    usage: msgspec.Raw = msgspec.Raw(b"{}")


class _Block(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""


class _Part(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    stop_reason: str | None = None


class _Event(msgspec.Struct):
    type: str = ""
    index: int = 0
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Part | None = None


_CHUNK: Final = msgspec.json.Decoder(_Chunk)
_EVENT: Final = msgspec.json.Decoder(_Event)
_COUNTS: Final = msgspec.json.Decoder(Counts)
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for an event that it cannot read."""

TOOL: Final = "A tool call had begun, and half a call cannot be continued."
_SEVERAL: Final = "It has several answers at once, and only one can be continued."
MORE_THAN_TEXT: Final = "It has more than text and reasoning."
_ERROR: Final = "The endpoint has told the client of an error."
_UNREADABLE: Final = "An event that the client got cannot be read."


def read_partial(dialect: str, got: bytes) -> Partial:
    """Reads what a client got; also of a stream that was continued before.

    Args:
        dialect: `CHAT`, `COMPLETIONS` or `MESSAGES`.
        got: All bytes of the stream so far. What is half an event there makes it an oddity.
    """
    reader = _Reader(dialect)
    take = reader.take_event if dialect == MESSAGES else reader.take_chunk
    for event in events_in(got):
        data = data_of(event)
        if not data:
            continue
        if data == b"[DONE]":
            reader.known.setdefault("finish", "unknown")
            continue
        try:
            take(data)
        except UNREADABLE:
            reader.odd(_UNREADABLE)
    return reader.partial()


class _Reader:
    """Collects what the events say."""

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect
        self.known: dict[str, Any] = {}
        """Members of the `Partial`, but for the texts."""
        self.text: list[str] = []
        self.reasoning: list[str] = []

    def odd(self, sentence: str) -> None:
        self.known.setdefault("oddity", sentence)

    def take_chunk(self, data: bytes) -> None:
        chunk = _CHUNK.decode(data)
        if chunk.error is not None:
            self.odd(_ERROR)
        if chunk.usage is not None:
            self.known["input_tokens"] = chunk.usage.prompt_tokens
            self.known["output_tokens"] = chunk.usage.completion_tokens
        for choice in chunk.choices:
            if "identity" not in self.known:
                members = _MEMBERS.decode(data)
                self.known["identity"] = {
                    name: bytes(members[name]) for name in IDENTITY if name in members
                }
            if choice.index != 0:
                self.odd(_SEVERAL)
            if choice.text:
                self.text.append(choice.text)
            if choice.delta is not None:
                self._take_delta(choice.delta)
            if choice.finish_reason is not None:
                self.known["finish"] = choice.finish_reason

    def _take_delta(self, delta: _Delta) -> None:
        if delta.role is not None or delta.content:
            self.known["has_begun"] = True
        if delta.content:
            self.text.append(delta.content)
        thought = delta.reasoning_content or delta.reasoning
        if thought:
            # Some say the same under both names.
            self.reasoning.append(thought)
        if delta.tool_calls or delta.function_call:
            self.odd(TOOL)
        if delta.refusal or delta.audio:
            self.odd(MORE_THAN_TEXT)

    def take_event(self, data: bytes) -> None:
        event = _EVENT.decode(data)
        known = self.known
        if event.message is not None:
            counts = _COUNTS.decode(event.message.usage)
            known["has_begun"] = True
            known["input_tokens"] = counts.all_input
            known["input_usage"] = {
                name: bytes(value)
                for name, value in _MEMBERS.decode(event.message.usage).items()
                if "input" in name
            }
        elif event.content_block is not None:
            self._begin_block(event.index, event.content_block)
        elif event.type == "content_block_stop":
            known["open_block"] = None
        elif event.type == "error":
            self.odd(_ERROR)
        elif event.delta is not None:
            self._take_part(event.delta)

    def _begin_block(self, index: int, block: _Block) -> None:
        # llama.cpp sends no `message_start` where the first token is half a character.
        self.known["has_begun"] = True
        self.known["open_block"] = index
        self.known["open_type"] = block.type
        self.known["next_block"] = index + 1
        if block.type == "tool_use":
            self.odd(TOOL)
        elif block.type not in ("text", "thinking") or (block.type == "text" and self.text):
            self.odd(MORE_THAN_TEXT)
        self._take_part(_Part(text=block.text, thinking=block.thinking))

    def _take_part(self, part: _Part) -> None:
        if part.text:
            self.text.append(part.text)
        if part.thinking:
            self.reasoning.append(part.thinking)
        if part.type == "citations_delta":
            self.odd(MORE_THAN_TEXT)
        if part.stop_reason is not None:
            self.known["finish"] = part.stop_reason

    def partial(self) -> Partial:
        pieces = self.text or self.reasoning
        held = 0
        for piece in reversed(pieces):
            if not piece.isspace():
                break
            held += 1
        return Partial(
            dialect=self.dialect,
            text="".join(self.text),
            reasoning="".join(self.reasoning),
            tokens=len(self.text) + len(self.reasoning),
            held_tokens=held,
            **self.known,
        )
