import json

import pytest

from multillama.core.canonical import (
    Answer,
    Audio,
    Choice,
    Count,
    Foreign,
    Reasoning,
    Refusal,
    Source,
    Stop,
    Text,
    ToolCall,
    Usage,
)  # fmt: skip
from multillama.core.codec import Misfit
from multillama.core.join import MORE
from multillama.dialects.anthropic_messages.answer import (
    read_answer,
    read_count,
    read_usage,
    write_answer,
    write_count,
    write_usage,
)
from tests.dialects.anthropic_messages.spoken import reply

SERVER_CALL = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
CITED = {"type": "text", "text": "a", "citations": [{"type": "char_location"}]}


def message(*content, **members):
    body = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": list(content),
        "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 2},
    }  # fmt: skip
    return body | members


def read(*content, **members):
    return read_answer(json.dumps(message(*content, **members)).encode())


def answer(*parts, **members):
    return Answer("chatcmpl-1", "gpt", 7, [Choice(list(parts), Stop.END)], **members)


def written(given, to=None):
    to = to or reply()
    return json.loads(write_answer(given, to)), to.losses.names


@pytest.mark.parametrize(
    ("members", "usage"),
    [
        ({}, Usage()),
        ({"input_tokens": 3, "output_tokens": 2}, Usage(3, output_tokens=2)),
        (
            {
                "input_tokens": 3, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 20,
                "output_tokens": 5,
                "cache_creation": {"ephemeral_5m_input_tokens": 12, "ephemeral_1h_input_tokens": 8},
                "output_tokens_details": {"thinking_tokens": 4}, "service_tier": "standard",
            },
            Usage(33, 10, 20, 8, 5, 4, {"service_tier": "standard"}),
        ),
    ],
)  # fmt: skip
def test_usage_is_read_and_written(members, usage):
    assert read_usage(members) == usage
    assert write_usage(usage, is_own=True) == {"output_tokens": 0} | members


@pytest.mark.parametrize(
    "members",
    [{"input_tokens": None}, {"input_tokens": "3"}, {"input_tokens": True}, {"cache_creation": 7},
    {"output_tokens_details": []}],
)  # fmt: skip
def test_odd_usage_is_as_if_it_were_not_told(members):
    assert read_usage(members) == Usage()


def test_cached_tokens_are_no_input_here():
    usage = Usage(input_tokens=100, cache_read_tokens=150, extras={"cost": 1})

    assert write_usage(usage, is_own=False) == {
        "input_tokens": 0,
        "cache_read_input_tokens": 150,
        "output_tokens": 0,
    }


@pytest.mark.parametrize(
    ("word", "stop"),
    [
        ("end_turn", Stop.END),
        ("max_tokens", Stop.LENGTH),
        ("stop_sequence", Stop.SEQUENCE),
        ("tool_use", Stop.CALLS),
        ("pause_turn", Stop.PAUSE),
        ("compaction", Stop.PAUSE),
        ("refusal", Stop.REFUSED),
        ("model_context_window_exceeded", Stop.CONTEXT),
        ("something_new", Stop.END),
    ],
)
def test_a_stop_reason_is_read_and_written(word, stop):
    given = read(stop_reason=word)

    assert given.choices[0].stop == stop
    assert written(given)[0]["stop_reason"] == word


@pytest.mark.parametrize(
    ("stop", "parts", "word"),
    [
        (Stop.FAULT, [], "end_turn"),
        (None, [], "end_turn"),
        (Stop.END, [ToolCall("c", "f")], "tool_use"),
        (None, [ToolCall("c", "f")], "tool_use"),
        (Stop.LENGTH, [ToolCall("c", "f")], "max_tokens"),
    ],
)
def test_the_stop_reason_of_another_dialect_is_written_as(stop, parts, word):
    assert written(Answer(choices=[Choice(parts, stop)]))[0]["stop_reason"] == word


def test_calls_are_the_reason_also_where_a_server_does_not_say_so():
    given = read({"type": "tool_use", "id": "c", "name": "f"})

    assert given.choices[0].stop == Stop.CALLS


