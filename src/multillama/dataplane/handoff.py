"""Hands a connection to the pages: uvicorn's own HTTP protocol takes it over, runs the web app, and closes it.

No web framework ever sees an operation; this is the way uvicorn itself hands a connection to its WebSocket protocol.
uvicorn is imported by the first hand-over, so that a gateway nobody looks at does not pay for it.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final

HOP_BY_HOP: Final = re.compile(
    rb"\r\n(?:connection|keep-alive|upgrade|http2-settings|proxy-connection):[^\r\n]*",
    re.IGNORECASE,
)


class Handoff:
    """Serves connections with an ASGI application, made by the first request for it."""

    def __init__(self, build: Callable[[], Any]) -> None:
        """Takes the maker of the application."""
        self._build = build
        self._config: Any = None
        self._state: Any = None

    def take(self, transport: asyncio.Transport, data: bytes) -> None:
        """Takes over a connection.

        Args:
            transport: A client's; its protocol is replaced.
            data: The request's head, checked already, and whatever follows it.
        """
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

        config, state = self._ready()
        protocol = HttpToolsProtocol(config=config, server_state=state, app_state={})
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(closing(data))

    def _ready(self) -> tuple[Any, Any]:
        if self._config is None:
            from uvicorn import Config
            from uvicorn.server import ServerState

            self._config = Config(
                self._build(),
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,
                ws="none",
            )
            self._config.load()
            self._state = ServerState()
        return self._config, self._state

    def close(self) -> None:
        """Ends the connections that were taken."""
        if self._state is not None:
            for connection in list(self._state.connections):
                connection.transport.abort()


def closing(data: bytes) -> bytes:
    """Makes a request the last of its connection."""
    head, end, rest = data.partition(b"\r\n\r\n")
    return HOP_BY_HOP.sub(b"", head) + b"\r\nconnection: close" + end + rest
