"""Endpoints die and come back at random under load, and no client notices: real sockets, a gateway process of its own.

`MULTILLAMA_CHAOS_S` says how long each round takes, `MULTILLAMA_CHAOS_SEED` how it goes on; what is drawn is printed.
"""

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from multillama.testing.behaviours import Behaviour
from multillama.testing.server import ScriptedServer
from tests.faults.client import Answer, chat, connected, post
from tests.gateway import Gateway, endpoints, running

ROUND_S = float(os.environ.get("MULTILLAMA_CHAOS_S", "10"))
SEED = int(os.environ.get("MULTILLAMA_CHAOS_SEED", "1"))
STREAMS = 200
CLIENTS = 20
"""Of each kind, in the round without streams."""
ENDPOINTS = 3
ANSWER_S = 30
"""An answer takes two seconds; this is for a machine that has other things to do as well."""

pytestmark = pytest.mark.timeout(ROUND_S + 60)

WORDS = [f"w{number} " for number in range(39)] + ["end."]
TEXT = "".join(WORDS)
LLAMA_CPP = Behaviour(
    headers=(("connection", "close"),),
    end="fin",
    body=b'{"object":"list","data":[{"id":"m1","object":"model","owned_by":"llamacpp"}]}',
)
"""A listing by which an endpoint is known as one that continues answers."""
# Writes that fit no event: every death leaves half of one.
PACE = Behaviour(every_s=0.04, sizes=(190, 170, 230))
USAGE = {"include_usage": True}
STREAM = {"model": "m1", "stream": True, "max_tokens": 100}
SAY = [{"role": "user", "content": "Count."}]
REQUESTS = {
    "chat": chat(stream=True, messages=SAY, stream_options=USAGE),
    "completions": post("/v1/completions", {**STREAM, "prompt": "Count:", "stream_options": USAGE}),
    "messages": post("/v1/messages", {**STREAM, "messages": SAY}),
}
CHAT = chat(messages=SAY)
EMBEDDINGS = post("/v1/embeddings", {"model": "m1", "input": "Hi"})


