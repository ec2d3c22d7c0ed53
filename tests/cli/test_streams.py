import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE

import pytest

from tests.gateway import environment, free_port

ARGS = ("--host", "127.0.0.1", "--url", "http://127.0.0.1:9/", "--key", "null")
CLOSED = ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"]


async def health(port):
    """The first line of an answer, once somebody answers there."""
    async with asyncio.timeout(10):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)  # it is starting, and its streams cannot tell when it has
                continue
            writer.write(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            line = await reader.readline()
            writer.close()
            return line


async def start(port, redirections="", **streams):
    command = ["sh", "-c", f'exec "$@" {redirections}', "sh", sys.executable, "-m", "multillama"]
    return await asyncio.create_subprocess_exec(
        *command, "--port", str(port), *ARGS, env=environment(), **streams
    )


async def stop(process):
    process.terminate()
    await process.communicate()
    return process.returncode


@pytest.mark.parametrize("redirections", CLOSED)
async def test_a_gateway_serves_without_its_standard_streams(redirections):
    port = free_port()
    process = await start(port, redirections, stdout=DEVNULL, stderr=DEVNULL)

    line = await health(port)
    code = await stop(process)

    assert (line, code) == (b"HTTP/1.1 200 OK\r\n", 0)


@pytest.mark.parametrize("name", ["stdout", "stderr"])
async def test_a_gateway_serves_though_nobody_reads(name):
    reader, writer = os.pipe()
    os.close(reader)
    port = free_port()
    streams = {"stdout": DEVNULL, "stderr": DEVNULL, name: writer}
    process = await start(port, **streams)
    os.close(writer)

    line = await health(port)
    code = await stop(process)

    assert (line, code) == (b"HTTP/1.1 200 OK\r\n", 0)


async def test_a_reader_that_leaves_after_the_first_line_ends_nothing():
    port = free_port()
    process = await start(port, stdout=PIPE, stderr=PIPE)
    await process.stderr.readline()
    process.stderr._transport.close()  # as `2>&1 | head -1` does

    down = await process.stdout.readline()
    line = await health(port)
    process.terminate()
    rest = await process.stdout.read()

    assert (await process.wait(), line) == (0, b"HTTP/1.1 200 OK\r\n")
    assert b"crash" not in down + rest


async def test_wrong_usage_stays_wrong_usage_though_nobody_reads_why():
    reader, writer = os.pipe()
    os.close(reader)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "multillama", "--no-such", env=environment(), stderr=writer
    )
    os.close(writer)

    assert await process.wait() == 2
