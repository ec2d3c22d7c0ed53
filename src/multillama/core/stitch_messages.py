"""The rest of a broken-off stream in Anthropic's dialect, as `core/stitch.py` makes it for chunks.

The second endpoint numbers its content blocks from 0 and opens the one that the client has open already; here the
numbers go on, and what is open stays so until it ends.
"""

from typing import Final

import msgspec

from multillama.core.partial import UNREADABLE, Counts, Partial
from multillama.core.seam import Seam, add_up
from multillama.core.usage import Usage
from multillama.errors import GatewayError
from multillama.wire.sse import data_of, events_in

Members = dict[str, msgspec.Raw]


class _Event(msgspec.Struct):
    type: str = ""
    index: int = 0


class _Block(msgspec.Struct):
    type: str = ""


class _Delta(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""


class _Message(msgspec.Struct):
    usage: Counts = msgspec.field(default_factory=Counts)


_EVENT: Final = msgspec.json.Decoder(_Event)
_BLOCK: Final = msgspec.json.Decoder(_Block)
_DELTA: Final = msgspec.json.Decoder(_Delta)
_MESSAGE: Final = msgspec.json.Decoder(_Message)
_COUNTS: Final = msgspec.json.Decoder(Counts)
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENCODE: Final = msgspec.json.encode


class MessageStitcher:
    """For events of messages."""

    def __init__(self, partial: Partial) -> None:
        self.is_over = False
        self.usage = Usage()
        self._partial = partial
        self._seam = Seam(partial)
        self._open = partial.open_block
        """Index of the block that the client has open."""
        self._shift: int | None = None
        """What is added to the second endpoint's indices, once its first block has come."""
        self._input_tokens: int | None = None
        self._begun = b""
        """The beginning of a text block that is held back until some of it comes: it may all be known already."""

    def feed(self, data: bytes) -> bytes:
        return b"".join(map(self._take, events_in(data)))

    def _take(self, event: bytes) -> bytes:
        data = data_of(event)
        if data is None:
            return event
        if data == b"[DONE]":
            return b""  # vLLM's, after its last event
        try:
            return self._rewrite(event, data)
        except (*UNREADABLE, KeyError) as error:
            raise GatewayError(
                "endpoint_malformed", "sent an event that is none of this dialect"
            ) from error

    def _rewrite(self, event: bytes, data: bytes) -> bytes:
        known = _EVENT.decode(data)
        kind = known.type
        if kind == "error":
            raise GatewayError("endpoint_malformed", "sent an error instead of the rest")
        if kind == "message_start":
            started = _MESSAGE.decode(_MEMBERS.decode(data)["message"])
            self._input_tokens = started.usage.all_input
            return b"" if self._partial.has_begun else event
        if kind == "content_block_start":
            return self._begin_block(known.index, data)
        if kind == "content_block_delta":
            return self._go_on(known.index, data)
        if kind == "content_block_stop":
            return self._end_block(known.index, data)
        if kind == "message_delta":
            return self._end_open() + self._total(data)
        self.is_over = kind == "message_stop"
        return event

    def _begin_block(self, index: int, data: bytes) -> bytes:
        members = _MEMBERS.decode(data)
        kind = _BLOCK.decode(members["content_block"]).type
        if kind == "thinking" and self._partial.text:
            raise GatewayError("endpoint_malformed", "began to think anew")
        ended = b""
        if self._shift is None:
            if self._open is not None and kind == self._partial.open_type:
                self._shift = self._open - index
                return b""
            ended = self._end_open()
            self._shift = self._partial.next_block - index
        start = self._numbered("content_block_start", index, members)
        if kind == "text":
            self._begun = start
            return ended
        self._open = index + self._shift
        return ended + start

    def _go_on(self, index: int, data: bytes) -> bytes:
        members = _MEMBERS.decode(data)
        if self._shift is None:
            raise GatewayError("endpoint_malformed", "went on with a block that it had not begun")
        if not self._seam.is_passed:
            delta = _DELTA.decode(members["delta"])
            name = "thinking" if self._partial.is_reasoning else "text"
            said = getattr(delta, name)
            if said:
                news = self._seam.take(said)
                if not news:
                    return b""
                members["delta"] = msgspec.Raw(_ENCODE({"type": delta.type, name: news}))
        begun, self._begun = self._begun, b""
        if begun:
            self._open = index + self._shift
        return begun + self._numbered("content_block_delta", index, members)

    def _end_block(self, index: int, data: bytes) -> bytes:
        if self._begun and self._shift is not None:
            self._begun = b""
            self._shift -= 1
            return b""
        self._open = None
        return self._numbered("content_block_stop", index, _MEMBERS.decode(data))

    def _numbered(self, kind: str, index: int, members: Members) -> bytes:
        members["index"] = msgspec.Raw(b"%d" % (index + (self._shift or 0)))
        return event_of(kind, members)

    def _end_open(self) -> bytes:
        """Ends the block that the client has open, where the second endpoint never went on with it."""
        if self._open is None:
            return b""
        index, self._open = self._open, None
        return event_of("content_block_stop", {"type": "content_block_stop", "index": index})

    def _total(self, data: bytes) -> bytes:
        members = _MEMBERS.decode(data)
        if "usage" in members:
            counts = _COUNTS.decode(members["usage"])
            # Newer ones tell the input again here; it wins over what the beginning said.
            into = counts.all_input or self._input_tokens
            self.usage = add_up(self._partial, into, counts.output_tokens or 0)
            usage = _MEMBERS.decode(members["usage"])
            first = self._partial.input_usage
            usage.update({name: msgspec.Raw(first[name]) for name in usage if name in first})
            usage["output_tokens"] = msgspec.Raw(b"%d" % (self.usage.output_tokens or 0))
            members["usage"] = msgspec.Raw(_ENCODE(usage))
        return event_of("message_delta", members)


def event_of(kind: str, members: object) -> bytes:
    """Returns an event of this type."""
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), _ENCODE(members))
