"""Equal embeddings requests in flight are one call, and no client of it can harm another."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterable
from typing import Any, TypeVar

import pytest

from multillama.config.routing import RoutingSetting
from multillama.testing.behaviours import Behaviour
from multillama.testing.server import ScriptedServer
from tests.faults.client import Client, ask, connected, post
from tests.faults.gateway import Running, running

EMBED = post("/v1/embeddings", {"model": "m1", "input": "a text"})
PATIENT = {"first_byte_timeout_s": 5.0, "idle_timeout_s": 5.0, "write_timeout_s": 5.0}
HELD = Behaviour(held=True)
T = TypeVar("T")


@pytest.fixture
async def shared(server: ScriptedServer) -> AsyncIterator[Running]:
    """A gateway whose only endpoint's answers are shared."""
    async with running(server.url, routing=RoutingSetting(share=True), **PATIENT) as gateway:
        yield gateway


async def until_wait(gateway: Running, count: int) -> None:
    """Waits until so many exchanges run."""
    await gateway.until(lambda g: g.listener.running == count)


async def step(gateway: Running, server: ScriptedServer, count: int) -> None:
    """Lets the endpoint answer once so many exchanges run."""
    await until_wait(gateway, count)
    await server.step()


async def together(asking: Iterable[Coroutine[Any, Any, T]], then: Awaitable[None]) -> list[T]:
    """Lets all of them ask while something happens; returns what they get."""
    *answers, _ = await asyncio.gather(*asking, then)
    return answers  # type: ignore[return-value]  # the None of `then` is not among them


async def test_a_hundred_equal_requests_are_one_call(
    shared: Running, server: ScriptedServer
) -> None:
    server.next(HELD)

    answers = await together(
        [ask(shared.port, EMBED) for _ in range(100)], step(shared, server, 100)
    )

    assert len(server.calls) == 1
    assert {(answer.status, answer.end, answer.body) for answer in answers} == {
        (200, "whole", answers[0].body)
    }
    assert len({answer.header("x-request-id") for answer in answers}) == 100
    assert [answer.header("x-multillama-shared") for answer in answers].count("1") == 99
    await shared.record(100)
    assert sum(record.attempts for record in shared.records) == 1
    assert sum(record.input_tokens is not None for record in shared.records) <= 1


@pytest.mark.parametrize("how", ["fin", "reset"])
async def test_the_first_leaves_and_the_others_get_their_answer(
    shared: Running, server: ScriptedServer, how: str
) -> None:
    server.next(HELD)

    async with connected(shared.port) as first:
        first.send(EMBED)
        await server.until(lambda s: bool(s.calls) and s.calls[0].complete)

        async def leave() -> None:
            await until_wait(shared, 6)
            first.close(how)
            await step(shared, server, 5)

        answers = await together([ask(shared.port, EMBED) for _ in range(5)], leave())

    assert [answer.status for answer in answers] == [200] * 5
    assert (len(server.calls), server.disconnects) == (1, 0)
    await shared.record(6)
    assert sorted(record.attempts for record in shared.records) == [0, 0, 0, 0, 0, 1]


async def test_all_leave_and_the_endpoint_may_stop(shared: Running, server: ScriptedServer) -> None:
    server.next(HELD)

    async with connected(shared.port) as first, connected(shared.port) as second:
        first.send(EMBED)
        second.send(EMBED)
        await until_wait(shared, 2)
        await server.until(lambda s: bool(s.calls) and s.calls[0].complete)
        first.close()
        second.close("reset")
        await server.until(lambda s: s.disconnects == 1)

    await shared.record(2)
    assert {record.outcome for record in shared.records} == {"cancelled"}
    assert shared.gateway.listener.snapshot.endpoints[0].state.in_flight == 0


async def test_a_call_that_fails_fails_for_all_and_is_no_storm(
    shared: Running, server: ScriptedServer
) -> None:
    server.default = Behaviour(held=True, cut="mid-body", end="reset")

    answers = await together([ask(shared.port, EMBED) for _ in range(20)], step(shared, server, 20))

    assert {(answer.status, answer.error["code"]) for answer in answers} == {
        (502, "endpoint_truncated")
    }
    assert len(server.calls) == 1
    await shared.record(20)


async def test_one_that_does_not_read_keeps_nobody_waiting(
    shared: Running, server: ScriptedServer
) -> None:
    body = b"[" + b"1," * 2_000_000 + b"1]"
    server.next(Behaviour(held=True, body=body))

    async with connected(shared.port) as slow:
        slow.writer.transport.pause_reading()  # type: ignore[attr-defined]
        slow.send(EMBED)
        await until_wait(shared, 1)
        answers = await together(
            [ask(shared.port, EMBED) for _ in range(5)], step(shared, server, 6)
        )
        slow.writer.transport.resume_reading()  # type: ignore[attr-defined]
        late = await slow.answer()

    assert [len(answer.body) for answer in (*answers, late)] == [len(body)] * 6
    assert len(server.calls) == 1


async def test_a_connection_carries_shared_answers_and_others_in_order(
    shared: Running, server: ScriptedServer
) -> None:
    server.next(HELD)
    other = post("/v1/embeddings", {"model": "m1", "input": "another text"})

    async def both(client: Client) -> list[int]:
        client.send(EMBED + other)
        return [(await client.answer()).status, (await client.answer()).status]

    async with connected(shared.port) as first, connected(shared.port) as second:
        statuses = await together([both(first), both(second)], step(shared, server, 2))

    assert statuses == [[200, 200], [200, 200]]
    await shared.record(4)
