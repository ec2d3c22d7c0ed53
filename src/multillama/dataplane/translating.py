"""An attempt at an endpoint that speaks another dialect than the client: the request is translated, and its answer.

To the attempt, the exchange and the relay it looks as if the endpoint spoke the client's dialect: `Interpreter` stands
between the connection and the attempt, and what is judged, held back, relayed and counted are the client's words.
"""

from math import ceil
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from multillama.core.answering import (
    JSON,
    ChatTranslator,
    Told,
    Translator,
    count_translator,
    embed_translator,
)
from multillama.core.canonical import Count
from multillama.core.estimate import estimate_tokens
from multillama.core.snapshot import Endpoint, Target
from multillama.core.translate import (
    AnyWay,
    Asking,
    Bound,
    CountWay,
    EmbedWay,
    EstimateWay,
    ShowWay,
    Way,
    translate,
    translate_count,
    translate_embed,
    understand,
)
from multillama.dataplane.launch import wants_rows
from multillama.dataplane.outgoing import hops_line, keep, target_of
from multillama.dataplane.relay import PATH, Relay
from multillama.errors import GatewayError
from multillama.wire.answer_memo import AnswerHead
from multillama.wire.heads import Head, drop_fields

if TYPE_CHECKING:
    from multillama.dataplane.attempt import Attempt
    from multillama.dataplane.exchange import Exchange

MAX_FAULT_BYTES: Final = 64 * 1024
"""How much of an error's body is read to translate it."""
MAX_DROPPED: Final = 1024
"""Characters of the header that names what was dropped."""
HERE: Final = b"gateway"
"""In place of the way that an answer took, for one that no endpoint was asked for."""
ESTIMATE: Final = b"estimate"
LINES: Final = b"application/x-ndjson"
STREAMS: Final = (b"text/event-stream", LINES)
_COMPRESSED: Final = "compressed an answer that was asked for uncompressed"
_OWN: Final = (
    b"content-type:",
    b"content-encoding:",
    b"transfer-encoding:",
    b"etag:",
    b"content-md5:",
)
"""Fields of an answer that tell of bytes which the client does not get."""
_DIALECTS: Final = (
    b"anthropic-",
    b"x-goog-",
    b"openai-",
    b"x-stainless-",
    b"content-type",
    b"accept",
)
"""Beginnings of the client's fields that only its own dialect's servers understand, and of those set anew."""


def launch_translated(
    exchange: "Exchange", attempt: "Attempt", target: Target, body: bytes, way: AnyWay
) -> None:
    """Sends a translated request on its way, or answers it where nobody need be asked.

    Raises:
        GatewayError: `bad_request`, or `not_translatable` where nothing may be dropped.
    """
    endpoint, snapshot = target.endpoint, exchange.server.snapshot
    model = exchange.model or ""
    bound = Bound(target.model or model, endpoint.provider, not endpoint.rejects_losses)
    if isinstance(way, ShowWay):
        _answer(attempt, snapshot.rows["ollama"].get(model, b"{}"), HERE)
        return
    if isinstance(way, EstimateWay):
        request = understand(way.source.read_request, body)
        _answer(attempt, way.source.write_answer(Count(estimate_tokens(request))), ESTIMATE)
        return
    asking = Asking(model, exchange.stream, exchange.id, exchange.request.at, snapshot.carrier_key)
    if isinstance(way, Way) and way.unframed is not None and wants_rows(exchange):
        way = msgspec.structs.replace(way, source=way.unframed)
        attempt.expect_rows()
    sent = _translate(body, way, bound, asking)
    if isinstance(sent, bytes):
        _answer(attempt, sent, HERE)
        return
    notes = [attempt.notes] if attempt.notes else []
    notes.append(PATH + b": " + way.name.encode())
    if sent.dropped:
        exchange.story.on_drop(sent.dropped)
        notes.append(b"x-multillama-dropped: " + _names(sent.dropped))
    attempt.notes = b"\r\n".join(notes)
    attempt.answering = Interpreter(attempt, sent.translator, exchange.relay)
    head = opening_lines(exchange.request.head, sent.operation, endpoint, model=bound.model)
    framing = b"content-length: %d\r\n\r\n" % len(sent.body)
    attempt.start(head + framing, sent.body, on_over=exchange.wake)


