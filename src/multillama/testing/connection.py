"""One connection to a scripted server: reads requests, plays behaviours, notes what the peer does.

A peer that closes its sending side counts as gone: of most peers that leave a server sees no more.
"""

import asyncio
import json
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from multillama.testing.answers import Answer
from multillama.testing.behaviours import LAST_CHUNK, Behaviour, End

if TYPE_CHECKING:
    from multillama.testing.server import ScriptedServer

HEAD_LIMIT_BYTES: Final = 1024 * 1024
LINGER_NOT: Final = struct.pack("ii", 1, 0)
"""SO_LINGER on, 0 s: closing sends RST and drops what is unsent."""


@dataclass(eq=False)
class Request:
    """A request as it arrived. Times are those of the server's event loop, in seconds."""

    connection: "Connection" = field(repr=False)
    method: str
    target: str
    headers: list[tuple[str, str]]
    """In order, names in lower case."""
    arrived_at: float
    body: bytearray = field(default_factory=bytearray, repr=False)
    complete: bool = False
    """The whole body has arrived."""
    answered: bool = False
    """The behaviour was played to its end."""
    abandoned_at: float | None = None
    """When the peer left before that."""

    @property
    def is_listing(self) -> bool:
        return self.method == "GET" and self.target.partition("?")[0].endswith("/models")

    @property
    def is_question(self) -> bool:
        """True for what a gateway asks for itself: the listing, and with an empty object whether a path is there."""
        return self.is_listing or (self.method == "POST" and self.header("content-length") == "2")

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name)

    def json(self) -> Any:
        return json.loads(self.body)


class Connection(asyncio.Protocol):
    """A connection and its facts. Times are those of the server's event loop, in seconds."""

    def __init__(self, server: "ScriptedServer") -> None:
        self.opened_at = 0.0
        self.closed_at: float | None = None
        self.closed_by: Literal["us", "fin", "reset"] | None = None
        """`fin` and `reset` are the peer's."""
        self.sent_bytes = 0
        """Taken by the operating system; the peer need not have read them."""
        self.stalled_at: float | None = None
        """Since when the peer has not been reading, or None while it is."""
        self._server = server
        self._reader = asyncio.StreamReader(limit=HEAD_LIMIT_BYTES)
        self._writable = asyncio.Event()
        self._request: Request | None = None
        self._transport: asyncio.Transport
        self._task: asyncio.Task[None]

    def __repr__(self) -> str:
        return f"Connection(closed_by={self.closed_by}, sent_bytes={self.sent_bytes})"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=0)
        self._reader.set_transport(self._transport)
        self._writable.set()
        self.opened_at = self._server.now()
        self._task = self._server.on_connection(self)

    def data_received(self, data: bytes) -> None:
        self._reader.feed_data(data)

    def eof_received(self) -> None:
        self._leave("fin")
        self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._leave("reset")
        self._task.cancel()

    def pause_writing(self) -> None:
        self.stalled_at = self._server.now()
        self._writable.clear()
        self._server.notify()

    def resume_writing(self) -> None:
        self.stalled_at = None
        self._writable.set()

    def close(self, end: End = "fin") -> None:
        """Ends the connection, with a FIN after what is written or a RST at once."""
        if self.closed_by is not None:
            return
        self._leave("us")
        if end.startswith("reset"):
            self._transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT
            )
            self._transport.abort()
        self._transport.close()

    def _leave(self, by: Literal["us", "fin", "reset"]) -> None:
        if self.closed_by is not None:
            return
        self.closed_by, self.closed_at = by, self._server.now()
        if by != "us" and self._request and not self._request.answered:
            self._request.abandoned_at = self.closed_at
        self._server.notify()

    async def serve(self) -> None:
        try:
            end: End = "keep"
            if self._server.on_accept is not None:
                end = await self._play(self._server.on_accept, Answer("", ()))
            while end == "keep":
                end = await self._exchange()
            if end.endswith("on-reuse"):
                await self._reader.readexactly(1)
            self.close(end)
        finally:
            self.close()

    async def _exchange(self) -> End:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *fields = head.split("\r\n")[:-2]
        method, target, _version = line.split(" ")
        named = (field.partition(":") for field in fields)
        headers = [(name.lower(), value.strip()) for name, _, value in named]
        request = Request(self, method, target, headers, self._server.now())
        self._request = request
        behaviour = self._server.on_request(request)
        if not behaviour.early:
            await self._read_body(request)
        answer = self._server.answer(request, behaviour)
        end = await self._play(behaviour, answer, is_head=method == "HEAD")
        request.answered = True
        self._server.notify()
        if behaviour.early and end == "keep":
            await self._read_body(request)
        return "fin" if end == "keep" and request.header("connection") == "close" else end

    async def _play(self, behaviour: Behaviour, answer: Answer, *, is_head: bool = False) -> End:
        if behaviour.held:
            await self._server.permit()
        if behaviour.delay_s:
            await asyncio.sleep(behaviour.delay_s)
        for number, piece in enumerate(behaviour.pieces(answer, is_head=is_head)):
            if number and behaviour.stepwise and piece != LAST_CHUNK:
                await self._server.permit()
            if number and behaviour.every_s:
                await asyncio.sleep(behaviour.every_s)
            self._transport.write(piece)
            await self._writable.wait()
            if self._transport.is_closing():
                await asyncio.sleep(
                    0
                )  # or an endless answer would keep the loop from telling that nobody reads it
            self.sent_bytes += len(piece)
            self._server.notify()
        if behaviour.end == "hang":
            await asyncio.Event().wait()
        return behaviour.end

    async def _read_body(self, request: Request) -> None:
        if request.header("expect") == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if request.header("transfer-encoding") == "chunked":
            while size := int((await self._reader.readuntil(b"\r\n")).partition(b";")[0], 16):
                await self._read_bytes(request, size)
                await self._reader.readexactly(2)
            while await self._reader.readuntil(b"\r\n") != b"\r\n":
                """A trailer, of no use here."""
        else:
            await self._read_bytes(request, int(request.header("content-length") or 0))
        request.complete = True
        self._server.notify()

    async def _read_bytes(self, request: Request, size: int) -> None:
        while size:
            data = await self._reader.read(min(size, HEAD_LIMIT_BYTES))
            request.body += data
            size -= len(data)
            self._server.notify()
