"""A stream that broke off is continued by another endpoint, or the same one, or closed where all was said."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from multillama.config.routing import RoutingSetting
from multillama.config.schema import EndpointSetting
from multillama.core.partial import CHAT, COMPLETIONS, MESSAGES, read_partial
from multillama.core.resume import HOWS
from multillama.testing.answers import answer_to
from multillama.testing.behaviours import Behaviour
from multillama.testing.server import ScriptedServer
from tests.faults.client import Answer, ask, chat, post
from tests.faults.gateway import Running, running

SAY = [{"role": "user", "content": "Say it."}]
USAGE = {"include_usage": True}
TEXT = "All of this is said once and no more."
COUNTED = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}


@pytest.fixture
async def servers() -> AsyncIterator[list[ScriptedServer]]:
    async with ScriptedServer(["m1"], text=TEXT) as first, ScriptedServer(["m1"], text=TEXT) as two:
        yield [first, two]


@pytest.fixture
async def pair(servers: list[ScriptedServer]) -> AsyncIterator[Running]:
    async with in_front_of(servers) as gateway:
        yield gateway


def in_front_of(servers: list[ScriptedServer], **settings: Any) -> Any:
    """A gateway that knows them as llama.cpp and asks them in this order."""
    rows = tuple(EndpointSetting(url=server.url, provider="llama.cpp") for server in servers)
    routing = {"routing": RoutingSetting(strategy="ordered"), **settings}
    return running(endpoints=rows, **routing)


REQUEST = chat(stream=True, messages=SAY, stream_options=USAGE)
WITHOUT_USAGE = chat(stream=True, messages=SAY)
FINISH = b'"finish_reason":"stop"}]}\n\n'


def behind(mark: bytes, request: bytes = REQUEST) -> Behaviour:
    """A good answer to the request, reset behind the last of these bytes."""
    target, body = request.split(b" ")[1].decode(), request.partition(b"\r\n\r\n")[2]
    answer = answer_to(target, body, models=["m1"], words=re.findall(r"\S+\s*", TEXT))
    sent = b"".join(Behaviour().pieces(answer))
    return Behaviour(cut=sent.rindex(mark) + len(mark), end="reset")


ASKED = {
    CHAT: ("/v1/chat/completions", {"messages": SAY, "stream_options": USAGE}),
    COMPLETIONS: ("/v1/completions", {"prompt": "Say it: ", "stream_options": USAGE}),
    MESSAGES: ("/v1/messages", {"messages": SAY, "max_tokens": 20}),
}
CLAUDE = "claude-sonnet-4-5"
TOLD = [("ollama", CHAT), ("ollama", MESSAGES), ("lm-studio", CHAT), ("koboldcpp", CHAT),
        ("openai-compatible", COMPLETIONS)]  # fmt: skip
"""Where the operator has to say that it is gone on with."""


def asked_of(dialect: str) -> bytes:
    path, members = ASKED[dialect]
    return post(path, {"model": CLAUDE, "stream": True, **members})


@asynccontextmanager
async def a_pair(
    provider: str, **policy: Any
) -> AsyncIterator[tuple[Running, list[ScriptedServer]]]:
    """A gateway in front of two servers of this kind."""
    async with (
        ScriptedServer([CLAUDE], text=TEXT) as first,
        ScriptedServer([CLAUDE], text=TEXT) as second,
    ):
        rows = tuple(
            EndpointSetting(url=f"{server.url}/v1", provider=provider, tags=("local",))
            for server in (first, second)
        )
        routing = RoutingSetting(strategy="ordered", **policy)
        async with running(endpoints=rows, routing=routing) as gateway:
            yield gateway, [first, second]


def chunks_of(answer: Answer) -> list[Any]:
    assert (answer.status, answer.end, answer.events[-1]) == (200, "whole", "data: [DONE]")
    return [json.loads(event[6:]) for event in answer.events[:-1]]


def text_of(answer: Answer) -> str:
    choices = [choice for chunk in chunks_of(answer) for choice in chunk["choices"]]
    assert [row["finish_reason"] for row in choices if row["finish_reason"]] == ["stop"]
    return "".join(choice["delta"].get("content", "") for choice in choices)


@pytest.mark.parametrize(
    ("provider", "dialect", "is_told"),
    [*((*row, False) for row in HOWS), *((*row, True) for row in TOLD)],
)
@pytest.mark.parametrize("word", [b"of ", b"once "])
async def test_each_server_that_goes_on_does_so_without_a_seam(
    provider: str, dialect: str, is_told: bool, word: bytes
) -> None:
    request = asked_of(dialect)
    async with a_pair(provider, prefill=is_told) as (gateway, (first, second)):
        whole = await ask(gateway.port, request)
        first.next(behind(word, request))

        answer = await ask(gateway.port, request)

    had, got = (read_partial(dialect, one.body) for one in (whole, answer))
    assert (answer.status, answer.end) == (200, "whole")
    assert (got.text, got.finish, got.oddity) == (TEXT, had.finish, None)
    assert (got.input_tokens, got.output_tokens) == (had.input_tokens, had.output_tokens)
    # one answer: it begins once, tells its usage once, and ends once
    marks = (
        b'"role":"assistant"',
        b"message_start",
        b"completion_tokens",
        b"[DONE]",
        b"event: message_stop",
    )
    assert [answer.body.count(mark) for mark in marks] == [whole.body.count(mark) for mark in marks]
    assert (len(first.calls), len(second.calls)) == (2, 1)


@pytest.mark.parametrize(("provider", "dialect"), [*TOLD, ("tgi", CHAT), ("ollama", COMPLETIONS)])
async def test_who_may_begin_anew_is_not_asked_and_the_stream_ends_in_an_error(
    provider: str, dialect: str
) -> None:
    request = asked_of(dialect)
    async with a_pair(provider) as (gateway, (first, second)):
        first.next(behind(b"once ", request))

        answer = await ask(gateway.port, request)

    assert answer.end == "whole"
    assert b"is not known that this endpoint can continue" in answer.body
    assert second.calls == []


@pytest.mark.parametrize(
    "members", [{"echo": True}, {"suffix": "."}, {"n": 2}, {"best_of": 2}, {"logprobs": 0}]
)
async def test_a_completion_that_is_more_than_what_follows_its_prompt_is_not_continued(
    members: dict[str, Any],
) -> None:
    path, whole = ASKED[COMPLETIONS]
    request = post(path, {"model": CLAUDE, "stream": True, **whole, **members})
    async with a_pair("lm-studio") as (gateway, (first, second)):
        first.next(behind(b"once ", request))

        answer = await ask(gateway.port, request)

    assert b"could not be continued" in answer.body
    assert second.calls == []


@pytest.mark.parametrize(
    "mark", [b'"content":"All ', b"}\n\n", b"once", b"more.", FINISH, b"DONE]\n\n"]
)
async def test_the_next_endpoint_goes_on(
    pair: Running, servers: list[ScriptedServer], mark: bytes
) -> None:
    servers[0].next(behind(mark))

    answer = await ask(pair.port, REQUEST)

    assert (text_of(answer), chunks_of(answer)[-1]["usage"]) == (TEXT, COUNTED)
    assert (await pair.record()).outcome == "ok"


async def test_what_lacks_only_its_last_bytes_is_asked_of_nobody(
    pair: Running, servers: list[ScriptedServer]
) -> None:
    servers[0].next(behind(FINISH, WITHOUT_USAGE))

    answer = await ask(pair.port, WITHOUT_USAGE)

    assert text_of(answer) == TEXT
    assert [len(server.calls) for server in servers] == [1, 0]
    assert (await pair.record()).outcome == "ok"


async def test_a_stream_whose_usage_nobody_tells_any_more_ends_without_it(
    pair: Running, servers: list[ScriptedServer]
) -> None:
    servers[0].next(behind(FINISH))
    for server in servers:
        server.default = Behaviour(cut="before-head", end="reset")

    answer = await ask(pair.port, REQUEST)

    assert text_of(answer) == TEXT
    assert [chunk for chunk in chunks_of(answer) if "usage" in chunk] == []


async def test_a_message_lacks_only_its_last_event(
    pair: Running, servers: list[ScriptedServer]
) -> None:
    request = post(
        "/v1/messages", {"model": "m1", "max_tokens": 20, "messages": SAY, "stream": True}
    )
    whole = await ask(pair.port, request)
    servers[0].next(behind(b'"output_tokens":9}}\n\n', request))

    answer = await ask(pair.port, request)

    assert (answer.end, answer.body) == ("whole", whole.body)
    assert [len(server.calls) for server in servers] == [2, 0]


async def test_an_answer_that_breaks_off_again_and_again_is_continued_while_it_grows(
    pair: Running, servers: list[ScriptedServer]
) -> None:
    # room for a word, and not for two
    cut = behind(b"of ").cut
    for server in servers:
        server.next(*[Behaviour(cut=cut, end="reset")] * 3)

    answer = await ask(pair.port, REQUEST)

    assert (text_of(answer), chunks_of(answer)[-1]["usage"]) == (TEXT, COUNTED)
    assert (await pair.record()).attempts == 7


async def test_an_answer_that_kills_whoever_goes_on_with_it_is_given_up(
    pair: Running, servers: list[ScriptedServer]
) -> None:
    servers[0].next(behind(b"once "))
    for server in servers:
        server.default = Behaviour(cut="after-head", end="reset")

    answer = await ask(pair.port, REQUEST)

    assert b"could not be continued" in answer.body
    assert (await pair.record()).outcome == "truncated"
    assert sum(len(server.calls) for server in servers) <= 9
