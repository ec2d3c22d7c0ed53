import json
from hashlib import sha256

import pytest

from multillama.core.canonical import (
    Format,
    Message,
    Request,
    Text,
    Thinking,
    Tool,
    ToolChoice,
)  # fmt: skip
from multillama.core.codec import Misfit
from multillama.dialects.openai_responses.codec import CODEC, COUNT_CODEC
from multillama.dialects.openai_responses.request import instructions_of
from tests.dialects.openai_responses.spoken import DIALECT, FAMILY, asked, goal, told

SCHEMA = {"type": "object"}
ITEM = {"type": "message", "role": "user", "content": "hi"}
USER = Message("user", [Text("hi")])
MEMBERS = [
    ({}, {}),
    ({"instructions": "be kind"}, {"messages": [Message("system", [Text("be kind")]), USER]}),
    ({"stream": True}, {"stream": True}),
    ({"max_output_tokens": 5}, {"max_tokens": 5}),
    ({"temperature": 0.5, "top_p": 1}, {"temperature": 0.5, "top_p": 1}),
    (
        {"top_logprobs": 3, "include": ["message.output_text.logprobs"]},
        {"top_logprobs": 3, "logprobs": True},
    ),
    ({"include": ["reasoning.encrypted_content"]}, {"wants_signatures": True}),
    (
        {"include": ["reasoning.encrypted_content", "web_search_call.results"]},
        {"wants_signatures": True, "extras": {"include": ["web_search_call.results"]}},
    ),
    (
        {"include": ["web_search_call.results"]},
        {"extras": {"include": ["web_search_call.results"]}},
    ),
    ({"tools": [{"type": "local_shell"}]}, {"tools": [Tool("local_shell", hosted="local_shell")]}),
    ({"tool_choice": "required"}, {"tool_choice": ToolChoice("required")}),
    (
        {"tool_choice": {"type": "mcp", "server_label": "x"}},
        {"extras": {"tool_choice": {"type": "mcp", "server_label": "x"}}},
    ),
    ({"parallel_tool_calls": False}, {"parallel_tools": False}),
    ({"text": {"verbosity": "low"}}, {"verbosity": "low"}),
    ({"text": {"format": {"type": "text"}}}, {"format": Format("text")}),
    (
        {"text": {"format": {"type": "json_object"}, "new": 1}},
        {"format": Format("json"), "extras": {"text": {"new": 1}}},
    ),
    (
        {
            "text": {
                "format": {
                    "type": "json_schema",
                    "name": "n",
                    "schema": SCHEMA,
                    "description": "d",
                    "strict": True,
                }
            }
        },
        {"format": Format("schema", SCHEMA, "n", "d", True)},
    ),
    (
        {"reasoning": {"effort": "high", "summary": "auto"}},
        {"thinking": Thinking("high", summary="auto")},
    ),
    ({"reasoning": {"context": "all_turns"}}, {"extras": {"reasoning": {"context": "all_turns"}}}),
    ({"safety_identifier": "u"}, {"user": "u"}),
    ({"service_tier": "flex"}, {"service_tier": "flex"}),
    ({"prompt_cache_key": "k"}, {"cache_key": "k"}),
    ({"metadata": {"a": "b"}}, {"metadata": {"a": "b"}}),
    ({"store": False}, {"store": False}),
    ({"previous_response_id": "resp_1"}, {"previous_id": "resp_1"}),
    (
        {"truncation": "auto", "conversation": "conv_1"},
        {"extras": {"truncation": "auto", "conversation": "conv_1"}},
    ),
]


@pytest.mark.parametrize(("members", "fields"), MEMBERS)
def test_members_are_read_and_written_as_they_were(members, fields):
    read = asked(input=[ITEM], **members)

    assert read == Request("m", **{"messages": [USER], **fields}, family=FAMILY, dialect=DIALECT)
    assert told(read, stream=read.stream) == ({"model": "gpt-x", "input": [ITEM], **members}, ())