class _Sent(NamedTuple):
    body: bytes
    operation: str
    translator: Translator
    dropped: tuple[str, ...]


def _translate(
    body: bytes, way: Way | EmbedWay | CountWay, bound: Bound, asking: Asking
) -> _Sent | bytes:
    """Returns what to send, or the answer itself where nobody need be asked."""
    if isinstance(way, Way):
        translated = translate(body, way, bound, asking)
        if translated.answer is not None:
            return translated.answer
        operation = way.streamed if translated.stream and way.streamed else way.operation
        translator = ChatTranslator(way, translated, bound, asking)
        return _Sent(translated.body, operation, translator, translated.dropped)
    if isinstance(way, EmbedWay):
        body, embed, dropped = translate_embed(body, way, bound, asking)
        return _Sent(body, way.operation, embed_translator(way, embed), dropped)
    body = translate_count(body, way, bound, asking)
    return _Sent(body, way.operation, count_translator(way), ())


def _answer(attempt: "Attempt", body: bytes, path: bytes) -> None:
    """Answers in place of the endpoint, and says so."""
    attempt.notes = b"\r\n".join(filter(None, (attempt.notes, PATH + b": " + path)))
    head = AnswerHead(200, len(body), [b"content-type: " + JSON])
    attempt.on_head(head)
    attempt.on_data([body], True)


def _names(dropped: tuple[str, ...]) -> bytes:
    """Returns the value of a header that names these."""
    text = ", ".join(name[:100] for name in dropped).encode("ascii", "backslashreplace").decode()
    text = "".join(letter for letter in text if letter.isprintable())
    return (text if len(text) <= MAX_DROPPED else text[:MAX_DROPPED] + " ...").encode()


def opening_lines(head: Head, operation: str, endpoint: Endpoint, *, model: str) -> bytes:
    """Returns request line and header lines up to the framing, of an operation that is not the client's.

    They are kept with the head, as a connection repeats it.
    """
    for_whom = endpoint, operation, model
    known = head.outgoing.get(for_whom)
    if known is not None:
        return known
    query = endpoint.query
    if operation == "stream_generate_content":
        query = b"&".join(part for part in (query, b"alt=sse") if part)
    forward = list(head.forward)
    named = [name.lower() for name in forward[::4]]
    drop_fields(
        forward, {name for name in named if name.startswith(_DIALECTS) or name in endpoint.owns}
    )
    defaults = [b"%b: %b\r\n" % pair for pair in endpoint.defaults]
    target = target_of(endpoint, operation, model=model, query=query)
    content = b"content-type: application/json\r\n"
    return keep(head, for_whom, b"".join((target, *defaults, content, *forward, hops_line(head))))


