import json

import httpx2
import openai
import pytest
from openai._models import construct_type_unchecked
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response, ResponseStreamEvent
from openai.types.responses.input_token_count_response import InputTokenCountResponse

from multillama.core.canonical import (
    Count,
    Fault,
    Image,
    Logprob,
    Message,
    Reasoning,
    Refusal,
    Source,
    Stop,
    Text,
    ToolCall,
)
from multillama.core.deltas import Broken, Close, Delta, End, Finish, Open, Start
from multillama.core.join import Joiner
from multillama.dialects.catalog import CODECS, COUNT_CODECS
from multillama.dialects.openai_responses.codec import CODEC, COUNT_CODEC
from tests.dialects.openai_responses.spoken import DIALECT, asked, reply, told, written

CODEX = {
    "instructions": "You are Codex.",
    "input": [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "<permissions>"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "fix it"}]},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "gAAA"},
        {"type": "function_call", "call_id": "c1", "name": "exec_command", "arguments": '{"cmd":"ls"}'},
        {"type": "function_call", "call_id": "c2", "name": "get", "namespace": "mcp__db__", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "a.py"},
        {"type": "function_call_output", "call_id": "c2", "output": "1"},
        {"type": "custom_tool_call", "call_id": "c3", "name": "apply_patch", "input": "*** Begin Patch"},
        {"type": "custom_tool_call_output", "call_id": "c3", "output": "Done!"},
    ],
    "tools": [
        {"type": "function", "name": "exec_command", "strict": False, "parameters": {"type": "object"}},
        {"type": "custom", "name": "apply_patch", "description": "Patches.", "format": {"type": "grammar"}},
        {"type": "web_search", "external_web_access": False},
        {"type": "local_shell"},
        {"type": "namespace", "name": "mcp__db__", "description": "Data.", "tools": [
            {"type": "function", "name": "get", "strict": False, "parameters": {"type": "object"}},
        ]},
    ],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "reasoning": {"effort": "medium", "summary": "auto"},
    "store": False,
    "stream": True,
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "0199",
    "text": {"verbosity": "low"},
}  # fmt: skip
EVENTS = [
    Start("x", "y", 1600), Open(0, Reasoning("")), Delta(0, "hm"), Close(0), Open(1, Text("")),
    Delta(1, '{"a"', [Logprob("a", -1.0)]), Delta(1, ":1}"), Close(1), Open(2, ToolCall("c1", "f")),
    Open(3, ToolCall("c2", "f")),
    Delta(3, "{}"), Delta(2, '{"b":2}'), Close(2), Close(3),
    Open(4, ToolCall("c3", "g", is_custom=True)), Delta(4, "x"),
    Close(4), Open(5, Image(Source(data="QQ"))), Close(5), Open(6, Refusal("")), Delta(6, "no"), Close(6),
]  # fmt: skip


def sdk(rows):
    """Puts events through the SDK; returns what it makes of them."""
    state = ResponseStreamState(text_format=openai.omit, input_tools=openai.omit)
    for row in rows:
        state.handle_event(construct_type_unchecked(type_=ResponseStreamEvent, value=row))
    return state._completed_response


def test_the_rows_stand_in_the_catalog():
    assert CODECS[DIALECT] is CODEC
    assert COUNT_CODECS[DIALECT] is COUNT_CODEC


def test_what_codex_asks_comes_through():
    request = asked(**CODEX)

    members, lost = told(request, stream=True)

    again = {**CODEX, "model": "gpt-x", "input": [
        {**CODEX["input"][0], "content": "<permissions>"},
        {**CODEX["input"][1], "content": "fix it"},
        *[
            {**item, "status": "completed"} if item["type"].endswith("_call") else item
            for item in CODEX["input"][2:]
        ],
    ]}  # fmt: skip
    assert members == again
    assert lost == ()


def test_what_codex_asks_reads_as_any_other_request():
    request = asked(**CODEX)

    assert [message.role for message in request.messages] == [
        "system", "developer", "user", "assistant", "tool", "tool", "assistant", "tool",
    ]  # fmt: skip
    assert [tool.name for tool in request.tools] == [
        "exec_command", "apply_patch", "web_search", "local_shell", "mcp__db__get",
    ]  # fmt: skip
    assert request.extras == {}
    assert request.messages[3] == Message("assistant", [
        Reasoning("hm", "gAAA", is_summary=True), ToolCall("c1", "exec_command", '{"cmd":"ls"}'),
        ToolCall("c2", "mcp__db__get", "{}", namespace=request.messages[3].parts[2].namespace),
    ])  # fmt: skip


def test_the_sdk_understands_a_stream():
    rows = written([*EVENTS, Finish(Stop.CALLS), End()])

    response = sdk(rows)

    assert response.output_text == '{"a":1}'
    assert [item.type for item in response.output] == [
        "reasoning", "message", "function_call", "function_call", "custom_tool_call",
        "image_generation_call", "message",
    ]  # fmt: skip
    assert [item.arguments for item in response.output if item.type == "function_call"] == [
        '{"b":2}',
        "{}",
    ]


def test_every_event_and_response_is_what_the_sdk_has_a_type_for():
    rows = written([*EVENTS, Finish(Stop.LENGTH), End()])

    for row in rows:
        found = construct_type_unchecked(type_=ResponseStreamEvent, value=row)
        type(found).model_validate(row)
    Response.model_validate(rows[-1]["response"])


def test_the_sdk_raises_at_an_error_inside_a_stream():
    stream = CODEC.writer(reply()).write([*EVENTS, Broken(Fault(429, "slow", family="gemini"))])

    client = openai.OpenAI(
        api_key="x", base_url="http://localhost", http_client=_answering(stream), max_retries=0
    )

    with client, pytest.raises(openai.APIError) as caught:
        list(client.responses.create(model="m", input="hi", stream=True))
    assert caught.value.code == "rate_limit_exceeded"


def _answering(stream):
    head = {"content-type": "text/event-stream"}
    transport = httpx2.MockTransport(
        lambda request: httpx2.Response(200, content=stream, headers=head)
    )
    return httpx2.Client(transport=transport)


def test_the_sdk_understands_a_whole_answer_and_a_count():
    joiner = Joiner()
    joiner.take([*EVENTS, Finish(Stop.CALLS), End()])

    Response.model_validate(json.loads(CODEC.write_answer(joiner.answer, reply())))
    InputTokenCountResponse.model_validate(json.loads(COUNT_CODEC.write_answer(Count(3))))


def test_no_field_is_said_that_a_request_does_not_have():
    fields = set(asked(input="hi").__struct_fields__)

    assert fields >= CODEC.says >= set(CODEC.names)
