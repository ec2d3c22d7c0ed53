import json

import pytest

from multillama.core.canonical import (
    Answer,
    Choice,
    Foreign,
    Image,
    Namespace,
    Reasoning,
    Refusal,
    Source,
    Stop,
    Text,
    Tool,
    ToolCall,
    Usage,
)  # fmt: skip
from multillama.core.codec import Misfit
from multillama.dialects.openai_responses.codec import CODEC
from tests.dialects.openai_responses.spoken import DIALECT, FAMILY, reply

USAGE = {
    "input_tokens": 3,
    "input_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 0},
    "output_tokens": 4,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 7,
}
TEXT = {"type": "output_text", "text": "hi", "annotations": [], "logprobs": []}
REFUSAL = {"type": "refusal", "refusal": "no"}
OUTPUT = [
    {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "gAAA"},
    {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"type": "search"}},
    {
        "id": "msg_1",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [TEXT, TEXT],
        "phase": "commentary",
    },
    {
        "id": "fc_1",
        "type": "function_call",
        "status": "completed",
        "call_id": "c1",
        "name": "f",
        "arguments": "{}",
    },
    {
        "id": "msg_2",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [REFUSAL],
    },
    {
        "id": "ctc_1",
        "type": "custom_tool_call",
        "status": "completed",
        "call_id": "c2",
        "name": "g",
        "input": "x",
    },
]


def whole(**members):
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1600,
        "model": "gpt-x",
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "output": OUTPUT,
        "usage": USAGE,
        "service_tier": "default",
        "billing": {"payer": "x"},
        **members,
    }


def read(body):
    return CODEC.read_answer(json.dumps(body).encode())


def told(answer, to=None):
    return json.loads(CODEC.write_answer(answer, to or reply()))


def test_an_answer_is_read():
    answer = read(whole())

    search = OUTPUT[1]
    phase = {"phase": "commentary"}
    assert answer == Answer(
        "resp_1", "gpt-x", 1600,
        [Choice(
            [
                Reasoning("", "gAAA", id="rs_1"), Foreign("web_search_call", search),
                Text("hi", extras=phase, item_id="msg_1"), Text("hi", extras=phase, item_id="msg_1"),
                ToolCall("c1", "f", "{}", item_id="fc_1"), Refusal("no", "msg_2"),
                ToolCall("c2", "g", "x", True, "ctc_1"),
            ],
            Stop.CALLS,
        )],
        Usage(3, 1, 0, None, 4, 2), "default", FAMILY, {"billing": {"payer": "x"}}, DIALECT,
    )  # fmt: skip


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
        {"status": "incomplete", "incomplete_details": {"reason": "max_messages"}},
        {"status": "queued", "output": [], "usage": None},
    ],
)
def test_an_answer_is_written_as_it_was(members):
    body = whole(**members)

    written = told(read(body))

    assert {name: written[name] for name in body} == {**body, "model": "public"}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ([], "the body"),
        ({}, "output"),
        ({"output": {}}, "output"),
        ({"status": "failed", "error": {"message": "no"}, "output": []}, "status"),
        ({"error": {"message": "no"}}, "status"),
    ],
)
def test_what_is_no_answer_is_told(body, path):
    with pytest.raises(Misfit) as caught:
        read(body)

    assert caught.value.path == path


def test_an_answer_may_lack_almost_everything():
    answer = read(
        {"output": [1, {"type": "message", "content": [TEXT]}], "created_at": True, "id": 5}
    )

    assert answer == Answer(
        choices=[Choice([Text("hi")], Stop.END)], family=FAMILY, dialect=DIALECT
    )


def test_an_answer_of_another_dialect_gets_all_that_the_sdk_wants():
    to = reply()
    to.request.tools = [Tool("crm__get", namespace=Namespace("crm", "get")), Tool("f")]
    parts = [
        Reasoning("hm", "sig"),
        Text("hi", extras={"citations": []}),
        Text("ho"),
        ToolCall("toolu_1", "crm__get", '{"a":1}'),
        Image(Source(data="QQ")),
        Foreign("server_tool_use", {}),
        ToolCall("toolu_2", "f", "x", True),
        Refusal("no"),
    ]
    answer = Answer(
        "msg_x",
        "claude",
        0,
        [Choice(parts, Stop.LENGTH), Choice()],
        Usage(1),
        None,
        "anthropic",
        {"x": 1},
    )

    written = told(answer, to)

    assert (written["id"], written["model"], written["created_at"]) == ("resp_r1", "public", 1700)
    assert written["output"] == [
        {
            "id": "rs_r1_0",
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "hm"}],
            "encrypted_content": "sig",
        },
        {
            "id": "msg_r1_1",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [TEXT, {**TEXT, "text": "ho"}],
        },
        {
            "id": "fc_r1_2",
            "type": "function_call",
            "status": "completed",
            "call_id": "toolu_1",
            "name": "get",
            "arguments": '{"a":1}',
            "namespace": "crm",
        },
        {"id": "ig_r1_3", "type": "image_generation_call", "status": "completed", "result": "QQ"},
        {
            "id": "ctc_r1_4",
            "type": "custom_tool_call",
            "status": "completed",
            "call_id": "toolu_2",
            "name": "f",
            "input": "x",
        },
        {
            "id": "msg_r1_5",
            "type": "message",
            "status": "incomplete",
            "role": "assistant",
            "content": [REFUSAL],
        },
    ]
    assert written["incomplete_details"] == {"reason": "max_output_tokens"}
    assert to.losses.names == ("n", "extras.x", "extras.citations", "foreign:server_tool_use")


def test_an_answer_without_choices_is_an_empty_one():
    written = told(Answer())

    assert (written["status"], written["output"], written["usage"]) == ("completed", [], None)
