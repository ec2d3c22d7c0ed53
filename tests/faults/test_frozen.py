"""Endpoints that take requests and answer nothing: real processes that are stopped, as by a box without memory."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import NamedTuple

import pytest

from multillama.app.gateway import Gateway
from multillama.dataplane import watch
from multillama.testing.behaviours import Behaviour
from multillama.testing.server import ScriptedServer
from tests.faults.client import ask, chat, connected
from tests.faults.gateway import Running, running

QUICK = {"probe_after_s": 0.1, "first_byte_timeout_s": 60.0}


class Box(NamedTuple):
    url: str
    pid: int

    @contextmanager
    def frozen(self) -> Iterator[None]:
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)


@asynccontextmanager
async def box() -> AsyncIterator[Box]:
    """A scripted server in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "multillama.testing", "--text", "From the box.", stdout=PIPE
    )
    try:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        yield Box(line.split()[3], process.pid)
    finally:
        process.kill()
        await process.wait()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a verdict take a second."""
    monkeypatch.setattr(watch, "TICK_S", 0.05)
    monkeypatch.setattr(watch, "ANSWER_S", 0.15)


def state_of(gateway: Running) -> bool | None:
    return gateway.gateway.listener.snapshot.endpoints[0].state.is_up


def _has_sent(gateway: Gateway) -> bool:
    exchanges = (connection.running for connection in gateway.listener.connections)
    return any(
        one is not None and one.attempt is not None and one.attempt.is_sent for one in exchanges
    )


async def test_who_waits_for_a_frozen_box_goes_elsewhere_and_the_next_do_not_come_to_it(
    second: ScriptedServer,
) -> None:
    async with box() as first, running(first.url, second.url, **QUICK) as gateway:
        with first.frozen():
            answers = [await ask(gateway.port, chat()) for _ in range(3)]

        records = [await gateway.record(3)] and gateway.records
    assert [answer.json()["choices"][0]["message"]["content"] for answer in answers] == [
        "From the second."
    ] * 3
    assert [record.attempts for record in records] == [2, 1, 1]
    assert records[0].tried[0].endswith("endpoint_frozen")


async def test_a_frozen_box_that_thaws_is_used_again(second: ScriptedServer) -> None:
    async with box() as first, running(first.url, second.url, **QUICK) as gateway:
        with first.frozen():
            await ask(gateway.port, chat())
            frozen = state_of(gateway)
        await gateway.until(lambda _: state_of(gateway) is True)
        answer = await ask(gateway.port, chat())

    assert frozen is False
    assert answer.json()["choices"][0]["message"]["content"] == "From the box."


async def test_the_clients_of_the_only_box_are_told_when_it_freezes() -> None:
    async with box() as only, running(only.url, **QUICK) as gateway:
        with only.frozen():
            answer = await ask(gateway.port, chat(stream=True))

    assert (answer.status, answer.error["code"]) == (504, "endpoint_frozen")


async def test_clients_that_leave_before_anybody_knows_find_a_frozen_box_as_well(
    monkeypatch: pytest.MonkeyPatch, second: ScriptedServer
) -> None:
    monkeypatch.setattr("multillama.dataplane.attempt.DOUBT_S", 0.0)
    settings = QUICK | {"probe_after_s": 60.0}
    async with box() as first, running(first.url, second.url, **settings) as gateway:
        with first.frozen():
            async with connected(gateway.port) as client:
                client.send(chat())
                await gateway.until(_has_sent)
            await gateway.until(lambda _: state_of(gateway) is False)
            answer = await ask(gateway.port, chat())

    assert answer.json()["choices"][0]["message"]["content"] == "From the second."


async def test_a_box_that_thinks_and_tells_its_models_meanwhile_is_left_alone(
    server: ScriptedServer,
) -> None:
    server.next(Behaviour(delay_s=2.0))
    async with running(server.url, **QUICK) as gateway:
        answer = await ask(gateway.port, chat())

    assert answer.status == 200
