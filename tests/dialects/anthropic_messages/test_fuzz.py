"""Any bytes give values or a Misfit."""

import json

import pytest
from hypothesis import given, settings, strategies as st

from multillama.core.codec import Misfit
from multillama.dialects.anthropic_messages.codec import CODEC, COUNT_CODEC
from tests.dialects.anthropic_messages.spoken import goal, reply, sse
from tests.recorded import recorded

CALM = settings(max_examples=150)
DEEP = (
    b"[" * 5000,
    b'{"messages":' + b'{"a":' * 5000,
    b'{"type":"message","content":' + b"[" * 900 + b"]" * 900 + b"}",
)
WORDS = st.sampled_from(
    ["type", "text", "thinking", "tool_use", "tool_result", "image", "document", "source", "base64", "content",
    "role",
     "user", "assistant", "system", "index", "delta", "text_delta", "input_json_delta", "content_block", "message",
     "content_block_start", "content_block_delta", "content_block_stop", "message_start", "message_delta", "error",
     "stop_reason", "usage", "tools", "name", "input", "id", "tool_choice", "output_config", "cache_control"]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False,
    allow_infinity=False) | WORDS | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=5),
    max_leaves=12,
)  # fmt: skip
BLOCKS = st.lists(st.dictionaries(WORDS, VALUES, max_size=5) | VALUES, max_size=3) | VALUES


def read_and_write(data):
    request = CODEC.read_request(data)
    for aim in (goal(), goal("claude-3-opus", "bedrock"), goal("qwen3", "vllm", family="x")):
        json.loads(CODEC.write_request(request, aim))


def judge(read, data):
    try:
        read(data)
    except Misfit as error:
        assert error.text


def stream(data):
    reader, writer = CODEC.reader(), CODEC.writer(reply())
    writer.write(reader.feed(data) + reader.end())


READERS = [
    read_and_write,
    lambda data: CODEC.write_answer(CODEC.read_answer(data), reply()),
    COUNT_CODEC.read_answer,
    stream,
]


@pytest.mark.parametrize("read", READERS)
@CALM
@given(data=st.binary(max_size=200))
def test_bytes(read, data):
    judge(read, data)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("data", DEEP)
def test_deep_nesting(read, data):
    judge(read, data)
    judge(read, b"data: " + data + b"\n\n")


@CALM
@given(messages=BLOCKS, members=st.dictionaries(WORDS, VALUES, max_size=4))
def test_requests_of_any_values(messages, members):
    rows = [{"role": "user", "content": messages}, {"role": "assistant", "content": messages}]

    judge(read_and_write, json.dumps({"model": "m", "messages": rows} | members).encode())
    judge(read_and_write, json.dumps({"model": "m", "messages": messages} | members).encode())


@CALM
@given(content=BLOCKS, members=st.dictionaries(WORDS, VALUES, max_size=4))
def test_answers_of_any_values(content, members):
    judge(READERS[1], json.dumps({"type": "message", "content": content} | members).encode())


EVENTS = st.fixed_dictionaries(
    {"type": st.sampled_from(["message_start", "content_block_start", "content_block_delta", "content_block_stop",
                              "message_delta", "message_stop", "error", "ping", "new"])},
    optional={"index": st.integers(0, 2) | VALUES, "content_block": VALUES, "delta": VALUES, "message": VALUES,
              "usage": VALUES, "error": VALUES},
)  # fmt: skip


@CALM
@given(events=st.lists(EVENTS, max_size=8))
def test_streams_of_any_values(events):
    judge(stream, sse(*events))


@CALM
@given(
    status=st.integers(400, 599),
    body=st.binary(max_size=50) | VALUES.map(lambda value: json.dumps(value).encode()),
)
def test_errors_of_any_bytes_are_always_read(status, body):
    fault = CODEC.read_fault(status, body)

    assert fault.status == status
    assert json.loads(CODEC.write_fault(fault))["error"]["message"]


@pytest.mark.parametrize(
    ("pattern", "read"),
    [("*.req.json", READERS[0]), ("*.resp.json", READERS[1]), ("*.resp.sse", stream)],
)
@CALM
@given(data=st.data())
def test_recordings_with_faults(pattern, read, data):
    body = data.draw(
        st.sampled_from(recorded(f"openllmetry/api.anthropic.com/{pattern}"))
    ).read_bytes()
    at, length = data.draw(st.integers(0, len(body))), data.draw(st.integers(0, 40))

    judge(read, body[:at] + data.draw(st.binary(max_size=5)) + body[at + length :])
    judge(read, body[:at] + body[at : at + length] * 2 + body[at + length :])
