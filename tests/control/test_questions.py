"""The doctor asks the model that costs least, and knows a good answer from one that only looks so."""

import json

import pytest

from multillama.control.lister import Answer
from multillama.control.questions import CHAT, OTHERS, STREAM, TOOLS, chat_models, embedding_model
from multillama.providers.listing import Row, read_listing

SSE = ((b"content-type", b"text/event-stream; charset=utf-8"),)
JSON = ((b"content-type", b"application/json"),)
CALL = {"choices": [{"message": {"role": "assistant", "tool_calls": [{"id": "1"}]}}]}
TEXT = {"choices": [{"message": {"role": "assistant", "content": "OK"}}]}


def rows(*names: str, **fields: object) -> tuple[Row, ...]:
    return read_listing(json.dumps([{"id": name, **fields} for name in names]).encode()).rows


def answer(body: object) -> Answer:
    return Answer(200, JSON, json.dumps(body).encode())


def stream(body: bytes) -> Answer:
    return Answer(200, SSE, body)


@pytest.mark.parametrize(
    ("names", "first"),
    [
        (["gpt-4o", "gpt-4o-mini", "text-embedding-3-small"], "gpt-4o-mini"),
        (["llama3.1:70b", "llama3.2:1b", "qwen2.5:0.5b"], "qwen2.5:0.5b"),
        (["smollm2-135m", "llama3.2:1b"], "smollm2-135m"),
        (["gemini-3-pro", "gemini-3-flash"], "gemini-3-flash"),
        (["whisper-1", "dall-e-3", "tts-1", "sonar"], "sonar"),
        (["b", "a"], "b"),
    ],
)
def test_the_smallest_model_by_its_name_is_asked_first(names: list[str], first: str) -> None:
    assert chat_models(rows(*names))[0].id == first


def test_a_known_price_counts_more_than_a_name() -> None:
    dear = rows("tiny-1b", pricing={"prompt": "0.00001"})
    cheap = rows("large", pricing={"prompt": "0.000001"})

    assert [row.id for row in chat_models((*dear, *cheap))] == ["large", "tiny-1b"]


def test_models_that_cannot_chat_are_left_out() -> None:
    names = [
        "text-embedding-3-small",
        "bge-m3",
        "nomic-embed-text",
        "rerank-2.5",
        "omni-moderation",
    ]

    assert chat_models((*rows(*names), *rows("x", type="embeddings"))) == []


@pytest.mark.parametrize("name", ["text-embedding-3-small", "bge-m3", "smollm2-135m-embed"])
def test_an_embedding_model_is_known_by_its_name(name: str) -> None:
    found = embedding_model(rows("gpt-4o", name))

    assert found is not None
    assert found.id == name


def test_an_embedding_model_is_known_by_its_row() -> None:
    assert embedding_model(rows("x", type="embeddings")) is not None
    assert embedding_model(rows("gpt-4o")) is None


GOOD = [
    (CHAT, answer(TEXT)),
    (STREAM, stream(b'data: {"choices":[]}\n\ndata: [DONE]\n\n')),
    (STREAM, stream(b'data:{"choices":[]}\n\ndata:[DONE]\n\n')),
    (TOOLS, answer(CALL)),
    (OTHERS[0], answer({"data": [{"embedding": [0.1]}]})),
    (OTHERS[1], answer({"content": [{"type": "text", "text": "OK"}]})),
    (OTHERS[2], answer({"output": [{"type": "message"}]})),
]


@pytest.mark.parametrize(("question", "good"), GOOD)
def test_a_good_answer_is_known(question: object, good: Answer) -> None:
    assert question.judge(good) == ""  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("question", "bad", "word"),
    [
        (CHAT, answer({"error": {"message": "no"}}), "without an answer"),
        (CHAT, answer({"choices": []}), "without an answer"),
        (CHAT, Answer(200, JSON, b"<html>"), "without an answer"),
        (STREAM, answer(TEXT), "whole"),
        (STREAM, stream(b": nothing\n\n"), "no events"),
        (STREAM, stream(b'data: {"choices":[]}\n\n'), "without [DONE]"),
        (TOOLS, answer(TEXT), "does not call the tool"),
        (TOOLS, answer({"choices": ["x"]}), "does not call the tool"),
        (OTHERS[0], answer({"data": []}), "without an answer"),
    ],
)
def test_a_bad_answer_of_status_200_is_told(question: object, bad: Answer, word: str) -> None:
    assert word in question.judge(bad)  # type: ignore[attr-defined]
