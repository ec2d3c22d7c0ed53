import json

import hypothesis.strategies as st
import pytest
from hypothesis import given

from multillama.core.canonical import (
    Image,
    Message,
    Reasoning,
    Refusal,
    Request,
    Source,
    Text,
    ToolCall,
    ToolResult,
)
from multillama.core.codec import Goal, Losses, Misfit
from multillama.dialects.openai_completions.request import NAMES, SAYS, read_request, write_request

WHOLE = {
    "suffix": "end",
    "max_tokens": 5,
    "temperature": 0.5,
    "top_p": 0.9,
    "presence_penalty": 0.1,
    "frequency_penalty": 0.2,
    "n": 2,
    "logit_bias": {"5": 1},
    "user": "u",
    "top_k": 4,
    "min_p": 0.1,
    "repetition_penalty": 1.1,
    "seed": 7,
    "stop": ["x"],
    "logprobs": 3,
    "echo": True,
}


def read(**members) -> Request:
    return read_request(json.dumps({"model": "m", "prompt": "Once", **members}).encode())


def write(request: Request, provider="vllm", *, stream=False, losses=()) -> dict:
    goal = Goal("up", provider, "openai", stream, Losses())
    body = json.loads(write_request(request, goal))
    assert goal.losses.names == losses
    return body


def test_every_member_comes_back():
    assert write(read(**WHOLE)) == {"model": "up", "prompt": "Once", **WHOLE}


def test_what_is_said_and_named_are_fields():
    assert set(NAMES) <= SAYS <= set(Request.__struct_fields__)


@pytest.mark.parametrize(
    ("members", "field", "value"),
    [
        ({"prompt": ["Once"]}, "prompt", "Once"),
        ({"prompt": ""}, "prompt", ""),
        ({"repeat_penalty": 1.2}, "repeat_penalty", 1.2),
        ({"logprobs": 0}, "top_logprobs", 0),
        ({"logprobs": 0}, "logprobs", True),
        ({"logprobs": True}, "logprobs", True),
        ({"logprobs": None}, "logprobs", None),
        ({"stream": True}, "wants_usage", False),
        ({"stream": True, "stream_options": {"include_usage": True}}, "wants_usage", True),
    ],
)
def test_members_are_read(members, field, value):
    assert getattr(read(**members), field) == value


@pytest.mark.parametrize("prompt", [None, ["a", "b"], [1, 2], [[1]], [], 5])
def test_what_is_not_one_text_is_refused(prompt):
    with pytest.raises(Misfit) as told:
        read(prompt=prompt)

    assert told.value.path == "prompt"


def test_a_conversation_becomes_plain_text():
    messages = [
        Message("system", [Text("a")]),
        Message("user", [Text("b"), Image(Source(url="https://a"))]),
    ]

    messages.append(Message("assistant", [Refusal("No."), Reasoning("hm"), ToolCall("c", "f")]))

    messages.append(
        Message("tool", [ToolResult("c", [Text("found"), Image(Source(url="https://a"))])])
    )

    losses = ("messages.role", "image", "messages.reasoning", "tool_calls", "tool_result")
    body = write(Request("m", messages), losses=losses)

    assert body == {"model": "up", "prompt": "a\n\nb\n\nNo.\n\nfound"}


def test_members_of_another_dialect_of_the_family_are_lost():
    chat = Request(
        "m", prompt="a", family="openai", dialect="openai.chat", extras={"prediction": 1}
    )
    own = read(suffix=None, echo=True, model="m")
    own.extras["prompt"] = "x"

    assert write(chat, losses=("prediction",)) == {"model": "up", "prompt": "a"}
    assert write(own) == {"model": "up", "prompt": "Once", "echo": True}


def test_samplers_are_lost_where_nobody_takes_them():
    request = Request("m", prompt="a", top_k=5, repeat_penalty=1.1)

    assert write(request, "openai", losses=("top_k", "repeat_penalty")) == {
        "model": "up",
        "prompt": "a",
    }


def test_a_stream_is_asked_for_with_its_usage():
    assert write(Request("m", prompt="a"), stream=True)["stream_options"] == {"include_usage": True}
    assert "stream_options" not in write(Request("m", prompt="a"), "mistral", stream=True)


@given(st.binary())
def test_any_bytes_are_no_request(body):
    with pytest.raises(Misfit):
        read_request(body)
