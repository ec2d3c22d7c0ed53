import pytest

from multillama.core.canonical import Namespace, Tool, ToolChoice
from multillama.core.codec import Misfit
from multillama.dialects.openai_responses.tools import (
    read_choice,
    read_tools,
    write_choice,
    write_tools,
)
from tests.dialects.openai_responses.spoken import terms

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
FUNCTION = {
    "type": "function",
    "name": "look",
    "description": "Looks.",
    "parameters": SCHEMA,
    "strict": False,
}
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: /a/"}
CUSTOM = {"type": "custom", "name": "apply_patch", "description": "Patches.", "format": GRAMMAR}
LOOK = Tool("look", "Looks.", SCHEMA, False)


def named(group, tool):
    return Namespace(group, tool, "Data.")


ROWS = [
    ([FUNCTION], [LOOK]),
    ([{**FUNCTION, "defer_loading": True}], [Tool("look", "Looks.", SCHEMA, False, extras={"defer_loading": True})]),
    ([{"type": "function", "name": "f", "parameters": SCHEMA}], [Tool("f", schema=SCHEMA)]),
    ([CUSTOM], [Tool("apply_patch", "Patches.", is_custom=True, format=GRAMMAR)]),
    ([{"type": "custom", "name": "c"}], [Tool("c", is_custom=True)]),
    (
        [{"type": "web_search", "search_context_size": "low"}],
        [Tool("web_search", hosted="web_search", extras={"search_context_size": "low"})],
    ),
    ([{"type": "local_shell"}], [Tool("local_shell", hosted="local_shell")]),
    (
        [
            {"type": "namespace", "name": "mcp__db__", "description": "Data.", "tools": [FUNCTION, CUSTOM], "x": 1},
            {"type": "namespace", "name": "crm", "description": "Data.", "tools": [FUNCTION]},
            FUNCTION,
        ],
        [
            Tool("mcp__db__look", "Looks.", SCHEMA, False, namespace=Namespace("mcp__db__", "look", "Data.", {"x": 1})),
            Tool("mcp__db__apply_patch", "Patches.", is_custom=True, format=GRAMMAR,
                 namespace=Namespace("mcp__db__", "apply_patch", "Data.", {"x": 1})),
            Tool("crm__look", "Looks.", SCHEMA, False, namespace=named("crm", "look")),
            LOOK,
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "tools"), ROWS)
def test_tools_are_read_and_written_as_they_were(rows, tools):
    read = read_tools(rows, "tools")
    said = terms()

    assert read == tools
    assert write_tools(read, said) == rows
    assert said.losses.names == ()


@pytest.mark.parametrize(
    ("rows", "place"),
    [
        ([1], "tools[0]"),
        ([{}], "tools[0].type"),
        ([{"type": "function", "function": {"name": "f"}}], "tools[0].name"),
        ([{"type": "function", "name": "f", "parameters": 1}], "tools[0].parameters"),
        (
            [{"type": "namespace", "name": "n", "tools": [{"type": "function"}]}],
            "tools[0].tools[0].name",
        ),
    ],
)
def test_what_is_no_tool_is_told_with_its_place(rows, place):
    with pytest.raises(Misfit) as caught:
        read_tools(rows, "tools")

    assert caught.value.path == place


def test_a_group_holds_no_group():
    inner = {"type": "namespace", "name": "b", "tools": [FUNCTION]}

    tools = read_tools([{"type": "namespace", "name": "a", "tools": [inner]}], "tools")

    assert [tool.hosted for tool in tools] == ["namespace"]


@pytest.mark.parametrize(
    ("tool", "row", "lost"),
    [
        (
            Tool("f"),
            {
                "type": "function",
                "name": "f",
                "parameters": {"type": "object", "properties": {}},
                "strict": False,
            },
            (),
        ),
        (
            Tool("f", schema=SCHEMA, is_strict=True, cache="", extras={"input_examples": []}),
            {"type": "function", "name": "f", "parameters": SCHEMA, "strict": True},
            ("cache", "extras.input_examples"),
        ),
        (
            Tool(
                "web_search",
                hosted="web_search_20250305",
                extras={
                    "name": "web_search",
                    "max_uses": 2,
                    "allowed_domains": ["a.b"],
                    "user_location": {"city": "x"},
                },
            ),
            {
                "type": "web_search",
                "filters": {"allowed_domains": ["a.b"]},
                "user_location": {"city": "x"},
            },
            ("tools.max_uses",),
        ),
        (Tool("codeExecution", hosted="codeExecution"), None, ("tools.codeExecution",)),
    ],
)
def test_tools_of_another_family_are_written_with_what_can_be_said(tool, row, lost):
    said = terms(is_own=False)

    assert write_tools([tool], said) == ([] if row is None else [row])
    assert said.losses.names == lost


TOOLS = read_tools(
    [
        FUNCTION,
        CUSTOM,
        {"type": "file_search"},
        {"type": "namespace", "name": "crm", "tools": [{**FUNCTION, "name": "get"}]},
    ],
    "tools",
)
CHOICES = [
    ("none", ToolChoice("none")),
    ("auto", ToolChoice("auto")),
    ("required", ToolChoice("required")),
    ({"type": "function", "name": "look"}, ToolChoice("named", ["look"])),
    ({"type": "custom", "name": "apply_patch"}, ToolChoice("named", ["apply_patch"])),
    ({"type": "file_search"}, ToolChoice("named", ["file_search"])),
    ({"type": "function", "name": "get"}, ToolChoice("named", ["get"])),
    ({"type": "function", "name": "unknown"}, ToolChoice("named", ["unknown"])),
    (
        {
            "type": "allowed_tools",
            "mode": "required",
            "tools": [{"type": "function", "name": "look"}, {"type": "file_search"}],
        },
        ToolChoice("required", ["look", "file_search"]),
    ),
]


@pytest.mark.parametrize(("value", "choice"), CHOICES)
def test_a_choice_is_read_and_written_as_it_was(value, choice):
    read = read_choice(value)

    assert read == choice
    assert write_choice(choice, TOOLS) == value


@pytest.mark.parametrize(
    "value",
    [
        "sometimes",
        {},
        {"type": 1},
        {"type": "mcp", "server_label": "x"},
        {"type": "allowed_tools", "mode": "never", "tools": []},
        {"type": "allowed_tools", "tools": [{"type": "mcp", "server_label": "x", "name": "y"}]},
        {"type": "allowed_tools", "tools": [{}]},
    ],
)
def test_a_choice_that_only_this_dialect_knows_is_not_guessed(value):
    assert read_choice(value) is None


@pytest.mark.parametrize(
    "value", [1, {"type": "allowed_tools"}, {"type": "allowed_tools", "tools": [1]}]
)
def test_what_is_no_choice_is_told(value):
    with pytest.raises(Misfit):
        read_choice(value)


def test_another_familys_search_is_chosen_by_the_name_it_has_here():
    tools = [Tool("web_search_20250305", hosted="web_search_20250305")]

    assert write_choice(ToolChoice("named", ["web_search_20250305"]), tools) == {
        "type": "web_search"
    }
