import pytest

from multillama.core.canonical import (
    Audio,
    File,
    Foreign,
    Image,
    Message,
    Reasoning,
    Refusal,
    Source,
    Text,
    ToolCall,
    ToolResult,
)  # fmt: skip
from multillama.core.codec import Misfit
from multillama.dialects.openai_chat.messages import read_content, read_messages


def one(**members) -> Message:
    return read_messages([members])[0]


PARTS = [
    ({"type": "text", "text": "a"}, Text("a")),
    (
        {"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}},
        Text("a", "30m"),
    ),
    ({"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, Text("a", "")),
    ({"type": "text", "text": "a", "cache_control": 1, "odd": 2}, Text("a", extras={"odd": 2})),
    (
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ==", "detail": "low"}},
        Image(Source(data="QQ==", media_type="image/png"), "low"),
    ),
    ({"type": "image_url", "image_url": "https://a/b"}, Image(Source(url="https://a/b"))),
    (
        {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "mp3"}},
        Audio(Source(data="QQ==", media_type="audio/mp3")),
    ),
    (
        {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "flac"}},
        Audio(Source(data="QQ==", media_type="audio/flac")),
    ),
    (
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,QQ==", "filename": "a.pdf"}},
        File(Source(data="QQ==", media_type="application/pdf"), "a.pdf"),
    ),
    (
        {"type": "file", "file": {"file_data": "QQ==", "filename": "a.PDF"}},
        File(Source(data="QQ==", media_type="application/pdf"), "a.PDF"),
    ),
    ({"type": "file", "file": {"file_data": "QQ=="}}, File(Source(data="QQ=="))),
    ({"type": "file", "file": {"file_id": "f1"}}, File(Source(file_id="f1"))),
    ({"type": "refusal", "refusal": "no"}, Refusal("no")),
    ({"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, Reasoning("hm")),
    ({"type": "video_url", "video_url": {}}, Foreign("video_url", {"type": "video_url", "video_url": {}})),
    ("plain", Text("plain")),
]  # fmt: skip


@pytest.mark.parametrize(("row", "part"), PARTS)
def test_parts_are_read(row, part):
    assert read_content([row], "content") == [part]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"role": "user", "content": "a"}, Message("user", [Text("a")])),
        ({"role": "system", "content": "a", "name": "n"}, Message("system", [Text("a")], "n")),
        ({"role": "developer", "content": [{"type": "text", "text": "a"}]}, Message("developer", [Text("a")])),
        (
            {"role": "user", "content": "a", "odd": 1, "none": None, "annotations": []},
            Message("user", [Text("a")], extras={"odd": 1}),
        ),
        ({"role": "assistant", "content": "a"}, Message("assistant", [Text("a")])),
        ({"role": "assistant", "content": None}, Message("assistant", [])),
        (
            {"role": "assistant", "content": None, "refusal": "no", "reasoning_content": "hm"},
            Message("assistant", [Reasoning("hm"), Refusal("no")]),
        ),
        (
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            Message("assistant", [ToolCall("c", "f", "{}")]),
        ),
        (
            {
                "role": "assistant",
                "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}, "odd": 1}],
            },
            Message("assistant", [ToolCall("c", "f", "x", True, extras={"odd": 1})]),
        ),
        (
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "c",
                        "function": {"name": "f"},
                        "extra_content": {"google": {"thought_signature": "sig"}},
                    },
                ],
            },
            Message("assistant", [Reasoning("", "sig"), ToolCall("c", "f")]),
        ),
        (
            {"role": "tool", "tool_call_id": "c", "content": "r", "name": "f"},
            Message("tool", [ToolResult("c", [Text("r")], "f")]),
        ),
        ({"role": "tool", "tool_call_id": "c", "content": None}, Message("tool", [ToolResult("c")])),
    ],
)  # fmt: skip
def test_messages_are_read(message, expected):
    assert one(**message) == expected


def test_calls_of_functions_get_ids_that_their_results_have():
    call = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    result = {"role": "function", "name": "f", "content": "r"}

    messages = read_messages([call, result, call, result])

    ids = [messages[0].parts[0].id, messages[1].parts[0].call_id]
    assert ids[0] == ids[1]
    assert messages[3].parts[0].call_id == messages[2].parts[0].id != ids[0]


@pytest.mark.parametrize(
    ("row", "path"),
    [
        ("hi", "messages[0]"),
        ({"content": "a"}, "messages[0].role"),
        ({"role": "robot", "content": "a"}, "messages[0].role"),
        ({"role": ["user"], "content": "a"}, "messages[0].role"),
        ({"role": "user"}, "messages[0].content"),
        ({"role": "user", "content": 5}, "messages[0].content"),
        ({"role": "user", "content": [5]}, "messages[0].content[0]"),
        ({"role": "user", "content": [{}]}, "messages[0].content[0].type"),
        ({"role": "user", "content": [{"type": "text"}]}, "messages[0].content[0].text"),
        ({"role": "user", "content": "a", "name": 1}, "messages[0].name"),
        ({"role": "user", "content": [{"type": "image_url"}]}, "messages[0].content[0].image_url"),
        ({"role": "user", "content": [{"type": "image_url", "image_url": {}}]}, "messages[0].content[0].image_url.url"),
        ({"role": "user", "content": [{"type": "file", "file": {}}]}, "messages[0].content[0].file"),
        ({"role": "user", "content": [{"type": "input_audio"}]}, "messages[0].content[0].input_audio"),
        ({"role": "tool", "content": "r"}, "messages[0].tool_call_id"),
        ({"role": "assistant", "tool_calls": {}}, "messages[0].tool_calls"),
        ({"role": "assistant", "tool_calls": [{"id": "c"}]}, "messages[0].tool_calls[0].function"),
        ({"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}, "messages[0].tool_calls[0].id"),
        (
            {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": {}}}]},
            "messages[0].tool_calls[0].function.arguments",
        ),
        ({"role": "assistant", "tool_calls": [{"id": "c", "custom": {}}]}, "messages[0].tool_calls[0].custom.name"),
        ({"role": "assistant", "function_call": "f"}, "messages[0].function_call"),
        ({"role": "assistant", "content": None, "refusal": 1}, "messages[0].refusal"),
    ],
)  # fmt: skip
def test_what_is_no_message_is_told_with_its_place(row, path):
    with pytest.raises(Misfit) as told:
        read_messages([row])

    assert told.value.path == path
