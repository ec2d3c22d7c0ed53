"""A TCP proxy that spoils connections on purpose: between a client and the gateway, or behind the gateway.

The toxics bear the names that Toxiproxy gave them, so that scenarios read alike. A toxic spoils one direction:
`proxy.up` is what the client sends, `proxy.down` what the server answers. Both may be changed while bytes flow.
"""

import asyncio
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from multillama.tasks import Tasks

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, 0 s: closing sends RST."""
BLOCK_BYTES = 64 * 1024


@dataclass(kw_only=True)
class Toxic:
    """What happens to the bytes of one direction. Left alone, nothing does."""

    latency_s: float = 0.0
    """Every block comes so much later."""
    bandwidth_bytes_per_s: float | None = None
    slicer_bytes: int | None = None
    """No write is bigger than this."""
    slicer_delay_s: float = 0.0
    """Between two slices."""
    timeout_after_bytes: int | None = None
    """After so many bytes nothing comes any more, and the connection stays."""
    reset_peer_after_bytes: int | None = None
    """After so many bytes both sides get RST."""
    limit_data_bytes: int | None = None
    """After so many bytes both sides get FIN."""
    half_close_after_bytes: int | None = None
    """After so many bytes this direction gets FIN, and the other goes on."""
    slow_close_s: float = 0.0
    """FIN comes so much later."""

    def left(self, passed: int) -> int | None:
        """Says how many bytes may still pass, None where there is no end."""
        ends = (
            self.timeout_after_bytes,
            self.reset_peer_after_bytes,
            self.limit_data_bytes,
            self.half_close_after_bytes,
        )
        known = [end for end in ends if end is not None]
        return max(0, min(known) - passed) if known else None

    def slices(self, data: bytes) -> Iterator[bytes]:
        size = self.slicer_bytes or len(data)
        return (data[at : at + size] for at in range(0, len(data), size))

    def wait_s(self, piece: bytes) -> float:
        """Says how long a slice takes on its way."""
        rate = self.bandwidth_bytes_per_s
        return self.slicer_delay_s + (len(piece) / rate if rate else 0.0)


class Pipe:
    """One connection through the proxy."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client = client
        self.server = server
        self.up_bytes = 0
        self.down_bytes = 0

    def close(self, *, hard: bool = False) -> None:
        for writer in (self.client, self.server):
            if hard and (sock := writer.get_extra_info("socket")) and sock.fileno() >= 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                writer.transport.abort()
            writer.close()


class ToxicProxy:
    """Listens on loopback and passes every connection on to a port of loopback.

    Use as `async with ToxicProxy(server.port) as proxy`.
    """

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.up = Toxic()
        self.down = Toxic()
        self.pipes: list[Pipe] = []
        self._target_port = target_port
        self._errors: list[BaseException] = []
        self._tasks = Tasks(lambda _name, error: self._errors.append(error))
        self._listener: asyncio.Server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._on_client, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._listener.close()
        await self._tasks.close()
        for pipe in self.pipes:
            pipe.close()
        await asyncio.sleep(0)  # closed sockets are freed in the loop's next turn
        if self._errors and error[0] is None:
            raise self._errors[0]

    def _on_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.spawn(self._connect(reader, writer), name="connect")

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, target = await asyncio.open_connection("127.0.0.1", self._target_port)
        except ConnectionError:
            writer.close()
            return
        pipe = Pipe(writer, target)
        self.pipes.append(pipe)
        self._tasks.spawn(self._pump(pipe, reader, "up"), name="up")
        self._tasks.spawn(self._pump(pipe, there, "down"), name="down")

    async def _pump(self, pipe: Pipe, reader: asyncio.StreamReader, way: str) -> None:
        writer = pipe.server if way == "up" else pipe.client
        toxic: Toxic = getattr(self, way)
        try:
            while True:
                left = toxic.left(getattr(pipe, f"{way}_bytes"))
                if left == 0 and await self._end(pipe, writer, toxic):
                    return
                data = await reader.read(min(BLOCK_BYTES, BLOCK_BYTES if left is None else left))
                if not data:
                    break
                await self._pass(pipe, writer, way, data)
            await asyncio.sleep(toxic.slow_close_s)
            writer.write_eof()
        except (ConnectionError, RuntimeError):
            pipe.close(hard=True)  # as the peer did it

    async def _pass(self, pipe: Pipe, writer: asyncio.StreamWriter, way: str, data: bytes) -> None:
        toxic: Toxic = getattr(self, way)
        await asyncio.sleep(toxic.latency_s)
        for piece in toxic.slices(data):
            await asyncio.sleep(toxic.wait_s(piece))
            writer.write(piece)
            await writer.drain()
            setattr(pipe, f"{way}_bytes", getattr(pipe, f"{way}_bytes") + len(piece))

    async def _end(self, pipe: Pipe, writer: asyncio.StreamWriter, toxic: Toxic) -> bool:
        """Does what comes when no byte may pass any more."""
        if toxic.reset_peer_after_bytes is not None:
            pipe.close(hard=True)
        elif toxic.limit_data_bytes is not None:
            pipe.close()
        elif toxic.half_close_after_bytes is not None:
            writer.write_eof()
        return True
