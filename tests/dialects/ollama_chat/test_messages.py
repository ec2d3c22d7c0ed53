import pytest

from multillama.core.canonical import (
    Image,
    Message,
    Reasoning,
    Source,
    Text,
    ToolCall,
    ToolResult,
)
from multillama.core.codec import Misfit
from multillama.dialects.ollama_chat.messages import read_messages, write_messages
from tests.dialects.ollama_cases import goal

PNG = "iVBORw0KGgoAAAAA"
CALL = {"id": "c1", "function": {"index": 0, "name": "f", "arguments": {"x": 1}}}
FULL = [
    {"role": "system", "content": "s"},
    {"role": "user", "content": "u", "images": [PNG], "more": 1},
    {"role": "assistant", "content": "a", "thinking": "h", "tool_calls": [CALL]},
    {"role": "tool", "content": "r", "tool_name": "f", "tool_call_id": "c1"},
]


def written(messages, *, is_ours=False):
    told = goal()
    return write_messages(messages, told, is_ours=is_ours), told.losses.names


def ids_of(rows):
    """Returns the ids of calls and results, in order."""
    return [
        part.id if isinstance(part, ToolCall) else part.call_id
        for message in read_messages(rows)
        for part in message.parts
        if isinstance(part, ToolCall | ToolResult)
    ]


def call(name, **others):
    return {"function": {"name": name, "arguments": {}}, **others}


def result(**members):
    return {"role": "tool", "content": "r", **members}


def test_a_conversation_comes_back():
    messages = read_messages(FULL)

    assert messages == [
        Message("system", [Text("s")]),
        Message(
            "user", [Image(Source(PNG, media_type="image/png")), Text("u")], extras={"more": 1}
        ),
        Message("assistant", [Reasoning("h"), Text("a"), ToolCall("c1", "f", '{"x":1}')]),
        Message("tool", [ToolResult("c1", [Text("r")], "f")]),
    ]
    assert written(messages, is_ours=True) == (FULL, ())


@pytest.mark.parametrize(
    ("rows", "ids"),
    [
        ([call("f"), call("g")], ["call_0_0", "call_0_1", "call_0_1", "call_0_0"]),
        ([call("g", id="b"), call("f", id="a")], ["b", "a", "b", "a"]),
        (
            [call("f"), call("g"), call("g")],
            ["call_0_0", "call_0_1", "call_0_2", "call_0_1", "call_0_0"],
        ),
    ],
)
def test_a_result_belongs_to_the_call_of_its_name(rows, ids):
    turn = {"role": "assistant", "tool_calls": rows}

    assert ids_of([turn, result(tool_name="g"), result(tool_name="f")]) == ids


def test_a_result_without_a_name_belongs_to_the_first_call_that_waits():
    turn = {"role": "assistant", "content": None, "tool_calls": [call("f"), call("g")]}

    assert ids_of([turn, result(), result(name="g"), result()]) == [
        "call_0_0", "call_0_1", "call_0_0", "call_0_1", "call_3",
    ]  # fmt: skip


def test_a_result_may_tell_its_call():
    turn = {"role": "assistant", "tool_calls": [call("f", id="a"), call("f", id="b")]}

    assert ids_of([turn, result(tool_call_id="b"), result(tool_call_id="z"), result(tool_name="f")]) == [
        "a", "b", "b", "z", "a",
    ]  # fmt: skip


def test_a_result_that_tells_an_id_belongs_to_a_call_that_tells_none():
    told = {"role": "assistant", "tool_calls": [call("f", id="a")]}
    untold = {"role": "assistant", "tool_calls": [call("f"), call("g")]}

    ids = ids_of([told, untold, result(tool_call_id="x"), result(tool_call_id="y", name="g")])

    assert ids == ["a", "call_1_0", "call_1_1", "call_1_0", "call_1_1"]


def test_a_result_of_an_unknown_tool_belongs_to_no_other_call():
    turn = {"role": "assistant", "tool_calls": [call("f")]}

    assert ids_of([turn, result(tool_name="g")]) == ["call_0_0", "call_1"]


def test_several_texts_become_one():
    texts = [Text("a"), Text("b")]

    rows, _ = written(
        [Message("developer", texts), Message("user", texts), Message("assistant", texts)]
    )

    assert rows == [
        {"role": "system", "content": "a\nb"},
        {"role": "user", "content": "a\nb"},
        {"role": "assistant", "content": "ab"},
    ]


def test_each_result_is_a_message_of_its_own_before_what_stands_beside_it():
    message = Message(
        "user",
        [
            Text("u"),
            ToolResult("c1", [Text("r"), Image(Source(PNG)), Reasoning("h")], "f"),
            ToolResult("c2", [Text("no")], is_error=True, cache="5m"),
        ],
    )

    rows, lost = written([message])

    assert rows == [
        {
            "role": "tool", "content": "r", "images": [PNG], "thinking": "h", "tool_name": "f",
            "tool_call_id": "c1",
        },
        {"role": "tool", "content": "Error: no", "tool_call_id": "c2"},
        {"role": "user", "content": "u"},
    ]  # fmt: skip
    assert lost == ("cache",)


def test_what_a_message_cannot_say_is_named():
    calls = [ToolCall("c", "f", extras={"x": 1})]
    message = Message("assistant", calls, name="Ann", extras={"y": 1})

    rows, lost = written([message, Message("tool", [ToolResult("c", extras={"z": 1})])])

    assert rows[0]["content"] == ""
    assert lost == ("extras.x", "name", "extras.y", "extras.z")


def test_an_empty_message_is_still_one():
    assert written([Message("user")]) == ([{"role": "user", "content": ""}], ())


@pytest.mark.parametrize(
    ("row", "place"),
    [
        (7, "messages[0]"),
        ({}, "messages[0].role"),
        ({"role": "judge"}, "messages[0].role"),
        ({"role": "user", "content": [{"type": "text"}]}, "messages[0].content"),
        ({"role": "user", "images": ["http://a.b/c"]}, "messages[0].images[0]"),
        ({"role": "assistant", "thinking": 7}, "messages[0].thinking"),
        ({"role": "assistant", "tool_calls": [7]}, "messages[0].tool_calls[0]"),
        ({"role": "assistant", "tool_calls": [{}]}, "messages[0].tool_calls[0].function"),
        (
            {"role": "assistant", "tool_calls": [{"function": {}}]},
            "messages[0].tool_calls[0].function.name",
        ),
        (
            {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": [1]}}]},
            "messages[0].tool_calls[0].function.arguments",
        ),
        ({"role": "tool", "tool_name": 7}, "messages[0].tool_name"),
    ],
)
def test_what_would_be_misunderstood_is_refused_with_its_place(row, place):
    with pytest.raises(Misfit) as misfit:
        read_messages([row])

    assert misfit.value.path == place
