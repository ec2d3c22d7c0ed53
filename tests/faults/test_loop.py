"""A gateway that is its own endpoint does not go round for ever: another endpoint answers, or it ends with 508."""

from multillama.app.gateway import Gateway
from multillama.testing.server import ScriptedServer
from tests.faults.client import ask, chat, connected, post
from tests.faults.gateway import Running, running
from tests.gateway import free_port


def knows_both(gateway: Gateway) -> bool:
    models = gateway.view.models()
    return len(models) == 1 and len(models[0].endpoints) == 2


async def test_a_gateway_pointed_at_itself_leads_to_its_other_endpoint(
    server: ScriptedServer,
) -> None:
    port = free_port()

    async with running(f"http://127.0.0.1:{port}", server.url, port=port, refresh_s=0.1) as gateway:
        await gateway.until(knows_both)
        answer = await ask(port, chat())
        stream = await ask(port, chat(stream=True))

    assert (answer.status, answer.end) == (200, "whole")
    assert (stream.status, stream.events[-1]) == (200, "data: [DONE]")
    assert len(server.calls) == 2
    assert [record.error for record in gateway.records].count("loop_detected") == 2
    assert len(gateway.records) == 12


async def test_a_gateway_with_nothing_but_itself_answers_508(server: ScriptedServer) -> None:
    port = free_port()

    async with running(server.url, f"http://127.0.0.1:{port}", port=port, refresh_s=0.1) as gateway:
        await gateway.until(knows_both)
        server.go_down()
        answer = await ask(port, chat())
        statuses = [record.status for record in gateway.records]
        after = await ask(port, chat(stream=True))

    assert (answer.status, answer.end, answer.error["code"]) == (508, "whole", "loop_detected")
    assert answer.error["origin"] == "gateway"
    assert statuses == [508] * 6
    assert (after.status in (502, 508), after.end) == (True, "whole")  # whose turn was last
    assert len(gateway.records) <= 12
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
