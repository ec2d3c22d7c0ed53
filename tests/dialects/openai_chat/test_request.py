import json

import hypothesis.strategies as st
import pytest
from hypothesis import given

from multillama.core.canonical import Format, Message, Request, Text, Thinking, Tool, ToolChoice
from multillama.core.codec import Goal, Losses, Misfit
from multillama.dialects.openai_chat.request import NAMES, SAYS, read_request, write_request

USER = {"role": "user", "content": "Hi"}


def read(**members) -> Request:
    return read_request(json.dumps({"model": "m", "messages": [USER], **members}).encode())


def write(request: Request, provider="openai", *, stream=False, losses=()) -> dict:
    goal = Goal("upstream", provider, "openai", stream, Losses())
    body = json.loads(write_request(request, goal))
    assert goal.losses.names == losses
    return body


WHOLE = {
    "temperature": 0.5,
    "top_p": 0.9,
    "presence_penalty": 0.1,
    "frequency_penalty": -0.1,
    "seed": 7,
    "stop": ["a", "b"],
    "n": 2,
    "logprobs": True,
    "top_logprobs": 3,
    "logit_bias": {"5": 1},
    "max_completion_tokens": 9,
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "response_format": {"type": "json_object"},
    "reasoning_effort": "low",
    "verbosity": "low",
    "modalities": ["text", "audio"],
    "safety_identifier": "u",
    "service_tier": "flex",
    "prompt_cache_key": "k",
    "metadata": {"a": "b"},
    "store": True,
    "web_search_options": {},
}


def test_every_member_has_its_field():
    request = read(**WHOLE, model="m")

    assert request == Request(
        "m", [Message("user", [Text("Hi")])], max_tokens=9, temperature=0.5, top_p=0.9,
        presence_penalty=0.1, frequency_penalty=-0.1, seed=7, stop=["a", "b"], n=2, logprobs=True,
        top_logprobs=3, logit_bias={"5": 1}, tools=[Tool("f", schema={"type": "object"})],
        tool_choice=ToolChoice("auto"), parallel_tools=False, format=Format("json"),
        thinking=Thinking("low"), verbosity="low", modalities=["text", "audio"], user="u",
        service_tier="flex", cache_key="k", metadata={"a": "b"}, store=True, family="openai",
        extras={"web_search_options": {}}, dialect="openai.chat",
    )  # fmt: skip


def test_every_member_comes_back_to_openai():
    assert write(read(**WHOLE)) == {**WHOLE, "model": "upstream", "messages": [USER]}


def test_what_is_said_and_named_are_fields():
    assert set(NAMES) <= SAYS <= set(Request.__struct_fields__)


@pytest.mark.parametrize(
    ("members", "field", "value"),
    [
        ({"max_tokens": 5}, "max_tokens", 5),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_tokens", 6),
        ({"max_tokens": 5.0}, "max_tokens", 5),
        ({"stop": "a"}, "stop", ["a"]),
        ({"repetition_penalty": 1.1}, "repeat_penalty", 1.1),
        ({"repeat_penalty": 1.2}, "repeat_penalty", 1.2),
        ({"random_seed": 3}, "seed", 3),
        ({"user": "u"}, "user", "u"),
        ({"user": "u", "safety_identifier": "s"}, "extras", {"safety_identifier": "s"}),
        ({"user": "u", "safety_identifier": "u"}, "extras", {}),
        ({"temperature": None, "odd": None}, "extras", {}),
        ({"stream": True}, "wants_usage", False),
        ({"stream": True, "stream_options": {"include_usage": True}}, "wants_usage", True),
        ({"stream_options": {"x": 1}}, "extras", {"stream_options": {"x": 1}}),
        ({}, "wants_usage", True),
    ],
)  # fmt: skip
def test_members_are_read(members, field, value):
    assert getattr(read(**members), field) == value


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"temperature": "hot"}, "temperature"),
        ({"stream": "yes"}, "stream"),
        ({"messages": {}}, "messages"),
        ({"model": 5}, "model"),
        ({"stop": [5]}, "stop[0]"),
        ({"n": 1.5}, "n"),
        ({"logit_bias": []}, "logit_bias"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(members, path):
    with pytest.raises(Misfit) as told:
        read(**members)

    assert told.value.path == path


@given(st.binary())
def test_any_bytes_are_no_request(body):
    with pytest.raises(Misfit):
        read_request(body)


MEMBERS = (
    *WHOLE,
    "messages",
    "stream",
    "stream_options",
    "role",
    "content",
    "type",
    "function",
    "name",
    "text",
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=6))
def test_any_members_are_a_request_or_a_misfit(members):
    try:
        request = read_request(json.dumps(members).encode())
    except Misfit as misfit:
        assert misfit.text
        return
    for provider in ("openai", "mistral", "llama.cpp", "deepseek"):
        json.loads(write_request(request, Goal("m", provider, "openai", True, Losses())))


