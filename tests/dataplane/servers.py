"""Servers on loopback for those who connect, and a connection that hears what they say first."""

import asyncio

from multillama.dataplane.upstream import Upstream


class Hearing(Upstream):
    """An upstream that keeps what is said before anything was asked."""

    def __init__(self, origin):
        super().__init__(origin)
        self.heard = asyncio.get_running_loop().create_future()

    def data_received(self, data):
        if not self.heard.done():
            self.heard.set_result(data)


class Server:
    """A server that waits for those it serves before it ends."""

    def __init__(self):
        self.port = 0
        self._serving = []

    async def listen(self, **how):
        self._server = await asyncio.start_server(self._begin, "127.0.0.1", 0, **how)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _begin(self, reader, writer):
        self._serving.append(asyncio.current_task())
        try:
            await self.serve(reader, writer)
        except ConnectionError:
            """The other side has left, which is how these tests end."""
        finally:
            writer.transport.abort()

    async def __aenter__(self):
        await self.listen()
        return self

    async def __aexit__(self, *_):
        self._server.close()
        await asyncio.wait_for(asyncio.gather(*self._serving), 5)


class Greeter(Server):
    """Greets, if it has something to say, and then waits for the end."""

    def __init__(self, greeting=b"", **how):
        super().__init__()
        self._greeting = greeting
        self._how = how

    async def listen(self):
        await super().listen(**self._how)

    async def serve(self, reader, writer):
        writer.write(self._greeting)
        await reader.read()


class Proxy(Server):
    """Takes one CONNECT, says what it is told, and passes bytes on if it has a target."""

    def __init__(self, answer=b"HTTP/1.1 200 OK\r\n\r\n", target=0):
        super().__init__()
        self.head = b""
        self._answer = answer
        self._target = target

    async def serve(self, reader, writer):
        self.head = await reader.readuntil(b"\r\n\r\n")
        writer.write(self._answer)
        if self._target:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            await asyncio.gather(pump(reader, back), pump(there, writer))
        await writer.drain()
        writer.close()


async def pump(reader, writer):
    try:
        while data := await reader.read(1000):
            writer.write(data)
    finally:
        writer.close()
