"""Many streams that are open at once and silent: each has sent one event and waits."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

from bench.stage import CHAT, KEY

AT_ONCE = 200
ANSWER_S = 30.0


def _request() -> bytes:
    body = json.dumps(
        {"model": "idle", "messages": [{"role": "user", "content": "Hello"}], "stream": True}
    ).encode()
    head = (
        f"POST {CHAT} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {KEY}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _open(port: int) -> asyncio.StreamWriter:
    """Opens one stream and waits for its first event."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
    writer.write(_request())
    async with asyncio.timeout(ANSWER_S):
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head:
            raise ConnectionError(head.decode("latin-1"))
        await reader.readuntil(b"\n\n")
    return writer


@contextlib.asynccontextmanager
async def open_streams(port: int, count: int) -> AsyncIterator[None]:
    """Holds so many streams open until the block ends."""
    writers: list[asyncio.StreamWriter] = []
    try:
        while len(writers) < count:
            batch = (_open(port) for _ in range(min(AT_ONCE, count - len(writers))))
            writers += await asyncio.gather(*batch)
        yield
    finally:
        for writer in writers:
            writer.close()
