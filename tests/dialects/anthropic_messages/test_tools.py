import pytest

from multillama.core.canonical import Message, Request, Text, Tool, ToolChoice
from tests.dialects.anthropic_messages.spoken import LOCAL, ask, goal, written

EMPTY = {"type": "object", "properties": {}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}


def request(*tools, **members):
    return Request("m", [Message("user", [Text("Hello")])], tools=list(tools), **members)


@pytest.mark.parametrize(
    ("tool", "row"),
    [
        (Tool("f"), {"name": "f", "input_schema": EMPTY}),
        (Tool("f", "Does.", SCHEMA), {"name": "f", "description": "Does.", "input_schema": SCHEMA}),
        (Tool("f", schema={"properties": {}}), {"name": "f", "input_schema": EMPTY}),
        (Tool("f", is_strict=True), {"name": "f", "input_schema": EMPTY, "strict": True}),
        (Tool("f", is_strict=False), {"name": "f", "input_schema": EMPTY}),
        (Tool("f", cache="1h"), {"name": "f", "input_schema": EMPTY, "cache_control": {"type": "ephemeral",
        "ttl": "1h"}}),
        (
            Tool("x", hosted="web_search_preview"),
            {"type": "web_search_20250305", "name": "web_search"},
        ),
        (Tool("x", hosted="web_search"), {"type": "web_search_20250305", "name": "web_search"}),
    ],
)  # fmt: skip
def test_a_tool_of_another_dialect_is_written_without_loss(tool, row):
    body, losses = written(request(tool))

    assert (body["tools"], losses) == ([row], ())


@pytest.mark.parametrize(
    ("tool", "model", "loss"),
    [
        (Tool("f", is_strict=True), ("claude-3-opus", "anthropic"), "tools.strict"),
        (Tool("", hosted="file_search"), ("claude-opus-4-7", "anthropic"), "tools.file_search"),
        (Tool("", hosted="web_search"), LOCAL, "tools.web_search"),
        (Tool("f", extras={"x": 1}), ("claude-opus-4-7", "anthropic"), "extras.x"),
    ],
)
def test_what_cannot_be_said_of_a_tool_is_told(tool, model, loss):
    _, losses = written(request(tool), goal(*model))

    assert losses == (loss,)


@pytest.mark.parametrize(
    "tool",
    [
        {"name": "f", "input_schema": {}},
        {"name": "f", "input_schema": SCHEMA, "strict": False, "defer_loading": True,
        "cache_control": {"type": "ephemeral"}},
        {"name": "f", "input_schema": SCHEMA, "cache_control": {"type": "ephemeral", "ttl": "5m", "scope": "x"}},
        {"type": "web_search_20260209", "name": "web_search", "max_uses": 3},
        {"type": "bash_20250124", "name": "bash"},
        {"type": "browser_toolset_20260801", "configs": {}},
    ],
)  # fmt: skip
def test_a_tool_of_this_dialect_is_written_as_it_came(tool):
    body, losses = written(ask(tools=[tool]))

    assert (body["tools"], losses) == ([tool], ())


@pytest.mark.parametrize(
    ("choice", "parallel", "row"),
    [
        (None, None, None),
        (None, True, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice("auto"), None, {"type": "auto"}),
        (ToolChoice("required"), False, {"type": "any", "disable_parallel_tool_use": True}),
        (ToolChoice("named", ["f"]), None, {"type": "tool", "name": "f"}),
        (ToolChoice("none"), False, {"type": "none"}),
    ],
)
def test_a_choice_of_tools_is_written_as(choice, parallel, row):
    body, losses = written(request(Tool("f"), tool_choice=choice, parallel_tools=parallel))

    assert (body.get("tool_choice"), losses) == (row, ())


def test_only_the_tools_that_may_be_called_are_shown():
    asked = request(Tool("f"), Tool("g"), tool_choice=ToolChoice("required", ["g"]))

    body, losses = written(asked)

    assert ([tool["name"] for tool in body["tools"]], body["tool_choice"]) == (
        ["g"],
        {"type": "any"},
    )
    assert losses == ()


@pytest.mark.parametrize("choice", [ToolChoice("required"), ToolChoice("named", ["f"])])
def test_a_model_that_cannot_be_forced_may_choose_and_that_is_told(choice):
    body, losses = written(request(Tool("f"), tool_choice=choice), goal("claude-opus-5-5"))

    assert (body["tool_choice"], losses) == ({"type": "auto"}, ("tool_choice",))


@pytest.mark.parametrize(
    ("choice", "losses"),
    [(ToolChoice("auto"), ()), (ToolChoice("required"), ("tool_choice",)), (None, ())],
)
def test_without_tools_there_is_no_choice(choice, losses):
    body, lost = written(request(tool_choice=choice, parallel_tools=False))

    assert ("tool_choice" in body, lost) == (False, losses)


@pytest.mark.parametrize(
    "choice",
    [
        {"type": "auto", "disable_parallel_tool_use": True},
        {"type": "any"},
        {"type": "tool", "name": "f"},
        {"type": "none"},
    ],
)
def test_a_choice_of_this_dialect_is_written_as_it_came_also_for_tools_of_a_server(choice):
    body, losses = written(
        ask(tool_choice=choice, mcp_servers=[{"name": "s"}]), goal("claude-opus-5-5")
    )

    assert (body["tool_choice"], losses) == (choice, ())
