"""Usage that we ask a stream for and its client has not: the member that asks, and the event that must not be seen.

Only the one event that comes for our asking is taken away, a chunk without choices; all others keep their bytes.
"""

from typing import Any, Final

import msgspec

from multillama.core.usage import Usage
from multillama.wire.peek import replace_member
from multillama.wire.sse import data_of, events_in

MEMBER: Final = "stream_options"
_ASKED: Final = b'{"include_usage":true}'


class _Options(msgspec.Struct):
    include_usage: bool | None = None


class _Request(msgspec.Struct):
    stream_options: msgspec.Raw = msgspec.Raw(b"null")


class _Counts(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Chunk(msgspec.Struct):
    choices: list[Any]
    usage: _Counts


_REQUEST: Final = msgspec.json.Decoder(_Request)
_OPTIONS: Final = msgspec.json.Decoder(_Options | None)
_CHUNK: Final = msgspec.json.Decoder(_Chunk)
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def with_usage(body: bytes) -> bytes | None:
    """Returns a request that asks for usage; None where it does already, or its options are none.

    Every other member keeps its bytes, also those within the client's own `stream_options`.
    """
    try:
        raw = _REQUEST.decode(body).stream_options
        options = _OPTIONS.decode(raw)
    except _UNREADABLE:
        return None  # the endpoint has words for it
    if options is None:
        return replace_member(body, MEMBER, _ASKED)
    if options.include_usage:
        return None
    return replace_member(body, MEMBER, replace_member(bytes(raw), "include_usage", b"true"))


class UsageTaker:
    """Takes the chunk of usage out of a stream of whole events."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        """Once it has come."""

    def feed(self, data: bytes) -> bytes:
        """Returns the events that the client is to get."""
        if b'"usage"' not in data:
            return data
        return b"".join(event for event in events_in(data) if not self._take(event))

    def _take(self, event: bytes) -> bool:
        data = data_of(event) if b'"usage"' in event else None
        if data is None:
            return False
        try:
            chunk = _CHUNK.decode(data)
        except _UNREADABLE:
            return False
        if chunk.choices:
            return False
        self.usage = Usage(chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
        return True
