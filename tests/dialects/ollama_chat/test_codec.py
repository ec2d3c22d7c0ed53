"""Any bytes into any reader give values or a Misfit, and what is read can be written."""

import contextlib
import json

import pytest
from hypothesis import given, settings, strategies as st

from multillama.core.canonical import Request
from multillama.core.codec import Misfit
from multillama.dialects.catalog import CODECS
from multillama.dialects.ollama_chat.codec import CODEC
from tests.dialects.ollama_cases import goal, reply

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
MEMBERS = (
    "model", "messages", "prompt", "system", "suffix", "raw", "images", "context", "options", "think", "format",
    "keep_alive", "tools", "stream", "created_at", "message", "response", "thinking", "tool_calls", "logprobs",
    "done", "done_reason", "error", "eval_count", "content", "function", "name", "arguments", "image", "role",
)  # fmt: skip
OBJECTS = st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=6)
NESTED = st.builds(
    lambda outer, inner: (
        outer | {"message": inner, "messages": [inner], "tools": [inner], "options": inner}
    ),
    OBJECTS,
    OBJECTS,
)
BODIES = st.binary(max_size=60) | (OBJECTS | NESTED).map(lambda value: json.dumps(value).encode())
DEEP = [b"[" * 100_000, b'{"message":' * 5_000, b'{"tools":[' * 900 + b"1" + b"]}" * 900]


def check(body):
    with contextlib.suppress(Misfit):
        CODEC.write_request(CODEC.read_request(body), goal())
    with contextlib.suppress(Misfit):
        CODEC.write_answer(CODEC.read_answer(body), reply())
    with contextlib.suppress(Misfit):
        read = CODEC.reader()
        events = read.feed(body) + read.feed(b"\n") + read.end()
        CODEC.writer(reply()).write(events)
    CODEC.write_fault(CODEC.read_fault(500, body))


@settings(max_examples=150, deadline=None)
@given(BODIES)
def test_any_bytes_give_values_or_a_misfit(body):
    check(body)


@pytest.mark.parametrize("body", DEEP)
def test_deep_nesting_gives_values_or_a_misfit(body):
    check(body)


def test_the_row_stands_in_the_catalog():
    assert CODECS["ollama.chat"] is CODEC


def test_all_that_can_be_said_are_fields():
    assert CODEC.says | CODEC.names.keys() <= set(Request.__struct_fields__)


def test_a_request_that_only_loads_is_answered_here_and_no_other():
    load, ask = (
        CODEC.read_request(b'{"model":"m"}'),
        CODEC.read_request(b'{"model":"m","messages":[{"role":"user","content":"x"}]}'),
    )

    assert json.loads(CODEC.answer_here(load, 0))["done_reason"] == "load"
    assert CODEC.answer_here(ask, 0) is None
