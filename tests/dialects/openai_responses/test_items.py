import pytest

from multillama.core.canonical import (
    Foreign,
    Image,
    Message,
    Namespace,
    Reasoning,
    Refusal,
    Source,
    Text,
    ToolCall,
    ToolResult,
)  # fmt: skip
from multillama.core.codec import Misfit
from multillama.dialects.openai_responses.items import read_input, write_input_items
from tests.dialects.openai_responses.spoken import terms


def user(content):
    return {"type": "message", "role": "user", "content": content}


def assistant(content, **members):
    return {"type": "message", "role": "assistant", "content": content, **members}


def call(call_id, **members):
    return {
        "type": "function_call",
        "status": "completed",
        "call_id": call_id,
        "name": "f",
        "arguments": "{}",
        **members,
    }


def output(call_id, text="ok", **members):
    return {"type": "function_call_output", "call_id": call_id, "output": text, **members}


REASONING = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "hm"}],
    "encrypted_content": "gAAA",
}
SHELL = {
    "type": "local_shell_call",
    "id": "lsh_1",
    "call_id": "c",
    "action": {"type": "exec", "command": ["ls"]},
}
SHELL_OUTPUT = {"type": "local_shell_call_output", "id": "lsh_1", "output": "a"}
ANNOTATED = {
    "type": "output_text",
    "text": "a",
    "annotations": [{"type": "file_path"}],
    "logprobs": [],
}
PLAIN = {"type": "output_text", "text": "a", "annotations": [], "logprobs": []}
TURNS = [
    ([user("hi")], [Message("user", [Text("hi")])]),
    (
        [{"type": "message", "role": "developer", "content": "be kind"}],
        [Message("developer", [Text("be kind")])],
    ),
    (
        [user([{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}])],
        [Message("user", [Text("a"), Text("b")])],
    ),
    (
        [
            REASONING,
            assistant("I look"),
            call("c1"),
            call("c2", id="fc_2"),
            output("c1"),
            output("c2"),
        ],
        [
            Message(
                "assistant",
                [
                    Reasoning("hm", "gAAA", id="rs_1", is_summary=True),
                    Text("I look"),
                    ToolCall("c1", "f", "{}"),
                    ToolCall("c2", "f", "{}", item_id="fc_2"),
                ],
            ),
            Message("tool", [ToolResult("c1", [Text("ok")])]),
            Message("tool", [ToolResult("c2", [Text("ok")])]),
        ],
    ),
    (
        [call("c1"), output("c1"), call("c2"), output("c2"), user("go on")],
        [
            Message("assistant", [ToolCall("c1", "f", "{}")]),
            Message("tool", [ToolResult("c1", [Text("ok")])]),
            Message("assistant", [ToolCall("c2", "f", "{}")]),
            Message("tool", [ToolResult("c2", [Text("ok")])]),
            Message("user", [Text("go on")]),
        ],
    ),
    (
        [assistant("a"), assistant("b")],
        [Message("assistant", [Text("a")]), Message("assistant", [Text("b")])],
    ),
    (
        [assistant("a"), call("c1"), assistant("b"), output("c1")],
        [
            Message("assistant", [Text("a"), ToolCall("c1", "f", "{}"), Text("b")]),
            Message("tool", [ToolResult("c1", [Text("ok")])]),
        ],
    ),
    (
        [
            assistant(
                [ANNOTATED, {"type": "refusal", "refusal": "no"}],
                id="msg_1",
                status="completed",
                phase="commentary",
            )
        ],
        [
            Message(
                "assistant",
                [
                    Text(
                        "a",
                        extras={"annotations": [{"type": "file_path"}], "phase": "commentary"},
                        item_id="msg_1",
                    ),
                    Refusal("no", "msg_1"),
                ],
            )
        ],
    ),
    (
        [assistant([PLAIN], id="msg_1", status="incomplete")],
        [
            Message(
                "assistant", [Text("a", extras={"item": {"status": "incomplete"}}, item_id="msg_1")]
            )
        ],
    ),
    (
        [
            {
                "type": "custom_tool_call",
                "status": "completed",
                "call_id": "c",
                "name": "apply_patch",
                "input": "*** Begin",
            },
            {"type": "custom_tool_call_output", "call_id": "c", "output": "done"},
        ],
        [
            Message("assistant", [ToolCall("c", "apply_patch", "*** Begin", is_custom=True)]),
            Message("tool", [ToolResult("c", [Text("done")], is_custom=True)]),
        ],
    ),
    (
        [call("c", namespace="mcp__db__"), output("c", id="fco_1", status="incomplete")],
        [
            Message(
                "assistant",
                [ToolCall("c", "mcp__db__f", "{}", namespace=Namespace("mcp__db__", "f"))],
            ),
            Message(
                "tool",
                [ToolResult("c", [Text("ok")], extras={"status": "incomplete"}, item_id="fco_1")],
            ),
        ],
    ),
    (
        [output("c", [{"type": "input_image", "image_url": "https://x", "detail": "auto"}])],
        [Message("tool", [ToolResult("c", [Image(Source(url="https://x"), "auto")])])],
    ),
    (
        [
            SHELL,
            SHELL_OUTPUT,
            {"type": "mcp_approval_response", "approve": True},
            {"type": "item_reference", "id": "x"},
        ],
        [
            Message("assistant", [Foreign("local_shell_call", SHELL)]),
            Message("user", [Foreign("local_shell_call_output", SHELL_OUTPUT)]),
            Message(
                "user",
                [
                    Foreign(
                        "mcp_approval_response", {"type": "mcp_approval_response", "approve": True}
                    )
                ],
            ),
            Message(
                "assistant", [Foreign("item_reference", {"type": "item_reference", "id": "x"})]
            ),
        ],
    ),
]


