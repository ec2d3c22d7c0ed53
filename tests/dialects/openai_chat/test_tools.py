import pytest

from multillama.core.canonical import Format, Request, Tool, ToolChoice
from multillama.core.codec import Goal, Losses, Misfit
from multillama.core.shape import Members
from multillama.dialects.openai_chat.tools import (
    cache_control,
    read_choice,
    read_format,
    read_tools,
    write_format,
    write_tools,
)  # fmt: skip
from multillama.dialects.openai_family.habits import habits_of

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
GRAMMAR = {"type": "grammar", "grammar": {"definition": "start: A", "syntax": "lark"}}
FUNCTION = {
    "type": "function",
    "function": {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True},
}
CUSTOM = {"type": "custom", "custom": {"name": "c", "description": "d", "format": GRAMMAR}}


def goal(provider="openai") -> Goal:
    return Goal("m", provider, "openai", False, Losses())


def written(request: Request, provider="openai", losses=()) -> dict:
    body, to = {}, goal(provider)

    write_tools(request, to, habits_of(provider), body)

    assert to.losses.names == losses
    return body


def test_tools_are_read_and_come_back():
    tools = read_tools(Members({"tools": [FUNCTION, CUSTOM]}))

    assert tools == [
        Tool("f", "d", SCHEMA, True),
        Tool(
            "c", "d", is_custom=True,
            format={"type": "grammar", "definition": "start: A", "syntax": "lark"},
        ),
    ]  # fmt: skip
    assert written(Request("m", tools=tools, family="openai")) == {"tools": [FUNCTION, CUSTOM]}


def test_other_tools_are_the_servers_own():
    row = {"type": "web_search", "user_location": {"city": "X"}}

    tools = read_tools(Members({"tools": [row]}))

    assert tools == [
        Tool("web_search", hosted="web_search", extras={"user_location": {"city": "X"}})
    ]
    assert written(Request("m", tools=tools), losses=("tools.web_search",)) == {}


def test_functions_of_before_there_were_tools_come_back_as_such():
    members = Members(
        {"functions": [{"name": "f", "parameters": SCHEMA}], "function_call": {"name": "f"}}
    )
    tools, choice = read_tools(members), read_choice(members)

    assert (tools[0].is_legacy, choice) == (True, ToolChoice("named", ["f"]))
    assert written(Request("m", tools=tools, tool_choice=choice)) == {
        "functions": [{"name": "f", "parameters": SCHEMA}],
        "function_call": {"name": "f"},
    }
    assert (
        written(Request("m", tools=tools, tool_choice=ToolChoice("auto")))["function_call"]
        == "auto"
    )
    assert "function_call" not in written(Request("m", tools=tools))


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"tools": {}}, "tools"),
        ({"tools": [5]}, "tools[0]"),
        ({"tools": [{}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tools": [{"type": "custom"}]}, "tools[0].custom.name"),
        ({"functions": [5]}, "functions[0]"),
    ],
)
def test_what_is_no_tool_is_told_with_its_place(members, path):
    with pytest.raises(Misfit) as told:
        read_tools(Members(members))

    assert told.value.path == path


ALLOWED = {
    "type": "allowed_tools",
    "allowed_tools": {
        "mode": "auto",
        "tools": [
            {"type": "function", "function": {"name": "f"}},
            {"type": "custom", "custom": {"name": "c"}},
        ],
    },
}


@pytest.mark.parametrize(
    ("value", "choice"),
    [
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ("any", ToolChoice("required")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("named", ["f"])),
        ({"type": "custom", "custom": {"name": "c"}}, ToolChoice("named", ["c"])),
        ({"type": "function", "name": "f"}, ToolChoice("named", ["f"])),
        (ALLOWED, ToolChoice("auto", ["f", "c"])),
        (None, None),
    ],
)
def test_choices_are_read(value, choice):
    assert read_choice(Members({"tool_choice": value})) == choice


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("sometimes", "tool_choice"),
        (5, "tool_choice"),
        ({}, "tool_choice.name"),
        ({"function": {}}, "tool_choice.function.name"),
        ({"allowed_tools": {"mode": "none"}}, "tool_choice.allowed_tools.mode"),
        ({"allowed_tools": {"mode": "auto", "tools": [5]}}, "tool_choice.allowed_tools.tools[0]"),
    ],
)
def test_what_is_no_choice_is_told_with_its_place(value, path):
    with pytest.raises(Misfit) as told:
        read_choice(Members({"tool_choice": value}))

    assert told.value.path == path


