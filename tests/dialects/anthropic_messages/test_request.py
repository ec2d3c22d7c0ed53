import json

import pytest

from multillama.core.canonical import Format, Message, Request, Text, Thinking, Tool, ToolChoice
from multillama.core.codec import Misfit
from multillama.dialects.anthropic_messages.request import read_request, write_count_request
from tests.dialects.anthropic_messages.spoken import HELLO, LOCAL, ask, goal, written

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
FORM = {"type": "json_schema", "schema": SCHEMA}
ONLY_JSON = "Answer with one JSON object and nothing else: no words around it, no code fence."


def request(**members):
    return Request("m", [Message("user", [Text("Hello")])], **members)


# --- reading ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "fields"),
    [
        ({}, {}),
        ({"stream": True}, {"stream": True}),
        ({"max_tokens": None}, {"max_tokens": None}),
        ({"max_tokens": 16.0}, {"max_tokens": 16}),
        ({"temperature": 1, "top_p": 0.5, "top_k": 4}, {"temperature": 1, "top_p": 0.5, "top_k": 4}),
        ({"stop_sequences": ["a"]}, {"stop": ["a"]}),
        ({"metadata": {"user_id": "u"}}, {"user": "u"}),
        ({"metadata": {"user_id": "u", "x": 1}}, {"user": "u", "extras": {"metadata": {"x": 1}}}),
        ({"service_tier": "auto"}, {"service_tier": "auto"}),
        ({"service_tier": "standard_only"}, {"service_tier": "default"}),
        ({"speed": "fast", "container": None}, {"extras": {"speed": "fast"}}),
        ({"tool_choice": {"type": "any"}}, {"tool_choice": ToolChoice("required")}),
        (
            {"tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True}},
            {"tool_choice": ToolChoice("named", ["f"]), "parallel_tools": False},
        ),
        (
            {"tools": [{"type": "custom", "name": "f", "description": "d", "input_schema": SCHEMA, "strict": True}]},
            {"tools": [Tool("f", "d", SCHEMA, is_strict=True)]},
        ),
        (
            {"tools": [{"type": "web_search_20260209", "name": "web_search"}]},
            {"tools": [Tool("web_search", hosted="web_search", extras={"type": "web_search_20260209"})]},
        ),
        ({"output_config": {"format": FORM}}, {"format": Format("schema", SCHEMA)}),
        ({"output_format": FORM}, {"format": Format("schema", SCHEMA)}),
        ({"output_config": {"effort": "low"}}, {"thinking": Thinking("low")}),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, {"thinking": Thinking(budget=1024, is_on=True)}),
        (
            {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "max"}},
            {"thinking": Thinking("max", is_on=True, summary="none")},
        ),
        ({"thinking": {"type": "disabled"}}, {"thinking": Thinking(is_on=False)}),
        (
            {"thinking": {"type": "between_tools"}},
            {"thinking": Thinking(is_on=False), "extras": {"thinking": {"type": "between_tools"}}},
        ),
        ({"thinking": {"type": "new"}}, {"extras": {"thinking": {"type": "new"}}}),
    ],
)  # fmt: skip
def test_members_are_read_as_fields(members, fields):
    expected = request(**({"max_tokens": 100, "family": "anthropic"} | fields))

    assert ask(**members) == expected


def test_results_of_tools_are_alone_in_their_message():
    blocks = [
        {"type": "tool_result", "tool_use_id": "c"},
        {"type": "tool_result", "tool_use_id": "d"},
        {"type": "text", "text": "And?"},
    ]

    asked = ask(
        system="Rules.",
        messages=[{"role": "user", "content": blocks}, {"role": "system", "content": "s"}],
    )

    assert [(row.role, len(row.parts)) for row in asked.messages] == [
        ("system", 1),
        ("tool", 2),
        ("user", 1),
        ("system", 1),
    ]


def test_a_message_without_blocks_is_one_all_the_same():
    assert ask(messages=[{"role": "user", "content": []}]).messages == [Message("user")]


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"model": None}, "model"),
        ({"model": 7}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": [7]}, "messages[0]"),
        ({"messages": [{"content": "a"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "a"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages[0].content[0].text",
        ),
        ({"system": 7}, "system"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"stop_sequences": [7]}, "stop_sequences[0]"),
        ({"tools": {}}, "tools"),
        ({"tools": [{}]}, "tools[0].name"),
        ({"tools": [{"name": "f", "input_schema": "{}"}]}, "tools[0].input_schema"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"thinking": {}}, "thinking.type"),
        ({"thinking": {"type": "enabled", "budget_tokens": "x"}}, "thinking.budget_tokens"),
        ({"output_config": {"format": {"type": "regex"}}}, "output_config.format.type"),
        ({"metadata": "x"}, "metadata"),
        ({"service_tier": 1}, "service_tier"),
    ],
)
def test_a_request_that_would_be_misunderstood_is_told_with_its_place(members, path):
    with pytest.raises(Misfit) as caught:
        ask(**members)

    assert caught.value.path == path


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b"null"])
def test_what_is_no_json_object_is_told(data):
    with pytest.raises(Misfit):
        read_request(data)


