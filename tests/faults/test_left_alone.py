"""Endpoints that failed are left alone for a while, tried by one request, and used again; but never if all fail."""

import json
from collections.abc import AsyncIterator

import pytest

from multillama.core.policy import BreakerPolicy
from multillama.testing.behaviours import RATE_LIMITED, Behaviour
from multillama.testing.server import ScriptedServer
from tests.faults.client import ask, chat, connected
from tests.faults.conftest import ALONE
from tests.faults.gateway import Running, running

POLICY = BreakerPolicy()
OOPS = Behaviour(status="500 Oops", body=b"oops")
SHORT = Behaviour(cut="before-head", end="fin")


def refusing(status: str, code: str) -> Behaviour:
    body = json.dumps({"error": {"message": "The model is not for you", "code": code}})
    return Behaviour(status=status, body=body.encode())


@pytest.fixture
async def both() -> AsyncIterator[tuple[Running, ScriptedServer]]:
    """A gateway with two endpoints for each of two models, and the first of them."""
    async with ScriptedServer(["m1", "m2"]) as first, ScriptedServer(["m1", "m2"]) as second:
        first.listing = second.listing = ALONE
        async with running(first.url, second.url) as gateway:
            yield gateway, first


async def statuses(gateway: Running, count: int) -> list[int]:
    return [(await ask(gateway.port, chat())).status for _ in range(count)]


@pytest.mark.parametrize("status", ["401 Unauthorized", "402 Payment Required", "403 Forbidden"])
async def test_a_refused_key_takes_the_whole_endpoint_out(
    both: tuple[Running, ScriptedServer], status: str
) -> None:
    gateway, first = both
    first.next(Behaviour(status=status, body=b"{}"))

    answers = [await ask(gateway.port, chat(model=name)) for name in ("m1", "m1", "m2")]

    assert [answer.status for answer in answers] == [200, 200, 200]
    assert [answer.header("x-multillama-attempts") for answer in answers] == ["2", None, None]
    assert len(first.calls) == 1


async def test_a_refused_key_is_tried_again_after_a_minute(
    pair: Running, server: ScriptedServer
) -> None:
    server.next(Behaviour(status="401 Unauthorized", body=b"{}"))
    await ask(pair.port, chat())

    pair.later(POLICY.key_s - 1)
    early = [await ask(pair.port, chat()), len(server.calls)]
    pair.later(1.1)
    await ask(pair.port, chat())

    assert early[1] == 1
    assert len(server.calls) == 2


@pytest.mark.parametrize(
    "refusal",
    [refusing("404 Not Found", "model_not_found"), RATE_LIMITED],
    ids=["the model is gone", "its limit is reached"],
)
async def test_what_is_one_models_leaves_the_others(
    both: tuple[Running, ScriptedServer], refusal: Behaviour
) -> None:
    gateway, first = both
    first.next(refusal)

    answers = [await ask(gateway.port, chat(model=name)) for name in ("m1", "m1", "m2")]

    assert [answer.status for answer in answers] == [200, 200, 200]
    assert [call.json()["model"] for call in first.calls] == ["m1", "m2"]


async def test_who_says_when_is_asked_then(pair: Running, server: ScriptedServer) -> None:
    server.next(Behaviour(status="503 Busy", headers=(("retry-after", "30"),), body=b"{}"))
    await ask(pair.port, chat())

    pair.later(29)
    await ask(pair.port, chat())
    before = len(server.calls)
    pair.later(1.1)
    await ask(pair.port, chat())

    assert (before, len(server.calls)) == (1, 2)


async def test_who_cannot_be_reached_is_left_alone_at_once_until_it_answers_a_listing(
    server: ScriptedServer, second: ScriptedServer
) -> None:
    async with running(server.url, second.url, refresh_s=0.1) as gateway:
        endpoint = gateway.gateway.listener.snapshot.endpoints[0]
        server.go_down()
        answers = [await ask(gateway.port, chat()) for _ in range(3)]
        await server.come_back()
        await gateway.until(
            lambda g: endpoint.state.breaker.blocked("m1", g.listener.now()) is None
        )

        await ask(gateway.port, chat())

    attempts = [answer.header("x-multillama-attempts") for answer in answers]
    assert ([answer.status for answer in answers], attempts) == ([200] * 3, ["2", None, None])
    assert len(server.calls) == 1


