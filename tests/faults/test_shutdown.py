"""SIGTERM lets what runs finish; a second one does not."""

import asyncio
import json
import signal
import time
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

import pytest

from multillama.testing.behaviours import ENDLESS, HANG, Behaviour
from multillama.testing.server import ScriptedServer
from tests.faults.client import Answer, chat, connected, post
from tests.faults.gateway import running
from tests.faults.process import program
from tests.faults.test_client_gone import upload


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


STREAMING = ("chat/completions", "completions", "messages", "responses")
BROKEN = Behaviour(body=b"x" * 5000, cut="mid-body", end="hang")
"""A whole answer whose end does not come."""


class Ended(NamedTuple):
    """What three clients were told by a gateway that did not wait for their answers: unanswered, stream, whole."""

    answers: list[Answer]
    took_s: float
    status: int
    records: list[dict[str, Any]]
    events: list[dict[str, Any]]


async def shut_down(server: ScriptedServer, drain_s: float, *, signals: int) -> Ended:
    server.next(HANG, Behaviour(events=ENDLESS, stepwise=True), BROKEN)
    flags = ("--url", server.url, "--key", "null", "--drain-s", str(drain_s))
    async with program(*flags) as running:
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(connected(running.port)) for _ in range(3)]
            for number, client in enumerate(clients):
                client.send(chat(stream=number == 1))
                await server.until(lambda s, sent=number + 1: len(s.calls) == sent)  # type: ignore[misc]
            await server.step()
            await clients[1].read_until(b'"word "')
            await clients[2].read_until(b"xxx")

            before = time.monotonic()
            for _ in range(signals):
                running.signal()
                await refuses(running.port)
            answers = [await client.answer() for client in clients]
            took_s = time.monotonic() - before
        return Ended(answers, took_s, *await running.end_with_events())


def assert_told(ended: Ended) -> None:
    unanswered, stream, whole = ended.answers
    told = json.loads(stream.events[-1].removeprefix("data: "))["error"]
    assert (unanswered.status, unanswered.end, unanswered.error["code"]) == (
        503,
        "whole",
        "shutting_down",
    )
    assert (unanswered.error["origin"], unanswered.header("retry-after")) == ("gateway", "1")
    assert (stream.end, told["code"], told["origin"]) == ("whole", "shutting_down", "gateway")
    assert (whole.status, whole.end) == (200, "cut")
    assert sorted((r["status"], r["outcome"], r["error"]) for r in ended.records) == [
        (200, "truncated", "shutting_down"),
        (200, "truncated", "shutting_down"),
        (503, "refused", "shutting_down"),
    ]
    assert [(event["event"], event["text"]) for event in ended.events[-2:]] == [
        ("draining", ended.events[-2]["text"]),
        ("drained", "drained: 3 exchanges are cut off"),
    ]
    assert ended.events[-2]["text"].startswith("draining: 3 exchanges are running, at most ")


async def test_what_does_not_end_is_ended_after_the_drain(server: ScriptedServer) -> None:
    ended = await shut_down(server, 0.5, signals=1)

    assert_told(ended)
    assert 0.4 < ended.took_s < 1.5
    assert ended.status == 0
    await server.until(lambda s: s.disconnects == 3)


async def test_a_second_signal_ends_it_at_once(server: ScriptedServer) -> None:
    ended = await shut_down(server, 60.0, signals=2)

    assert_told(ended)
    assert ended.took_s < 0.5
    assert ended.status == 1
    await server.until(lambda s: s.disconnects == 3)


async def test_a_third_signal_waits_for_nothing(server: ScriptedServer) -> None:
    server.next(Behaviour(events=ENDLESS, every_s=0.01))
    flags = ("--url", server.url, "--key", "null")
    async with program(*flags) as running, connected(running.port) as client:
        client.send(chat(stream=True))
        await client.read_until(b'"word "')

        running.signal()
        await refuses(running.port)  # signals that nobody has taken yet would become one
        running.signal()
        running.signal()
        status = await asyncio.wait_for(running.process.wait(), 2)

    assert status == 1


@pytest.mark.parametrize("path", STREAMING)
async def test_a_stream_is_told_in_its_dialect(server: ScriptedServer, path: str) -> None:
    server.next(Behaviour(events=ENDLESS, stepwise=True))
    async with running(server.url) as gateway, connected(gateway.port) as client:
        client.send(post(f"/v1/{path}", {"model": "m1", "stream": True}))
        await server.step()
        await client.read_until(b"data: ")

        cut = await gateway.gateway.listener.drain(0.0)
        answer = await client.answer()

    lines = dict(line.split(": ", 1) for line in answer.events[-1].splitlines())
    assert cut == 1
    assert answer.end == "whole"
    assert lines.get("event") == ("error" if path in ("messages", "responses") else None)
    assert json.loads(lines["data"])["error"]["code"] == "shutting_down"


async def test_requests_that_wait_behind_are_refused_too(server: ScriptedServer) -> None:
    server.next(Behaviour(events=ENDLESS, stepwise=True))
    async with running(server.url) as gateway, connected(gateway.port) as client:
        client.send(chat(stream=True) + chat() + chat())
        await server.step()
        await client.read_until(b'"word "')

        await gateway.gateway.listener.drain(0.0)
        answers = [await client.answer(), await client.answer()]

    assert [answer.status for answer in answers] == [200, 503]
    assert len(server.calls) == 1


async def test_an_upload_that_is_being_sent_is_told(server: ScriptedServer) -> None:
    async with running(server.url) as gateway, connected(gateway.port) as client:
        client.send(upload(100_000)[:-50_000])
        await server.until(lambda s: bool(s.calls) and len(s.calls[0].body) > 40_000)

        await gateway.gateway.listener.drain(0.0)
        answer = await client.answer()
        record = await gateway.record()

    assert (answer.status, answer.error["code"]) == (503, "shutting_down")
    assert (record.outcome, record.error) == ("refused", "shutting_down")


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
