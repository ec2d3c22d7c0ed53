import base64
import json
import struct
from itertools import islice, repeat
from typing import Any

import pytest

from multillama.testing.answers import (
    MAX_WORDS,
    OPERATIONS,
    PROMPT_TOKENS,
    VECTOR,
    Answer,
    answer_to,
    path_of,
)

WORDS = ["One ", "two ", '"three"\n']
TEXT = "".join(WORDS)


def answer(path: str, **body: Any) -> Answer:
    asked = json.dumps({"model": 'm"1', **body}).encode()
    return answer_to(path, asked, models=["m1"], words=WORDS)


def whole(path: str, **body: Any) -> Any:
    return json.loads(b"".join(answer(path, **body).parts))


def events_of(path: str, **body: Any) -> list[Any]:
    stream = b"".join(answer(path, stream=True, **body).parts).decode()
    data = [event.split("data: ", 1)[1] for event in stream.split("\n\n")[:-1]]
    return [event if event == "[DONE]" else json.loads(event) for event in data]


def test_the_models_are_listed() -> None:
    listed = answer_to("/v1/models?limit=5", b"", models=["a", "b"], words=WORDS)

    rows = json.loads(b"".join(listed.parts))["data"]

    assert [row["id"] for row in rows] == ["a", "b"]


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("/v1/chat/completions", lambda body: body["choices"][0]["message"]["content"]),
        ("/chat/completions", lambda body: body["choices"][0]["message"]["content"]),
        ("/v1/completions", lambda body: body["choices"][0]["text"]),
        ("/v1/messages?beta=true", lambda body: body["content"][0]["text"]),
        ("/v1/responses", lambda body: body["output"][0]["content"][0]["text"]),
    ],
)
def test_a_whole_body_holds_model_and_text(path: str, where: Any) -> None:
    body = whole(path)

    assert (body["model"], where(body)) == ('m"1', TEXT)


def test_tokens_are_counted_by_words() -> None:
    openai = whole("/v1/chat/completions")["usage"]
    anthropic = whole("/v1/messages")["usage"]

    assert openai == {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": 3,
        "total_tokens": PROMPT_TOKENS + 3,
    }
    assert anthropic == {"input_tokens": PROMPT_TOKENS, "output_tokens": 3}


def test_a_chat_streams_one_delta_for_each_word() -> None:
    *chunks, done = events_of("/v1/chat/completions")

    deltas = [chunk["choices"][0]["delta"].get("content") for chunk in chunks]

    assert deltas == ["", *WORDS, None]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert done == "[DONE]"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
def test_a_stream_tells_usage_only_if_asked(path: str) -> None:
    unasked = events_of(path)
    asked = events_of(path, stream_options={"include_usage": True})

    assert asked[-2]["usage"]["completion_tokens"] == 3
    assert asked[:-2] + asked[-1:] == unasked


def test_messages_stream_named_events() -> None:
    parts = list(answer("/v1/messages", stream=True).parts)

    stream = b"".join(parts).decode()
    names = [line[7:] for line in stream.split("\n") if line.startswith("event: ")]

    assert names == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * 3,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_responses_end_with_the_whole_text() -> None:
    events = events_of("/v1/responses")

    last = events[-1]["response"]

    assert last["output"][0]["content"][0]["text"] == TEXT
    assert last["usage"]["output_tokens"] == 3


def test_what_opens_a_stream_travels_with_its_first_word() -> None:
    parts = list(answer("/v1/messages", stream=True).parts)

    assert len(parts) == len(WORDS) + 1
    assert b"message_start" in parts[0]
    assert b"One" in parts[0]


def test_a_stream_of_no_words_still_opens_and_closes() -> None:
    empty = answer_to("/v1/messages", b'{"model": "m1", "stream": true}', models=[], words=iter(()))

    stream = b"".join(empty.parts)

    assert stream.startswith(b"event: message_start\n")
    assert stream.endswith(b'data: {"type":"message_stop"}\n\n')


def test_a_stream_may_be_endless() -> None:
    endless = answer_to(
        "/v1/chat/completions", b'{"stream": true}', models=[], words=repeat("word ")
    )

    assert len(list(islice(endless.parts, 1000))) == 1000


def test_a_whole_body_of_endless_words_ends() -> None:
    whole = answer_to("/v1/chat/completions", b"{}", models=[], words=repeat("word "))

    usage = json.loads(b"".join(whole.parts))["usage"]

    assert usage["completion_tokens"] == MAX_WORDS


def test_every_input_gets_an_embedding() -> None:
    floats = whole("/v1/embeddings", input=["a", "b"])["data"]
    packed = whole("/v1/embeddings", input="a", encoding_format="base64")["data"]

    assert [row["embedding"] for row in floats] == [list(VECTOR)] * 2
    assert struct.unpack("<3f", base64.b64decode(packed[0]["embedding"])) == VECTOR


def test_what_is_no_operation_is_told_back() -> None:
    told = answer_to("/v1/else?x=1", b"\x00raw", models=[], words=[])

    assert json.loads(b"".join(told.parts)) == {"target": "/v1/else?x=1", "body": "\x00raw"}


@pytest.mark.parametrize("path", OPERATIONS)
@pytest.mark.parametrize("body", [b"no json", b"[1]", b"\xff"])
def test_an_operation_without_an_object_is_told_back(path: str, body: bytes) -> None:
    told = answer_to(path, body, models=[], words=[])

    assert json.loads(b"".join(told.parts))["body"] == body.decode("latin-1")


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/v1/models?limit=5", "/models"),
        ("/engines/v1/completions", "/completions"),
        ("/chat/completions", "/chat/completions"),
        ("/metrics", "/metrics"),
    ],
)
def test_an_operation_is_known_wherever_a_provider_has_it(target, path):
    assert path_of(target) == path
