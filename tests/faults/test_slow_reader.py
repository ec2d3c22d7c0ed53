"""A client that does not read costs no memory: its endpoint has to wait."""

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from multillama.testing.behaviours import ENDLESS, Behaviour
from multillama.testing.server import ScriptedServer
from tests.faults.client import Client, chat, connected, post
from tests.faults.process import Program, program

MB = 1_000_000
GROWTH_BYTES = 20 * MB
KERNEL_BYTES = 20 * MB
"""More than the socket buffers of four ends on loopback take."""
BIG = Behaviour(body=bytes(100 * MB))


@pytest.fixture
async def alone(server: ScriptedServer) -> AsyncIterator[Program]:
    async with program("--url", server.url, "--key", "null", "--write-timeout-s", "1.5") as running:
        yield running


async def until_it_waits(server: ScriptedServer) -> None:
    """Waits until the endpoint has been unable to write for a moment: only time can tell."""
    connection = server.calls[-1].connection
    sent = -1
    while connection.sent_bytes != sent or connection.stalled_at is None:
        sent = connection.sent_bytes
        assert sent < KERNEL_BYTES, "the gateway takes everything"
        await asyncio.sleep(0.05)


async def start_without_reading(client: Client, server: ScriptedServer, *, stream: bool) -> None:
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
    client.send(chat(stream=stream))
    await server.until(lambda s: bool(s.calls) and s.calls[0].connection.sent_bytes > 0)
    await until_it_waits(server)


async def test_a_big_answer_waits_and_then_comes_whole(
    alone: Program, server: ScriptedServer
) -> None:
    server.next(BIG)
    before = alone.rss_bytes
    alone.forget_peak()

    async with connected(alone.port) as client:
        await start_without_reading(client, server, stream=False)
        sent = server.calls[0].connection.sent_bytes
        while_waiting = alone.rss_bytes
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        size = 0
        while size < 100 * MB:
            size += len(await client.reader.read(MB))

    assert sent < KERNEL_BYTES
    assert while_waiting - before < GROWTH_BYTES
    assert alone.peak_bytes - before < GROWTH_BYTES
    await server.until(lambda s: s.calls[0].answered)


async def test_an_endless_stream_waits_until_the_client_has_gone(
    alone: Program, server: ScriptedServer
) -> None:
    server.next(Behaviour(events=ENDLESS, sizes=(65536,)))
    before = alone.rss_bytes
    alone.forget_peak()

    async with connected(alone.port) as client:
        await start_without_reading(client, server, stream=True)
        sent = server.calls[0].connection.sent_bytes
        client.close("reset")
        left_at = asyncio.get_running_loop().time()
        await server.until(lambda s: s.disconnects == 1)

    assert sent < KERNEL_BYTES
    assert alone.peak_bytes - before < GROWTH_BYTES
    assert (server.calls[0].abandoned_at or 0.0) - left_at < 0.1
    alone.signal()
    status, (record,) = await alone.end()
    assert (status, record["outcome"], record["error"]) == (0, "cancelled", "client_gone")


async def test_a_client_that_never_reads_again_is_given_up(
    alone: Program, server: ScriptedServer
) -> None:
    server.next(Behaviour(events=ENDLESS, sizes=(65536,)))

    async with connected(alone.port) as client:
        await start_without_reading(client, server, stream=True)
        stalled_at = asyncio.get_running_loop().time()
        await server.until(lambda s: s.disconnects == 1)

    assert (server.calls[0].abandoned_at or 0.0) - stalled_at < 1.8


async def test_an_endpoint_that_takes_no_upload_makes_the_client_wait(
    server: ScriptedServer,
) -> None:
    server.next(Behaviour(early=True, cut="before-head", end="hang"))
    form = b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nm1\r\n--b\r\n' + (
        b'content-disposition: form-data; name="file"; filename="a"\r\n\r\n'
    )
    request = post(
        "/v1/audio/transcriptions",
        form + bytes(100 * MB) + b"\r\n--b--\r\n",
        "content-type: multipart/form-data; boundary=b",
    )
    flags = ("--url", server.url, "--key", "null", "--send-timeout-s", "1")
    async with program(*flags) as alone, connected(alone.port) as client:
        before = alone.rss_bytes
        alone.forget_peak()

        client.send(request)
        answer = await client.answer()
        left = client.writer.transport.get_write_buffer_size()

        assert (answer.status, answer.error["code"]) == (504, "send_timeout")
        assert left > 50 * MB
        assert alone.peak_bytes - before < GROWTH_BYTES


@pytest.mark.parametrize(("size", "read_bytes"), [(2000, 100), (MB, 1000), (4 * MB, 65536)])
async def test_a_client_that_reads_slowly_gets_everything(
    alone: Program, server: ScriptedServer, size: int, read_bytes: int
) -> None:
    body = os.urandom(size)
    server.next(Behaviour(body=body))

    async with connected(alone.port) as client:
        client.send(chat())
        await client.read_until(b"\r\n\r\n")
        received = [client.seen.partition(b"\r\n\r\n")[2]]
        while sum(map(len, received)) < size:
            received.append(await client.reader.read(read_bytes))

    assert b"".join(received) == body
