import json

import pytest

from multillama.core.alive import alive
from multillama.core.operations import OPERATIONS, Kind

AT = "2026-01-01T00:00:00Z"


def sign_of(dialect, query=b""):
    return alive(dialect, query=query, model="m1", at=AT)


@pytest.mark.parametrize(
    "dialect", ["openai.chat", "openai.completions", "openai.responses", "anthropic.messages"]
)
def test_a_stream_of_events_is_kept_alive_with_a_comment(dialect):
    assert sign_of(dialect) == (b"text/event-stream", b": waiting for a free endpoint\n\n")


def test_geminis_stream_is_kept_alive_with_a_bare_blank_line():
    assert sign_of("gemini", b"alt=sse&x=1") == (b"text/event-stream", b"\r\n")


def test_geminis_array_is_not_kept_alive():
    assert sign_of("gemini", b"key=x") is None


@pytest.mark.parametrize(
    ("dialect", "said"),
    [
        ("ollama.chat", {"message": {"role": "assistant", "content": ""}}),
        ("ollama.generate", {"response": ""}),
    ],
)
def test_ollamas_stream_is_kept_alive_with_a_line_that_says_nothing(dialect, said):
    kind, line = sign_of(dialect)

    assert kind == b"application/x-ndjson"
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    rest = {"model": "m1", "created_at": AT, "done": False}
    assert json.loads(line) == rest | said


def test_every_dialect_that_a_model_answers_in_is_kept_alive():
    dialects = {operation.dialect for operation in OPERATIONS if operation.kind is Kind.GENERATE}

    assert {dialect for dialect in dialects if sign_of(dialect, b"alt=sse") is None} == set()
