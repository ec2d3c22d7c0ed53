"""An endpoint's answer in the client's words: fed with bytes as they come, whole or as a stream.

HOT: `feed` runs for every segment of every translated answer.
"""

from collections.abc import Callable
from typing import Final, Protocol, TypeVar

import msgspec

from multillama.core.canonical import Answer, Embed, Fault, Part, Reasoning, Usage
from multillama.core.carrier import seal
from multillama.core.codec import Losses, Misfit, Reader, Reply, Writer
from multillama.core.deltas import Broken, Count as Counted, End, Event, Open, Sign, Start
from multillama.core.join import Joiner, add_usage, events_of
from multillama.core.lowering import Lifter, lift_part
from multillama.core.shape import decode
from multillama.core.translate import Asking, Bound, CountWay, EmbedWay, Translated, Way
from multillama.errors import GatewayError

MAX_BYTES: Final = 64 * 1024 * 1024
"""An answer that must be whole before it can be translated may be so long."""
_TOO_LONG: Final = "sent an answer too long to be translated"
JSON: Final = b"application/json"
_STATUS: Final = 200
"""What an error came with that stood in an answer's place; it means nothing then."""
Read = TypeVar("Read")


class Told(Exception):
    """The endpoint told an error in an answer of which the client has nothing yet: it is an error answer to it.

    Args:
        status: What the error would have been answered with.
        body: The error in the client's words.
        said: The error in the endpoint's.
        retry_after_s: When to try again, where it tells.
    """

    def __init__(
        self, status: int, body: bytes, said: bytes, retry_after_s: float | None = None
    ) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.said = said
        self.retry_after_s = retry_after_s


class Translator(Protocol):
    """What an attempt needs of a translated answer."""

    usage: Usage | None
    """The tokens, as far as they are known."""
    failure: GatewayError | None
    """Why an answer is not whole, of which all that came was passed on; its text is half a sentence."""
    streams: bool
    """Once begun: whether the client's bytes come on the way, and not all at the end."""
    has_ended: bool
    """True once the last event of a stream has been given, whatever bytes of the endpoint still come."""

    def begin(self, *, is_stream: bool) -> bytes:
        """Takes note of what the endpoint sends; returns the content type that the client gets."""

    def feed(self, data: bytes, *, is_last: bool) -> bytes:
        """Takes bytes of the body; returns bytes for the client, maybe none.

        Raises:
            GatewayError: `endpoint_malformed` or `endpoint_truncated`, with half a sentence as its text; the caller
                names the endpoint.
            Told: What should have been an answer is an error, or a stream that is joined tells one.
        """

    def fault(self, status: int, body: bytes) -> tuple[bytes, float | None]:
        """Returns the body of an error answer in the client's words, and after how many seconds to try again."""


