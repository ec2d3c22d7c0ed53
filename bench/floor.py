"""The least that a relay on uvloop and httptools costs: `python -m bench.floor PORT ENDPOINT_PORT [--raw]`.

No policy: no key, no routing, no limits, no deadlines, no record, no log, no failures. Both sides are parsed and framed
anew, and each callback does the least that forwards. With `--raw` nothing is parsed: bytes go from socket to socket.
What this costs beyond nginx, no gateway in CPython on these libraries can save.
"""

import argparse
import asyncio
import gc
from collections.abc import Callable
from functools import partial

import httptools
import uvloop

HOST = "127.0.0.1"
REQUEST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n"
STREAM = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n"


class Raw(asyncio.Protocol):
    """One side of a pair that only moves bytes."""

    transport: asyncio.Transport

    def __init__(self, endpoint_port: int, other: "Raw | None" = None) -> None:
        self.endpoint_port = endpoint_port
        self.other = other
        self.waiting = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        if self.other is None:
            self.task = connect(partial(Raw, self.endpoint_port, self), self.endpoint_port)
            return
        self.other.other = self
        if self.other.waiting:
            self.transport.write(self.other.waiting)

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self.waiting += data
        else:
            self.other.transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        if self.other is not None:
            self.other.transport.close()


class Client(asyncio.Protocol):
    """A client's connection, with a connection to the endpoint of its own."""

    transport: asyncio.Transport

    def __init__(self, endpoint_port: int) -> None:
        self.endpoint_port = endpoint_port
        self.endpoint: Endpoint | None = None
        self.parts: list[bytes] = []
        self.on_body = self.parts.append
        self.parser = httptools.HttpRequestParser(self)
        self.request = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        body = b"".join(self.parts)
        self.parts.clear()
        self.request = REQUEST % len(body) + body
        if self.endpoint is None:
            self.task = connect(partial(Endpoint, self), self.endpoint_port)
        else:
            self.endpoint.transport.write(self.request)

    def connection_lost(self, error: Exception | None) -> None:
        if self.endpoint is not None:
            self.endpoint.transport.close()


class Endpoint(asyncio.Protocol):
    """The endpoint's side of one client."""

    transport: asyncio.Transport

    def __init__(self, client: Client) -> None:
        self.client = client
        self.parts: list[bytes] = []
        self.on_body = self.parts.append
        self.parser = httptools.HttpResponseParser(self)
        self.is_stream = self.is_last = False
        self.head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.client.endpoint = self
        self.transport.write(self.client.request)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"content-length":
            self.head = WHOLE % int(value)

    def on_headers_complete(self) -> None:
        self.is_stream = not self.head
        self.head = self.head or STREAM

    def on_message_complete(self) -> None:
        self.is_last = True

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)
        parts = self.parts
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        if self.is_stream:
            body = b"%x\r\n" % len(body) + body + b"\r\n" if body else b""
            if self.is_last:
                body += b"0\r\n\r\n"
        if self.head:
            body = self.head + body
            self.head = b""
        self.is_last = False
        if body:
            self.client.transport.write(body)

    def connection_lost(self, error: Exception | None) -> None:
        self.client.transport.close()


def connect(protocol: Callable[[], asyncio.Protocol], port: int) -> asyncio.Task[object]:
    """Begins a connection to the endpoint; the task must be kept."""
    loop = asyncio.get_running_loop()
    return loop.create_task(loop.create_connection(protocol, HOST, port))


async def serve(port: int, endpoint_port: int, *, raw: bool) -> None:
    """Serves until it is killed."""
    protocol = partial(Raw if raw else Client, endpoint_port)
    server = await asyncio.get_running_loop().create_server(protocol, HOST, port, backlog=4096)
    gc.freeze()
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.floor", description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("endpoint_port", type=int)
    parser.add_argument("--raw", action="store_true", help="parse nothing")
    options = parser.parse_args()
    uvloop.run(serve(options.port, options.endpoint_port, raw=options.raw))