# --- writing ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "members"),
    [
        ({}, {}),
        ({"max_tokens": 7}, {"max_tokens": 7}),
        ({"max_tokens": 0}, {"max_tokens": 0}),
        ({"max_tokens": 999_999}, {"max_tokens": 64_000}),
        ({"temperature": 0}, {"temperature": 0}),
        ({"temperature": 0.5, "top_k": 4}, {"temperature": 0.5, "top_k": 4}),
        ({"temperature": 0.5, "top_p": 1}, {"temperature": 0.5}),
        ({"top_p": 0.5}, {"top_p": 0.5}),
        ({"stop": ["a"]}, {"stop_sequences": ["a"]}),
        ({"user": "u"}, {"metadata": {"user_id": "u"}}),
        ({"service_tier": "auto"}, {"service_tier": "auto"}),
        ({"service_tier": "default"}, {"service_tier": "standard_only"}),
        ({"format": Format("text")}, {}),
        ({"format": Format("schema", SCHEMA)}, {"output_config": {"format": FORM}}),
        (
            {"format": Format("schema")},
            {"output_config": {"format": {"type": "json_schema", "schema": {}}}},
        ),
    ],
)
def test_fields_are_written_as_members(fields, members):
    body, losses = written(request(**fields), goal("claude-sonnet-4-5"))

    expected = {"model": "claude-sonnet-4-5", "max_tokens": 32_000, "messages": HELLO} | members
    assert (body, losses) == (expected, ())


@pytest.mark.parametrize(
    ("fields", "losses"),
    [
        ({"temperature": 0.5, "top_p": 0.5}, ("top_p",)),
        ({"stop": ["a", "\n"]}, ("stop",)),
        ({"service_tier": "flex"}, ("service_tier",)),
        ({"format": Format("json")}, ("format",)),
        ({"thinking": Thinking("low"), "temperature": 0.5, "top_k": 4}, ("temperature", "top_k")),
    ],
)
def test_what_cannot_be_said_is_told(fields, losses):
    assert written(request(**fields), goal("claude-sonnet-4-5"))[1] == losses


def test_a_plain_prompt_is_what_the_user_says():
    body, losses = written(Request("m", prompt="Once"), goal("claude-sonnet-4-5"))

    assert body["messages"] == [{"role": "user", "content": "Once"}]
    assert losses == ("prompt",)


@pytest.mark.parametrize(
    ("fields", "losses"),
    [({"temperature": 1, "top_p": 1}, ()), ({"temperature": 0, "top_p": 0.5, "top_k": 1}, ("temperature", "top_p",
    "top_k"))],
)  # fmt: skip
def test_a_model_without_sampling_is_told_nothing_of_it(fields, losses):
    body, lost = written(request(**fields))

    assert (body.keys() & fields.keys(), lost) == (set(), losses)


def test_a_model_that_is_no_claude_takes_everything():
    body, losses = written(
        request(temperature=1.5, top_p=0.5, top_k=4, stop=["\n"], format=Format("schema", SCHEMA)),
        goal(*LOCAL),
    )

    assert (body["temperature"], body["top_p"], body["top_k"], body["stop_sequences"]) == (
        1.5,
        0.5,
        4,
        ["\n"],
    )
    assert (body["output_config"]["format"], body["max_tokens"], losses) == (FORM, 4096, ())


@pytest.mark.parametrize(
    ("form", "system"),
    [
        (Format("json"), ONLY_JSON),
        (
            Format("schema", SCHEMA),
            f"{ONLY_JSON} It must fit this JSON Schema:\n"
            + json.dumps(SCHEMA, separators=(",", ":")),
        ),
    ],
)
def test_a_form_that_the_model_does_not_know_is_asked_for_in_words(form, system):
    body, losses = written(request(format=form), goal("claude-3-opus"))

    assert (body["system"], losses) == (system, ("format",))


def test_a_stream_is_asked_for_where_the_goal_wants_one():
    body, _ = written(request(), goal(stream=True))

    assert body["stream"] is True


@pytest.mark.parametrize(
    "members",
    [
        {"system": "Rules.", "stop_sequences": ["\n"], "top_k": 4},
        {"system": [{"type": "text", "text": "Rules.", "cache_control": {"type": "ephemeral"}}]},
        {"temperature": 2.5, "top_p": 0.5, "max_tokens": 999_999},
        {"metadata": {"user_id": "u", "x": 1}, "service_tier": "new"},
        {
            "metadata": {"x": 1},
            "speed": "fast",
            "cache_control": {"type": "ephemeral"},
            "container": "",
        },
        {"output_config": {"format": FORM, "effort": "low", "x": 1}},
    ],
)
def test_a_request_of_this_dialect_is_written_as_it_came(members):
    expected = {"model": "claude-opus-4-7", "max_tokens": 100, "messages": HELLO} | members

    assert written(ask(**members)) == (expected, ())


def test_the_older_name_of_the_form_is_written_by_its_newer_one():
    body, losses = written(ask(output_format=FORM))

    assert (body["output_config"], "output_format" in body, losses) == ({"format": FORM}, False, ())


def test_extras_of_another_family_stay_behind():
    body, _ = written(request(family="openai", extras={"prediction": 1, "metadata": {"a": "b"}}))

    assert body.keys() == {"model", "max_tokens", "messages"}


def test_only_what_is_counted_is_asked_about():
    asked = ask(
        system="Rules.",
        temperature=1,
        stream=True,
        speed="fast",
        container="c",
        metadata={"user_id": "u"},
    )

    body = json.loads(write_count_request(asked, goal(stream=True)))

    assert body == {
        "model": "claude-opus-4-7",
        "system": "Rules.",
        "messages": HELLO,
        "speed": "fast",
    }
