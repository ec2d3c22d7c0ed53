"""Where the pieces of one open part go: each kind of part has its own events of a beginning, pieces and an end.

HOT: `add` runs for every piece of text.
"""

from typing import Final, Protocol

import msgspec

from multillama.core.canonical import Extras, Logprob, Reasoning, Refusal, Text, ToolCall
from multillama.core.shape import Object
from multillama.dialects.openai_responses.content import write_logprobs
from multillama.dialects.openai_responses.output import (
    BETWEEN,
    SUMMARY_PART,
    annotation_of,
    call_item,
    content_part,
    item_members,
    message_item,
    reasoning_item,
    text_part,
    text_rest,
)
from multillama.dialects.openai_responses.terms import Terms

_ENCODE: Final = msgspec.json.Encoder().encode
_IN_PROGRESS: Final = "in_progress"
_COMPLETED: Final = "completed"


class Wire:
    """The events of one stream in their order, and the items that are whole."""

    def __init__(self) -> None:
        self._out: list[bytes] = []
        self._number = 0
        self._items: dict[int, Object] = {}
        self._next = 0

    def take(self) -> bytes:
        """Returns what has been told since the last time."""
        out, self._out = self._out, []
        return b"".join(out)

    def tell(self, kind: str, **members: object) -> None:
        """Adds an event."""
        event = {"type": kind, "sequence_number": self._number, **members}
        self._number += 1
        self._out.append(b"event: %b\ndata: %b\n\n" % (kind.encode(), _ENCODE(event)))

    def repeat(self, kind: str, event: Object) -> None:
        """Adds an event of an endpoint of this dialect, in its place here."""
        rest = {name: value for name, value in event.items() if name != "type"}
        self.tell(kind, **(rest | {"sequence_number": self._number}))

    def add(self, head: bytes, text: str, tail: bytes) -> None:
        """Adds an event with a piece of text, whose other members are bytes already."""
        self._out.append(b"%b%b%b%d}\n\n" % (head, _ENCODE(text), tail, self._number))
        self._number += 1

    def next_index(self) -> int:
        """Returns the place of another item in the output."""
        index = self._next
        self._next += 1
        return index

    def give_back_index(self) -> None:
        """Frees the place that was given last, for an item that cannot be told."""
        self._next -= 1

    def begin_item(self, index: int, item: Object) -> None:
        self.tell("response.output_item.added", output_index=index, item=item)

    def end_item(self, index: int, item: Object) -> None:
        self._items[index] = item
        self.tell("response.output_item.done", output_index=index, item=item)

    def output(self) -> list[Object]:
        """Returns the items that are whole."""
        return [item for _, item in sorted(self._items.items())]


def _head(kind: str, members: Object) -> bytes:
    """Returns an event up to its text."""
    event = _ENCODE({"type": kind, **members})[:-1]
    return b'event: %b\ndata: %b,"delta":' % (kind.encode(), event)


_TAIL: Final = b',"sequence_number":'
_TEXT_TAIL: Final = b',"logprobs":[],"sequence_number":'


class Sink(Protocol):
    """An open part."""

    def add(self, text: str, logprobs: list[Logprob]) -> None:
        """Adds a piece of its text."""

    def sign(self, signature: str) -> None:
        """Takes the signature of a reasoning."""

    def more(self, kind: str, value: object) -> None:
        """Takes what only this dialect knows."""

    def close(self, extras: Extras) -> None:
        """Ends it."""


class MessageSink:
    """A message that goes on: an item for one text after another."""

    def __init__(
        self, wire: Wire, part: Text | Refusal, terms: Terms, *, index: int, item_id: str
    ) -> None:
        """Begins the message of which this is the first part."""
        self.wire = wire
        self.terms = terms
        self.place: Object = {"item_id": item_id, "output_index": index}
        self.content: list[Object] = []
        self._item_id = part.item_id
        self._index = index
        self._rest = item_members(part, terms)
        self.open_parts = 0
        wire.begin_item(index, message_item(item_id, [], _IN_PROGRESS, self._rest))

    def may_hold(self, part: Text | Refusal) -> bool:
        """Says whether a part stands in this message, too."""
        return part.item_id == self._item_id

    def end(self, status: str) -> None:
        """Ends the message. A part that is still open is told without its rest."""
        item = message_item(str(self.place["item_id"]), self.content, status, self._rest)
        self.wire.end_item(self._index, item)


