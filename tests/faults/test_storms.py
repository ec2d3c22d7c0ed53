"""Many faults at once: every exchange still has one right end and one record, and nothing is left behind."""

import asyncio
import random
from dataclasses import replace

import pytest

from multillama.testing.behaviours import GOOD, OVERLOADED, RATE_LIMITED, Behaviour
from multillama.testing.server import ScriptedServer
from tests.faults.client import Answer, ask, chat, connected
from tests.faults.gateway import Running, running

STORM = [
    GOOD,
    RATE_LIMITED,
    OVERLOADED,
    Behaviour(end="fin"),
    Behaviour(end="fin-on-reuse"),
    Behaviour(end="reset-on-reuse"),
    Behaviour(cut="before-head", end="reset"),
    Behaviour(cut="mid-head", end="fin"),
    Behaviour(cut="mid-body", end="reset"),
    Behaviour(events=20, cut="mid-body", end="fin"),
    Behaviour(events=20, sizes=(1, 50)),
    Behaviour(raw=b"SSH-2.0\r\n"),
    Behaviour(extra=b"HTTP/1.1 200 OK\r\n\r\n"),
    Behaviour(framing="close", end="fin"),
    Behaviour(early=True, status="401 No"),
    Behaviour(delay_s=0.01),
]


def is_right(answer: Answer) -> bool:
    """Says whether an answer is whole, is told to be broken, or is visibly cut."""
    if answer.end != "whole":
        return answer.status == 200
    if answer.status == 502:
        return "origin" in answer.error
    if (
        answer.header(
            "content-type",
        )
        == "text/event-stream; charset=utf-8"
    ):
        return b"[DONE]" in answer.body or b'"origin"' in answer.body
    return answer.json() is not None


@pytest.mark.parametrize("seed", range(4))
async def test_two_hundred_exchanges_in_a_storm(
    gateway: Running, server: ScriptedServer, seed: int
) -> None:
    dice = random.Random(seed)
    server.next(*dice.choices(STORM, k=400))

    async def client(number: int) -> list[Answer]:
        return [await ask(gateway.port, chat(stream=number % 2 == 0)) for _ in range(20)]

    batches = await asyncio.gather(*map(client, range(10)))

    assert [answer for batch in batches for answer in batch if not is_right(answer)] == []
    await gateway.record(200)
    assert len({record.id for record in gateway.records}) == 200
    assert gateway.gateway.listener.snapshot.endpoints[0].state.in_flight == 0


async def test_requests_sent_ahead_are_answered_in_order_whatever_happens_to_them(
    gateway: Running, server: ScriptedServer
) -> None:
    server.next(
        Behaviour(cut="before-head", end="reset"),
        replace(RATE_LIMITED, headers=(("retry-after", "60"),)),
        Behaviour(events=20, cut="mid-body", end="fin"),
        GOOD,
    )
    async with connected(gateway.port) as client:
        client.send(chat() + chat() + chat(stream=True) + chat(model="unknown") + chat())

        answers = [await client.answer() for _ in range(5)]

    assert [answer.status for answer in answers] == [502, 429, 200, 404, 200]
    assert {answer.end for answer in answers} == {"whole"}
    assert len(gateway.records) == 5


async def test_an_endpoint_that_flaps_costs_no_client_anything(
    pair: Running, server: ScriptedServer
) -> None:
    statuses = []
    for _ in range(10):
        server.go_down()
        statuses.append((await ask(pair.port, chat())).status)
        await server.come_back()
        statuses.append((await ask(pair.port, chat(stream=True))).status)

    assert statuses == [200] * 20


async def test_one_endpoint_of_three_that_is_dead_costs_no_client_anything(
    server: ScriptedServer, second: ScriptedServer
) -> None:
    async with (
        ScriptedServer(["m1"]) as dead,
        running(dead.url, server.url, second.url) as gateway,
    ):
        dead.go_down()

        answers = await asyncio.gather(*[ask(gateway.port, chat()) for _ in range(50)])

    assert {answer.status for answer in answers} == {200}
