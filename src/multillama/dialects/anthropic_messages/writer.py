"""Writes a stream of events.

Blocks never overlap and are numbered in the order in which they begin. Of an endpoint of another family a block begins
with its first text, so that there are no empty ones: clients send blocks back, and an empty text is refused. The
reason for the end and the usage come in one event, when all is known.

HOT: runs for every event of a translated stream.

Source: platform.claude.com, "Streaming messages" (November 2026); the accumulator of the anthropic SDK 2.12.0, which
wants `message_start` first, indices without gaps, and an `input` in a call that begins.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Final, cast

import msgspec

from multillama.core.canonical import (
    Extras,
    Foreign,
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
from multillama.core.serial import Serial
from multillama.core.shape import Object
from multillama.dialects.anthropic_messages.answer import (
    CITED,
    FAMILY,
    drop_extras,
    kind_of,
    message_id,
    write_stop,
    write_usage,
)
from multillama.dialects.anthropic_messages.fault import write_fault_event
from multillama.dialects.anthropic_messages.parts import tool_id

_ENCODE: Final = msgspec.json.Encoder().encode
_STOP_EVENT: Final = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_OF_DELTA: Final = frozenset({"container", "stop_details"})
"""Members that come with the stop reason inside `delta`; others stand beside it."""


def _event(kind: bytes, members: Object) -> bytes:
    return b"event: " + kind + b"\ndata: " + _ENCODE(members) + b"\n\n"


class MessagesWriter:
    """Writes one stream."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._serial = Serial()
        self._unsaid: set[int] = set()
        """Parts that cannot be said here, and those of further choices."""
        self._is_own = False
        self._started = False
        self._usage: Usage | None = None
        self._extras: Extras = {}
        """Of usage, as far as it came after the start."""
        self._finish = Finish(Stop.END)
        self._has_calls = False
        self._index = -1
        self._what: Part | None = None
        self._signature: str | None = None
        self._is_begun = False
        """The block of the open part has been written."""
        self._before = b""
        self._out: list[bytes] = []

    def write(self, events: list[Event]) -> bytes:
        for event in self._serial.order(self._sayable(events)):
            _WRITE[type(event)](self, event)
        data = b"".join(self._out)
        self._out.clear()
        return data

    def _sayable(self, events: list[Event]) -> list[Event]:
        """Leaves out what no writer of this dialect can say."""
        for event in events:
            if isinstance(event, Open):
                if not self._may_say(event):
                    self._unsaid.add(event.part)
            elif isinstance(event, Start):
                self._is_own = event.family == FAMILY
        if not self._unsaid:
            return events
        unsaid = self._unsaid
        return [
            event
            for event in events
            if not (isinstance(event, Open | Delta | Sign | More | Close) and event.part in unsaid)
        ]

    def _may_say(self, event: Open) -> bool:
        what = event.what
        if event.choice > 0:
            self._reply.losses.drop("choices")
            return False
        if isinstance(what, Text | Reasoning | Refusal | ToolCall):
            return True
        if isinstance(what, Foreign) and self._is_own and isinstance(what.value, dict):
            return True
        self._reply.losses.drop(kind_of(what))
        return False

    # --- the message -------------------------------------------------------------------------

    def start(self, event: Start) -> None:
        self._started = True
        self._usage = event.usage
        reply = self._reply
        message: Object = {
            "id": message_id(event.id, reply, is_own=self._is_own),
            "type": "message",
            "role": "assistant",
            "model": reply.model or event.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 0} | write_usage(event.usage, is_own=self._is_own),
        }
        if self._is_own:
            message = event.extras | message
        self._out.append(_event(b"message_start", {"type": "message_start", "message": message}))

    def count(self, event: Count) -> None:
        self._usage = add_usage(self._usage, event.usage)
        self._extras = {**self._extras, **event.usage.extras}

    def finish(self, event: Finish) -> None:
        if event.choice == 0:
            self._finish = event

    def finish_all(self, event: End) -> None:
        if not self._started:
            self.start(Start())
        finish, is_own = self._finish, self._is_own
        extras = finish.extras if is_own else {}
        stop = write_stop(finish.stop, extras, has_calls=self._has_calls, is_own=is_own)
        delta: Object = {"stop_reason": stop, "stop_sequence": finish.stop_sequence}
        delta |= {name: value for name, value in extras.items() if name in _OF_DELTA}
        usage = write_usage(self._usage, is_own=False)
        usage.pop("cache_creation", None)  # not in this event
        members: Object = {"type": "message_delta", "delta": delta, "usage": usage}
        if is_own:
            usage |= self._extras
            beside = _OF_DELTA | {"stop_reason"}
            members |= {name: value for name, value in extras.items() if name not in beside}
        self._out += (_event(b"message_delta", members), _STOP_EVENT)

    def other(self, event: Other) -> None:
        if self._is_own and isinstance(event.value, dict):
            self._out.append(_event(event.kind.encode(), event.value))

    def broken(self, event: Broken) -> None:
        self._out.append(write_fault_event(event.fault))

    # --- blocks ------------------------------------------------------------------------------

    def open(self, event: Open) -> None:
        what = self._what = event.what
        self._is_begun, self._signature, first = False, None, ""
        if isinstance(what, Text | Refusal):
            first = what.text
        elif isinstance(what, Reasoning):
            self._signature, first = what.signature, what.text
            if what.is_redacted:
                return  # it has no text, and its data may be still to come
        elif isinstance(what, ToolCall):
            self._has_calls = True
            first = what.arguments
            self._begin()
        if self._is_own and not self._is_begun:
            self._begin()
        if first:
            self.delta(Delta(event.part, first))

    def _begin(self) -> None:
        """Writes that a block begins."""
        if not self._started:
            self.start(Start())
        self._is_begun = True
        self._index += 1
        block, kind, member = _beginning(cast("Part", self._what), self._signature)
        if self._is_own and not isinstance(self._what, Refusal | Foreign | None):
            block |= self._what.extras
        members = {
            "type": "content_block_start",
            "index": self._index,
            "content_block": block,
        }
        self._out.append(_event(b"content_block_start", members))
        self._before = (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
            b'"delta":{"type":"%b","%b":' % (self._index, kind, member)
        )
        if isinstance(self._what, ToolCall):
            self._out.append(self._before + b'""}}\n\n')

    def delta(self, event: Delta) -> None:
        if not self._is_begun:
            if not event.text:
                return
            self._begin()
        self._out.append(self._before + _ENCODE(event.text) + b"}}\n\n")

    def sign(self, event: Sign) -> None:
        self._signature = event.signature

    def more(self, event: More) -> None:
        if not self._is_own:
            self._reply.losses.drop(f"extras.{event.kind}")
        elif isinstance(event.value, dict):
            self._out.append(self._delta_event(event.value))

    def _delta_event(self, delta: Object) -> bytes:
        members = {"type": "content_block_delta", "index": self._index, "delta": delta}
        return _event(b"content_block_delta", members)

    def close(self, event: Close) -> None:
        what, signature = self._what, self._signature
        is_thought = isinstance(what, Reasoning)
        if signature is not None and is_thought and not self._is_begun:
            self._begin()
        if signature is not None and is_thought and not cast("Reasoning", what).is_redacted:
            self._out.append(self._delta_event({"type": "signature_delta", "signature": signature}))
        if isinstance(what, Text):
            self._close_text(event.extras)
        if self._is_begun:
            self._out.append(
                b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'
                % self._index
            )
        self._what = None

    def _close_text(self, extras: Extras) -> None:
        """Writes citations that came only at the end, of an answer that was no stream."""
        if not self._is_own:
            drop_extras(extras, self._reply.losses)
            return
        for citation in cast("list[object]", extras.get("citations", [])):
            self._out.append(self._delta_event({"type": CITED, "citation": citation}))


