"""Streams of the `openai` SDK that are given up, and many at once."""

import asyncio
import json
import time
import urllib.request
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI

from multillama.cli.demo_endpoints import CHAT_MODEL
from tests.e2e.conftest import Models

pytestmark = pytest.mark.timeout(60)  # the first test loads the model

ENDLESS: dict[str, Any] = {
    "model": CHAT_MODEL,
    "messages": [{"role": "user", "content": "Tell me a long story."}],
    "temperature": 0,
    "stream": True,
    "max_tokens": 4000,  # a minute at the very least
    "extra_body": {"ignore_eos": True},
}


def is_generating(url: str) -> bool:
    with urllib.request.urlopen(f"{url}/slots", timeout=10) as answer:
        return any(slot["is_processing"] for slot in json.load(answer))


def test_a_client_that_leaves_stops_the_model(client: OpenAI, models: Models) -> None:
    stream = client.chat.completions.create(**ENDLESS)
    for _ in range(3):
        next(stream)
    was_generating = is_generating(models.chat)

    stream.close()
    left_at = time.monotonic()

    while is_generating(models.chat):
        assert time.monotonic() - left_at < 5
    assert was_generating


async def test_a_task_that_is_cancelled_stops_the_model(
    async_client: AsyncOpenAI, models: Models
) -> None:
    heard = asyncio.Event()

    async def listen() -> None:
        async for _ in await async_client.chat.completions.create(**ENDLESS):
            heard.set()

    task = asyncio.get_running_loop().create_task(listen())
    await heard.wait()
    task.cancel()
    await asyncio.wait([task])
    left_at = time.monotonic()

    while await asyncio.to_thread(is_generating, models.chat):
        assert time.monotonic() - left_at < 5
    assert task.cancelled()


async def test_eight_streams_at_once_are_not_mixed_up(async_client: AsyncOpenAI) -> None:
    countries = {
        "France": "Paris", "Italy": "Rome", "Germany": "Berlin", "Spain": "Madrid",
        "England": "London", "Russia": "Moscow", "Japan": "Tokyo", "Egypt": "Cairo",
    }  # fmt: skip

    async def ask(country: str) -> str:
        stream = await async_client.chat.completions.create(
            model=CHAT_MODEL,
            messages=[
                {
                    "role": "user",
                    "content": f"What is the capital of {country}? Answer in one sentence.",
                }
            ],
            temperature=0,
            max_tokens=10,
            stream=True,
        )
        chunks = [chunk async for chunk in stream]
        assert chunks[-1].choices[0].finish_reason in ("stop", "length")
        assert len({chunk.id for chunk in chunks}) == 1
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

    answers = await asyncio.gather(*map(ask, countries))

    for city, answer in zip(countries.values(), answers, strict=True):
        assert city in answer