def test_a_deep_nest_is_told():
    with pytest.raises(Misfit):
        read_request(b'{"messages":' + b"[" * 100_000)


def test_each_provider_gets_its_own_name_of_the_most_tokens():
    request = Request("m", max_tokens=5)

    assert write(request)["max_completion_tokens"] == 5
    assert write(request, "vllm")["max_tokens"] == 5


def test_a_stream_is_asked_for_with_its_usage():
    told = write(Request("m"), stream=True)

    assert (told["stream"], told["stream_options"]) == (True, {"include_usage": True})
    assert "stream_options" not in write(Request("m"), "mistral", stream=True)


def test_other_options_of_a_stream_go_along():
    request = read(
        stream=True, stream_options={"include_usage": False, "include_obfuscation": False}
    )

    assert write(request, stream=True)["stream_options"] == {
        "include_usage": True, "include_obfuscation": False,
    }  # fmt: skip
    assert "stream_options" not in write(request)


def test_what_a_provider_refuses_is_lost():
    request = Request("m", user="u", seed=3, logprobs=True, store=True)

    body = write(request, "mistral", losses=("logprobs", "user", "store"))

    assert body == {"model": "upstream", "messages": [], "random_seed": 3}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"top_logprobs": 3}, {"top_logprobs": 3, "logprobs": True}),
        ({"top_logprobs": 3, "logprobs": False}, {"top_logprobs": 3, "logprobs": False}),
        ({"top_logprobs": 0}, {"top_logprobs": 0}),
    ],
)
def test_the_likeliest_tokens_are_asked_for_together_with_how_likely_they_are(asked, told):
    body = write(Request("m", **asked))

    assert body == {"model": "upstream", "messages": [], **told}


def test_nothing_is_said_of_storing_where_nothing_is_stored():
    assert "store" not in write(Request("m", store=False), "vllm")
    assert write(Request("m", store=False))["store"] is False


def test_extras_go_to_the_family_and_those_of_responses_do_not():
    chat = Request(
        "m", family="openai", dialect="openai.chat", extras={"prediction": 1, "model": "x"}
    )
    extras = {"include": ["x"], "truncation": "disabled"}
    responses = Request("m", family="openai", dialect="openai.responses", extras=extras)

    body = write(chat)

    assert (body["prediction"], body["model"]) == (1, "upstream")
    assert write(responses, losses=("include",)) == {"model": "upstream", "messages": []}
    assert "prediction" not in write(Request("m", family="gemini", extras={"prediction": 1}))


def test_extras_are_added_to_what_we_say_ourselves():
    extras = {"chat_template_kwargs": {"a": 1}}
    request = Request("m", thinking=Thinking("none"), family="openai", extras=extras)
    request.dialect = "openai.chat"

    assert write(request, "vllm")["chat_template_kwargs"] == {"enable_thinking": False, "a": 1}


def test_a_plain_prompt_is_what_the_user_says():
    body = write(Request("m", prompt="Once"), losses=("prompt",))

    assert body["messages"] == [{"role": "user", "content": "Once"}]
