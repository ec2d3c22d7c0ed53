"""SIGTERM lets what runs finish; a second one does not."""

import asyncio
import signal
import time

import pytest

from multillama.testing.behaviours import ENDLESS, HANG, Behaviour
from multillama.testing.server import ScriptedServer
from tests.faults.client import chat, connected
from tests.faults.process import program


async def refuses(port: int) -> None:
    """Waits until nobody listens there any more."""
    async with asyncio.timeout(3):
        while await _listens(port):  # noqa: ASYNC110 - another process, which tells nobody
            await asyncio.sleep(0.01)


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    except ConnectionResetError:
        return True  # it was in the queue of a listener that just closed
    writer.transport.abort()
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_what_runs_is_finished(server: ScriptedServer, number: signal.Signals) -> None:
    server.next(Behaviour(held=True), Behaviour(events=3, stepwise=True))
    async with program("--url", server.url, "--key", "null") as running:
        async with connected(running.port) as whole, connected(running.port) as stream:
            whole.send(chat())
            await server.until(lambda s: len(s.calls) == 1)
            stream.send(chat(stream=True))
            await server.until(lambda s: len(s.calls) == 2)

            running.signal(number)
            await refuses(running.port)
            await server.step(5)
            answers = [await whole.answer(), await stream.answer()]

        status, records = await running.end()

    assert [(answer.status, answer.end) for answer in answers] == [(200, "whole")] * 2
    assert answers[1].events[-1] == "data: [DONE]"
    assert (status, [record["outcome"] for record in records]) == (0, ["ok", "ok"])


async def test_idle_connections_are_closed_at_once(server: ScriptedServer) -> None:
    async with program("--url", server.url, "--key", "null") as running:
        async with connected(running.port) as used, connected(running.port) as fresh:
            await used.ask(chat())

            running.signal()
            ends = [await used.reader.read(), await fresh.reader.read()]
        status, _ = await running.end()

    assert (ends, status) == ([b"", b""], 0)


async def test_what_does_not_end_is_ended_after_the_drain(server: ScriptedServer) -> None:
    server.next(HANG)
    flags = ("--url", server.url, "--key", "null", "--drain-s", "0.5")
    async with program(*flags) as running, connected(running.port) as client:
        client.send(chat())
        await server.until(lambda s: len(s.calls) == 1)

        before = time.monotonic()
        running.signal()
        answer = await client.answer()
        status, records = await running.end()

    assert answer.status in (0, 503)
    assert 0.4 < time.monotonic() - before < 2.0
    assert (status, len(records)) == (0, 1)
    await server.until(lambda s: s.disconnects == 1)


async def test_a_second_signal_ends_it_at_once(server: ScriptedServer) -> None:
    server.next(Behaviour(events=ENDLESS, every_s=0.01))
    flags = ("--url", server.url, "--key", "null")
    async with program(*flags) as running, connected(running.port) as client:
        client.send(chat(stream=True))
        await client.read_until(b'"word "')

        running.signal()
        await refuses(running.port)
        before = time.monotonic()
        running.signal()
        status = await asyncio.wait_for(running.process.wait(), 2)

    assert status == 1
    assert time.monotonic() - before < 0.5
    await server.until(lambda s: s.disconnects == 1)


async def test_every_exchange_leaves_one_line(server: ScriptedServer) -> None:
    server.next(
        Behaviour(),
        Behaviour(status="500 Oops"),
        Behaviour(cut="mid-body", end="reset"),
        Behaviour(events=20, cut="mid-body", end="fin"),
        Behaviour(raw=b"SSH-2.0\r\n"),
        HANG,
    )
    flags = ("--url", server.url, "--key", "null", "--first-byte-timeout-s", "0.3")
    async with program(*flags) as running:
        for stream in (False, False, False, True, False, False):
            async with connected(running.port) as client:
                await client.ask(chat(stream=stream))
        async with connected(running.port) as client:
            await client.ask(chat(model="unknown"))
            await client.ask(b"GET /v1/chat/completions HTTP/1.1\r\nHost: x\r\n\r\n")
        running.signal()
        _, records = await running.end()

    assert [(record["status"], record["outcome"], record["error"]) for record in records] == [
        (200, "ok", None),
        (500, "ok", None),
        (200, "truncated", "endpoint_truncated"),
        (200, "truncated", "endpoint_truncated"),
        (502, "failed", "endpoint_malformed"),
        (504, "failed", "first_byte_timeout"),
        (404, "refused", "model_not_found"),
        (405, "refused", "method_not_allowed"),
    ]
    assert len({record["id"] for record in records}) == len(records)
