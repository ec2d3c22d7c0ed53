"""Failures before the answer has begun that the client never sees: how often, when and where it is tried again."""

import json
from collections import Counter
from typing import Any

import pytest

from multillama.core.budget import WINDOW_S
from multillama.core.policy import RetryPolicy
from multillama.testing.behaviours import OVERLOADED, RATE_LIMITED, Behaviour, End
from multillama.testing.server import ScriptedServer
from tests.faults.client import Answer, ask, chat, connected, post
from tests.faults.gateway import Running, running

BUSY = Behaviour(status="503 Service Unavailable", body=b'{"error":{"message":"loading"}}')
EVENTS = (("content-type", "text/event-stream"),)
ERRORS: dict[str, dict[str, Any]] = {
    "chat/completions": {"error": {"message": "out of memory", "type": "oom"}},
    "completions": {"error": "out of memory"},
    "messages": {"type": "error", "error": {"type": "oom", "message": "out of memory"}},
    "responses": {
        "type": "response.failed",
        "response": {"status": "failed", "error": {"code": "oom", "message": "out of memory"}},
    },
}


def as_event(said: object) -> bytes:
    return b"data: " + json.dumps(said).encode() + b"\n\n"


def says(answer: Answer) -> str:
    return str(answer.json()["choices"][0]["message"]["content"])


def notes(answer: Answer) -> tuple[str | None, str | None]:
    """What the client is told of repetitions."""
    return answer.header("x-multillama-attempts"), answer.header("x-should-retry")


async def test_an_endpoint_that_says_when_is_asked_again_then_and_never_earlier(
    gateway: Running, server: ScriptedServer
) -> None:
    server.next(RATE_LIMITED)

    answer = await ask(gateway.port, chat())

    first, again = server.calls
    assert (answer.status, answer.end, notes(answer)) == (200, "whole", ("2", None))
    assert 1.0 <= again.arrived_at - first.arrived_at < 1.5
    assert (again.body, again.headers) == (first.body, first.headers)
    record = await gateway.record()
    assert (record.status, record.outcome, record.attempts) == (200, "ok", 2)
    assert record.tried == (f"127.0.0.1:{server.port}: rate_limited",)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_endpoint_that_is_busy_for_a_moment_is_asked_again(
    gateway: Running, server: ScriptedServer, stream: bool
) -> None:
    server.next(BUSY, BUSY)

    answer = await ask(gateway.port, chat(stream=stream))

    whole = b"".join(server.answer(server.calls[0], Behaviour()).parts)
    assert (answer.status, answer.body, answer.end) == (200, whole, "whole")
    assert (notes(answer), len(server.calls)) == (("3", None), 3)


async def test_another_endpoint_is_preferred_to_any_wait(
    pair: Running, server: ScriptedServer, second: ScriptedServer
) -> None:
    server.next(RATE_LIMITED)

    answer = await ask(pair.port, chat())

    assert says(answer) == "From the second."
    assert (len(server.calls), (await pair.record()).total_ms < 500) == (1, True)


async def test_a_wait_that_is_too_long_is_the_clients_to_decide(
    gateway: Running, server: ScriptedServer
) -> None:
    server.next(Behaviour(status="429 Later", headers=(("retry-after", "21"),), body=b"{}"))

    answer = await ask(gateway.port, chat())

    assert (answer.status, answer.header("retry-after")) == (429, "21")
    assert (notes(answer), len(server.calls)) == ((None, None), 1)


async def test_a_client_that_leaves_during_a_wait_ends_it(
    gateway: Running, server: ScriptedServer
) -> None:
    server.default = RATE_LIMITED

    async with connected(gateway.port) as client:
        client.send(chat())
        await gateway.until(lambda g: g.listener.snapshot.endpoints[0].state.breaker is not None)
        client.close("reset")
        record = await gateway.record()

    assert (record.outcome, record.error) == ("cancelled", "client_gone")
    assert record.total_ms < 900
    assert len(server.calls) == 1


@pytest.mark.parametrize("path", ERRORS)
async def test_an_error_as_the_first_event_is_survived_by_the_next_endpoint(
    pair: Running, server: ScriptedServer, second: ScriptedServer, path: str
) -> None:
    server.next(Behaviour(headers=EVENTS, body=as_event(ERRORS[path])))

    answer = await ask(pair.port, post(f"/v1/{path}", {"model": "m1", "stream": True}))

    whole = b"".join(second.answer(second.calls[0], Behaviour()).parts)
    assert (answer.status, answer.body, answer.end) == (200, whole, "whole")
    assert (await pair.record()).tried == (f"127.0.0.1:{server.port}: error_event",)


