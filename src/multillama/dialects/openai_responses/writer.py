"""Writes streams of Responses: of each item its beginning, its pieces, and itself again when it is whole.

HOT: `write` runs for every segment of every translated stream; the line of a piece of text is put together from bytes
that were made when its part began.

Source: recorded streams of OpenAI; openai SDK 3.54.0, `lib/streaming/responses/_responses.py`, which raises where an id
changes, an index comes twice or an item is not announced.
"""

from typing import Final

import msgspec

from multillama.core.canonical import (
    Choice,
    Foreign,
    Image,
    Part,
    Reasoning,
    Refusal,
    Stop,
    Text,
    ToolCall,
    Usage,
)
from multillama.core.codec import Reply
from multillama.core.deltas import (
    Broken,
    Close,
    Count,
    Delta,
    End,
    Event,
    Finish,
    More,
    Open,
    Other,
    Sign,
    Start,
)
from multillama.core.join import add_usage
from multillama.core.shape import Object
from multillama.dialects.openai_responses.answer import call_id_of, calls_named
from multillama.dialects.openai_responses.content import CONTENT
from multillama.dialects.openai_responses.envelope import Envelope, ending, item_status
from multillama.dialects.openai_responses.fault import error_members, failed
from multillama.dialects.openai_responses.output import image_item, other_item
from multillama.dialects.openai_responses.sinks import (
    CallSink,
    MessageSink,
    ReasoningSink,
    Sink,
    TextSink,
    WholeSink,
    Wire,
)
from multillama.dialects.openai_responses.terms import Terms

_GOES_ON: Final[Object] = {"status": "in_progress"}
_COMPLETED: Final = "completed"
_Rare = Start | Open | Sign | More | Close | Finish | Count | Broken | Other | End
"""All events but pieces of text."""


class Writer:
    """Writes one stream."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._wire = Wire()
        self._envelope = Envelope(reply)
        self._terms = Terms(False, reply.losses)
        self._groups = calls_named(reply)
        self._sinks: dict[int, Sink] = {}
        """The parts that are open, by their numbers."""
        self._message: MessageSink | None = None
        """The message that further texts may belong to."""
        self._choice = Choice()
        self._usage: Usage | None = None
        self._is_begun = False
        self._is_over = False

    def write(self, events: list[Event]) -> bytes:
        for event in events:
            if self._is_over:
                break
            if isinstance(event, Delta):
                sink = self._sinks.get(event.part)
                if sink is not None:
                    sink.add(event.text, event.logprobs)
            else:
                self._take(event)
        return self._wire.take()

    def _take(self, event: _Rare) -> None:
        if isinstance(event, Start):
            self._start(event)
            return
        self._start(Start())
        if isinstance(event, Open):
            if event.choice == 0:
                self._open(event)
            else:
                self._reply.losses.drop("n")
        elif isinstance(event, Sign | More | Close):
            self._take_part(event)
        elif isinstance(event, Count):
            self._usage = add_usage(self._usage, event.usage)
        else:
            self._take_whole(event)

    # --- the response ------------------------------------------------------------------------

    def _start(self, start: Start) -> None:
        if self._is_begun:
            return
        self._is_begun = True
        self._usage = start.usage
        self._envelope.address(start.id, start.created, start.dialect)
        self._terms = Terms(self._envelope.is_own, self._reply.losses)
        self._envelope.extras = self._terms.own(start.extras)
        response = self._envelope.response(_GOES_ON, [], None, None)
        self._wire.tell("response.created", response=response)
        self._wire.tell("response.in_progress", response=response)

    def _take_whole(self, event: Finish | Other | Broken | End) -> None:
        if isinstance(event, Finish):
            if event.choice == 0:
                self._choice.stop = event.stop
                self._choice.extras = event.extras
                self._end_message(item_status(self._ending()))
        elif isinstance(event, Other):
            if self._terms.is_own and isinstance(event.value, dict):
                self._wire.repeat(event.kind, event.value)
        elif isinstance(event, Broken):
            self._break(event)
        else:
            self._end(event)

    def _ending(self) -> Object:
        return ending(self._choice, is_own=self._terms.is_own)

    def _end(self, event: End) -> None:
        if self._choice.stop is None:
            self._choice.stop = Stop.END
        self._end_message(_COMPLETED)
        end = self._ending()
        self._envelope.extras = self._envelope.extras | self._terms.own(event.extras)
        output = self._wire.output()
        response = self._envelope.response(end, output, self._usage, event.service_tier)
        self._wire.tell(f"response.{end['status']}", response=response)
        self._is_over = True

    def _break(self, event: Broken) -> None:
        self._wire.tell("error", error=error_members(event.fault))
        end: Object = {"status": "failed", "error": failed(event.fault)}
        response = self._envelope.response(end, self._wire.output(), self._usage, None)
        self._wire.tell("response.failed", response=response)
        self._is_over = True

    # --- parts -------------------------------------------------------------------------------

    def _open(self, event: Open) -> None:
        part = event.what
        self._choice.parts.append(part)
        if isinstance(part, Text | Refusal):
            self._sinks[event.part] = self._begin_text(part)
            return
        self._end_message(_COMPLETED)
        sink = self._begin(part)
        if sink is not None:
            self._sinks[event.part] = sink

    def _begin_text(self, part: Text | Refusal) -> Sink:
        message = self._message
        if message is None or not message.may_hold(part):
            self._end_message(_COMPLETED)
            index = self._wire.next_index()
            item_id = part.item_id or f"msg_{self._reply.id}_{index}"
            message = self._message = MessageSink(
                self._wire, part, self._terms, index=index, item_id=item_id
            )
        return TextSink(message, part)

    def _end_message(self, status: str) -> None:
        if self._message is not None:
            self._message.end(status)
            self._message = None

    def _begin(self, part: Part) -> Sink | None:
        if isinstance(part, Foreign) and (part.kind.startswith(CONTENT) or not self._terms.is_own):
            self._reply.losses.drop(f"foreign:{part.kind}")
            return None
        index = self._wire.next_index()
        suffix = f"{self._reply.id}_{index}"
        if isinstance(part, Reasoning):
            item_id = part.id or f"rs_{suffix}"
            return ReasoningSink(self._wire, part, self._terms, index=index, item_id=item_id)
        if isinstance(part, ToolCall):
            item_id = part.item_id or call_id_of(part, suffix)
            if part.namespace is None and part.name in self._groups:
                part = msgspec.structs.replace(part, namespace=self._groups[part.name])
            return CallSink(self._wire, part, self._terms, index=index, item_id=item_id)
        item = (
            image_item(part, self._terms, f"ig_{suffix}")
            if isinstance(part, Image)
            else other_item(part, self._terms)
        )
        if item is None:
            self._wire.give_back_index()
            return None
        return WholeSink(self._wire, item, index=index)

    def _take_part(self, event: Sign | More | Close) -> None:
        sink = self._sinks.get(event.part)
        if sink is None:
            return
        if isinstance(event, Sign):
            sink.sign(event.signature)
        elif isinstance(event, More):
            sink.more(event.kind, event.value)
        else:
            del self._sinks[event.part]
            sink.close(event.extras)
