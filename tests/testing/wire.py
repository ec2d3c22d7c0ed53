"""A raw client for the tests of the scripted server: it sends bytes and keeps what comes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from multillama.testing.server import ScriptedServer


def request(
    method: str = "POST",
    target: str = "/v1/chat/completions",
    body: bytes | dict[str, object] | None = None,
    *fields: str,
) -> bytes:
    """Builds a request; the body of a POST is a chat of model `m1` if none is given."""
    if body is None:
        body = {"model": "m1", "messages": []} if method == "POST" else b""
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    lines = [f"{method} {target} HTTP/1.1", "Host: x", f"Content-Length: {len(data)}", *fields]
    return "\r\n".join([*lines, "", ""]).encode() + data


@asynccontextmanager
async def connected(
    server: ScriptedServer,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def answer_of(reader: asyncio.StreamReader, *, is_head: bool = False) -> tuple[bytes, bytes]:
    """Reads one answer: its head and its body, chunks taken off."""
    head = await reader.readuntil(b"\r\n\r\n")
    if is_head or head.split()[1] in (b"204", b"304"):
        return head, b""
    if b"transfer-encoding: chunked" in head:
        body = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
        return head, body
    if b"content-length: " in head:
        size = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        return head, await reader.readexactly(size)
    return head, await reader.read()


async def ask(server: ScriptedServer, data: bytes | None = None) -> tuple[bytes, bytes]:
    """Sends one request on a connection of its own and reads one answer."""
    async with connected(server) as (reader, writer):
        writer.write(request() if data is None else data)
        return await answer_of(reader, is_head=(data or b"").startswith(b"HEAD"))
