"""From the file to the wire: each member of an endpoint and of a policy changes what is done.

A row tells what happens with the member and what without it, all else equal.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple, get_args

import msgspec
import pytest

from multillama.config.routing import (
    BreakerSetting,
    PolicySetting,
    QueueSetting,
    RetrySetting,
    Strategy,
)
from multillama.config.schema import EndpointSetting, EndpointTimeouts
from multillama.core.hedge import ENOUGH
from multillama.testing.behaviours import Behaviour
from tests.app.configured import FAILS, Configured, configured, merged
from tests.faults.client import chat, connected, post

SECTIONS: Final[dict[type[msgspec.Struct], str]] = {
    EndpointSetting: "a.", EndpointTimeouts: "a.timeouts.", PolicySetting: "routing.",
    RetrySetting: "routing.retry.", BreakerSetting: "routing.breaker.", QueueSetting: "routing.queue.",
}  # fmt: skip
ALONE: Final = {"aliases": {"x": "a/m1"}}
"""A name that only the first endpoint serves."""
LIMITED: Final = Behaviour(status="429 Too Many Requests", body=b"{}")
REFUSED: Final = Behaviour(status="401 Unauthorized", body=b"{}")
LONG: Final = chat(messages=[{"role": "user", "content": "a story of a long night " * 400}])
SAID: Final = chat(stream=True, messages=[{"role": "user", "content": "Say it."}])


# what is done under both files; each says what it saw


async def who(scene: Configured) -> str:
    return await scene.who()


async def calls_of_the_second(scene: Configured) -> int:
    await scene.ask()
    return len(scene.b.calls)


async def eight(scene: Configured) -> str:
    return "".join(sorted(set(await scene.who(8))))


async def in_turn(scene: Configured) -> str:
    return await scene.who(4)


async def quarters(scene: Configured) -> int:
    """How many of four requests the first has."""
    return round(Counter(await scene.who(40))["a"] / 10)


async def the_slow_first(scene: Configured) -> str:
    scene.a.default = Behaviour(delay_s=0.05)
    return await scene.who(4)


async def of_one_conversation(scene: Configured) -> int:
    return len(set(await scene.who(6, LONG)))


async def second_of_two(scene: Configured) -> str:
    """Who serves a second request while the first is at work."""
    scene.a.default = Behaviour(held=True)
    first, second = scene.begin(), scene.begin()
    await scene.until(lambda: len(scene.a.calls) + len(scene.b.calls) == 2)
    await scene.a.step(len(scene.a.calls))
    answers = await asyncio.gather(first, second)
    return "".join(sorted(str(one.header("x-multillama-endpoint")) for one in answers))


async def who_while_the_first_fails(scene: Configured) -> str:
    scene.a.default = FAILS
    return await scene.who()


async def who_while_the_first_is_slow(scene: Configured) -> str:
    scene.a.default = Behaviour(delay_s=0.5)
    return await scene.who()


async def path_of_a_chat(scene: Configured) -> str:
    await scene.ask(chat(model="x", max_tokens=5))
    return scene.a.calls[-1].target


async def status_with_a_seed(scene: Configured) -> int:
    return (await scene.ask(chat(model="x", seed=1))).status


def header(name: str) -> "Play":
    async def play(scene: Configured) -> str | None:
        await scene.ask()
        return scene.a.calls[-1].header(name)

    return play


async def slow_connect(scene: Configured) -> str:
    answer = await scene.ask(chat(model="x"))
    return str(answer.error["message"]).partition("within ")[2][:5]


async def slow_answer(scene: Configured) -> int:
    scene.a.default = scene.b.default = Behaviour(delay_s=0.3)
    return (await scene.ask(chat(model="x"))).status


async def silence(scene: Configured) -> str:
    scene.a.default = Behaviour(delay_s=2.3)
    known = len(scene.a.requests)
    await scene.ask(chat(model="x"))
    return "asked" if any(one.is_listing for one in scene.a.requests[known:]) else "not asked"


async def slow_event(scene: Configured) -> int:
    scene.a.default = Behaviour(events=1, every_s=0.15)
    return (await scene.ask(chat(stream=True, model="x"))).status


async def slow_taker(scene: Configured) -> int:
    scene.a.default = Behaviour(early=True, delay_s=0.5)
    return (await scene.ask(chat(model="x", user="u" * 24_000_000))).status


async def idle_connection(scene: Configured) -> str:
    await scene.ask(chat(model="x"))
    connection = scene.a.connections[-1]
    try:
        await scene.a.until(lambda _: connection.closed_by is not None, timeout_s=0.4)
    except TimeoutError:
        return "kept"
    return "closed"


async def calls_until_it_ends(scene: Configured) -> int:
    scene.a.default = scene.b.default = FAILS
    await scene.ask()
    return len(scene.a.calls) + len(scene.b.calls)


async def after_two_failures(scene: Configured) -> list[str]:
    scene.a.next(FAILS, FAILS)
    await scene.ask(chat(model="x"))
    return scene.then


async def asked_to_wait(scene: Configured) -> int:
    scene.a.next(Behaviour(status="429 Slow", headers=(("retry-after-ms", "100"),), body=b"{}"))
    return (await scene.ask(chat(model="x"))).status


def rests(
    behaviour: Behaviour, times: int = 1, *, seconds: float = 3.0, between: float = 0.0
) -> "Play":
    """How often the first is asked: so many times until it fails, and once more after a while."""

    async def play(scene: Configured) -> int:
        scene.a.default = behaviour
        for _ in range(times):
            await scene.ask()
            scene.later(between)
        scene.later(seconds)
        await scene.ask()
        return len(scene.a.calls)

    return play


def waiting(wait_s: float) -> "Play":
    """What becomes of a second request while the one place is taken, for so long at the most."""

    async def play(scene: Configured) -> tuple[int, bool]:
        scene.a.next(Behaviour(held=True))
        first = scene.begin(chat(model="x"))
        await scene.until(lambda: scene.a.calls)
        second = scene.begin(chat(model="x", stream=True))
        await asyncio.wait([second], timeout=wait_s)
        await scene.a.step()
        answer = (await asyncio.gather(first, second))[1]
        return answer.status, answer.body.startswith(b": waiting")

    return play


async def after_enough_samples(scene: Configured) -> str:
    await scene.who(ENOUGH)
    scene.a.default = Behaviour(delay_s=0.5)
    return await scene.who()


async def broken_off(scene: Configured) -> str:
    scene.a.next(Behaviour(cut="mid-body", end="reset"))
    async with connected(scene.port) as client:
        answer = await client.ask(SAID)
    return answer.events[-1].partition(": ")[2][:6]


async def asked_twice_at_once(scene: Configured) -> int:
    scene.a.default = Behaviour(delay_s=0.2)
    request = post("/v1/embeddings", {"model": "m1", "input": "a text"})
    await asyncio.gather(scene.begin(request), scene.begin(request))
    return len(scene.a.calls)


async def usage_of_a_stream(scene: Configured) -> tuple[object, bool]:
    """What the endpoint is asked, and whether the client sees it."""
    answer = await scene.ask(chat(stream=True))
    asked = json.loads(scene.a.calls[-1].body).get("stream_options")
    return asked, b'"usage"' in answer.body


Play = Callable[[Configured], Awaitable[object]]


class Row(NamedTuple):
    member: str
    """Where it stands in the file."""
    value: object
    play: Play
    seen: object
    """With the member …"""
    otherwise: object
    """… and without."""
    given: Mapping[str, Any] = {}
    """What stands in the file both times."""


def routing(**members: object) -> dict[str, object]:
    return {"routing": members}


def strategy(name: str, play: Play, seen: object, otherwise: object, **given: Any) -> Row:
    return Row("routing.strategy", name, play, seen, otherwise, given)


CHEAPEST: Final = {"b": {"input_price": 0.1}, **routing(strategy="cheapest")}
LLAMA: Final = {"a": {"provider": "llama.cpp"}, "b": {"provider": "llama.cpp"}}
FAR: Final = merged(LLAMA, {"b": {"tags": ["cloud"]}})
ONE_PLACE: Final = {"a": {"max_concurrency": 1}, **ALONE}
AT_ONCE: Final = {"failures": 1}

ROWS: Final = (
    Row("a.url", "{b}", calls_of_the_second, 1, 0),
    Row("a.key", "k-12345678", header("authorization"), "Bearer k-12345678", None),
    Row("a.name", "nas", who, "nas", "a"),
    Row("a.provider", "anthropic", header("anthropic-version"), "2023-06-01", None),
    Row("a.weight", 3, quarters, 3, 2, routing(strategy="weighted")),
    Row("a.tier", 1, who, "b", "a"),
    Row("a.include", ["x*"], who, "b", "a"),
    Row("a.exclude", ["m*"], who, "b", "a"),
    Row("a.max_concurrency", 1, second_of_two, "ab", "aa"),
    Row("a.headers", {"X-Team": "red"}, header("x-team"), "red", None),
    Row("a.tags", ["cloud"], who, "b", "a", routing(local_only=True)),
    Row("a.dialects", ["anthropic.messages"], path_of_a_chat, "/v1/messages", "/v1/chat/completions", ALONE),
    Row("a.untranslatable", "reject", status_with_a_seed, 400, 200,
        {**ALONE, "a": {"dialects": ["anthropic.messages"]}}),
    Row("a.local_only", True, who_while_the_first_fails, "-", "b", {"b": {"tags": ["cloud"]}}),
    Row("a.input_price", 1, who, "b", "a", CHEAPEST),
    Row("a.output_price", 1, who, "b", "a", CHEAPEST),
    Row("a.timeouts.connect_timeout_s", 0.1, slow_connect, "0.1 s", "0.4 s",
        {"a": {"url": "https://{mute}"}, "timeouts": {"connect_timeout_s": 0.4}, **ALONE}),
    Row("a.timeouts.first_byte_timeout_s", 0.1, slow_answer, 504, 200, ALONE),
    Row("a.timeouts.probe_after_s", 0.1, silence, "asked", "not asked", ALONE),
    Row("a.timeouts.idle_timeout_s", 0.05, slow_event, 504, 200, ALONE),
    Row("a.timeouts.send_timeout_s", 0.1, slow_taker, 504, 200, ALONE),
    Row("a.timeouts.pool_idle_s", 0.05, idle_connection, "closed", "kept", ALONE),
    strategy("ordered", eight, "a", "ab", **routing(strategy="balanced")),
    strategy("balanced", eight, "ab", "a"),
    strategy("round_robin", in_turn, "abab", "aaaa"),
    strategy("weighted", quarters, 3, 4, a={"weight": 3}),
    strategy("least_busy", second_of_two, "ab", "aa"),
    strategy("fastest", the_slow_first, "abbb", "aaaa"),
    strategy("cheapest", who, "b", "a", a={"input_price": 2}, b={"input_price": 1}),
    strategy("affinity", of_one_conversation, 1, 2, **routing(strategy="round_robin")),
    Row("routing.local_only", True, who, "b", "a", {"a": {"tags": ["cloud"]}}),
    Row("routing.retry.max_attempts", 2, calls_until_it_ends, 2, 3),
    Row("routing.retry.backoff_s", 0.11, after_two_failures,
        ["waited 0.11 s and tried again", "waited 0.22 s and tried again"],
        ["waited 0 s and tried again"] * 2, ALONE),
    Row("routing.retry.max_backoff_s", 0.11, after_two_failures,
        ["waited 0.1 s and tried again", "waited 0.11 s and tried again"],
        ["waited 0.1 s and tried again", "waited 0.2 s and tried again"],
        {**ALONE, **routing(retry={"backoff_s": 0.1})}),
    Row("routing.retry.max_retry_after_s", 0.05, asked_to_wait, 429, 200, ALONE),
    Row("routing.retry.budget_percent", 0, calls_until_it_ends, 1, 3,
        routing(retry={"budget_floor_per_s": 0, "budget_percent": 1000})),
    Row("routing.retry.budget_floor_per_s", 0, calls_until_it_ends, 1, 3,
        routing(retry={"budget_percent": 0})),
    Row("routing.breaker.failures", 2, rests(FAILS, 3, seconds=0), 2, 4),
    Row("routing.breaker.window_s", 2, rests(FAILS, 3, seconds=0, between=3), 4, 2,
        routing(breaker={"failures": 2, "cooldown_s": 60})),
    Row("routing.breaker.cooldown_s", 1, rests(FAILS), 2, 1, routing(breaker=AT_ONCE)),
    Row("routing.breaker.max_cooldown_s", 1, rests(FAILS), 2, 1, routing(breaker=AT_ONCE)),
    Row("routing.breaker.rate_limit_s", 1, rests(LIMITED), 2, 1, routing(breaker=AT_ONCE)),
    Row("routing.breaker.key_s", 1, rests(REFUSED), 2, 1, routing(breaker=AT_ONCE)),
    Row("routing.queue.max_waiting", 0, waiting(0.1), (503, False), (200, False), ONE_PLACE),
    Row("routing.queue.max_wait_s", 0.05, waiting(0.3), (503, False), (200, False), ONE_PLACE),
    Row("routing.queue.keepalive_s", 0.05, waiting(0.15), (200, True), (200, False), ONE_PLACE),
    Row("routing.first_token_s", 0.2, who_while_the_first_is_slow, "b", "a"),
    Row("routing.deadline_s", 0.1, slow_answer, 504, 200, ALONE),
    Row("routing.hedge", True, after_enough_samples, "b", "a"),
    Row("routing.resume", False, broken_off, '{"erro', "[DONE]", LLAMA),
    Row("routing.resume", True, broken_off, "[DONE]", '{"erro', FAR),
    Row("routing.prefill", True, broken_off, "[DONE]", '{"erro',
        {"a": {"provider": "ollama"}, "b": {"provider": "ollama"}}),
    Row("routing.share", True, asked_twice_at_once, 1, 2),
    Row("routing.count_usage", True, usage_of_a_stream,
        ({"include_usage": True}, False), (None, False)),
    Row("routing.models", {"m*": {"local_only": True}}, who, "b", "a", {"a": {"tags": ["cloud"]}}),
    Row("aliases", {"m1": ["b/m1", "a/m1"]}, who, "b", "a"),
    Row("aliases", {"m1": [{"model": "a/m1", "tier": 1}, "b/m1"]}, who, "b", "a"),
    Row("aliases", {"m1": [{"model": "a/m1", "weight": 3}, {"model": "b/m1", "weight": 1}]},
        quarters, 3, 4),
    Row("aliases", {"m1": {"targets": ["a/m1", "b/m1"], "strategy": "round_robin"}},
        in_turn, "abab", "aaaa"),
)  # fmt: skip


def parts_of(row: Row, *, is_given: bool) -> dict[str, Any]:
    parts = merged({"routing": {"strategy": "ordered", "retry": {"backoff_s": 0}}}, row.given)
    if is_given:
        value: Any = row.value
        for name in reversed(row.member.split(".")):
            value = {name: value}
        parts = merged(parts, value)
    return parts


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.member}: {row.value}")
async def test_a_member_of_the_file_changes_what_is_done(row: Row, tmp_path) -> None:
    async with configured(tmp_path, parts_of(row, is_given=True)) as scene:
        seen = await row.play(scene)
    async with configured(tmp_path, parts_of(row, is_given=False)) as scene:
        otherwise = await row.play(scene)

    assert (seen, otherwise) == (row.seen, row.otherwise)


def test_every_member_and_every_strategy_has_a_row() -> None:
    members = {
        f"{prefix}{name}" for kind, prefix in SECTIONS.items() for name in kind.__struct_fields__
    }
    parts = {prefix.removesuffix(".") for prefix in SECTIONS.values()}

    assert {row.member for row in ROWS} == members - parts | {"routing.models", "aliases"}
    assert {row.value for row in ROWS if row.member == "routing.strategy"} == set(
        get_args(Strategy)
    )


def test_no_row_is_blind() -> None:
    assert [row.member for row in ROWS if row.seen == row.otherwise] == []
