"""The proxy that spoils connections does what its toxics say."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.faults.toxic import Pipe, ToxicProxy

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1000):
            writer.write(data)
        writer.write(b"<fin seen>")
    except ConnectionError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def proxied(handler: Handler = echo) -> AsyncIterator[tuple[ToxicProxy, Connect]]:
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    writers = []

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writers.append(writer)
        return reader, writer

    try:
        async with ToxicProxy(server.sockets[0].getsockname()[1]) as proxy:
            yield proxy, connect
    finally:
        for writer in writers:
            writer.transport.abort()
        server.close()
        await asyncio.sleep(0)  # closed sockets are freed in the loop's next turn


async def test_left_alone_it_passes_bytes_and_ends_on() -> None:
    async with proxied() as (proxy, connect):
        reader, writer = await connect()
        writer.write(b"hello")
        writer.write_eof()

        assert await reader.read() == b"hello<fin seen>"
        assert (proxy.pipes[0].up_bytes, proxy.pipes[0].down_bytes) == (5, 15)


async def test_latency_makes_every_block_late() -> None:
    async with proxied() as (proxy, connect):
        proxy.up.latency_s = proxy.down.latency_s = 0.02
        reader, writer = await connect()
        loop = asyncio.get_running_loop()
        before = loop.time()
        writer.write(b"x")
        await reader.readexactly(1)

        assert loop.time() - before >= 0.035


async def test_bandwidth_is_shared_by_all_bytes() -> None:
    async with proxied() as (proxy, connect):
        proxy.down.bandwidth_bytes_per_s = 100_000
        reader, writer = await connect()
        loop = asyncio.get_running_loop()
        before = loop.time()
        writer.write(b"x" * 5000)
        await reader.readexactly(5000)

        assert loop.time() - before >= 0.045


async def test_the_slicer_delivers_small_pieces() -> None:
    async with proxied() as (proxy, connect):
        proxy.down.slicer_bytes, proxy.down.slicer_delay_s = 2, 0.002
        reader, writer = await connect()
        writer.write(b"abcdef")

        assert [await reader.read(100) for _ in range(3)] == [b"ab", b"cd", b"ef"]


async def test_timeout_swallows_bytes_and_keeps_the_connection() -> None:
    async with proxied() as (proxy, connect):
        proxy.down.timeout_after_bytes = 3
        reader, writer = await connect()
        writer.write(b"abcdef")
        seen = await reader.readexactly(3)

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)
        assert seen == b"abc"
        assert not reader.at_eof()


async def test_reset_peer_sends_rst_after_so_many_bytes() -> None:
    async with proxied() as (proxy, connect):
        proxy.down.reset_peer_after_bytes = 3
        reader, writer = await connect()
        writer.write(b"abcdef")
        seen = await reader.readexactly(3)

        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        assert seen == b"abc"


async def test_limit_data_sends_fin_after_so_many_bytes() -> None:
    async with proxied() as (proxy, connect):
        proxy.down.limit_data_bytes = 3
        reader, writer = await connect()
        writer.write(b"abcdef")

        assert await reader.read() == b"abc"


async def test_half_close_ends_one_direction_only() -> None:
    async with proxied() as (proxy, connect):
        proxy.up.half_close_after_bytes = 3
        reader, writer = await connect()
        writer.write(b"abcdef")

        assert await reader.read() == b"abc<fin seen>"


async def test_slow_close_makes_the_fin_late() -> None:
    async with proxied() as (proxy, connect):
        proxy.down.slow_close_s = 0.03
        reader, writer = await connect()
        loop = asyncio.get_running_loop()
        writer.write_eof()
        await reader.readexactly(len(b"<fin seen>"))
        before = loop.time()

        assert await reader.read() == b""
        assert loop.time() - before >= 0.02


async def test_a_reset_of_the_server_passes_through() -> None:
    async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        Pipe(writer, writer).close(hard=True)

    async with proxied(reset) as (_, connect):
        reader, _writer = await connect()

        with pytest.raises(ConnectionResetError):
            await reader.read(1)


async def test_where_nobody_listens_the_connection_ends() -> None:
    async with ToxicProxy(1) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

        assert await reader.read() == b""
        writer.close()
