"""The short way of a stream: a chunk of whole events goes from the endpoint to the client as it came.

Once an answer is known to be good there is nothing to decide about its events, and to frame their data anew would give
the bytes that came. So a lane takes the place of the connection's protocol: it compares, counts and writes. What looks
otherwise goes the long way, through the parser.

HOT: `data_received` runs for every event of every plain stream; so of ours it calls a memo, and `trim` now and then.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from multillama.dataplane.relay import EDGE_BYTES, Relay
from multillama.dataplane.timers import NEVER
from multillama.wire.chunks import chunk_of


class Running(Protocol):
    """The connection to an endpoint, as a lane needs it."""

    deadline: float

    def data_received(self, data: bytes) -> None: ...
    def eof_received(self) -> bool: ...
    def connection_lost(self, error: Exception | None) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...


class FastLane(asyncio.Protocol):
    """Takes the bytes of one stream in its connection's place."""

    __slots__ = (
        "_ending",
        "_ends",
        "_idle_s",
        "_now",
        "_outbox",
        "_relay",
        "_transport",
        "_upstream",
        "is_clear",
    )

    def __init__(
        self,
        upstream: Running,
        relay: Relay,
        now: Callable[[], float],
        idle_s: float,
        ends: tuple[bytes, ...],
    ) -> None:
        """Takes the clock of deadlines, how long a stream may say nothing, and what its events end with."""
        self._upstream = upstream
        self._now = now
        self._idle_s = idle_s
        self._relay = relay
        self._ending = relay.ending
        self._ends = tuple(end + b"\r\n" for end in ends)
        """What their chunks end with."""
        self._transport, self._outbox = relay.ahead
        self.is_clear = False
        """True while what has come is whole: a chunk that follows begins with the next byte."""

    def data_received(self, data: bytes) -> None:
        line, where, size = chunk_of(len(data))
        upstream = self._upstream
        if (
            self.is_clear
            and data.startswith(line)
            and data.endswith(self._ends)
            and not self._outbox.waiting
            and not self._transport.is_closing()
        ):
            relay, ending = self._relay, self._ending
            relay.answer_bytes += size
            ending.append(data[where])
            if len(ending) > relay.max_pieces or size > EDGE_BYTES:
                relay.trim()
            if upstream.deadline != NEVER:
                upstream.deadline = self._now() + self._idle_s
            self._transport.write(data)
        else:
            upstream.data_received(data)

    def eof_received(self) -> bool:
        return self._upstream.eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        self._upstream.connection_lost(error)

    def pause_writing(self) -> None:
        self._upstream.pause_writing()

    def resume_writing(self) -> None:
        self._upstream.resume_writing()