class Chaos:
    """Kills and revives endpoints at random; at any time one of them is alive."""

    def __init__(self, servers: list[ScriptedServer], dice: random.Random) -> None:
        self.kills = 0
        self._alive = list(servers)
        self._dead: list[ScriptedServer] = []
        self._dice = dice

    async def rage(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        over = loop.time() + seconds
        while loop.time() < over:
            await asyncio.sleep(self._dice.uniform(0.1, 1.0))
            if self._dead and (len(self._alive) == 1 or self._dice.random() < 0.5):
                server = self._dead.pop(self._dice.randrange(len(self._dead)))
                await server.come_back()
                self._alive.append(server)
            else:
                server = self._alive.pop(self._dice.randrange(len(self._alive)))
                server.go_down()
                self._dead.append(server)
                self.kills += 1


Flags = Callable[..., list[str]]
"""The endpoints' URLs to the flags of the gateway."""


@asynccontextmanager
async def scene(
    log: Path, behaviour: Behaviour, flags: Flags = endpoints
) -> AsyncIterator[tuple[Gateway, Chaos]]:
    """A gateway process, by default started by the plain command line, in front of the scripted endpoints."""
    print(f"seed {SEED}")
    async with AsyncExitStack() as stack:
        servers = [ScriptedServer(["m1"], text=TEXT) for _ in range(ENDPOINTS)]
        for server in servers:
            server.listing, server.default = LLAMA_CPP, behaviour
            await stack.enter_async_context(server)
        gateway = running(*flags(*(server.url for server in servers)), log=log)
        # In a thread: it waits for the listings, which this loop answers.
        yield await asyncio.to_thread(gateway.__enter__), Chaos(servers, random.Random(SEED))
        await asyncio.to_thread(gateway.__exit__, None, None, None)


async def ask_until(
    over: float, port: int, request: bytes, is_right: Callable[[Answer], bool]
) -> tuple[int, list[Answer]]:
    """Asks again and again; returns how many answers were right, and those that were not."""
    right, wrong = 0, []
    while asyncio.get_running_loop().time() < over:
        async with connected(port) as client:
            client.send(request)
            answer = await client.answer(within_s=ANSWER_S)
        if is_sound(answer) and is_right(answer):
            right += 1
        else:
            wrong.append(answer)
    return right, wrong


def is_sound(answer: Answer) -> bool:
    """Says whether it is an answer to the end, and tells of no error."""
    return (answer.status, answer.end) == (200, "whole") and b'"error"' not in answer.body


def events_of(answer: Answer) -> list[Any]:
    data = [line[6:] for line in answer.body.decode().splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in data if line != "[DONE]"]


def is_whole_chat(answer: Answer) -> bool:
    """Says whether it is the stream that an endpoint without faults sends."""
    chunks = events_of(answer)
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    return (
        answer.body.endswith(b"data: [DONE]\n\n")
        and "".join(choice["delta"].get("content", "") for choice in choices) == TEXT
        and [choice["finish_reason"] for choice in choices if choice["finish_reason"]] == ["stop"]
        and ["role" in choice["delta"] for choice in choices].count(True) == 1
        and chunks[-1]["usage"] == {"prompt_tokens": 9, "completion_tokens": 40, "total_tokens": 49}
    )


def is_whole_completion(answer: Answer) -> bool:
    chunks = events_of(answer)
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    return (
        answer.body.endswith(b"data: [DONE]\n\n")
        and "".join(choice["text"] for choice in choices) == TEXT
        and choices[-1]["finish_reason"] == "stop"
        and chunks[-1]["usage"]["completion_tokens"] == 40
    )


def is_whole_message(answer: Answer) -> bool:
    events = events_of(answer)
    kinds = [event["type"] for event in events if event["type"] != "content_block_delta"]
    said = [event["delta"]["text"] for event in events if event["type"] == "content_block_delta"]
    return (
        kinds
        == ["message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop"]
        and "".join(said) == TEXT
        and events[-2]["usage"]["output_tokens"] == 40
    )  # fmt: skip


def is_whole_body(answer: Answer) -> bool:
    return bool(answer.json()["choices"][0]["message"]["content"] == TEXT)


def is_embedding(answer: Answer) -> bool:
    return len(answer.json()["data"]) == 1


WHOLE = {"chat": is_whole_chat, "completions": is_whole_completion, "messages": is_whole_message}


async def test_two_hundred_streams_survive_the_death_of_their_endpoints(tmp_path: Path) -> None:
    over = asyncio.get_running_loop().time() + ROUND_S
    async with scene(tmp_path / "log", PACE) as (gateway, chaos):
        kinds = [(REQUESTS[name], WHOLE[name]) for name in WHOLE]

        *heard, _ = await asyncio.gather(
            *[ask_until(over, gateway.port, *kinds[n % len(kinds)]) for n in range(STREAMS)],
            chaos.rage(ROUND_S),
        )

    wrong = [answer for _, answers in heard for answer in answers]
    exchanges = gateway.exchanges()
    resumed = [exchange for exchange in exchanges if exchange["attempts"] > 1]
    right = sum(count for count, _ in heard)
    most = Counter(exchange["attempts"] for exchange in exchanges)
    print(
        f"{right} streams, {len(resumed)} not by one endpoint, {chaos.kills} kills, attempts {most}"
    )
    assert [(answer.status, answer.end, answer.body[-300:]) for answer in wrong] == []
    assert len(exchanges) == right
    assert {exchange["outcome"] for exchange in exchanges} == {"ok"}
    assert len(resumed) > STREAMS // 4


async def test_streams_survive_it_where_one_endpoint_speaks_another_dialect(tmp_path: Path) -> None:
    over = asyncio.get_running_loop().time() + ROUND_S

    def flags(*urls: str) -> list[str]:
        rows: list[dict[str, Any]] = [{"url": url} for url in urls]
        rows[0]["dialects"] = ["anthropic.messages"]
        file = tmp_path / "multillama.yaml"
        file.write_text(json.dumps({"endpoints": rows}))
        return ["--config", str(file)]

    async with scene(tmp_path / "log", PACE, flags) as (gateway, chaos):
        # A completion cannot be continued as a message.
        kinds = [(REQUESTS[name], WHOLE[name]) for name in ("chat", "messages")]
        *heard, _ = await asyncio.gather(
            *[ask_until(over, gateway.port, *kinds[n % len(kinds)]) for n in range(2 * CLIENTS)],
            chaos.rage(ROUND_S),
        )

    exchanges = gateway.exchanges()
    resumed = [exchange for exchange in exchanges if exchange["attempts"] > 1]
    right = sum(count for count, _ in heard)
    print(f"{right} streams, {len(resumed)} not by one endpoint, {chaos.kills} kills")
    assert [answer for _, answers in heard for answer in answers] == []
    assert {exchange["outcome"] for exchange in exchanges} == {"ok"}
    assert len(resumed) > CLIENTS // 4


async def test_answers_that_have_not_begun_survive_it_too(tmp_path: Path) -> None:
    over = asyncio.get_running_loop().time() + ROUND_S
    async with scene(tmp_path / "log", Behaviour(delay_s=0.3)) as (gateway, chaos):
        *heard, _ = await asyncio.gather(
            *[ask_until(over, gateway.port, CHAT, is_whole_body) for _ in range(CLIENTS)],
            *[ask_until(over, gateway.port, EMBEDDINGS, is_embedding) for _ in range(CLIENTS)],
            chaos.rage(ROUND_S),
        )

    exchanges = gateway.exchanges()
    hit = [exchange for exchange in exchanges if exchange["attempts"] > 1]
    right = sum(count for count, _ in heard)
    print(f"{right} answers, {len(hit)} not by the first endpoint, {chaos.kills} kills")
    assert [answer for _, answers in heard for answer in answers] == []
    assert len(exchanges) == right
    assert {exchange["outcome"] for exchange in exchanges} == {"ok"}
    assert len(hit) > CLIENTS // 4
