"""An endpoint that cannot be reached or leaves without a byte: the next one, or an error that says so."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from multillama.testing.behaviours import HANG, Behaviour, End
from multillama.testing.server import ScriptedServer
from tests.faults.client import ask, chat, connected
from tests.faults.gateway import Running

LEAVES_AT_ONCE = [
    Behaviour(cut="before-head", end="fin"),
    Behaviour(cut="before-head", end="reset"),
]


async def test_a_refused_connection_is_told_in_openais_shape(
    gateway: Running, server: ScriptedServer
) -> None:
    server.go_down()

    answer = await ask(gateway.port, chat())

    assert (answer.status, answer.end) == (502, "whole")
    assert answer.header("content-type") == "application/json"
    assert f"127.0.0.1:{server.port} cannot be reached" in answer.error["message"]
    assert answer.error | {"message": ""} == {
        "message": "",
        "type": "upstream_error",
        "param": None,
        "code": "endpoint_unreachable",
        "origin": f"endpoint:127.0.0.1:{server.port}",
    }
    record = await gateway.record()
    assert (record.status, record.outcome, record.error) == (502, "failed", "endpoint_unreachable")


async def test_after_a_refused_connection_the_next_endpoint_answers(
    pair: Running, server: ScriptedServer
) -> None:
    server.go_down()

    answer = await ask(pair.port, chat())

    assert answer.json()["choices"][0]["message"]["content"] == "From the second."
    record = await pair.record()
    assert (record.outcome, record.attempts) == ("ok", 2)
    assert record.tried == (f"127.0.0.1:{server.port}: endpoint_unreachable",)


async def test_when_all_endpoints_refuse_the_last_ones_failure_is_told(
    pair: Running, server: ScriptedServer, second: ScriptedServer
) -> None:
    server.go_down()
    second.go_down()

    answer = await ask(pair.port, chat())

    first, last = (f"127.0.0.1:{each.port}" for each in (server, second))
    assert (answer.status, answer.error["code"]) == (502, "endpoint_unreachable")
    assert answer.error["origin"] == f"endpoint:{last}"
    record = await pair.record()
    assert (record.outcome, record.attempts) == ("failed", 6)
    tried = (first, last, first, last, first)
    assert record.tried == tuple(f"{name}: endpoint_unreachable" for name in tried)


async def test_when_the_others_are_gone_one_that_broke_down_is_tried_again(
    pair: Running, server: ScriptedServer, second: ScriptedServer
) -> None:
    server.next(*LEAVES_AT_ONCE)
    second.go_down()

    answer = await ask(pair.port, chat())

    assert answer.status == 200
    record = await pair.record()
    assert (record.outcome, record.endpoint) == ("ok", f"127.0.0.1:{server.port}")
    assert [row.rpartition(" ")[2] for row in record.tried] == [
        "endpoint_closed", "endpoint_unreachable", "endpoint_closed", "endpoint_unreachable",
    ]  # fmt: skip


async def test_an_endpoint_that_comes_back_is_used_again(
    gateway: Running, server: ScriptedServer
) -> None:
    server.go_down()
    refused = await ask(gateway.port, chat())
    await server.come_back()

    answer = await ask(gateway.port, chat())

    assert (refused.status, answer.status) == (502, 200)


@pytest.mark.parametrize("leaving", LEAVES_AT_ONCE, ids=["fin", "reset"])
async def test_a_connection_lost_before_the_answer_is_told(
    gateway: Running, server: ScriptedServer, leaving: Behaviour
) -> None:
    server.next(leaving)

    answer = await ask(gateway.port, chat())

    assert (answer.status, answer.error["code"]) == (502, "endpoint_closed")
    assert (await gateway.record()).outcome == "failed"
    assert len(server.calls) == 1


@pytest.mark.parametrize("leaving", LEAVES_AT_ONCE, ids=["fin", "reset"])
async def test_after_a_connection_lost_before_the_answer_the_next_endpoint_answers(
    pair: Running, server: ScriptedServer, second: ScriptedServer, leaving: Behaviour
) -> None:
    server.next(leaving)

    answer = await ask(pair.port, chat(stream=True))

    assert (answer.status, answer.events[-1]) == (200, "data: [DONE]")
    assert (len(server.calls), len(second.calls)) == (1, 1)
    assert (await pair.record()).tried == (f"127.0.0.1:{server.port}: endpoint_closed",)


@pytest.mark.parametrize("end", ["fin", "reset"])
async def test_an_endpoint_that_hangs_up_on_accept_is_passed_over(
    pair: Running, server: ScriptedServer, end: End
) -> None:
    server.go_down()
    await server.come_back()
    server.on_accept = Behaviour(cut="before-head", end=end)

    answer = await ask(pair.port, chat())

    assert answer.json()["choices"][0]["message"]["content"] == "From the second."
    assert (await pair.record()).attempts == 2


@pytest.mark.parametrize("end", ["fin-on-reuse", "reset-on-reuse"])
async def test_a_kept_connection_that_dies_at_its_next_request_is_replaced_unseen(
    gateway: Running, server: ScriptedServer, end: End
) -> None:
    server.next(Behaviour(end=end))
    await ask(gateway.port, chat())

    answer = await ask(gateway.port, chat())

    assert (answer.status, answer.end) == (200, "whole")
    record = await gateway.record(2)
    assert (record.outcome, record.error, record.attempts) == ("ok", None, 1)
    assert server.calls[1].connection is not server.calls[0].connection


async def test_a_kept_connection_is_replaced_only_once(
    gateway: Running, server: ScriptedServer
) -> None:
    server.next(Behaviour(end="fin-on-reuse"), LEAVES_AT_ONCE[0])
    await ask(gateway.port, chat())

    answer = await ask(gateway.port, chat())

    assert (answer.status, answer.error["code"]) == (502, "endpoint_closed")
    assert len(server.calls) == 2


@pytest.mark.parametrize("end", ["fin", "reset"])
async def test_a_connection_closed_after_its_answer_is_not_used_again(
    gateway: Running, server: ScriptedServer, end: End
) -> None:
    server.next(Behaviour(end=end))
    first = await ask(gateway.port, chat())

    answer = await ask(gateway.port, chat())

    assert (first.status, answer.status) == (200, 200)
    assert server.calls[1].connection is not server.calls[0].connection


async def test_twenty_broken_promises_of_keep_alive_cost_no_client_anything(
    gateway: Running, server: ScriptedServer
) -> None:
    ends: list[End] = ["fin", "reset", "fin-on-reuse", "reset-on-reuse"]
    server.next(*[Behaviour(end=end) for end in ends * 5])

    async with connected(gateway.port) as client:
        statuses = [(await client.ask(chat())).status for _ in range(20)]

    assert statuses == [200] * 20
    assert (await gateway.record(20)).outcome == "ok"


async def test_an_endpoint_that_never_answers_is_given_up(
    gateway: Running, server: ScriptedServer
) -> None:
    server.next(HANG)

    answer = await ask(gateway.port, chat())

    assert (answer.status, answer.error["code"]) == (504, "first_byte_timeout")
    assert (await gateway.record()).error == "first_byte_timeout"
    await server.until(lambda s: s.disconnects == 1)


async def test_a_head_that_stops_half_way_is_given_up(
    gateway: Running, server: ScriptedServer
) -> None:
    server.next(Behaviour(cut="mid-head", end="hang"))

    answer = await ask(gateway.port, chat())

    assert (answer.status, answer.error["code"]) == (504, "first_byte_timeout")
    await server.until(lambda s: s.disconnects == 1)


async def test_an_answer_that_is_late_is_not_asked_for_a_second_time(
    pair: Running, server: ScriptedServer, second: ScriptedServer
) -> None:
    server.next(HANG)

    answer = await ask(pair.port, chat())

    assert answer.status == 504
    assert second.calls == []


async def test_an_answer_that_is_slow_but_in_time_is_delivered(
    gateway: Running, server: ScriptedServer
) -> None:
    server.next(Behaviour(held=True))

    async with connected(gateway.port) as client:
        client.send(chat())
        await server.step()
        answer = await client.answer()

    assert (answer.status, answer.end) == (200, "whole")


@contextmanager
def deaf(port: int) -> Iterator[None]:
    """Listens there with a queue that is full: the kernel drops what wants to connect."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield


async def test_an_endpoint_that_takes_no_connection_is_given_up(
    gateway: Running, server: ScriptedServer
) -> None:
    server.go_down()

    with deaf(server.port):
        before = asyncio.get_running_loop().time()
        answer = await ask(gateway.port, chat())
        took_s = asyncio.get_running_loop().time() - before

    assert (answer.status, answer.error["code"]) == (504, "connect_timeout")
    assert 0.2 < took_s < 1.0


async def test_after_a_connection_that_was_not_taken_the_next_endpoint_answers(
    pair: Running, server: ScriptedServer
) -> None:
    server.go_down()

    with deaf(server.port):
        answer = await ask(pair.port, chat())

    assert answer.json()["choices"][0]["message"]["content"] == "From the second."
    assert (await pair.record()).tried == (f"127.0.0.1:{server.port}: connect_timeout",)
