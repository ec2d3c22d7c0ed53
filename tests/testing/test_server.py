import asyncio
import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from multillama.testing.behaviours import HANG, RATE_LIMITED, Behaviour
from multillama.testing.server import ScriptedServer
from tests.testing.wire import answer_of, ask, connected, request

DOCS = Path(__file__).parents[2] / "docs"
LISTING = request("GET", "/v1/models")


def status_of(answer: tuple[bytes, bytes]) -> int:
    return int(answer[0].split()[1])


async def test_queued_behaviours_are_played_in_order_then_the_default() -> None:
    async with ScriptedServer() as server:
        server.next(Behaviour(status="500 A"), RATE_LIMITED)
        server.default = Behaviour(status="503 B")

        statuses = [status_of(await ask(server)) for _ in range(3)]

        assert statuses == [500, 429, 503]


async def test_a_listing_takes_nothing_from_the_queue() -> None:
    async with ScriptedServer(["a/b", "c:1"]) as server:
        server.next(RATE_LIMITED)

        listed = await ask(server, LISTING)
        called = await ask(server)

        assert [row["id"] for row in json.loads(listed[1])["data"]] == ["a/b", "c:1"]
        assert status_of(called) == 429
        assert (len(server.requests), len(server.calls)) == (2, 1)


async def test_listings_may_fail_by_themselves() -> None:
    async with ScriptedServer() as server:
        server.listing = Behaviour(status="401 No")

        assert status_of(await ask(server, LISTING)) == 401
        assert status_of(await ask(server)) == 200


async def test_a_held_answer_waits_for_its_step() -> None:
    async with ScriptedServer() as server, connected(server) as (reader, writer):
        server.next(Behaviour(held=True))
        writer.write(request())
        await server.until(lambda s: bool(s.calls) and s.calls[0].complete)
        sent_before = server.connections[0].sent_bytes
        await server.step()

        assert sent_before == 0
        assert status_of(await answer_of(reader)) == 200


async def test_a_stepwise_stream_sends_one_event_a_step() -> None:
    async with ScriptedServer() as server, connected(server) as (reader, writer):
        server.next(Behaviour(events=2, stepwise=True))
        writer.write(request(body={"stream": True}))
        await reader.readuntil(b"\r\n\r\n")
        seen = []
        for _ in range(3):
            await server.step()
            seen.append(await _chunk(reader))

        assert [b'"content":"word "' in chunk for chunk in seen] == [True, True, False]
        assert seen[2].endswith(b"data: [DONE]\n\n")
        assert await _chunk(reader) == b""


async def _chunk(reader: asyncio.StreamReader) -> bytes:
    size = int(await reader.readuntil(b"\r\n"), 16)
    return (await reader.readexactly(size + 2))[:-2]


async def test_until_fails_with_what_happened_instead() -> None:
    async with ScriptedServer() as server:
        await ask(server)

        with pytest.raises(TimeoutError, match="target='/v1/chat/completions'"):
            await server.until(lambda s: s.disconnects == 1, timeout_s=0.01)


async def test_a_server_that_is_down_refuses_and_resets() -> None:
    async with ScriptedServer() as server, connected(server) as (reader, writer):
        server.next(HANG)
        writer.write(request())
        await server.until(lambda s: bool(s.calls))
        server.go_down()

        with pytest.raises(ConnectionResetError):
            await answer_of(reader)
        with pytest.raises(ConnectionRefusedError):
            await ask(server)


async def test_a_server_comes_back_on_its_port() -> None:
    async with ScriptedServer() as server:
        port = server.port
        server.go_down()
        await server.come_back()

        assert status_of(await ask(server)) == 200
        assert server.port == port


async def test_a_request_that_is_none_fails_the_test_that_sent_it() -> None:
    async def speak_nonsense() -> None:
        async with ScriptedServer() as server, connected(server) as (reader, writer):
            writer.write(b"nonsense\r\n\r\n")
            await reader.read()

    with pytest.raises(ValueError, match="unpack"):
        await speak_nonsense()


def test_code_without_a_loop_uses_it_too() -> None:
    body = json.dumps({"model": "m1"}).encode()

    with ScriptedServer(text="Yes.") as server:
        with urllib.request.urlopen(f"{server.url}/v1/completions", body, timeout=5) as answer:
            said = json.load(answer)["choices"][0]["text"]
        targets = [call.target for call in server.calls]

    assert (said, targets) == ("Yes.", ["/v1/completions"])


def test_the_example_in_the_docs_works() -> None:
    text = (DOCS / "testing.md").read_text()
    example = text.split("```python\n")[1].split("```")[0]

    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", example], capture_output=True, text=True, timeout=15
    )

    assert (ran.stdout, ran.stderr) == ("429 1\nHi there.\nm1\n", "")
