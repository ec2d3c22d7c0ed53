"""A server that says it has enough gets no more: the others wait here instead of being refused there."""

import asyncio

from multillama.config.schema import EndpointSetting
from multillama.core.learning import LEAST_AHEAD
from multillama.testing.behaviours import GOOD, Behaviour
from multillama.testing.connection import Request
from multillama.testing.server import ScriptedServer
from tests.faults.client import ask, chat
from tests.faults.gateway import running

ROOM = 6
FULL = Behaviour(
    status="503 Service Unavailable",
    headers=(("content-type", "application/json"),),
    body=b'{"error":{"message":"server busy, please try again.  maximum pending requests exceeded",'
    b'"type":"api_error","param":null,"code":null}}',
)


class Slow(ScriptedServer):
    """One that answers when the test says so, refuses whom it has no room for, and tells its metrics."""

    room = ROOM
    metrics = GOOD
    accepted = answered = refused = 0

    def on_request(self, request: Request) -> Behaviour:
        if not request.target.endswith("/chat/completions"):
            super().on_request(request)
            return self.metrics if request.target == "/metrics" else GOOD
        has_room = self.accepted - self.answered < self.room
        self.accepted += has_room
        self.refused += not has_room
        super().on_request(request)
        return Behaviour(held=True) if has_room else FULL

    async def answer_next(self) -> None:
        await self.step()
        self.answered += 1


async def test_after_one_refusal_the_others_wait_for_a_place() -> None:
    async with Slow() as server:
        ollama = EndpointSetting(url=server.url, provider="ollama")
        async with (
            running(endpoints=(ollama,), first_byte_timeout_s=10.0) as gateway,
            asyncio.TaskGroup() as group,
        ):
            state = gateway.gateway.listener.snapshot.endpoints[0].state
            await gateway.until(lambda _: state.learnt is not None)
            clients = [group.create_task(ask(gateway.port, chat())) for _ in range(ROOM)]
            await server.until(lambda _: server.accepted == ROOM)

            clients += [group.create_task(ask(gateway.port, chat()))]
            await gateway.until(lambda _: bool(state.queue))
            clients += [group.create_task(ask(gateway.port, chat())) for _ in range(ROOM)]
            await gateway.until(lambda _: len(state.queue or ()) == ROOM + 1)
            for number in range(len(clients)):
                await server.until(lambda _, number=number: server.accepted > number)
                await server.answer_next()

    assert [client.result().status for client in clients] == [200] * len(clients)
    assert server.refused == 1


async def test_while_something_waits_in_vllm_no_more_is_sent_than_keeps_it_busy() -> None:
    told = b"vllm:num_requests_running 2.0\nvllm:num_requests_waiting 1.0\n"
    limit = 2 + LEAST_AHEAD
    async with Slow() as server:
        server.room, server.metrics = 100, Behaviour(body=told)
        vllm = EndpointSetting(url=server.url, provider="vllm")
        async with (
            running(endpoints=(vllm,), first_byte_timeout_s=10.0) as gateway,
            asyncio.TaskGroup() as group,
        ):
            state = gateway.gateway.listener.snapshot.endpoints[0].state
            await gateway.until(lambda _: state.slots == limit)

            clients = [group.create_task(ask(gateway.port, chat())) for _ in range(limit + 3)]
            await gateway.until(lambda _: len(state.queue or ()) == 3)
            await server.until(lambda _: server.accepted == limit)
            for number in range(len(clients)):
                await server.until(lambda _, number=number: server.accepted > number)
                await server.answer_next()

    assert [client.result().status for client in clients] == [200] * len(clients)
