"""Any bytes into any reader give values or `Misfit`, and nothing else."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from multillama.core.codec import Misfit
from multillama.core.join import Joiner
from multillama.dialects.gemini.answer import read_answer, write_answer
from multillama.dialects.gemini.array import ArrayReader, ArrayWriter
from multillama.dialects.gemini.count import read_count, read_count_request
from multillama.dialects.gemini.embed import read_batch, read_embed, read_vectors
from multillama.dialects.gemini.fault import read_fault, write_fault
from multillama.dialects.gemini.request import read_request, write_request
from multillama.dialects.gemini.stream import Reader, Writer
from tests.dialects.gemini.saying import goal, reply

CALL = {
    "name": "f",
    "id": "1",
    "args": {"a": 1},
    "willContinue": True,
    "partialArgs": [{"jsonPath": "$.a[0]", "stringValue": "x"}],
}
REQUEST = {
    "contents": [
        {
            "role": "user",
            "parts": [{"text": "a"}, {"inlineData": {"mimeType": "image/png", "data": "aa"}}],
        },
        {
            "role": "model",
            "parts": [
                {"text": "b", "thought": True, "thoughtSignature": "QQ"},
                {"functionCall": CALL},
            ],
        },
        {
            "role": "user",
            "parts": [
                {
                    "functionResponse": {
                        "name": "f",
                        "response": {"error": "a"},
                        "parts": [{"fileData": {"fileUri": "gs://a"}}],
                    }
                }
            ],
        },
    ],
    "systemInstruction": {"parts": [{"text": "a"}]},
    "tools": [
        {
            "functionDeclarations": [
                {"name": "f", "parameters": {"type": "OBJECT", "nullable": True}}
            ]
        },
        {"googleSearch": {}},
    ],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
    "generationConfig": {
        "topK": 1,
        "stopSequences": ["a"],
        "responseSchema": {"type": "STRING"},
        "thinkingConfig": {"thinkingBudget": 1},
    },
    "serviceTier": "flex",
    "requests": [{"content": {"parts": [{"text": "a"}]}, "taskType": "A"}],
}
SIGNED = {"text": "a", "thoughtSignature": "QQ"}
RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"}
ANSWER = {
    "candidates": [{"content": {"parts": [SIGNED, {"functionCall": CALL}, {"executableCode": {}}]},
                    "finishReason": "STOP", "index": 1, "citationMetadata": {"a": [1]},
                    "logprobsResult": {"chosenCandidates": [{"token": "a"}], "topCandidates": [{"candidates": []}]}}],
    "usageMetadata": {"promptTokenCount": 1, "thoughtsTokenCount": 2}, "createTime": "2026-01-01T00:00:00Z",
    "promptFeedback": {"blockReason": "A"}, "responseId": "a", "totalTokens": 1,
    "embeddings": [{"values": [1.0]}],
    "error": {"code": 1, "message": "a", "details": [RETRY]},
}  # fmt: skip
ODD = st.sampled_from(
    [None, True, -1, 10**30, 1.5, "", "a", "\u2028", [], [[]], {}, [{}], {"a": {}}, "-_", "$.a[99]"]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    rows = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, member in rows:
        found += places(member, (*path, name))
    return found


def changed(value: Any, path: tuple[Any, ...], to: Any) -> Any:
    """Returns a copy that has another value in one place; nothing at all there for `...`."""
    name, *rest = path
    copy = dict(value) if isinstance(value, dict) else list(value)
    if rest:
        copy[name] = changed(value[name], tuple(rest), to)
    elif to is ...:
        del copy[name]
    else:
        copy[name] = to
    return copy


def mutations(whole: Any) -> st.SearchStrategy[bytes]:
    change = st.tuples(st.sampled_from(places(whole)), ODD | st.just(...))
    values = change.map(lambda told: changed(whole, *told))
    deep = st.sampled_from(
        [b'{"contents":', b'{"candidates":[{"content":{"parts":[{"functionCall":{"args":']
    ).map(lambda head: head + b"[" * 3_000)
    return values.map(lambda value: json.dumps(value).encode()) | deep | st.binary(max_size=40)


def read_stream(make: Callable[[], Any], body: bytes, cut: int) -> list[Any]:
    reader = make()
    return [*reader.feed(body[:cut]), *reader.feed(body[cut:]), *reader.end()]


@pytest.mark.parametrize("read", [read_request, read_count_request, read_embed, read_batch])
@given(body=mutations(REQUEST))
@settings(max_examples=120)
def test_any_bytes_are_a_request_or_none(read, body):
    try:
        request = read(body)
    except Misfit:
        return
    if read is read_request:
        assert json.loads(write_request(request, goal("gemini-3-flash")))


@pytest.mark.parametrize("read", [read_answer, read_vectors, read_count])
@given(body=mutations(ANSWER))
@settings(max_examples=120)
def test_any_bytes_are_an_answer_or_none(read, body):
    try:
        answer = read(body)
    except Misfit:
        return
    if read is read_answer:
        assert json.loads(write_answer(answer, reply()))


@given(body=mutations(ANSWER), status=st.integers(200, 599))
@settings(max_examples=120)
def test_any_bytes_are_an_error(body, status):
    fault = read_fault(status, body)

    assert json.loads(write_fault(fault))["error"]["code"] == fault.status


CALM = {name: member for name, member in ANSWER.items() if name != "error"}


FORMS = [
    (Reader, Writer, b"data: ", b"\n\n"),
    (ArrayReader, ArrayWriter, b"[", b"]"),
    (Reader, Writer, b"", b""),
]


@pytest.mark.parametrize(("make", "write", "head", "tail"), FORMS)
@given(body=mutations(CALM), more=mutations(CALM), cut=st.integers(0, 900))
@settings(max_examples=120)
def test_any_bytes_are_a_stream_or_none(make, write, head, tail, body, more, cut):
    between = b"," if head == b"[" else tail + head
    try:
        events = read_stream(make, head + body + between + more + tail, cut)
    except Misfit:
        return
    assert isinstance(write(reply()).write(events), bytes)
    Joiner().take(events)
