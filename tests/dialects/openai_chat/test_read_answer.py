import json

import hypothesis.strategies as st
import pytest
from hypothesis import given

from multillama.core.canonical import (
    Answer,
    Audio,
    Choice,
    Foreign,
    Image,
    Logprob,
    Reasoning,
    Refusal,
    Source,
    Stop,
    Text,
    ToolCall,
    Usage,
)
from multillama.core.codec import Misfit
from multillama.dialects.openai_chat.read_answer import read_answer


def read(message: dict, **members) -> Choice:
    choice = {"index": 0, "message": message, "finish_reason": "stop", **members}
    return read_answer(json.dumps({"id": "x", "choices": [choice]}).encode()).choices[0]


def test_a_whole_answer_is_read():
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 5,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
        "service_tier": "flex",
        "system_fingerprint": "fp",
    }  # fmt: skip

    assert read_answer(json.dumps(body).encode()) == Answer(
        "chatcmpl-1", "m", 5, [Choice([Text("Hi")], Stop.LENGTH)], Usage(1, output_tokens=2), "flex",
        "openai", {"system_fingerprint": "fp"}, "openai.chat",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ({"content": ""}, [Text("")]),
        ({"content": None}, []),
        ({"reasoning_content": "hm", "content": "Hi"}, [Reasoning("hm"), Text("Hi")]),
        (
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "signature": "s"},
                    {"type": "text", "text": "Hi"},
                    {"type": "image_url", "image_url": {"url": "https://a"}},
                    {"type": "reference", "reference_ids": [1]},
                    "plain",
                    5,
                    {},
                ]
            },
            [
                Reasoning("hm", "s"),
                Text("Hi"),
                Image(Source(url="https://a")),
                Foreign("reference", {"type": "reference", "reference_ids": [1]}),
                Text("plain"),
                Foreign("part", {}),
            ],
        ),
        ({"content": "a", "images": [{"image_url": {"url": "https://a"}}, 5]}, [Text("a"), Image(Source(url="https://a"))]),
        (
            {"content": "a", "annotations": [{"type": "url_citation", "url_citation": {"url": "u"}}]},
            [Text("a", extras={"annotations": [{"type": "url_citation", "url_citation": {"url": "u"}}]})],
        ),
        ({"annotations": [{"type": "x"}]}, [Text("", extras={"annotations": [{"type": "x"}]})]),
        (
            {"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}, "odd": 1}]},
            [ToolCall("c", "f", "{}", extras={"odd": 1})],
        ),
        (
            {
                "tool_calls": [
                    {
                        "id": "c",
                        "function": {"name": "f", "arguments": "{}"},
                        "extra_content": {"google": {"thought_signature": "s"}},
                    }
                ]
            },
            [Reasoning("", "s"), ToolCall("c", "f", "{}")],
        ),
    ],
)  # fmt: skip
def test_messages_are_read(message, parts):
    assert read(message).parts == parts


def test_a_sound_is_one():
    assert read({"audio": {"id": "a", "data": "QQ=="}}).parts == [
        Audio(Source(data="QQ=="), {"id": "a"})
    ]


def test_a_call_without_an_id_gets_one():
    calls = read({"tool_calls": [{"function": {"name": "f"}}, None]}).parts

    assert calls[0].id.startswith("call_")
    assert calls[0].id != calls[1].id


def test_a_function_call_is_a_call():
    choice = read(
        {"function_call": {"name": "f", "arguments": "{}"}}, finish_reason="function_call"
    )

    assert (choice.parts[0].name, choice.stop) == ("f", Stop.CALLS)
    assert choice.extras == {"finish_reason": "function_call"}


def test_a_refusal_is_one_though_the_word_is_stop():
    choice = read({"content": None, "refusal": "no"})

    assert choice == Choice([Refusal("no")], Stop.REFUSED, extras={"finish_reason": "stop"})


def test_vllms_stop_text_is_told():
    choice = read({"content": "a"}, stop_reason="END")

    assert (choice.stop, choice.stop_sequence) == (Stop.SEQUENCE, "END")
    assert read({"content": "a"}, stop_reason=7).stop_sequence is None


def test_logprobs_belong_to_the_text():
    logprobs = {"content": [{"token": "a", "logprob": -1}]}

    assert read({"content": "a"}, logprobs=logprobs).parts[0].logprobs == [Logprob("a", -1)]
    assert read({"refusal": "a"}, logprobs=logprobs).parts == [Refusal("a")]
    assert read({"content": "a"}, logprobs={"content": []}).parts == [Text("a")]


def test_members_without_a_word_of_ours_are_kept():
    choice = read(
        {"content": "", "tool_calls": [{"id": "c", "function": {"name": "f"}}], "annotations": [], "x": 1},
        content_filter_results={"a": 1},
    )  # fmt: skip

    assert choice.extras == {
        "content_filter_results": {"a": 1},
        "message": {"x": 1, "content": "", "annotations": []},
        "finish_reason": "stop",
    }


def test_a_choice_without_a_reason_has_none():
    assert read({"content": "a"}, finish_reason=None).stop is None
    assert read_answer(b'{"choices":[{}]}').choices == [Choice()]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>", "not valid JSON"),
        (b"[]", "must be an object"),
        (b"{}", "choices must be a list"),
        (b'{"choices":[1]}', "choices[0] must be an object"),
        (b'{"error":{"message":"overloaded","code":502}}', "error says: overloaded"),
        (b'{"error":"x"}', "choices must be a list"),
    ],
)
def test_what_is_no_answer_is_told(body, words):
    with pytest.raises(Misfit) as told:
        read_answer(body)

    assert words in str(told.value)


@given(st.binary())
def test_any_bytes_are_no_answer(body):
    with pytest.raises(Misfit):
        read_answer(body)


MEMBERS = (
    "content", "reasoning_content", "reasoning_details", "thinking_blocks", "tool_calls", "function",
    "name", "arguments", "id", "annotations", "refusal", "audio", "images", "function_call", "type",
    "text", "custom", "extra_content", "google", "image_url", "url", "thinking",
)  # fmt: skip
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner),
    max_leaves=15,
)


@given(
    st.dictionaries(st.sampled_from(MEMBERS), JSONS),
    st.dictionaries(st.sampled_from(("finish_reason", "logprobs", "stop_reason", "x")), JSONS),
    st.dictionaries(st.sampled_from(("id", "model", "created", "usage", "service_tier")), JSONS),
)
def test_any_message_is_an_answer(message, choice, members):
    body = {**members, "choices": [{**choice, "message": message}]}

    answer = read_answer(json.dumps(body).encode())

    assert len(answer.choices) == 1
