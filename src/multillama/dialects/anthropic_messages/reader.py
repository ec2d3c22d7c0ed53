"""Reads a stream of events.

`message_start` (`content_block_start` `content_block_delta`* `content_block_stop`)* `message_delta` `message_stop`,
with a `ping` anywhere. Blocks and deltas of types that are not known go on as they are, for a client of this family.

HOT: runs for every event of a translated stream.

Source: platform.claude.com, "Streaming messages" (November 2026); recorded traffic. llama.cpp and vLLM differ: no
`ping`, a call that begins without `input`, `[DONE]` behind the end.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Final

from multillama.core.canonical import Reasoning, Stop, Text, ToolCall
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
from multillama.core.shape import Object, decode
from multillama.dialects.anthropic_messages.answer import (
    FAMILY,
    read_part,
    read_stop,
    read_usage,
    text_of,
)
from multillama.dialects.anthropic_messages.blocks import said
from multillama.dialects.anthropic_messages.fault import fault_of
from multillama.wire.sse import Splitter

_DONE: Final = b"[DONE]"
_NOTHING: Final = object()
_HEAD: Final = frozenset(
    {"id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"}
)


class _Block:
    """An open block."""

    __slots__ = ("has_text", "input", "member", "members", "part", "pieces", "takes")

    def __init__(self, part: int) -> None:
        self.part = part
        self.takes: object = _NOTHING
        """The type of deltas that are its text; none of a block that only this family has."""
        self.member = ""
        """Where the text stands in them."""
        self.input = ""
        """Of a call: what came of it at its beginning."""
        self.has_text = False
        self.pieces: list[str] = []
        self.members: Object = {}
        """Of a block of this family: what its deltas have told."""


class MessagesReader:
    """Reads one stream."""

    def __init__(self) -> None:
        self._splitter = Splitter()
        self._started = False
        self._finished = False
        self._over = False
        self._next = 0
        self._has_calls = False
        self._blocks: dict[int, _Block] = {}
        self._usage: Object = {}
        self._events: list[Event] = []

    def feed(self, data: bytes) -> list[Event]:
        for payload in self._splitter.payloads(data):
            if not self._over:
                self._take(payload)
        return self._given()

    def end(self) -> list[Event]:
        payload = self._splitter.last()
        if payload is not None and not self._over:
            self._take_last(payload)
        if self._finished and not self._over:
            self._message_stop({})  # all was said; only what closes the stream is missing
        return self._given()

    def _given(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _take_last(self, payload: bytes) -> None:
        try:
            self._take(payload)
        except Misfit:
            return  # half an event: the stream is not whole, which its missing end says

    def _take(self, payload: bytes) -> None:
        if payload == _DONE:
            if self._finished:
                self._message_stop({})
            return
        event = decode(payload)
        if not isinstance(event, dict):
            raise Misfit("event", "must be an object")
        kind = text_of(event, "type")
        if kind == "content_block_delta":
            self._delta(event)
        elif kind in _TAKE:
            _TAKE[kind](self, event)
        elif kind != "ping" and self._started:
            self._events.append(Other(kind, event))

    def _message_start(self, event: Object) -> None:
        self._start(_object(event.get("message")))

    def _error(self, event: Object) -> None:
        self._over = True
        self._events.append(Broken(fault_of(None, event)))

    def _start(self, message: Object) -> None:
        if self._started:
            return
        self._started = True
        self._usage = said(_object(message.get("usage")))
        usage = read_usage(self._usage) if self._usage else None
        extras = said({name: value for name, value in message.items() if name not in _HEAD})
        start = Start(
            text_of(message, "id"), text_of(message, "model"), usage=usage, extras=extras,
            family=FAMILY,
        )  # fmt: skip
        self._events.append(start)

    def _block_start(self, event: Object) -> None:
        self._open(event)

    def _open(self, event: Object) -> _Block:
        self._start({})  # where it has not come
        part = read_part(_object(event.get("content_block")))
        block = _Block(self._next)
        if isinstance(part, Text):
            block.takes, block.member = "text_delta", "text"
        elif isinstance(part, Reasoning) and not part.is_redacted:
            block.takes, block.member = "thinking_delta", "thinking"
        elif isinstance(part, ToolCall):
            self._has_calls = True
            block.takes, block.member = "input_json_delta", "partial_json"
            block.input, part.arguments = part.arguments, ""
        self._next += 1
        index = _index(event)
        if index in self._blocks:
            self._close(index)
        self._blocks[index] = block
        self._events.append(Open(block.part, part))
        return block

    def _delta(self, event: Object) -> None:
        delta = event.get("delta")
        if not isinstance(delta, dict):
            return
        kind = delta.get("type")
        block = self._blocks.get(_index(event))
        if block is None:
            block = self._unannounced(event, text_of(delta, "type"))
            if block is None:
                return
        if kind == block.takes:
            text = delta.get(block.member)
            if isinstance(text, str) and text:
                block.has_text = True
                self._events.append(Delta(block.part, text))
        elif kind == "signature_delta" and block.takes == "thinking_delta":
            signature = text_of(delta, "signature")
            if signature:
                self._events.append(Sign(block.part, signature))
        else:
            self._more(block, text_of(delta, "type"), delta)

    def _unannounced(self, event: Object, kind: str) -> _Block | None:
        """Opens a block whose beginning has not come, where the delta tells what it is."""
        of = {"text_delta": "text", "thinking_delta": "thinking"}.get(kind)
        if of is None or self._finished:
            return None
        return self._open({"index": _index(event), "content_block": {"type": of}})

    def _more(self, block: _Block, kind: str, delta: Object) -> None:
        if block.takes is _NOTHING:
            if kind == "input_json_delta":
                block.pieces.append(text_of(delta, "partial_json"))
            else:
                block.members |= {n: v for n, v in delta.items() if n != "type" and v is not None}
        self._events.append(More(block.part, kind, delta))

    def _block_stop(self, event: Object) -> None:
        index = _index(event)
        if index in self._blocks:
            self._close(index)

    def _close(self, index: int) -> None:
        block = self._blocks.pop(index)
        if block.takes == "input_json_delta" and not block.has_text:
            self._events.append(Delta(block.part, block.input))
        extras = block.members
        if any(block.pieces):
            extras = extras | _decoded("".join(block.pieces))
        self._events.append(Close(block.part, extras))

    def _message_delta(self, event: Object) -> None:
        self._start({})
        usage = said(_object(event.get("usage")))
        if usage:
            self._usage = self._usage | usage
            count = read_usage(self._usage)
            count.extras = read_usage(usage).extras  # the others have been told
            self._events.append(Count(count))
        delta = _object(event.get("delta"))
        if isinstance(delta.get("stop_reason"), str) and not self._finished:
            self._finish(delta, event)

    def _finish(self, delta: Object, event: Object) -> None:
        for index in list(self._blocks):
            self._close(index)
        self._finished = True
        stop, extras = read_stop(delta.get("stop_reason"), has_calls=self._has_calls)
        told = ("type", "usage", "delta", "stop_reason", "stop_sequence")
        extras |= {n: v for n, v in {**event, **delta}.items() if v is not None and n not in told}
        sequence = text_of(delta, "stop_sequence") or None
        self._events.append(Finish(stop or Stop.END, stop_sequence=sequence, extras=extras))

    def _message_stop(self, _: Object) -> None:
        self._start({})
        if not self._finished:
            self._finish({"stop_reason": "end_turn"}, {})
        self._over = True
        self._events.append(End())


def _object(value: Any) -> Object:
    return value if isinstance(value, dict) else {}


def _index(event: Object) -> int:
    index = event.get("index")
    return index if isinstance(index, int) else 0


def _decoded(pieces: str) -> Object:
    try:
        return {"input": decode(pieces)}
    except Misfit:
        return {}


_TAKE: Final = MappingProxyType[str, Callable[[MessagesReader, Object], None]](
    {
        "message_start": MessagesReader._message_start,
        "content_block_start": MessagesReader._block_start,
        "content_block_stop": MessagesReader._block_stop,
        "message_delta": MessagesReader._message_delta,
        "message_stop": MessagesReader._message_stop,
        "error": MessagesReader._error,
    }
)
