"""Any bytes into any reader give values or a misfit, and any values read can be written."""

import json

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from multillama.core.codec import Misfit
from multillama.core.join import Joiner
from multillama.dialects.openai_responses.codec import CODEC, COUNT_CODEC
from tests.dialects.openai_responses.spoken import event, goal, reply
from tests.dialects.openai_responses.streamed import stream_of_all
from tests.dialects.openai_responses.test_codec import CODEX

FEW = settings(max_examples=200, suppress_health_check=list(HealthCheck))
WORDS = st.sampled_from(
    [
        *(
            "type",
            "id",
            "role",
            "content",
            "text",
            "message",
            "reasoning",
            "function_call",
            "custom_tool_call",
        ),
        *(
            "item",
            "delta",
            "output",
            "response",
            "output_index",
            "content_index",
            "item_id",
            "usage",
            "status",
        ),
        *(
            "incomplete",
            "summary",
            "error",
            "input",
            "tools",
            "namespace",
            "name",
            "call_id",
            "arguments",
            "model",
        ),
        *("assistant", "user", "output_text", "refusal"),
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | WORDS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=6)
    ),
    max_leaves=20,
)
READERS = [
    CODEC.read_request,
    CODEC.read_answer,
    COUNT_CODEC.read_answer,
    lambda data: read_stream(data),
]


def read_stream(data):
    """Reads, joins and writes again."""
    reader = CODEC.reader()
    events = reader.feed(data[:7]) + reader.feed(data[7:]) + reader.end()
    CODEC.writer(reply()).write(events)
    joiner = Joiner()
    joiner.take(events)
    CODEC.write_answer(joiner.answer, reply())


def survives(read, data):
    try:
        return read(data)
    except Misfit:
        return None


@pytest.mark.parametrize("read", READERS)
@FEW
@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(read, data):
    survives(read, data)


@pytest.mark.parametrize("read", READERS)
@FEW
@given(value=VALUES)
def test_any_values_are_read_or_refused(read, value):
    survives(read, json.dumps(value).encode())


@FEW
@given(value=VALUES, status=st.integers(400, 599))
def test_any_error_is_read_and_written(value, status):
    CODEC.write_fault_event(CODEC.read_fault(status, json.dumps(value).encode()))


def replaced(value, at, new):
    """Returns a value in which the part at this place, counted through, is another."""
    count = 0

    def walk(inner):
        nonlocal count
        count += 1
        if count == at:
            return new
        if isinstance(inner, dict):
            return {name: walk(one) for name, one in inner.items()}
        if isinstance(inner, list):
            return [walk(one) for one in inner]
        return inner

    return walk(value)


@FEW
@given(at=st.integers(1, 90), new=VALUES)
def test_a_request_with_one_odd_value_is_read_and_written_or_refused(at, new):
    body = json.dumps(replaced({"model": "m", **CODEX}, at, new)).encode()

    request = survives(CODEC.read_request, body)

    if request is not None:
        CODEC.write_request(request, goal())
        CODEC.writer(reply(request)).write([])
        COUNT_CODEC.write_request(request, goal())


@FEW
@example(which=32, at=1, new={}, drops=False)
@example(which=15, at=5, new={"type": "message"}, drops=False)
@given(which=st.integers(0, 60), at=st.integers(1, 25), new=VALUES, drops=st.booleans())
def test_a_stream_with_one_odd_event_is_read_or_refused(which, at, new, drops):
    rows = stream_of_all()
    which %= len(rows)
    odd = (
        {"type": rows[which]["type"], **row}
        if isinstance(row := replaced(rows[which], at, new), dict)
        else {}
    )
    rows[which : which + 1] = [] if drops else [odd]

    survives(
        read_stream, b"".join(event(**{"kind": str(row.pop("type", "x")), **row}) for row in rows)
    )


@pytest.mark.parametrize("depth", [100, 900, 990, 1000, 100_000])
@pytest.mark.parametrize(
    ("head", "tail"),
    [
        (b'{"model":"m","input":[{"role":"user","content":[{"type":"x","y":', b"}]}]}"),
        (b'{"model":"m","tools":[{"type":"function","name":"f","parameters":{"x":', b"}}]}"),
        (b'{"output":[{"type":"x","y":', b"}]}"),
        (b'data: {"type":"response.completed","response":{"output":[{"type":"x","y":', b"}]}}\n\n"),
    ],
)
def test_deep_values_are_read_or_refused(head, tail, depth):
    data = head + b"[" * depth + b"]" * depth + tail

    for read in READERS:
        survives(read, data)
    request = survives(CODEC.read_request, data)
    if request is not None:
        survives(lambda _: CODEC.write_request(request, goal()), data)