@pytest.mark.parametrize(
    ("members", "fields"),
    [
        (
            {
                "stream": False,
                "background": False,
                "truncation": "disabled",
                "metadata": {},
                "include": [],
            },
            {},
        ),
        ({"text": {}, "reasoning": {}, "stream_options": {}, "tools": None}, {}),
        (
            {"reasoning": {"generate_summary": "detailed"}},
            {"thinking": Thinking(summary="detailed")},
        ),
        ({"user": "u"}, {"user": "u"}),
        ({"user": "u", "safety_identifier": "s"}, {"user": "s", "extras": {"user": "u"}}),
    ],
)
def test_what_goes_without_saying_is_not_kept(members, fields):
    read = asked(input="hi", **members)

    assert read == Request("m", messages=[USER], **fields, family=FAMILY, dialect=DIALECT)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"{", ""),
        (b"[]", "the body"),
        (b"{}", "model"),
        (b'{"model":1}', "model"),
        (b'{"model":"m","input":1}', "input"),
        (b'{"model":"m","instructions":[]}', "instructions"),
        (b'{"model":"m","include":[1]}', "include[0]"),
        (b'{"model":"m","text":{"format":{"type":"xml"}}}', "text.format.type"),
        (b'{"model":"m","reasoning":{"effort":1}}', "reasoning.effort"),
        (b'{"model":"m","max_output_tokens":1.5}', "max_output_tokens"),
    ],
)
def test_what_is_no_request_is_told_with_its_place(body, place):
    with pytest.raises(Misfit) as caught:
        CODEC.read_request(body)

    assert caught.value.path == place


FOREIGN = [
    (Request("m", max_tokens=5), {"max_output_tokens": 5}, ()),
    (Request("m", store=True), {"store": True}, ()),
    (
        Request("m", thinking=Thinking("low")),
        {"reasoning": {"effort": "low"}, "include": ["reasoning.encrypted_content"]},
        (),
    ),
    (
        Request("m", thinking=Thinking(budget=4096, summary="auto")),
        {
            "reasoning": {"effort": "high", "summary": "auto"},
            "include": ["reasoning.encrypted_content"],
        },
        (),
    ),
    (
        Request("m", thinking=Thinking(is_on=True, summary="none")),
        {"include": ["reasoning.encrypted_content"]},
        (),
    ),
    (Request("m", thinking=Thinking(is_on=False)), {"reasoning": {"effort": "none"}}, ()),
    (
        Request("m", format=Format("schema")),
        {"text": {"format": {"type": "json_schema", "name": "answer", "schema": {}}}},
        (),
    ),
    (Request("m", service_tier="standard_only"), {}, ("service_tier",)),
    (Request("m", service_tier="auto"), {"service_tier": "auto"}, ()),
    (Request("m", user="u" * 64), {"safety_identifier": "u" * 64}, ()),
    (
        Request("m", user="u" * 65),
        {"safety_identifier": sha256(b"u" * 65).hexdigest()},
        (),
    ),
    (
        Request("m", family=FAMILY, extras={"prediction": {}, "top_k": 5}),
        {"top_k": 5},
        ("prediction",),
    ),
    (Request("m", family="anthropic", extras={"top_k": 5}), {}, ()),
    (
        Request("m", [Message("system", [Text("a"), Text("b", "")])]),
        {"instructions": "a\n\nb"},
        ("cache",),
    ),
    (Request("m", prompt="Once"), {"input": "Once"}, ("prompt",)),
]


@pytest.mark.parametrize(("request_", "members", "lost"), FOREIGN)
def test_requests_of_another_dialect_are_written_and_kept_nowhere(request_, members, lost):
    told_members, losses = told(request_)

    assert told_members == {"model": "gpt-x", "input": [], "store": False, **members}
    assert losses == lost


def test_a_cache_mark_keeps_the_systems_words_an_item():
    mark = {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}
    item = {"type": "message", "role": "system", "content": [mark]}

    members, lost = told(asked(input=[item]))

    assert members == {"model": "gpt-x", "input": [item]}
    assert lost == ()


def test_stream_options_are_told_with_a_stream_alone():
    read = asked(input=[ITEM], stream=True, stream_options={"include_obfuscation": False})

    assert "stream_options" not in told(read)[0]
    assert told(read, stream=True)[0]["stream_options"] == {"include_obfuscation": False}


@pytest.mark.parametrize(
    ("messages", "instructions"),
    [
        ([], None),
        ([USER], None),
        ([Message("system", [Text("a")])], "a"),
        ([Message("system", [])], None),
        ([Message("system", [Text("a", extras={"x": 1})])], None),
    ],
)
def test_the_systems_first_words_are_instructions(messages, instructions):
    assert instructions_of(messages) == instructions


def test_a_request_for_a_count_has_only_what_counts():
    read = COUNT_CODEC.read_request(
        json.dumps(
            {"model": "m", "input": [ITEM], "instructions": "a", "temperature": 1, "store": True}
        ).encode()
    )

    written = json.loads(COUNT_CODEC.write_request(read, goal()))

    assert written == {"model": "gpt-x", "instructions": "a", "input": [ITEM]}


def test_who_asks_for_the_likeliest_tokens_alone_is_asked_for_nothing_more():
    body, _ = told(asked(top_logprobs=3))

    assert body["top_logprobs"] == 3
    assert "include" not in body