def _beginning(what: Part, signature: str | None) -> tuple[Object, bytes, bytes]:
    """Returns a block as it begins, the type of its deltas, and the member of them that its text is."""
    if isinstance(what, ToolCall):
        block: Object = {"type": "tool_use", "id": tool_id(what.id), "name": what.name, "input": {}}
        return block, b"input_json_delta", b"partial_json"
    if isinstance(what, Reasoning):
        if what.is_redacted:
            return {"type": "redacted_thinking", "data": signature or ""}, b"", b""
        block = {"type": "thinking", "thinking": "", "signature": ""}
        return block, b"thinking_delta", b"thinking"
    if isinstance(what, Foreign):
        return cast("Object", what.value), b"", b""
    return {"type": "text", "text": ""}, b"text_delta", b"text"


_WRITE: Final = MappingProxyType[type, Callable[[MessagesWriter, Any], None]](
    {
        Start: MessagesWriter.start,
        Open: MessagesWriter.open,
        Delta: MessagesWriter.delta,
        Sign: MessagesWriter.sign,
        More: MessagesWriter.more,
        Close: MessagesWriter.close,
        Finish: MessagesWriter.finish,
        Count: MessagesWriter.count,
        Broken: MessagesWriter.broken,
        Other: MessagesWriter.other,
        End: MessagesWriter.finish_all,
    }
)
