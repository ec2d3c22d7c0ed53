"""The end of a stream that broke off when all was said: after the reason why it ended, before its very last bytes.

Nothing of the answer is missing then, only what closes it. The dialect fixes those bytes, so they are made good; the
usage, which the client may still wait for, is no such thing: it is asked for.
"""

from typing import Final, NamedTuple

import msgspec

from multillama.core.continuation import CEILINGS, continuation_body
from multillama.core.partial import MESSAGES, MORE_THAN_TEXT, TOOL, UNREADABLE, Partial
from multillama.core.resume import How
from multillama.core.stitch import ChunkStitcher, Members, is_there
from multillama.core.usage import Usage
from multillama.errors import GatewayError
from multillama.wire.sse import data_of, events_in

DONE: Final = b"data: [DONE]\n\n"
MESSAGE_STOP: Final = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


class End(NamedTuple):
    """What is missing."""

    data: bytes
    """The last events; empty if only the body's framing is missing."""
    lacks_usage: bool = False
    """The client asked for the usage, and that was still to come."""


class _Options(msgspec.Struct):
    include_usage: bool | None = None


class _Request(msgspec.Struct):
    n: int | None = None
    stream_options: _Options | None = None


_REQUEST: Final = msgspec.json.Decoder(_Request)
_MEMBERS: Final = msgspec.json.Decoder(Members)
_COUNT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENCODE: Final = msgspec.json.encode


def missing_end(partial: Partial, body: bytes, *, is_over: bool) -> End | None:
    """Returns what closes a stream; None if some of its answer is missing, or nobody knows.

    Args:
        partial: What the client has. A finished tool call is whole, too.
        body: The client's request.
        is_over: The stream's own last event has come.
    """
    if partial.finish is None or partial.oddity not in (None, TOOL, MORE_THAN_TEXT):
        return None
    try:
        asked = _REQUEST.decode(body)
    except UNREADABLE:
        return None
    if (asked.n or 1) > 1:
        return None  # one of several has ended
    if is_over:
        return End(b"")
    if partial.dialect == MESSAGES:
        return End(MESSAGE_STOP)  # the usage came with the reason
    options = asked.stream_options
    wants_usage = options is not None and bool(options.include_usage)
    return End(DONE, lacks_usage=wants_usage and partial.input_tokens is None)


def unfinished(partial: Partial) -> Partial:
    """Returns the answer as one that could go on, to be asked about."""
    return msgspec.structs.replace(partial, finish=None, tokens=0, held_tokens=0)


def usage_body(body: bytes, partial: Partial, how: How | None) -> bytes:
    """Returns the request that makes an endpoint count the whole answer, and say one token that nobody hears."""
    members = _MEMBERS.decode(continuation_body(body, unfinished(partial), how))
    for name in [name for name in CEILINGS if name in members] or CEILINGS[:1]:
        members[name] = msgspec.Raw(b"1")
    return _ENCODE(members)


class UsageStitcher:
    """Takes from such an answer only its usage and its end; is a `Stitcher`."""

    def __init__(self, partial: Partial) -> None:
        self._rest = ChunkStitcher(partial)
        self._held = partial.held_tokens

    @property
    def is_over(self) -> bool:
        return self._rest.is_over

    @property
    def usage(self) -> Usage:
        return self._rest.usage

    def feed(self, data: bytes) -> bytes:
        return b"".join(map(self._take, events_in(data)))

    def _take(self, event: bytes) -> bytes:
        data = data_of(event)
        if data is None or data == b"[DONE]":
            return self._rest.feed(event)
        try:
            chunk = _MEMBERS.decode(data)
            if is_there(chunk, "usage"):
                # of the answer only the blanks at its end were not in the request
                counts = _COUNT.decode(chunk["usage"])
                counts["completion_tokens"] = msgspec.Raw(b"%d" % self._held)
                chunk["usage"] = msgspec.Raw(_ENCODE(counts))
        except UNREADABLE as error:
            raise GatewayError("endpoint_malformed", "sent an event that is no chunk") from error
        if is_there(chunk, "usage"):
            chunk["choices"] = msgspec.Raw(b"[]")
        elif not is_there(chunk, "error"):
            return b""
        return self._rest.feed(b"data: " + _ENCODE(chunk) + b"\n\n")
