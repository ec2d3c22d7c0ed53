"""Makes the stream of a continuing endpoint the rest of the stream that the client has begun to read.

It takes and gives whole events. What the client has is not said again: not who speaks, not the text, not another id;
the usage at the end is that of both. It never makes up an end: that is the endpoint's to send.

HOT: `feed` runs for every event of a continued stream, but of no other.
"""

from typing import Any, Final, Protocol

import msgspec

from multillama.core.partial import IDENTITY, MESSAGES, UNREADABLE, Counts, Partial
from multillama.core.seam import Seam, add_up
from multillama.core.stitch_messages import MessageStitcher
from multillama.core.usage import Usage
from multillama.errors import GatewayError
from multillama.wire.sse import data_of, events_in

Members = dict[str, msgspec.Raw]

_MEMBERS: Final = msgspec.json.Decoder(Members)
_CHOICES: Final = msgspec.json.Decoder(list[Members])
_COUNTS: Final = msgspec.json.Decoder(Counts)
_PIECE: Final = msgspec.json.Decoder(str | None)
_DETAILS: Final = msgspec.json.Decoder(dict[str, Any])
_ENCODE: Final = msgspec.json.encode
_NOTHING: Final = (b"null", b'""', b"[]", b"{}")


class Stitch(Protocol):
    """Turns whole events of a continuation into what the client must still get."""

    def __call__(self, data: bytes, *, is_last: bool) -> bytes:
        """Raises GatewayError, with half a sentence as its text, for what is no continuation."""


class Stitcher(Protocol):
    """What the relay needs of either."""

    @property
    def is_over(self) -> bool:
        """True once the stream's own last event has come."""

    @property
    def usage(self) -> Usage:
        """Of the whole answer, once it was told."""

    def feed(self, data: bytes) -> bytes:
        """Takes whole events, as `wire.events.WholeEvents` gives them, and returns those that the client gets for them.

        Raises:
            GatewayError: `endpoint_malformed`, with half a sentence as its text; the caller names the endpoint. It may
                be continued once more.
        """


def stitcher(partial: Partial) -> Stitcher:
    """Returns what makes the next stream the rest of this answer."""
    return MessageStitcher(partial) if partial.dialect == MESSAGES else ChunkStitcher(partial)


class ChunkStitcher:
    """For OpenAI's chunks, of chats and of completions."""

    def __init__(self, partial: Partial) -> None:
        self.is_over = False
        self.usage = Usage()
        self._partial = partial
        self._seam = Seam(partial)
        self._identity = {name: msgspec.Raw(value) for name, value in partial.identity.items()}
        self._is_new = not partial.has_begun

    def feed(self, data: bytes) -> bytes:
        return b"".join(map(self._take, events_in(data)))

    def _take(self, event: bytes) -> bytes:
        data = data_of(event)
        if data is None:
            return event
        if data == b"[DONE]":
            self.is_over = True
            return event
        try:
            return self._rewrite(_MEMBERS.decode(data))
        except UNREADABLE as error:
            raise GatewayError("endpoint_malformed", "sent an event that is no chunk") from error

    def _rewrite(self, chunk: Members) -> bytes:
        if is_there(chunk, "error"):
            raise GatewayError("endpoint_malformed", "sent an error instead of the rest")
        if self._identity:
            for name in IDENTITY:
                chunk.pop(name, None)
            chunk.update(self._identity)
        has_usage = is_there(chunk, "usage")
        if has_usage:
            chunk["usage"] = self._total(chunk["usage"])
        if is_there(chunk, "choices"):
            choices = _CHOICES.decode(chunk["choices"])
            news = [self._take_choice(choice) for choice in choices]
            if not any(news) and not has_usage:
                return b""
            chunk["choices"] = msgspec.Raw(_ENCODE(choices))
        return b"data: " + _ENCODE(chunk) + b"\n\n"

    def _take_choice(self, choice: Members) -> bool:
        """Takes away from a choice what the client has; says whether anything is left."""
        has_news = is_there(choice, "finish_reason")
        if is_there(choice, "text"):
            return self._take_text(choice, "text") or has_news
        if not is_there(choice, "delta"):
            return has_news
        delta = _MEMBERS.decode(choice["delta"])
        if not self._is_new:
            delta.pop("role", None)
        for name in ("content", "reasoning_content", "reasoning"):
            if name in delta and not self._take_text(delta, name) and not self._is_new:
                del delta[name]
        choice["delta"] = msgspec.Raw(_ENCODE(delta))
        has_news = has_news or any(bytes(value) not in _NOTHING for value in delta.values())
        self._is_new = self._is_new and not has_news
        return has_news

    def _take_text(self, members: Members, name: str) -> bool:
        piece = _PIECE.decode(members[name])
        if not piece:
            return False
        is_thought = name.startswith("reasoning")
        if is_thought and self._partial.text:
            raise GatewayError("endpoint_malformed", "began to think anew")
        if is_thought == self._partial.is_reasoning and not self._seam.is_passed:
            piece = self._seam.take(piece)
            members[name] = msgspec.Raw(_ENCODE(piece))
        return bool(piece)

    def _total(self, usage: msgspec.Raw) -> msgspec.Raw:
        """Makes the second request's usage that of the whole answer."""
        counts = _COUNTS.decode(usage)
        if counts.prompt_tokens is None or counts.completion_tokens is None:
            return usage
        self.usage = add_up(self._partial, counts.prompt_tokens, counts.completion_tokens)
        into, out = self.usage.input_tokens or 0, self.usage.output_tokens or 0
        members = _MEMBERS.decode(usage)
        members["prompt_tokens"] = msgspec.Raw(b"%d" % into)
        members["completion_tokens"] = msgspec.Raw(b"%d" % out)
        members["total_tokens"] = msgspec.Raw(b"%d" % (into + out))
        if is_there(members, "prompt_tokens_details"):
            # More may come from the cache than the first request had: what it got from us stands there, too.
            details = _DETAILS.decode(members["prompt_tokens_details"])
            if isinstance(details.get("cached_tokens"), int):
                details["cached_tokens"] = min(details["cached_tokens"], into)
            members["prompt_tokens_details"] = msgspec.Raw(_ENCODE(details))
        return msgspec.Raw(_ENCODE(members))


def is_there(members: Members, name: str) -> bool:
    """Says whether a member has a value."""
    return name in members and bytes(members[name]) != b"null"