TOOLS = [Tool("f", schema=SCHEMA), Tool("c", is_custom=True), Tool("g")]


def asked(choice: ToolChoice, **fields) -> Request:
    return Request("m", tools=TOOLS, tool_choice=choice, family="openai", **fields)


@pytest.mark.parametrize(
    ("choice", "value"),
    [
        (ToolChoice("auto"), "auto"),
        (ToolChoice("named", ["f"]), {"type": "function", "function": {"name": "f"}}),
        (ToolChoice("named", ["c"]), {"type": "custom", "custom": {"name": "c"}}),
        (ToolChoice("auto", ["f", "c"]), ALLOWED),
    ],
)
def test_choices_are_written(choice, value):
    assert written(asked(choice))["tool_choice"] == value


def test_where_nobody_knows_allowed_tools_the_others_are_left_out():
    body = written(asked(ToolChoice("required", ["f"])), "vllm")

    assert (len(body["tools"]), body["tool_choice"]) == (1, "required")


def test_where_nobody_can_name_a_tool_it_is_the_only_one():
    body = written(asked(ToolChoice("named", ["g"])), "llama.cpp")

    assert [tool["function"]["name"] for tool in body["tools"]] == ["g"]
    assert body["tool_choice"] == "required"
    assert (
        "object"
        in written(asked(ToolChoice("named", ["g"])), "vllm")["tools"][2]["function"][
            "parameters"
        ].values()
    )


def test_parallel_calls_are_told_with_tools_alone():
    assert written(asked(ToolChoice("auto"), parallel_tools=False))["parallel_tool_calls"] is False
    assert written(Request("m", parallel_tools=False, tool_choice=ToolChoice("auto"))) == {}
    assert written(Request("m", tool_choice=ToolChoice("required")), losses=("tool_choice",)) == {}


def test_what_a_tool_has_beside_is_written_or_told():
    tool = Tool("f", cache="1h", extras={"input_examples": []})

    request = Request("m", tools=[tool], family="openai", dialect="openai.chat")

    row = written(request, "openrouter")["tools"][0]

    assert row["input_examples"] == []
    assert row["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    lost = ("cache", "tools.input_examples")
    assert written(Request("m", tools=[tool], family="anthropic"), losses=lost)["tools"] == [
        {
            "type": "function",
            "function": {"name": "f", "parameters": {"type": "object", "properties": {}}},
        }
    ]


def test_a_tools_cache_marker_is_read():
    row = {**FUNCTION, "cache_control": {"type": "ephemeral", "ttl": "5m"}}

    assert read_tools(Members({"tools": [row]}))[0].cache == "5m"
    assert cache_control("30m") == {"type": "ephemeral"}


def test_a_custom_tool_may_take_any_text():
    row = {"type": "custom", "custom": {"name": "c", "format": {"type": "text"}}}
    plain = {"type": "custom", "custom": {"name": "d"}}

    tools = read_tools(Members({"tools": [row, plain]}))

    assert written(Request("m", tools=tools, family="openai")) == {"tools": [row, plain]}


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ({"type": "text"}, Format("text")),
        ({"type": "json_object"}, Format("json")),
        (
            {
                "type": "json_schema",
                "json_schema": {"name": "n", "schema": SCHEMA, "description": "d", "strict": True},
            },
            Format("schema", SCHEMA, "n", "d", True),
        ),
    ],
)
def test_formats_are_read_and_come_back(value, form):
    assert read_format(Members({"response_format": value})) == form
    assert write_format(form, goal(), habits_of("openai")) == value


def test_a_schema_gets_the_name_that_the_sdk_demands():
    value = write_format(Format("schema", SCHEMA), goal(), habits_of("openai"))

    assert value == {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}


def test_a_schema_is_lost_where_only_json_can_be_asked_for():
    to = goal("deepseek")

    assert write_format(Format("schema", SCHEMA), to, habits_of("deepseek")) == {
        "type": "json_object"
    }
    assert to.losses.names == ("format.schema",)


def test_llama_cpps_own_form_of_a_schema_is_read():
    value = {"response_format": {"type": "json_object", "schema": SCHEMA}}

    assert read_format(Members(value)) == Format("schema", SCHEMA)


@pytest.mark.parametrize("value", [{}, {"type": "xml"}, {"type": "json_schema"}, 5])
def test_what_is_no_format_is_told(value):
    with pytest.raises(Misfit):
        read_format(Members({"response_format": value}))