def test_an_answer_is_read():
    given = read(
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "r"},
        {"type": "text", "text": "a", "citations": None},
        CITED,
        {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}, "caller": {"type": "direct"}},
        SERVER_CALL,
        stop_reason="stop_sequence", stop_sequence="x", stop_details={"type": "refusal"}, container={"id": "k"},
    )  # fmt: skip

    assert given == Answer(
        "msg_1", "claude", 0,
        [
            Choice(
                [
                    Reasoning("hm", "s"), Reasoning("", "r", is_redacted=True), Text("a"),
                    Text("a", extras={"citations": CITED["citations"]}),
                    ToolCall("c", "f", '{"a":1}', extras={"caller": {"type": "direct"}}),
                    Foreign("server_tool_use", SERVER_CALL),
                ],
                Stop.SEQUENCE, "x", {"stop_details": {"type": "refusal"}},
            )
        ],
        Usage(3, output_tokens=2), None, "anthropic", {"container": {"id": "k"}},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "given"),
    [
        ({"content": []}, Answer(choices=[Choice()], family="anthropic")),
        ({"type": "message", "id": 7}, Answer(choices=[Choice()], family="anthropic")),
        ({"content": "Hi"}, Answer(choices=[Choice([Text("Hi")])], family="anthropic")),
        (
            {"content": [7, {"type": "text"}]},
            Answer(choices=[Choice([Text("")])], family="anthropic"),
        ),
        (
            {"content": [{"type": "tool_use", "input": '{"a": 1}'}]},
            Answer(choices=[Choice([ToolCall("", "", '{"a": 1}')])], family="anthropic"),
        ),
    ],
)
def test_what_is_missing_is_forgiven(body, given):
    assert read_answer(json.dumps(body).encode()) == given


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"content": 7}', b'{"type": "error", "error": {}}']
)
def test_what_is_no_message_is_told(data):
    with pytest.raises(Misfit):
        read_answer(data)


def test_an_answer_of_this_dialect_is_written_as_it_came():
    body = message(
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "redacted_thinking", "data": "r"},
        {"type": "text", "text": ""},
        CITED,
        {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}, "caller": {"type": "direct"}},
        SERVER_CALL,
        stop_reason="refusal", stop_details={"type": "refusal"}, container={"id": "k"}, id="chatcmpl-7",
    )  # fmt: skip

    given = read_answer(json.dumps(body).encode())

    assert written(given, reply("claude")) == (body, ())


def test_citations_of_a_stream_are_written_together():
    more = [
        ("citations_delta", {"type": "citations_delta", "citation": {"n": 1}}),
        ("new_delta", {}),
    ]
    part = Text("a", extras={"citations": [], MORE: more})

    body, losses = written(Answer("msg_1", choices=[Choice([part])], family="anthropic"))

    assert (body["content"], losses) == (
        [{"type": "text", "text": "a", "citations": [{"n": 1}]}],
        (),
    )


def test_an_answer_of_another_dialect_is_written():
    given = answer(
        Reasoning("hm"), Reasoning(""), Text("Hi"), Text(""), Refusal("no"), ToolCall("c.1", "f", '{"a": 1}'),
        usage=Usage(3, output_tokens=2), extras={"system_fingerprint": "x"},
    )  # fmt: skip

    body, losses = written(given)

    assert (body, losses) == (
        message(
            {"type": "thinking", "thinking": "hm", "signature": ""},
            {"type": "text", "text": "Hi"},
            {"type": "text", "text": "no"},
            {"type": "tool_use", "id": "c_1", "name": "f", "input": {"a": 1}},
            id="msg_chatcmpl-1", model="public", stop_reason="tool_use",
        ),
        (),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "told"), [("", "msg_abc"), ("msg_7", "msg_7"), ("chatcmpl-7", "msg_chatcmpl-7")]
)
def test_every_message_has_an_id(given, told):
    assert written(Answer(given))[0]["id"] == told


def test_usage_that_nobody_told_is_nothing():
    assert written(Answer())[0]["usage"] == {"input_tokens": 0, "output_tokens": 0}


@pytest.mark.parametrize(
    ("given", "loss"),
    [
        (Answer(choices=[Choice(), Choice()]), "choices"),
        (answer(Audio(Source(data="aa"))), "audio"),
        (answer(Foreign("image_generation_call", {})), "foreign:image_generation_call"),
        (answer(Text("a", extras={"annotations": []})), "extras.annotations"),
    ],
)
def test_what_cannot_be_said_is_told(given, loss):
    assert written(given)[1] == (loss,)


def test_a_count_is_read_and_written():
    assert (
        write_count(read_count(b'{"input_tokens": 7, "context_management": null}'))
        == b'{"input_tokens":7}'
    )
    assert read_count(b'{"input_tokens":7}') == Count(7)


@pytest.mark.parametrize("data", [b"", b"{}", b'{"input_tokens": "7"}', b"7"])
def test_what_is_no_count_is_told(data):
    with pytest.raises(Misfit):
        read_count(data)
