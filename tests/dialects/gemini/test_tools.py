import pytest

from multillama.core.canonical import Message, Request, Text, Tool, ToolChoice
from multillama.core.codec import Misfit
from tests.dialects.gemini.saying import again, read, write

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
FUNCTION = {
    "name": "f",
    "description": "does",
    "parametersJsonSchema": SCHEMA,
    "behavior": "BLOCKING",
}


def test_functions_and_googles_own_tools_are_read():
    openapi = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}
    tools = [
        {"function_declarations": [FUNCTION, {"name": "g", "parameters": openapi}, {"name": "h"}]},
        {"googleSearch": {}, "codeExecution": {}, "urlContext": None},
    ]

    assert read(tools=tools).tools == [
        Tool("f", "does", SCHEMA, extras={"behavior": "BLOCKING"}),
        Tool("g", None, SCHEMA),
        Tool("h"),
        Tool("web_search", hosted="web_search", extras={"googleSearch": {}}),
        Tool("codeExecution", hosted="codeExecution", extras={"codeExecution": {}}),
    ]


def test_tools_come_back():
    tools = [
        {"functionDeclarations": [FUNCTION, {"name": "h"}]},
        {"googleSearch": {"excludeDomains": ["a"]}},
    ]

    assert again(tools=tools)["tools"] == tools


CHOICES = {
    "as it likes": ({"mode": "AUTO"}, ToolChoice("auto")),
    "none": ({"mode": "NONE"}, ToolChoice("none")),
    "any": ({"mode": "ANY"}, ToolChoice("required")),
    "this one": ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice("named", ["f"])),
    "one of these": (
        {"mode": "ANY", "allowedFunctionNames": ["f", "g"]},
        ToolChoice("required", ["f", "g"]),
    ),
    "maybe one of these": (
        {"mode": "VALIDATED", "allowedFunctionNames": ["f"]},
        ToolChoice("auto", ["f"]),
    ),
    "checked": ({"mode": "VALIDATED"}, ToolChoice("auto")),
    "nothing said": ({"streamFunctionCallArguments": True}, None),
}


@pytest.mark.parametrize("case", CHOICES)
def test_the_choice_of_tools_is_read_and_comes_back(case):
    calling, wanted = CHOICES[case]
    members = {
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
        "toolConfig": {"functionCallingConfig": calling, "retrievalConfig": {"languageCode": "de"}},
    }

    assert read(**members).tool_choice == wanted
    assert again(**members)["toolConfig"] == members["toolConfig"]


def test_no_choice_is_none():
    request = read(toolConfig={"retrievalConfig": {}})

    assert request.tool_choice is None
    assert (
        read(toolConfig={"functionCallingConfig": {"mode": "MODE_UNSPECIFIED"}}).tool_choice is None
    )


def test_an_unknown_choice_is_told():
    with pytest.raises(Misfit, match=r"toolConfig.functionCallingConfig.mode must be AUTO"):
        read(toolConfig={"functionCallingConfig": {"mode": "SOME"}})


def of_others(*tools, choice=None):
    request = Request(
        "m", [Message("user", [Text("a")])], tools=list(tools), tool_choice=choice, family="openai"
    )
    return write(request)


EMPTY = {"type": "object", "properties": {}}
INPUT = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
TOOLS = {
    "no schema": (Tool("f"), [{"name": "f"}], ()),
    "an empty schema": (Tool("f", schema={}), [{"name": "f", "parametersJsonSchema": EMPTY}], ()),
    "a strict one to keep": (
        Tool("f", schema=SCHEMA, is_strict=True, cache="5m", extras={"defer_loading": True, "x": None}),
        [{"name": "f", "parametersJsonSchema": SCHEMA}],
        ("cache", "tools.strict", "extras.defer_loading"),
    ),
    "a custom one": (
        Tool("f", is_custom=True, format={"type": "grammar"}),
        [{"name": "f", "parametersJsonSchema": INPUT}],
        ("tools.format",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TOOLS)
def test_tools_of_others_become_functions(case):
    tool, functions, lost = TOOLS[case]

    body, names = of_others(tool)

    assert (body["tools"], names) == ([{"functionDeclarations": functions}], lost)


def test_a_custom_tool_of_plain_text_loses_nothing():
    _, lost = of_others(Tool("f", is_custom=True))

    assert lost == ()


def test_the_search_of_others_is_googles_and_other_hosted_tools_are_named():
    search = Tool(
        "web_search",
        hosted="web_search_20250305",
        extras={"max_uses": 3, "type": "web_search_20250305"},
    )

    body, lost = of_others(search, Tool("x", hosted="code_interpreter"))

    assert (body["tools"], lost) == (
        [{"googleSearch": {}}],
        ("extras.max_uses", "tools.code_interpreter"),
    )


@pytest.mark.parametrize(
    ("mode", "lost"),
    [("auto", ()), ("none", ()), ("required", ("tool_choice",)), ("named", ("tool_choice",))],
)
def test_a_choice_without_functions_is_not_told(mode, lost):
    body, names = of_others(Tool("web_search", hosted="web_search"), choice=ToolChoice(mode, ["f"]))

    assert ("toolConfig" in body, names) == (False, lost)
