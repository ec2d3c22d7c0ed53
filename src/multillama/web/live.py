"""Live updates as server-sent events: what changed, when it changes, twice a second at most.

A page that lost its connection comes back by itself and says with `Last-Event-ID` which models it
knows, so the long list travels only when it is another one.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from multillama.errors import GatewayError
from multillama.web.panels import Panels
from multillama.web.view import View

STREAMS: Final = 64
"""Open pages at most."""

PAUSE_S: Final = 0.5
BEAT_S: Final = 10.0
"""The longest silence: then ages are told anew, and a peer that is gone is noticed."""

RETRY: Final = b"retry: 1000\n\n"


class Live:
    """The open streams of one gateway."""

    def __init__(
        self,
        view: View,
        panels: Panels,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause_s: float = PAUSE_S,
        streams: int = STREAMS,
    ) -> None:
        self._view = view
        self._panels = panels
        self._clock = clock
        self._pause_s = pause_s
        self._free = streams
        self._closed = asyncio.Event()
        self._overview_of: tuple[int, int] | None = None
        self._overview = b""

    def close(self) -> None:
        """Ends all streams, and begins no other."""
        self._closed.set()

    def respond(self, request: Request, may_go_on: Callable[[], bool]) -> Response:
        """Returns the stream of one page; it ends when `may_go_on` says no.

        Raises:
            GatewayError: `shutting_down`, `too_many_pages`.
        """
        if self._closed.is_set():
            raise GatewayError("shutting_down", "MultiLlama is shutting down.")
        if self._free <= 0:
            raise GatewayError("too_many_pages", "Too many pages are open; close some.")
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        return StreamingResponse(
            self._events(
                request.headers.get("last-event-id") or request.query_params.get("models", ""),
                may_go_on,
            ),
            media_type="text/event-stream",
        )

    async def _events(self, known: str, may_go_on: Callable[[], bool]) -> AsyncIterator[bytes]:
        self._free -= 1
        try:
            yield RETRY
            sent = b""
            while not self._closed.is_set() and may_go_on():
                models = self._panels.models()
                if models.digest != known:
                    known = models.digest
                    yield b"id: %s\nevent: models\ndata: %s\n\n" % (known.encode(), models.json)
                overview = self._current_overview()
                if overview is not sent:
                    sent = overview
                    yield b"event: overview\ndata: %s\n\n" % overview
                await self._pause()
        finally:
            self._free += 1

    def _current_overview(self) -> bytes:
        """Returns the overview as JSON, one for all pages; the same object until there is news."""
        made_of = (self._view.changed(), int(self._clock() // BEAT_S))
        if made_of != self._overview_of:
            self._overview_of = made_of
            self._overview = msgspec.json.encode(self._panels.overview())
        return self._overview

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._pause_s):
                await self._closed.wait()
        except TimeoutError:
            return
