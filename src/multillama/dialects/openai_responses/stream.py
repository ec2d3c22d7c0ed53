"""Reads streams of Responses, of OpenAI and of those who are less exact.

Items or parts may come unannounced, ids may change on the way, texts may come only when they are whole.

HOT: `feed` runs for every segment of every translated stream.

Source: openai SDK 3.54.0, `types/responses/*_event.py`; recorded streams of OpenAI and DeepSeek.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from multillama.core.canonical import Foreign, Part, Reasoning, Refusal, Stop, Text
from multillama.core.codec import Misfit
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
from multillama.core.shape import Object, decode_object
from multillama.dialects.openai_responses.answer import created_at, rest_of, text_of
from multillama.dialects.openai_responses.content import read_logprobs
from multillama.dialects.openai_responses.envelope import stop_of
from multillama.dialects.openai_responses.fault import fault_of
from multillama.dialects.openai_responses.output import (
    ANNOTATION,
    BETWEEN,
    SUMMARY_PART,
    call_of,
    content_of,
    is_call,
    mark_item,
    parts_of,
    reasoning_of,
)
from multillama.dialects.openai_responses.pieces import Item, Piece, key_of, mark_piece
from multillama.dialects.openai_responses.terms import DIALECT, FAMILY
from multillama.dialects.openai_responses.usage import read_usage
from multillama.wire.sse import Splitter

_DONE: Final = b"[DONE]"


class Reader:
    """Reads one stream."""

    def __init__(self) -> None:
        self._splitter = Splitter()
        self._events: list[Event] = []
        self._items: dict[int | str, Item] = {}
        """While they go on."""
        self._last: Item | None = None
        self._next = 0
        self._kinds: set[type[Part]] = set()
        """Of all parts, for why the answer ended."""
        self._is_begun = False
        self._is_over = False

    # --- bytes -------------------------------------------------------------------------------

    def feed(self, data: bytes) -> list[Event]:
        for payload in self._splitter.payloads(data):
            self._take(payload)
        events, self._events = self._events, []
        return events

    def end(self) -> list[Event]:
        payload = self._splitter.last()
        if payload is not None:
            self._take(payload)
        events, self._events = self._events, []
        return events

    def _take(self, data: bytes) -> None:
        if self._is_over or not data.strip() or data.strip() == _DONE:
            return
        members = decode_object(data)
        kind = members.get("type")
        if kind is None and "error" in members:
            kind = "error"
        if not isinstance(kind, str):
            raise Misfit("type", "is missing")
        take = _TAKERS.get(kind)
        if take is not None:
            take(self, members)
        elif kind.startswith("response."):
            self._begin({})
            self._events.append(Other(kind, members))

    # --- the response ------------------------------------------------------------------------

    def _begin(self, response: Object) -> None:
        if self._is_begun:
            return
        self._is_begun = True
        start = Start(
            text_of(response, "id"),
            text_of(response, "model"),
            created_at(response),
            extras=rest_of(response),
            family=FAMILY,
            dialect=DIALECT,
        )
        self._events.append(start)

    def _take_response(self, members: Object) -> None:
        self._begin(_object(members, "response"))

    def _take_end(self, members: Object) -> None:
        response = _object(members, "response")
        self._begin(response)
        if not self._kinds:
            self._take_output(response)
        for key in list(self._items):
            self._close(key, self._items[key].item)
        stop, extras = stop_of(response, self._kinds)
        self._events.append(Finish(stop or Stop.END, extras=extras))
        usage = read_usage(response.get("usage"))
        if usage is not None:
            self._events.append(Count(usage))
        tier = text_of(response, "service_tier") or None
        self._events.append(End(rest_of(response), tier))
        self._is_over = True

    def _take_output(self, response: Object) -> None:
        """Takes what a stream has told only at its end."""
        output = response.get("output")
        for item in output if isinstance(output, list) else ():
            for part in parts_of(item) if isinstance(item, dict) else ():
                self._whole(part)

    def _take_failure(self, members: Object) -> None:
        self._begin(_object(members, "response"))
        response = members.get("response")
        if isinstance(response, dict):
            members = {"error": response.get("error") or {"message": "The response failed."}}
        self._events.append(Broken(fault_of(0, members)))
        self._is_over = True

    # --- items -------------------------------------------------------------------------------

    def _take_added(self, members: Object) -> None:
        self._begin({})
        item = _object(members, "item")
        entry = self._add(Item(item), members, item.get("id"))
        if is_call(item):
            call = call_of(item)
            piece = self._open(entry, 0, msgspec.structs.replace(call, extras={}))
            piece.length = len(call.arguments)
        elif entry.kind not in ("message", "reasoning"):
            self._open(entry, 0, Foreign(entry.kind, item))

    def _add(self, entry: Item, members: Object, item_id: object) -> Item:
        key = key_of(members, item_id)
        if key in self._items:
            self._close(key, self._items[key].item)
        self._items[key] = self._last = entry
        return entry

    def _take_done(self, members: Object) -> None:
        self._begin({})
        item = _object(members, "item")
        key = key_of(members, item.get("id"))
        if key in self._items:
            self._close(key, item)
            return
        for part in parts_of(item):
            self._whole(part)

    def _entry(self, members: Object) -> Item | None:
        """Returns the item that an event is about."""
        entry = self._items.get(key_of(members, members.get("item_id")))
        if entry is not None:
            return entry
        item_id = members.get("item_id")
        return next((one for one in self._items.values() if one.id == item_id), self._last)

    def _open(self, entry: Item, at: int, what: Part) -> Piece:
        piece = entry.pieces[at] = Piece(self._next)
        self._events.append(Open(self._next, what))
        self._next += 1
        self._kinds.add(type(what))
        return piece

    def _whole(self, part: Part) -> None:
        self._events += (Open(self._next, part), Close(self._next))
        self._next += 1
        self._kinds.add(type(part))

    def _close(self, key: int | str, item: Object) -> None:
        """Ends an item, with what is known of it at its end."""
        entry = self._items.pop(key)
        if self._last is entry:
            self._last = None
        if entry.kind == "message":
            self._close_message(entry, item)
        elif entry.kind == "reasoning":
            self._close_reasoning(entry, item)
        elif is_call(entry.item):
            call = call_of(item) if is_call(item) else call_of(entry.item)
            self._catch_up(entry.pieces[0], call.arguments)
            self._events.append(Close(entry.pieces[0].number, call.extras))
        else:
            self._events.append(Close(entry.pieces[0].number, item))

    def _close_message(self, entry: Item, item: Object) -> None:
        content = item.get("content")
        for at, row in enumerate(content if isinstance(content, list) else ()):
            part = content_of(row)
            if part is None:
                continue
            piece = entry.pieces.get(at)
            if piece is None:
                mark_item([part], item)
                self._whole(part)
            else:
                self._close_part(piece, part)
        for piece in entry.pieces.values():
            if piece.is_open:
                self._events.append(Close(piece.number))

    def _close_part(self, piece: Piece, part: Part) -> None:
        if not piece.is_open:
            return
        piece.is_open = False
        self._catch_up(piece, part.text if isinstance(part, Text | Refusal) else "")
        extras = part.extras if isinstance(part, Text) else {}
        self._events.append(Close(piece.number, extras))

    def _close_reasoning(self, entry: Item, item: Object) -> None:
        piece = entry.pieces.get(0)
        if piece is None:
            for part in parts_of(item if item.get("type") == "reasoning" else entry.item):
                self._whole(part)
            return
        known = reasoning_of(item)
        if known.signature is not None:
            self._events.append(Sign(piece.number, known.signature))
        self._events.append(Close(piece.number, known.extras))

    def _catch_up(self, piece: Piece, text: str) -> None:
        """Takes a text that came only when it was whole."""
        if text and not piece.length:
            piece.length = len(text)
            self._events.append(Delta(piece.number, text))

    # --- parts -------------------------------------------------------------------------------

    def _take_part(self, members: Object) -> None:
        entry, part = self._entry(members), content_of(members.get("part"))
        at = _at(members, "content_index")
        if entry is None or entry.kind != "message" or self._piece(members) is not None:
            return
        if isinstance(part, Text | Refusal):
            mark_piece(part, entry)
            text, part.text = part.text, ""
            self._catch_up(self._open(entry, at, part), text)

    def _take_part_end(self, members: Object) -> None:
        piece, part = self._piece(members), content_of(members.get("part"))
        if piece is not None and part is not None:
            self._close_part(piece, part)

    def _piece(self, members: Object) -> Piece | None:
        """Returns the part of a message that an event is about."""
        entry = self._entry(members)
        if entry is None or entry.kind != "message":
            return None
        piece = entry.pieces.get(_at(members, "content_index"))
        return None if piece is None or not piece.is_open else piece

    def _take_text(self, members: Object) -> None:
        piece = self._piece(members) or self._begin_text(members, Text(""))
        text, logprobs = members.get("delta"), members.get("logprobs")
        if isinstance(text, str):
            piece.length += len(text)
            rows = read_logprobs(logprobs) if logprobs else []
            self._events.append(Delta(piece.number, text, rows))

    def _take_refusal(self, members: Object) -> None:
        self._say(self._piece(members) or self._begin_text(members, Refusal("")), members)

    def _begin_text(self, members: Object, part: Text | Refusal) -> Piece:
        """Opens a part that was not announced, nor maybe was its item."""
        self._begin({})
        entry = self._entry(members)
        if entry is None or entry.kind != "message":
            item_id = members.get("item_id")
            entry = self._add(Item({"type": "message", "id": item_id}), members, item_id)
        mark_piece(part, entry)
        return self._open(entry, _at(members, "content_index"), part)

    def _say(self, piece: Piece, members: Object) -> None:
        text = members.get("delta")
        if isinstance(text, str):
            piece.length += len(text)
            self._events.append(Delta(piece.number, text))

    def _take_annotation(self, members: Object) -> None:
        piece = self._piece(members)
        if piece is not None:
            self._events.append(More(piece.number, ANNOTATION, members.get("annotation")))

    def _take_arguments(self, members: Object) -> None:
        entry = self._entry(members)
        if entry is not None and is_call(entry.item):
            self._say(entry.pieces[0], members)

    def _take_summary(self, members: Object) -> None:
        self._think(members, _at(members, "summary_index"), is_summary=True)

    def _take_thought(self, members: Object) -> None:
        self._think(members, _at(members, "content_index"), is_summary=False)

    def _think(self, members: Object, at: int, *, is_summary: bool) -> None:
        entry = self._entry(members)
        if entry is None or entry.kind != "reasoning":
            return
        piece = entry.pieces.get(0)
        if piece is None:
            item_id = entry.item.get("id")
            part = Reasoning(
                "", id=item_id if isinstance(item_id, str) else None, is_summary=is_summary
            )
            piece = self._open(entry, 0, part)
            entry.part_at = at
        if at != entry.part_at:
            entry.part_at = at
            piece.length += len(BETWEEN)
            more = More(piece.number, SUMMARY_PART, piece.length)
            self._events += (more, Delta(piece.number, BETWEEN))
        self._say(piece, members)


def _object(members: Object, name: str) -> Object:
    value = members.get(name)
    return value if isinstance(value, dict) else {}


def _at(members: Object, name: str) -> int:
    value = members.get(name)
    return value if isinstance(value, int) else 0


def _ignore(reader: Reader, members: Object) -> None:
    """Takes note of nothing: what the event says is told again at the end of its item."""


_TAKERS: Final[dict[str, Callable[[Reader, Object], None]]] = {
    "response.created": Reader._take_response,
    "response.queued": Reader._take_response,
    "response.in_progress": Reader._take_response,
    "response.completed": Reader._take_end,
    "response.incomplete": Reader._take_end,
    "response.failed": Reader._take_failure,
    "error": Reader._take_failure,
    "response.output_item.added": Reader._take_added,
    "response.output_item.done": Reader._take_done,
    "response.content_part.added": Reader._take_part,
    "response.content_part.done": Reader._take_part_end,
    "response.output_text.delta": Reader._take_text,
    "response.output_text.done": _ignore,
    "response.output_text.annotation.added": Reader._take_annotation,
    "response.refusal.delta": Reader._take_refusal,
    "response.refusal.done": _ignore,
    "response.function_call_arguments.delta": Reader._take_arguments,
    "response.function_call_arguments.done": _ignore,
    "response.custom_tool_call_input.delta": Reader._take_arguments,
    "response.custom_tool_call_input.done": _ignore,
    "response.reasoning_summary_part.added": _ignore,
    "response.reasoning_summary_part.done": _ignore,
    "response.reasoning_summary_text.delta": Reader._take_summary,
    "response.reasoning_summary_text.done": _ignore,
    "response.reasoning_text.delta": Reader._take_thought,
    "response.reasoning_text.done": _ignore,
}