class _Whole:
    """Holds a body until it is whole."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._bytes = 0

    def take(self, data: bytes, *, is_last: bool) -> bytes | None:
        """Returns the body, once it is whole."""
        if is_last and not self._pieces and len(data) <= MAX_BYTES:
            return data  # as most come
        self._pieces.append(data)
        self._bytes += len(data)
        if self._bytes > MAX_BYTES:
            raise GatewayError("endpoint_malformed", _TOO_LONG)
        return b"".join(self._pieces) if is_last else None


def _fault(way: Way | EmbedWay | CountWay, status: int, body: bytes) -> tuple[bytes, float | None]:
    fault = way.target.read_fault(status, body)
    return way.source.write_fault(fault), fault.retry_after_s


def _told(way: Way | EmbedWay | CountWay, fault: Fault, said: bytes) -> Told:
    return Told(fault.status, way.source.write_fault(fault), said, fault.retry_after_s)


def _hear(way: Way | EmbedWay | CountWay, read: Callable[[bytes], Read], body: bytes) -> Read:
    """Reads an answer that is whole.

    Raises:
        GatewayError: `endpoint_malformed`, with half a sentence as its text.
        Told: It is an error, which some send with the status of an answer (OpenRouter).
    """
    try:
        return read(body)
    except Misfit as misfit:
        if _is_error(body):
            raise _told(way, way.target.read_fault(_STATUS, body), body) from misfit
        raise _malformed(misfit) from misfit


def _is_error(body: bytes) -> bool:
    """Says whether a body that is no answer tells what is wrong: all dialects have a member for it."""
    try:
        value = decode(body)
    except Misfit:
        return False
    if isinstance(value, list) and len(value) == 1:
        value = value[0]  # Gemini wraps its errors so
    return isinstance(value, dict) and bool(value.get("error"))


def _malformed(misfit: Misfit) -> GatewayError:
    text = f"sent an answer that cannot be translated: {misfit}"
    return GatewayError("endpoint_malformed", text)


class ChatTranslator:
    """Translates one answer of a model."""

    def __init__(self, way: Way, translated: Translated, bound: Bound, asking: Asking) -> None:
        self._way = way
        self._asking = asking
        self._origin = bound.origin
        self._lowering = translated.lowering
        self._reply = Reply(translated.request, asking.model, asking.id, int(asking.at), Losses())
        self.usage: Usage | None = None
        self.failure: GatewayError | None = None
        self.streams = self.has_ended = False
        self._held_bytes = 0
        """Of a stream: since its last event, or of all that is joined."""
        self._is_over = False

    def begin(self, *, is_stream: bool) -> bytes:
        self._lifter = None if self._lowering.is_nothing else Lifter(self._lowering)
        self.streams = is_stream and self._asking.stream
        # A plain function: a method of its own would be a circle, which only the garbage collector frees.
        self._feed: Callable[[ChatTranslator, bytes, bool], bytes]
        if is_stream:
            self._reader: Reader = self._way.target.reader()
            self._feed = ChatTranslator._feed_stream
        else:
            self._whole = _Whole()
            self._feed = ChatTranslator._feed_whole
        if self._asking.stream:
            self._writer: Writer = self._way.source.writer(self._reply)
            return self._way.source.stream_type
        if is_stream:
            self._joiner = Joiner()
            self._feed = ChatTranslator._feed_joined
        return JSON

    def feed(self, data: bytes, *, is_last: bool) -> bytes:
        try:
            return self._feed(self, data, is_last)
        except Misfit as misfit:
            raise _malformed(misfit) from misfit

    def fault(self, status: int, body: bytes) -> tuple[bytes, float | None]:
        return _fault(self._way, status, body)

    @property
    def lost(self) -> tuple[str, ...]:
        """What of the answer the client could not be told, so far."""
        return self._reply.losses.names

    # --- as a stream -------------------------------------------------------------------------

    def _feed_stream(self, data: bytes, is_last: bool) -> bytes:
        if self._is_over:
            return b""
        events = self._reader.feed(data) if data else []
        if is_last:
            events += self._reader.end()
        self._held_bytes = 0 if events else self._held_bytes + len(data)
        if self._held_bytes > MAX_BYTES:
            raise GatewayError("endpoint_malformed", "sent an event too long to be translated")
        if events:
            events = self._pass(events)
        if is_last and not self._is_over:
            text = "ended its stream before its last event"
            self.failure = GatewayError("endpoint_truncated", text)
        return self._writer.write(events) if events else b""

    def _pass(self, events: list[Event]) -> list[Event]:
        """Returns the events as the client may see them."""
        if self._lifter is not None:
            events = self._lifter.lift(events)
        for at, event in enumerate(events):
            if isinstance(event, Sign):
                events[at] = Sign(event.part, self._sealed(event.signature))
            elif isinstance(event, Open):
                if isinstance(event.what, Reasoning) and event.what.signature is not None:
                    events[at] = Open(event.part, self._lifted(event.what), event.choice)
            elif isinstance(event, Counted):
                self.usage = add_usage(self.usage, event.usage)
            elif isinstance(event, Start):
                self.usage = event.usage
            elif isinstance(event, End | Broken):
                self._is_over = True
                self.has_ended = isinstance(event, End)
        return events

    def _sealed(self, signature: str, *, is_redacted: bool = False) -> str:
        key = self._asking.key
        return seal(signature, origin=self._origin, key=key, is_redacted=is_redacted)

    def _lifted(self, part: Part) -> Part:
        if isinstance(part, Reasoning):
            if part.signature is None:
                return part
            signature = self._sealed(part.signature, is_redacted=part.is_redacted)
            return msgspec.structs.replace(part, signature=signature)
        return part if self._lowering.is_nothing else lift_part(part, self._lowering)

    # --- whole -------------------------------------------------------------------------------

    def _feed_joined(self, data: bytes, is_last: bool) -> bytes:
        """Joins a stream for a client who wants none."""
        joiner = self._joiner
        self._held_bytes += len(data)
        if self._held_bytes > MAX_BYTES:
            raise GatewayError("endpoint_malformed", _TOO_LONG)
        if data:
            joiner.take(self._reader.feed(data))
        if is_last:
            joiner.take(self._reader.end())
        if joiner.broken is not None:
            fault = joiner.broken.fault
            raise _told(self._way, fault, self._way.target.write_fault(fault))
        if not is_last:
            return b""
        if not joiner.is_whole:
            raise GatewayError("endpoint_truncated", "ended its stream before its last event")
        joiner.answer.family = self._way.target.family
        return self._write(joiner.answer)

    def _feed_whole(self, data: bytes, is_last: bool) -> bytes:
        body = self._whole.take(data, is_last=is_last)
        if body is None:
            return b""
        return self._write(_hear(self._way, self._way.target.read_answer, body))

    def _write(self, answer: Answer) -> bytes:
        self.usage = answer.usage
        is_lowered = not self._lowering.is_nothing
        for choice in answer.choices:
            if is_lowered or any(isinstance(part, Reasoning) for part in choice.parts):
                choice.parts = [self._lifted(part) for part in choice.parts]
        if self._asking.stream:
            return self._writer.write(events_of(answer))
        return self._way.source.write_answer(answer, self._reply)


class WholeTranslator:
    """Translates an answer that is no stream: of embeddings, or of a count."""

    def __init__(
        self, way: EmbedWay | CountWay, translate: Callable[[bytes], tuple[bytes, Usage | None]]
    ) -> None:
        """Takes the way, and what makes the client's body, and the tokens, of the endpoint's."""
        self._way = way
        self._translate = translate
        self.usage: Usage | None = None
        self.failure: GatewayError | None = None
        self.streams = self.has_ended = False
        self._whole = _Whole()

    def begin(self, *, is_stream: bool) -> bytes:
        return JSON

    def feed(self, data: bytes, *, is_last: bool) -> bytes:
        whole = self._whole.take(data, is_last=is_last)
        if whole is None:
            return b""
        body, self.usage = self._translate(whole)
        return body

    def fault(self, status: int, body: bytes) -> tuple[bytes, float | None]:
        return _fault(self._way, status, body)


def embed_translator(way: EmbedWay, embed: Embed) -> WholeTranslator:
    """Returns what translates the answer to a request for embeddings."""

    def translate(body: bytes) -> tuple[bytes, Usage | None]:
        vectors = _hear(way, way.target.read_answer, body)
        tokens = vectors.input_tokens
        vectors.model = embed.model
        usage = None if tokens is None else Usage(input_tokens=tokens, output_tokens=0)
        return way.source.write_answer(vectors, embed), usage

    return WholeTranslator(way, translate)


def count_translator(way: CountWay) -> WholeTranslator:
    """Returns what translates a count."""

    def translate(body: bytes) -> tuple[bytes, Usage | None]:
        count = _hear(way, way.target.read_answer, body)
        return way.source.write_answer(count), None

    return WholeTranslator(way, translate)
