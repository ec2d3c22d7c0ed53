"""Hands a connection to the pages: uvicorn's own HTTP protocol takes it over, runs the web app, and closes it.

No web framework ever sees an operation; this is the way uvicorn itself hands a connection to its WebSocket protocol.
uvicorn is imported by the first hand-over, so that a gateway nobody looks at does not pay for it.
"""

import asyncio
import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from multillama.core.snapshot import Timeouts
from multillama.dataplane.timers import NEVER, Timers
from multillama.tasks import Tasks

HOP_BY_HOP: Final = re.compile(
    rb"\r\n(?:connection|keep-alive|upgrade|http2-settings|proxy-connection):[^\r\n]*",
    re.IGNORECASE,
)


class Handoff:
    """Serves connections with an ASGI application, made by the first request for it."""

    def __init__(
        self, build: Callable[[], Any], tasks: Tasks, timers: Timers, timeouts: Timeouts
    ) -> None:
        """Takes the maker of the application; it is called in a thread, so that its imports hold nobody up."""
        self._build = build
        self._tasks = tasks
        self._timers = timers
        self.timeouts = timeouts
        """Of the connections that it takes from now on."""
        self._waiting: list[tuple[asyncio.Transport, bytes]] = []
        self._serve: Callable[[], asyncio.Protocol] | None = None
        self._connections: set[Any] = set()

    def take(self, transport: asyncio.Transport, data: bytes) -> None:
        """Takes over a connection.

        Args:
            transport: A client's; its protocol is replaced.
            data: The request's head, checked already, and whatever follows it.
        """
        if self._serve is not None:
            self._hand(self._serve(), transport, data)
            return
        transport.pause_reading()
        self._waiting.append((transport, data))
        if len(self._waiting) == 1:
            self._tasks.spawn(self._make(), name="make the pages")

    async def _make(self) -> None:
        try:
            self._serve = await asyncio.to_thread(self._load)
        finally:
            waiting, self._waiting = self._waiting, []
            for transport, data in waiting:
                if self._serve is None:
                    transport.abort()
                elif not transport.is_closing():
                    transport.resume_reading()
                    self._hand(self._serve(), transport, data)

    def _load(self) -> Callable[[], asyncio.Protocol]:
        from uvicorn import Config
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
        from uvicorn.server import ServerState

        config = Config(
            self._build(),
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            ws="none",
        )
        config.load()
        state = ServerState()
        self._connections = state.connections
        return partial(HttpToolsProtocol, config=config, server_state=state, app_state={})

    def _hand(self, protocol: asyncio.Protocol, transport: asyncio.Transport, data: bytes) -> None:
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(closing(data))
        _Watch(protocol, transport, self._timers, self.timeouts)

    def close(self) -> None:
        """Ends the connections that were taken."""
        for transport, _ in self._waiting:
            transport.abort()
        for connection in list(self._connections):
            connection.transport.abort()


class _Watch:
    """The deadlines of a connection that was taken, for uvicorn has none: of its request's body, and of its reader."""

    def __init__(
        self, protocol: Any, transport: asyncio.Transport, timers: Timers, timeouts: Timeouts
    ) -> None:
        self.watched = NEVER
        self.deadline = NEVER
        self._protocol = protocol
        self._transport = transport
        self._timers = timers
        self._write_s = timeouts.write_s
        self._unsent_bytes = 0
        timers.arm(self, timeouts.body_s)

    def on_deadline(self) -> None:
        if self._transport.is_closing():
            return
        cycle = self._protocol.cycle
        unsent_bytes = self._transport.get_write_buffer_size()
        is_stuck = unsent_bytes > 0 and unsent_bytes == self._unsent_bytes
        if cycle is None or cycle.more_body or is_stuck:
            self._transport.abort()
            return
        self._unsent_bytes = unsent_bytes
        self._timers.arm(self, self._write_s)


def closing(data: bytes) -> bytes:
    """Makes a request the last of its connection."""
    head, end, rest = data.partition(b"\r\n\r\n")
    return HOP_BY_HOP.sub(b"", head) + b"\r\nconnection: close" + end + rest