@pytest.mark.parametrize("trouble", [OOPS, SHORT], ids=["500", "closed"])
async def test_trouble_counts_until_it_is_enough(
    pair: Running, server: ScriptedServer, second: ScriptedServer, trouble: Behaviour
) -> None:
    server.default = trouble

    answered = await statuses(pair, POLICY.failures + 3)

    assert set(answered) == {200}
    assert len(server.calls) == POLICY.failures
    assert len(second.calls) == POLICY.failures + 3


async def test_an_answer_between_means_that_it_works(pair: Running, server: ScriptedServer) -> None:
    good = Behaviour()
    server.next(*[OOPS] * 4, good, *[OOPS] * 4, good)

    answered = await statuses(pair, 10)

    assert (set(answered), len(server.calls)) == ({200}, 10)


async def test_one_request_tries_it_and_the_others_go_elsewhere_until_there_is_news(
    pair: Running, server: ScriptedServer, second: ScriptedServer
) -> None:
    server.next(*[OOPS] * POLICY.failures, Behaviour(held=True))
    await statuses(pair, POLICY.failures)
    pair.later(POLICY.cooldown_s + 0.1)

    async with connected(pair.port) as client:
        client.send(chat())
        await server.until(lambda s: len(s.calls) == POLICY.failures + 1)
        meanwhile = await statuses(pair, 3)
        asked_meanwhile = len(server.calls) - POLICY.failures
        await server.step()
        probe = await client.answer()
    after = await statuses(pair, 2)

    assert (meanwhile, asked_meanwhile, probe.status) == ([200] * 3, 1, 200)
    assert (after, len(server.calls)) == ([200] * 2, POLICY.failures + 3)
    assert len(second.calls) == POLICY.failures + 3


async def test_a_failed_try_costs_nobody_anything_and_doubles_the_time(
    pair: Running, server: ScriptedServer
) -> None:
    server.default = OOPS
    await statuses(pair, POLICY.failures)
    pair.later(POLICY.cooldown_s + 0.1)
    tried = await statuses(pair, 2)
    after_the_first = len(server.calls)

    pair.later(2 * POLICY.cooldown_s - 1)
    early = await statuses(pair, 1)
    before = len(server.calls)
    pair.later(1.1)
    late = await statuses(pair, 2)

    assert {*tried, *early, *late} == {200}
    failures = POLICY.failures
    assert (after_the_first, before, len(server.calls)) == (
        failures + 1,
        failures + 1,
        failures + 2,
    )


@pytest.mark.parametrize("how", ["fin", "reset"])
async def test_a_client_that_leaves_its_try_leaves_the_place_to_the_next(
    pair: Running, server: ScriptedServer, how: str
) -> None:
    server.next(*[OOPS] * POLICY.failures, Behaviour(cut="before-head", end="hang"))
    await statuses(pair, POLICY.failures)
    pair.later(POLICY.cooldown_s + 0.1)
    async with connected(pair.port) as client:
        client.send(chat())
        await server.until(lambda s: len(s.calls) == POLICY.failures + 1)
        client.close(how)
        await server.until(lambda s: s.disconnects == 1)

    answer = await ask(pair.port, chat())

    assert answer.header("x-multillama-endpoint") == f"127.0.0.1:{server.port}"


@pytest.mark.parametrize(
    "trouble",
    [OOPS, SHORT, Behaviour(status="401 Unauthorized", body=b"{}"),
     Behaviour(status="429 No", headers=(("retry-after", "600"),), body=b"{}")],
    ids=["500", "closed", "401", "429"],
)  # fmt: skip
async def test_the_only_endpoint_is_tried_whatever_it_did(
    gateway: Running, server: ScriptedServer, trouble: Behaviour
) -> None:
    server.next(*[trouble] * 8)
    await statuses(gateway, 8)

    answer = await ask(gateway.port, chat())

    assert (answer.status, len(server.calls)) == (200, 9)


async def test_the_only_endpoint_is_tried_though_it_could_not_be_reached(
    gateway: Running, server: ScriptedServer
) -> None:
    server.go_down()
    refused = await statuses(gateway, 8)
    await server.come_back()

    answer = await ask(gateway.port, chat())

    assert (refused, answer.status) == ([502] * 8, 200)


async def test_if_all_are_left_alone_all_are_tried(
    pair: Running, server: ScriptedServer, second: ScriptedServer
) -> None:
    server.default = second.default = Behaviour(status="401 Unauthorized", body=b"{}")
    refused = await statuses(pair, 2)
    second.default = Behaviour()

    answer = await ask(pair.port, chat())

    assert (refused, answer.status) == ([401, 401], 200)
