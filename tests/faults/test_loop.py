"""A gateway that is its own endpoint ends with 508 instead of going round for ever."""

from multillama.testing.server import ScriptedServer
from tests.faults.client import ask, chat, connected, post
from tests.faults.gateway import Running, running
from tests.gateway import free_port


async def test_a_gateway_pointed_at_itself_answers_508(server: ScriptedServer) -> None:
    port = free_port()
    myself = f"http://127.0.0.1:{port}"

    async with running(myself, server.url, port=port, refresh_s=0.1) as gateway:
        await gateway.until(
            lambda g: len(g.view.models()) == 1 and len(g.view.models()[0].endpoints) == 2
        )
        answer = await ask(port, chat())
        statuses = [record.status for record in gateway.records]
        after = await ask(port, chat(stream=True))

    assert (answer.status, answer.end, answer.error["code"]) == (508, "whole", "loop_detected")
    assert answer.error["origin"] == "gateway"
    assert set(statuses) == {508}
    assert len(statuses) < 10
    assert after.status == 508
    assert server.calls == []


async def test_gateways_in_a_row_are_no_loop(server: ScriptedServer) -> None:
    async with (
        running(server.url) as first,
        running(first.url) as second,
        running(second.url) as third,
        connected(third.port) as client,
    ):
        whole = await client.ask(chat())
        stream = await client.ask(chat(stream=True))

    assert (whole.status, stream.events[-1]) == (200, "data: [DONE]")


async def test_a_hop_count_that_is_none_is_not_believed(
    gateway: Running, server: ScriptedServer
) -> None:
    request = post("/v1/chat/completions", {"model": "m1"}, "x-multillama-hops: -1")

    answer = await ask(gateway.port, request)

    assert answer.status in (200, 400)
    assert all(call.header("x-multillama-hops") == "1" for call in server.calls)