class TextSink:
    """A text, or a refusal, of a message."""

    def __init__(self, message: MessageSink, part: Text | Refusal) -> None:
        self._message = message
        self._part = part
        self._pieces: list[str] = []
        self._logprobs: list[Logprob] = []
        self._told: list[Object] = []
        self._at = len(message.content)
        self._place = {**message.place, "content_index": self._at}
        self._is_text = isinstance(part, Text)
        self._name = "response.output_text" if self._is_text else "response.refusal"
        self._head = _head(f"{self._name}.delta", self._place)
        self._tail = _TEXT_TAIL if self._is_text else _TAIL
        empty = text_part("", [], [], {}) if self._is_text else {"type": "refusal", "refusal": ""}
        message.content.append(empty)
        message.wire.tell("response.content_part.added", **self._place, part=empty)
        if part.text:
            self.add(part.text, part.logprobs if isinstance(part, Text) else [])

    def add(self, text: str, logprobs: list[Logprob]) -> None:
        if not (text or logprobs):
            return
        self._pieces.append(text)
        tail = self._tail
        if logprobs:
            self._logprobs += logprobs
            tail = b',"logprobs":%b%b' % (_ENCODE(write_logprobs(logprobs)), _TAIL)
        self._message.wire.add(self._head, text, tail)

    def sign(self, signature: str) -> None:
        """Texts have no signature."""

    def more(self, kind: str, value: object) -> None:
        annotation = annotation_of(kind, value, self._message.terms)
        if annotation is not None:
            self._annotate(annotation)

    def _annotate(self, annotation: Object) -> None:
        self._message.wire.tell(
            "response.output_text.annotation.added",
            **self._place,
            annotation_index=len(self._told),
            annotation=annotation,
        )
        self._told.append(annotation)

    def close(self, extras: Extras) -> None:
        wire, text = self._message.wire, "".join(self._pieces)
        if not self._is_text:
            part: Object = content_part(Refusal(text), self._message.terms)
            wire.tell(f"{self._name}.done", **self._place, refusal=text)
        else:
            logprobs = write_logprobs(self._logprobs)
            part = self._whole(text, logprobs, extras)
            wire.tell(f"{self._name}.done", **self._place, text=text, logprobs=logprobs)
        self._message.content[self._at] = part
        wire.tell("response.content_part.done", **self._place, part=part)

    def _whole(self, text: str, logprobs: list[Object], extras: Extras) -> Object:
        known = self._part.extras if isinstance(self._part, Text) else {}
        annotations, rest = text_rest({**known, **extras}, self._message.terms)
        for annotation in annotations[len(self._told) :]:
            self._annotate(annotation)
        return text_part(text, annotations or self._told, logprobs, rest)


