"""The `openai` SDK chats with a real model through the gateway."""

import json
from typing import Any, Literal

import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from multillama.cli.demo_endpoints import CHAT_MODEL
from tests.e2e.model_servers import TOOLS_MODEL

pytestmark = pytest.mark.timeout(60)  # the first test loads the model

QUESTION = [{"role": "user", "content": "What is the capital of France? Answer in one sentence."}]
SURE: dict[str, Any] = {"model": CHAT_MODEL, "temperature": 0, "seed": 1, "max_tokens": 24}
"""The same words every time."""

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"enum": ["Paris", "Rome"]},
                "days": {"type": "integer", "minimum": 1, "maximum": 9},
            },
            "required": ["city", "days"],
            "additionalProperties": False,
        },
    },
}
CALLS: dict[str, Any] = {
    **SURE,
    "model": TOOLS_MODEL,
    "messages": [{"role": "user", "content": "What is the weather in Paris?"}],
    "tools": [WEATHER],
    "tool_choice": "required",
    "max_tokens": 40,
    # llama.cpp lets a model talk before it calls, and a model this small would go on for ever.
    "extra_body": {"logit_bias": {"{": 100, '{"': 100}},
}


def test_a_question_is_answered(client: OpenAI) -> None:
    completion = client.chat.completions.create(messages=QUESTION, **SURE)

    assert "Paris" in completion.choices[0].message.content
    assert completion.choices[0].finish_reason == "stop"
    assert completion.model == CHAT_MODEL
    assert completion.usage.total_tokens == (
        completion.usage.prompt_tokens + completion.usage.completion_tokens
    )


async def test_a_question_is_answered_without_blocking(async_client: AsyncOpenAI) -> None:
    completion = await async_client.chat.completions.create(messages=QUESTION, **SURE)

    assert "Paris" in completion.choices[0].message.content


def test_a_stream_says_the_same_and_ends_with_its_usage(client: OpenAI) -> None:
    whole = client.chat.completions.create(messages=QUESTION, **SURE)

    with client.chat.completions.create(
        messages=QUESTION, stream=True, stream_options={"include_usage": True}, **SURE
    ) as stream:
        chunks = list(stream)

    *said, last = chunks
    assert "".join(c.choices[0].delta.content or "" for c in said) == (
        whole.choices[0].message.content
    )
    assert said[-1].choices[0].finish_reason == "stop"
    assert last.choices == []
    assert last.usage.completion_tokens == whole.usage.completion_tokens
    assert last.usage.prompt_tokens == whole.usage.prompt_tokens


async def test_a_stream_arrives_without_blocking(async_client: AsyncOpenAI) -> None:
    async with async_client.chat.completions.stream(messages=QUESTION, **SURE) as stream:
        words = [event.delta async for event in stream if event.type == "content.delta"]
        completion = await stream.get_final_completion()

    assert len(words) > 1
    assert "".join(words) == completion.choices[0].message.content


def test_a_system_prompt_is_heard(client: OpenAI) -> None:
    messages = [
        {"role": "system", "content": "The secret word is banana."},
        {"role": "user", "content": "What is the secret word?"},
    ]

    completion = client.chat.completions.create(messages=messages, **SURE)

    assert "banana" in completion.choices[0].message.content


def test_what_was_said_before_is_known(client: OpenAI) -> None:
    messages = [
        {"role": "user", "content": "My name is Ada. Remember it."},
        {"role": "assistant", "content": "Nice to meet you, Ada."},
        {"role": "user", "content": "What is my name?"},
    ]

    completion = client.chat.completions.create(messages=messages, **SURE)

    assert "Ada" in completion.choices[0].message.content


def test_a_forced_tool_call_keeps_to_its_schema(client: OpenAI) -> None:
    completion = client.chat.completions.create(**CALLS)

    (call,) = completion.choices[0].message.tool_calls
    assert completion.choices[0].finish_reason == "tool_calls"
    assert_is_call(call.function.name, call.function.arguments)


def test_a_streamed_tool_call_keeps_to_its_schema(client: OpenAI) -> None:
    with client.chat.completions.create(stream=True, **CALLS) as stream:
        deltas = [chunk.choices[0].delta for chunk in stream if chunk.choices]

    calls = [call for delta in deltas for call in delta.tool_calls or []]
    assert len(calls) > 2
    assert_is_call(calls[0].function.name, "".join(call.function.arguments for call in calls))


def test_an_answer_keeps_to_a_json_schema(client: OpenAI) -> None:
    class Capital(BaseModel):
        city: Literal["Berlin", "Paris", "Rome"]
        is_in_europe: bool

    completion = client.chat.completions.parse(
        messages=QUESTION, response_format=Capital, **SURE | {"max_tokens": 40}
    )

    assert completion.choices[0].message.parsed.city == "Paris"


def assert_is_call(name: str, arguments: str) -> None:
    asked = json.loads(arguments)
    assert name == "get_weather"
    assert asked.keys() == {"city", "days"}
    assert asked["city"] in ("Paris", "Rome")
    assert 1 <= asked["days"] <= 9
