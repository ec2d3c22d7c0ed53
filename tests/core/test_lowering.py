import json

from multillama.core.canonical import Message, Request, Text, Tool, ToolCall, ToolChoice, ToolResult
from multillama.core.deltas import Close, Delta, End, Open
from multillama.core.lowering import Lifter, Lowering, input_of, lift_part, lower

LONG = "mcp__" + "server_" * 12 + "tool"
GRAMMAR = {"type": "grammar", "definition": "start: WORD", "syntax": "lark"}


def test_a_request_without_custom_tools_stays_as_it_is():
    request = Request("m", [Message("user", [Text("x")])], tools=[Tool("f")])

    lowered, lowering = lower(request, has_customs=False)

    assert lowered is request
    assert lowering.is_nothing


def test_a_custom_tool_becomes_a_function_of_one_text_and_its_grammar_is_described():
    lowered, lowering = lower(
        Request("m", tools=[Tool("patch", "Patches.", is_custom=True, format=GRAMMAR), Tool("f")]),
        has_customs=False,
    )

    tool, other = lowered.tools
    assert (tool.name, tool.is_custom, tool.schema["required"]) == ("patch", False, ["input"])
    assert tool.description == "Patches.\n\nThe input must match this lark grammar:\nstart: WORD"
    assert (other, lowering.customs) == (Tool("f"), {"patch"})


def test_a_custom_tool_without_a_grammar_keeps_its_description():
    lowered, _ = lower(
        Request(
            "m",
            tools=[
                Tool("a", "A.", is_custom=True),
                Tool("b", is_custom=True, format={"type": "text"}),
            ],
        ),
        has_customs=False,
    )

    assert [tool.description for tool in lowered.tools] == ["A.", None]


def test_a_grammar_is_described_where_there_was_no_description():
    lowered, _ = lower(
        Request("m", tools=[Tool("a", is_custom=True, format={"definition": "d"})]),
        has_customs=False,
    )

    assert lowered.tools[0].description == "The input must match this lark grammar:\nd"


def test_earlier_calls_of_custom_tools_are_lowered_too():
    request = Request("m", [
        Message("user", [Text("go")]),
        Message("assistant", [ToolCall("c", "patch", "*** Begin", is_custom=True), ToolCall("d", "f", "{}")]),
        Message("tool", [ToolResult("c", [Text("ok")], is_custom=True), ToolResult("d")]),
    ])  # fmt: skip

    lowered, _ = lower(request, has_customs=False)

    _, calls, results = lowered.messages
    assert calls.parts == [
        ToolCall("c", "patch", '{"input":"*** Begin"}'),
        ToolCall("d", "f", "{}"),
    ]
    assert results.parts == [ToolResult("c", [Text("ok")]), ToolResult("d")]


def test_names_that_are_too_long_are_cut_and_found_again():
    request = Request(
        "m", [Message("assistant", [ToolCall("c", LONG, "{}")]), Message("tool", [ToolResult("c", name=LONG)])],
        tools=[Tool(LONG), Tool("f")], tool_choice=ToolChoice("named", [LONG]),
    )  # fmt: skip

    lowered, lowering = lower(request, has_customs=True)

    name = lowered.tools[0].name
    assert len(name) == 64
    assert (lowered.tool_choice.names, lowered.messages[0].parts[0].name, lowered.messages[1].parts[0].name) == (
        [name], name, name,
    )  # fmt: skip
    assert lift_part(ToolCall("d", name), lowering) == ToolCall("d", LONG)
    assert request.tools[0].name == LONG


def test_letters_that_some_dialects_refuse_in_a_name_are_replaced_and_found_again():
    request = Request(
        "m", [Message("assistant", [ToolCall("c", "old.one", "{}")])],
        tools=[Tool("fs.read"), Tool("fs:read"), Tool("a_b"), Tool("a.b")],
    )  # fmt: skip

    lowered, lowering = lower(request, has_customs=True)

    names = [tool.name for tool in lowered.tools]
    assert names[::2] == ["fs_read", "a_b"]
    assert (names[1][:8], names[3][:4], len(set(names))) == ("fs_read_", "a_b_", 4)
    assert lowered.messages[0].parts[0].name == "old_one"
    assert [lift_part(ToolCall("c", name), lowering).name for name in names] == [
        "fs.read", "fs:read", "a_b", "a.b",
    ]  # fmt: skip


def test_the_name_of_a_hosted_tool_is_not_ours_to_change():
    request = Request("m", tools=[Tool("web.search", hosted="web.search")])

    assert lower(request, has_customs=True)[0] is request


def test_a_choice_is_left_where_no_name_is_cut():
    choice = ToolChoice("auto")

    lowered, _ = lower(
        Request("m", tools=[Tool("a", is_custom=True)], tool_choice=choice), has_customs=False
    )

    assert lowered.tool_choice is choice


def test_what_is_no_call_and_no_lowered_one_is_lifted_as_it_is():
    lowering = Lowering(frozenset({"patch"}))

    parts = [Text("x"), ToolCall("c", "f")]

    assert [lift_part(part, lowering) for part in parts] == parts


def test_a_call_of_a_lowered_tool_is_the_custom_one_again():
    lifted = lift_part(ToolCall("c", "patch", '{"input":"x"}'), Lowering(frozenset({"patch"})))

    assert lifted == ToolCall("c", "patch", "x", is_custom=True)


def test_arguments_that_are_not_as_asked_are_the_input_themselves():
    assert [input_of(text) for text in ('{"input":"x"}', "plain", "[1]", '{"input":1}', '{"other":1}')] == [
        "x", "plain", "[1]", '{"input":1}', '{"other":1}',
    ]  # fmt: skip


def test_in_a_stream_a_custom_input_comes_when_its_json_is_whole():
    lifter = Lifter(Lowering(frozenset({"p_cut"}), {"p_cut": "p_long"}))

    lifted = lifter.lift(
        [Open(0, ToolCall("c", "p_cut", '{"in')), Delta(0, 'put":'), Delta(0, '"x"}')]
    )
    lifted += lifter.lift([Close(0), End()])

    assert lifted == [
        Open(0, ToolCall("c", "p_long", "", is_custom=True)), Delta(0, "x"), Close(0), End(),
    ]  # fmt: skip


def test_in_a_stream_other_parts_pass():
    events = [
        Open(0, Text("")),
        Delta(0, "x"),
        Close(0),
        Open(1, ToolCall("c", "f")),
        Delta(1, "{}"),
        Close(1),
    ]

    assert Lifter(Lowering(frozenset({"p"}))).lift(list(events)) == events


def test_lowering_leaves_the_json_of_its_input_alone():
    tricky = 'a "quoted" \\ text\n'
    lowered, _ = lower(
        Request("m", [Message("assistant", [ToolCall("c", "p", tricky, is_custom=True)])]),
        has_customs=False,
    )

    assert json.loads(lowered.messages[0].parts[0].arguments) == {"input": tricky}