class Interpreter:
    """Takes an endpoint's answer from its connection, and gives it to the attempt in the client's words."""

    def __init__(self, attempt: "Attempt", translator: Translator, relay: Relay) -> None:
        self.endpoint = attempt.endpoint
        self._attempt = attempt
        self._translator = translator
        self._relay = relay
        self._head: AnswerHead | None = None
        """Held until the body is whole, where it is translated as a whole."""
        self._fault: bytearray | None = None
        """The body of an error so far."""
        self._is_coded = False

    def on_head(self, head: AnswerHead) -> None:
        self._is_coded = head.is_coded
        if head.status >= 400 or head.status in (204, 304):
            self._fault = bytearray()
            self._head = head
            return
        kind = self._translator.begin(is_stream=head.is_event_stream)
        lines = head.lines = _lines_for(head, kind)
        head.length = None
        head.is_coded = False
        head.is_event_stream = kind in STREAMS
        head.has_lines = kind == LINES
        if self._translator.streams:
            lines.append(b"cache-control: no-cache")
            self._attempt.on_head(head)
        else:
            self._head = head

    def on_data(self, parts: list[bytes], is_last: bool) -> None:
        data = b"".join(parts)
        parts.clear()
        attempt = self._attempt
        if self._fault is not None:
            self._take_fault(self._fault, data, is_last)
            return
        if self._is_coded:
            self._give_up(GatewayError("endpoint_malformed", _COMPRESSED))
            return
        try:
            data = self._translator.feed(data, is_last=is_last)
        except GatewayError as error:
            self._give_up(error)
            return
        except Told as told:
            self._take_told(told, is_last=is_last)
            return
        self._count(is_last=is_last)
        if self._head is not None:
            if not is_last:
                return
            head, self._head = self._head, None
            head.length = len(data)
            attempt.on_head(head)
        failure = self._translator.failure
        if not attempt.is_over and (data or (is_last and failure is None)):
            attempt.on_data([data], is_last and failure is None)
        if failure is not None:
            self._give_up(failure)

    def _count(self, *, is_last: bool) -> None:
        """Tells the relay what the answer took, once all of it is known: many clients leave before the last byte."""
        translator = self._translator
        if not (is_last or translator.has_ended):
            return
        self._relay.has_all = translator.has_ended
        # Of an answer in parts, the stream tells what all of them took.
        is_whole = self._attempt.stitch is None and translator.failure is None
        if is_whole and (usage := translator.usage) is not None:
            self._relay.told = usage.input_tokens, usage.output_tokens

    def _take_fault(self, fault: bytearray, data: bytes, is_last: bool) -> None:
        if len(fault) < MAX_FAULT_BYTES and not self._is_coded:
            fault += data[: MAX_FAULT_BYTES - len(fault)]
        if not is_last or self._head is None:
            return
        head, self._head = self._head, None
        if not head.may_have_body:
            self._attempt.on_head(head)
            self._attempt.on_data([], True)
            return
        said = bytes(fault)
        body, retry_after_s = self._translator.fault(head.status, said)
        self._answer_fault(head, Told(head.status, body, said, retry_after_s))

    def _take_told(self, told: Told, *, is_last: bool) -> None:
        """Makes an error answer of an error in a stream that is joined: nobody has seen that it began as an answer."""
        head, self._head = self._head, None
        upstream = self._attempt.upstream
        if not is_last and upstream is not None:
            upstream.abort()  # nothing that follows would mean anything
        if head is not None:
            head.status = told.status
            self._answer_fault(head, told)

    def _answer_fault(self, head: AnswerHead, told: Told) -> None:
        lines = _lines_for(head, JSON)
        if told.retry_after_s is not None and not any(_is_retry_after(line) for line in lines):
            lines.append(b"retry-after: %d" % ceil(told.retry_after_s))
        head.lines = lines
        head.length = len(told.body)
        head.is_event_stream = head.is_coded = False
        attempt = self._attempt
        attempt.said = told.said
        attempt.on_head(head)
        if not attempt.is_over:
            attempt.on_data([told.body], True)

    def _give_up(self, error: GatewayError) -> None:
        name = self.endpoint
        text = f"The endpoint {name} {error.text}."
        self._attempt.give_up(GatewayError(error.kind, text, endpoint=name))

    def on_lost(self, error: GatewayError, *, reusable_socket_died: bool) -> None:
        head, fault = self._head, self._fault
        if head is not None and fault:
            # An error that broke off has said enough.
            self._take_fault(fault, b"", True)
            return
        self._head = self._fault = None
        self._attempt.on_lost(error, reusable_socket_died=reusable_socket_died)

    def on_writable(self) -> None:
        self._attempt.on_writable()


def _is_retry_after(line: bytes) -> bool:
    return line[:11].lower() == b"retry-after"


def _lines_for(head: AnswerHead, kind: bytes) -> list[bytes]:
    """Returns the endpoint's header lines with the content type of what the client gets in its place."""
    lines = [line for line in head.lines if not line.lower().startswith(_OWN)]
    lines.append(b"content-type: " + kind)
    return lines
