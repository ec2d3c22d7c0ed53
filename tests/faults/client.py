"""A client that sends what it is told and says of every answer how it ended. `h11` judges the framing."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal, NamedTuple

import h11

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, 0 s: closing sends RST."""


class Answer(NamedTuple):
    """An answer, whole or not."""

    status: int
    headers: list[tuple[str, str]]
    """In order, names in lower case."""
    body: bytes
    end: Literal["whole", "cut", "reset"]
    """`cut` by FIN before its framing was complete; `reset` by RST, wherever it stood."""
    interim: tuple[int, ...] = ()

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name)

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        return dict(self.json()["error"])

    @property
    def events(self) -> list[str]:
        """The events of a stream, as texts without their blank lines."""
        return [event for event in self.body.decode().split("\n\n") if event]


def chat(*, stream: bool = False, model: str = "m1", **members: Any) -> bytes:
    """A chat request's whole bytes."""
    return post(
        "/v1/chat/completions", {"model": model, "messages": [], "stream": stream, **members}
    )


def post(target: str, body: object, *fields: str) -> bytes:
    """A request's whole bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [
        f"POST {target} HTTP/1.1",
        "Host: localhost",
        f"content-length: {len(data)}",
        *(fields or ["content-type: application/json"]),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + data


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.seen = b""
        """Bytes read by `read_until`, which an answer then begins with."""

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def ask(self, data: bytes) -> Answer:
        self.send(data)
        return await self.answer(data.split(b" ", 1)[0].decode())

    async def read_until(self, text: bytes) -> None:
        """Reads until the text has come."""
        async with asyncio.timeout(5):
            while text not in self.seen:
                data = await self.reader.read(65536)
                assert data, f"the connection ended after {self.seen!r}"
                self.seen += data

    async def answer(self, method: str = "POST", *, within_s: float = 3) -> Answer:
        """Reads one answer, or what there is of it."""
        connection = h11.Connection(h11.CLIENT)
        connection.send(h11.Request(method=method, target="/", headers=[("host", "x")]))
        connection.send(h11.EndOfMessage())
        parsed = _Parsed(connection)
        async with asyncio.timeout(within_s):
            data, self.seen = self.seen, b""
            while not parsed.take(data):
                try:
                    data = await self.reader.read(65536)
                except ConnectionResetError:
                    return parsed.answer("reset")
                if not data:
                    return parsed.answer("whole" if parsed.ends_well() else "cut")
        self.seen = bytes(connection.trailing_data[0])
        return parsed.answer("whole")

    def close(self, how: str = "fin") -> None:
        """Leaves: `fin`, or `reset`."""
        if how == "reset":
            sock = self.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.writer.transport.abort()
        self.writer.close()


class _Parsed:
    def __init__(self, connection: h11.Connection) -> None:
        self._connection = connection
        self._response: h11.Response | None = None
        self._body = bytearray()
        self._interim: list[int] = []

    def take(self, data: bytes) -> bool:
        """Takes bytes; says whether the answer is whole."""
        if data:
            self._connection.receive_data(data)
        while (event := self._connection.next_event()) is not h11.NEED_DATA:
            if isinstance(event, h11.InformationalResponse):
                self._interim.append(event.status_code)
            elif isinstance(event, h11.Response):
                self._response = event
            elif isinstance(event, h11.Data):
                self._body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return True
        return False

    def ends_well(self) -> bool:
        """Takes the end of the connection."""
        self._connection.receive_data(b"")
        try:
            return isinstance(self._connection.next_event(), h11.EndOfMessage)
        except h11.RemoteProtocolError:
            return False

    def answer(self, end: Literal["whole", "cut", "reset"]) -> Answer:
        response = self._response
        fields = response.headers if response else []
        headers = [(name.decode(), value.decode("latin-1")) for name, value in fields]
        status = response.status_code if response else 0
        return Answer(status, headers, bytes(self._body), end, tuple(self._interim))


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    client = Client(reader, writer)
    try:
        yield client
    finally:
        writer.transport.abort()


async def ask(port: int, data: bytes) -> Answer:
    """Sends one request on a connection of its own."""
    async with connected(port) as client:
        return await client.ask(data)
