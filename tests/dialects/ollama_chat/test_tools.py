import pytest

from multillama.core.canonical import Request, Tool, ToolChoice
from multillama.core.codec import Misfit
from multillama.core.shape import Members
from multillama.dialects.ollama_chat.tools import read_tools, write_tools
from tests.dialects.ollama_cases import goal

NOTHING = {"type": "object", "properties": {}}
F, G = (
    {"type": "function", "function": {"name": name, "parameters": NOTHING}} for name in ("f", "g")
)


def written(request):
    told, body = goal(), {}
    write_tools(request, told, body)
    return body.get("tools"), told.losses.names


def test_tools_come_back():
    rows = [
        {
            "type": "function",
            "function": {
                "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True, "more": 1,
            },
            "items": 2,
        },
        {"type": "function", "function": {"name": "g"}},
        {"type": "web_search", "max": 3},
    ]  # fmt: skip

    tools = read_tools(Members({"tools": rows}))

    assert tools == [
        Tool("f", "d", {"type": "object"}, True, extras={"items": 2, "function": {"more": 1}}),
        Tool("g"),
        Tool("web_search", hosted="web_search", extras={"max": 3}),
    ]
    assert written(Request("m", tools=tools, family="ollama")) == (rows, ())


def test_a_tool_without_a_type_is_a_function():
    assert read_tools(Members({"tools": [{"function": {"name": "f"}}]})) == [Tool("f")]


@pytest.mark.parametrize(
    ("choice", "tools", "lost"),
    [
        (None, [F, G], ()),
        (ToolChoice("auto"), [F, G], ()),
        (ToolChoice("none"), None, ()),
        (ToolChoice("auto", ["g"]), [G], ()),
        (ToolChoice("required"), [F, G], ("tool_choice",)),
        (ToolChoice("named", ["f"]), [F], ("tool_choice",)),
        (ToolChoice("required", ["x"]), None, ("tool_choice",)),
    ],
)
def test_what_may_not_be_called_is_left_out(choice, tools, lost):
    request = Request("m", tools=[Tool("f"), Tool("g")], tool_choice=choice)

    assert written(request) == (tools, lost)


def test_what_has_no_word_is_named():
    tools = [
        Tool("f", is_strict=True, cache="5m", extras={"x": 1}),
        Tool("g", is_custom=True, is_strict=False),
        Tool("web_search", hosted="web_search"),
    ]

    rows, lost = written(Request("m", tools=tools, parallel_tools=False, family="openai"))

    assert rows == [F, G]
    assert lost == (
        "parallel_tools", "cache", "extras.x", "tools.strict", "tools.format", "tools.web_search",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("row", "place"),
    [
        (7, "tools[0]"),
        ({}, "tools[0].function"),
        ({"type": 7}, "tools[0].type"),
        ({"function": {}}, "tools[0].function.name"),
        ({"function": {"name": "f", "parameters": 7}}, "tools[0].function.parameters"),
    ],
)
def test_what_is_no_tool_is_refused_with_its_place(row, place):
    with pytest.raises(Misfit) as misfit:
        read_tools(Members({"tools": [row]}))

    assert misfit.value.path == place