@pytest.mark.parametrize("path", ERRORS)
async def test_an_error_as_the_first_event_passes_where_nobody_else_can_answer(
    gateway: Running, server: ScriptedServer, path: str
) -> None:
    server.default = Behaviour(headers=EVENTS, body=as_event(ERRORS[path]))

    answer = await ask(gateway.port, post(f"/v1/{path}", {"model": "m1", "stream": True}))

    assert (answer.status, answer.body, answer.end) == (200, as_event(ERRORS[path]), "whole")
    assert (notes(answer), len(server.calls)) == ((None, None), 1)


async def test_a_comment_has_not_begun_the_answer_so_an_error_after_it_is_survived(
    pair: Running, server: ScriptedServer
) -> None:
    comment = b": processing\n\n"
    body = comment + as_event(ERRORS["completions"])
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    head += b"content-length: %d\r\n\r\n" % len(body)
    server.next(Behaviour(raw=head + body, sizes=(len(head + comment), 1000), every_s=0.02))

    answer = await ask(pair.port, chat(stream=True))

    assert b"second" in answer.body
    assert b"processing" not in answer.body


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("stream", [False, True])
async def test_an_empty_200_is_survived_by_the_next_endpoint(
    pair: Running, server: ScriptedServer, stream: bool, framing: Any
) -> None:
    end: End = "fin" if framing == "close" else "keep"
    headers = EVENTS if stream else ()
    server.next(Behaviour(headers=headers, body=b"", framing=framing, end=end))

    answer = await ask(pair.port, chat(stream=stream))

    assert (answer.status, b"From" in answer.body, answer.end) == (200, True, "whole")
    assert (await pair.record()).tried == (f"127.0.0.1:{server.port}: empty",)


async def test_a_failure_of_ours_says_whether_it_was_repeated(
    gateway: Running, server: ScriptedServer
) -> None:
    server.next(Behaviour(cut="before-head", end="fin"))
    once = await ask(gateway.port, chat())
    server.go_down()

    often = await ask(gateway.port, chat())

    assert (once.error["code"], notes(once)) == ("endpoint_closed", (None, None))
    assert (often.error["code"], notes(often)) == ("endpoint_unreachable", ("3", "false"))


async def test_four_dead_endpoints_of_five_cost_no_client_anything(server: ScriptedServer) -> None:
    async with (
        ScriptedServer(["m1"]) as first,
        ScriptedServer(["m1"]) as next_one,
        ScriptedServer(["m1"]) as third,
        ScriptedServer(["m1"]) as fourth,
        running(first.url, next_one.url, third.url, fourth.url, server.url) as gateway,
    ):
        for dead in (first, next_one, third, fourth):
            dead.go_down()

        answer = await ask(gateway.port, chat())

    assert (answer.status, notes(answer)) == (200, ("5", None))


async def test_no_more_than_three_endpoints_do_the_work_of_one_request(
    server: ScriptedServer, second: ScriptedServer
) -> None:
    async with (
        ScriptedServer(["m1"]) as third,
        ScriptedServer(["m1"]) as fourth,
        running(server.url, second.url, third.url, fourth.url) as gateway,
    ):
        for failing in (server, second, third):
            failing.default = Behaviour(status="500 Oops", body=b"oops")

        answer = await ask(gateway.port, chat())

        assert (answer.status, answer.body, notes(answer)) == (500, b"oops", ("3", "false"))
        assert (len(third.calls), fourth.calls) == (1, [])


async def test_an_outage_is_not_answered_with_a_multiple_of_the_load(
    gateway: Running, server: ScriptedServer
) -> None:
    server.default = OVERLOADED
    policy = RetryPolicy()

    async with connected(gateway.port) as client:
        answers = [await client.ask(chat()) for _ in range(100)]

    allowed = policy.budget_floor_per_s * WINDOW_S + 100 * policy.budget_percent / 100
    assert {answer.status for answer in answers} == {529}
    assert len(server.calls) - 100 == allowed
    assert notes(answers[0]) == ("3", "false")
    assert notes(answers[-1])[1] == (None if notes(answers[-1])[0] is None else "false")


async def test_by_default_every_endpoint_has_its_share(
    server: ScriptedServer, second: ScriptedServer
) -> None:
    async with (
        running(server.url, second.url, by_chance=True) as gateway,
        connected(gateway.port) as client,
    ):
        answers = [await client.ask(chat()) for _ in range(40)]

    shares = Counter(answer.header("x-multillama-endpoint") for answer in answers)
    assert set(shares) == {f"127.0.0.1:{each.port}" for each in (server, second)}
    assert min(shares.values()) > 2, (
        "a server that is slower by chance gets less, but never nothing"
    )