@pytest.mark.parametrize(("items", "messages"), TURNS)
def test_items_are_read_as_turns_and_written_as_they_were(items, messages):
    read = read_input(items)
    said = terms()

    assert read == messages
    assert write_input_items(read, said) == items
    assert said.losses.names == ()


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        ("hi", [Message("user", [Text("hi")])]),
        (None, []),
        ([{"role": "user", "content": "hi"}], [Message("user", [Text("hi")])]),
        ([{"role": "user", "content": None}], [Message("user")]),
        ([{"id": "x"}], [Message("assistant", [Foreign("item_reference", {"id": "x"})])]),
        (
            [
                {
                    "type": "reasoning",
                    "summary": [],
                    "content": [{"type": "reasoning_text", "text": "raw"}],
                }
            ],
            [Message("assistant", [Reasoning("raw", is_summary=False)])],
        ),
        ([output("c", None, name="f")], [Message("tool", [ToolResult("c", name="f")])]),
    ],
)
def test_short_forms_are_read(value, messages):
    assert read_input(value) == messages


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (1, "input"),
        ([1], "input[0]"),
        ([{}], "input[0].type"),
        ([{"type": 1}], "input[0].type"),
        ([{"role": 1}], "input[0].role"),
        ([{"role": "robot"}], "input[0].role"),
        ([user("a"), user([1])], "input[1].content[0]"),
        ([{"type": "function_call", "name": "f", "arguments": ""}], "input[0].call_id"),
        (
            [{"type": "function_call", "call_id": "c", "name": "f", "arguments": {}}],
            "input[0].arguments",
        ),
        ([{"type": "custom_tool_call", "call_id": "c", "name": "f"}], "input[0].input"),
        ([{"type": "function_call_output", "output": "x"}], "input[0].call_id"),
        ([{"type": "function_call_output", "call_id": "c", "output": 1}], "input[0].output"),
    ],
)
def test_what_is_no_item_is_told_with_its_place(value, place):
    with pytest.raises(Misfit) as caught:
        read_input(value)

    assert caught.value.path == place


@pytest.mark.parametrize(
    ("message", "items", "lost"),
    [
        (Message("user", [Text("hi")], name="ann", extras={"x": 1}), [user("hi")], ("message.name", "extras.x")),
        (Message("user", []), [user("")], ()),
        (Message("user", [Foreign("document", {})]), [], ("foreign:document",)),
        (Message("assistant", [Text(""), Text("a"), Text("b", "5m")]), [
            assistant([PLAIN, {**PLAIN, "text": "b"}]),
        ], ("cache",)),
        (Message("assistant", [Text("")]), [], ()),
        (Message("assistant", [Refusal("no")]), [assistant([{"type": "refusal", "refusal": "no"}])], ()),
        (Message("assistant", [ToolCall("c", "f", item_id="x")]), [call("c")], ()),
        (Message("assistant", [Reasoning("hm", "sig", id="x")]), [
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "sig"},
        ], ()),
        (Message("assistant", [Reasoning("", "sig", is_redacted=True)]), [
            {"type": "reasoning", "summary": [], "encrypted_content": "sig"},
        ], ()),
        (Message("assistant", [Reasoning("hm")]), [], ("messages.reasoning",)),
        (Message("assistant", [Image(Source(data="QQ"))]), [], ("image",)),
        (Message("assistant", [Foreign("content.x", {})]), [], ("foreign:content.x",)),
        (Message("tool", [Text("odd")]), [], ("text",)),
        (Message("tool", [ToolResult("c", [Text("a"), Text("b")], cache="5m", item_id="x")]), [
            output("c", [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]),
        ], ("cache",)),
        (Message("tool", [ToolResult("c", [Text("boom")], is_error=True)]), [output("c", "Error: boom")], ()),
        (Message("tool", [ToolResult("c", [Text("error 5")], is_error=True)]), [output("c", "error 5")], ()),
        (Message("tool", [ToolResult("c", [], is_error=True)]), [output("c", "Error")], ()),
        (Message("tool", [ToolResult("c", [Image(Source(url="https://x"))], is_error=True)]), [output("c", [
            {"type": "input_text", "text": "Error"},
            {"type": "input_image", "image_url": "https://x", "detail": "auto"},
        ])], ()),
        (Message("tool", [ToolResult("c")]), [output("c", "")], ()),
    ],
)  # fmt: skip
def test_messages_of_another_family_are_written_with_what_can_be_said(message, items, lost):
    said = terms(is_own=False, provider="openai")

    assert write_input_items([message], said) == items
    assert said.losses.names == lost


def test_unsigned_thoughts_are_told_those_who_do_not_sign():
    items = write_input_items(
        [Message("assistant", [Reasoning("hm", is_summary=False)])],
        terms(is_own=False, provider="vllm"),
    )

    content = [{"type": "reasoning_text", "text": "hm"}]
    assert items == [{"type": "reasoning", "summary": [], "content": content}]


def test_reasoning_that_openai_keeps_is_told_by_its_id():
    items = write_input_items(
        [Message("assistant", [Reasoning("", id="rs_1")])], terms(provider="openai")
    )

    assert items == [{"id": "rs_1", "type": "reasoning", "summary": []}]