class ReasoningSink:
    """A reasoning: its summary in one part or several, or the thoughts themselves."""

    def __init__(
        self, wire: Wire, part: Reasoning, terms: Terms, *, index: int, item_id: str
    ) -> None:
        self._wire = wire
        self._terms = terms
        self._place: Object = {"item_id": item_id, "output_index": index}
        self._index = index
        self._id = item_id
        self._part = part
        self._is_summary = part.is_summary is not False
        self._pieces: list[str] = []
        self._texts: list[str] = []
        self._length = 0
        self._is_open = False
        self._skips = False
        """The border between two parts is no text here."""
        wire.begin_item(index, reasoning_item(Reasoning(""), terms, item_id))
        if part.text:
            self._tell(part)

    def _tell(self, part: Reasoning) -> None:
        """Tells a text that came whole, part by part."""
        item = reasoning_item(part, self._terms, self._id)
        for row in item["summary"] or item["content"]:
            if self._is_open:
                self._end_part()
            self.add(row["text"], [])

    def _begin_part(self) -> None:
        at = len(self._texts)
        self._is_open = True
        if self._is_summary:
            place: Object = {**self._place, "summary_index": at}
            part = {"type": "summary_text", "text": ""}
            self._wire.tell("response.reasoning_summary_part.added", **place, part=part)
            self._head = _head("response.reasoning_summary_text.delta", place)
            return
        place = {**self._place, "content_index": at}
        part = {"type": "reasoning_text", "text": ""}
        self._wire.tell("response.content_part.added", **place, part=part)
        self._head = _head("response.reasoning_text.delta", place)

    def add(self, text: str, logprobs: list[Logprob]) -> None:
        if not text:
            return
        self._length += len(text)
        if self._skips and text == BETWEEN:
            self._skips = False
            return
        if not self._is_open:
            self._begin_part()
        self._pieces.append(text)
        self._wire.add(self._head, text, _TAIL)

    def _end_part(self) -> None:
        text, at = "".join(self._pieces), len(self._texts)
        self._is_open = False
        self._pieces = []
        self._texts.append(text)
        kind = "summary_text" if self._is_summary else "reasoning_text"
        part = {"type": kind, "text": text}
        if self._is_summary:
            place: Object = {**self._place, "summary_index": at}
            self._wire.tell("response.reasoning_summary_text.done", **place, text=text)
            self._wire.tell("response.reasoning_summary_part.done", **place, part=part)
            return
        place = {**self._place, "content_index": at}
        self._wire.tell("response.reasoning_text.done", **place, text=text)
        self._wire.tell("response.content_part.done", **place, part=part)

    def sign(self, signature: str) -> None:
        self._part = msgspec.structs.replace(self._part, signature=signature)

    def more(self, kind: str, value: object) -> None:
        # One that comes late, behind the whole text, cannot begin a part any more.
        if kind == SUMMARY_PART and self._is_open and value == self._length + len(BETWEEN):
            self._end_part()
            self._skips = True

    def close(self, extras: Extras) -> None:
        if self._is_open:
            self._end_part()
        known = {name: value for name, value in self._part.extras.items() if name not in extras}
        empty = msgspec.structs.replace(
            self._part, text="", is_summary=None, extras={**known, **extras}
        )
        item = reasoning_item(empty, self._terms, self._id)
        kind = "summary_text" if self._is_summary else "reasoning_text"
        name = "summary" if self._is_summary else "content"
        if self._texts:
            item[name] = [{"type": kind, "text": text} for text in self._texts]
        self._wire.end_item(self._index, item)


class CallSink:
    """A call of a tool."""

    def __init__(
        self, wire: Wire, part: ToolCall, terms: Terms, *, index: int, item_id: str
    ) -> None:
        self._wire = wire
        self._terms = terms
        self._part = part
        self._index = index
        self._id = item_id
        self._place: Object = {"item_id": item_id, "output_index": index}
        self._pieces: list[str] = []
        self._given = "input" if part.is_custom else "arguments"
        self._name = (
            "response.custom_tool_call_input"
            if part.is_custom
            else "response.function_call_arguments"
        )
        self._head = _head(f"{self._name}.delta", self._place)
        item = call_item(part, terms, item_id, _IN_PROGRESS)
        wire.begin_item(index, item | {self._given: ""})
        if part.arguments:
            self.add(part.arguments, [])

    def add(self, text: str, logprobs: list[Logprob]) -> None:
        if not text:
            return
        self._pieces.append(text)
        self._wire.add(self._head, text, _TAIL)

    def sign(self, signature: str) -> None:
        """Calls have no signature."""

    def more(self, kind: str, value: object) -> None:
        """Nothing more comes of a call."""

    def close(self, extras: Extras) -> None:
        given = "".join(self._pieces)
        if not given and not self._part.is_custom:
            given = "{}"
            self.add(given, [])
        self._wire.tell(f"{self._name}.done", **self._place, **{self._given: given})
        known = {**self._part.extras, **extras}
        part = msgspec.structs.replace(self._part, arguments=given, extras=known)
        self._wire.end_item(self._index, call_item(part, self._terms, self._id, _COMPLETED))


class WholeSink:
    """An item that comes in one piece, or as its endpoint tells it."""

    def __init__(self, wire: Wire, item: Object, *, index: int) -> None:
        self._wire = wire
        self._item = item
        self._index = index
        wire.begin_item(index, item)

    def add(self, text: str, logprobs: list[Logprob]) -> None:
        """It has no text of its own."""

    def sign(self, signature: str) -> None:
        """It has no signature."""

    def more(self, kind: str, value: object) -> None:
        """Its whole value is told again at its end."""

    def close(self, extras: Extras) -> None:
        self._wire.end_item(self._index, self._item | extras)
