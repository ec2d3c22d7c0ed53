import json

import pytest

from multillama.core.join import Joiner
from multillama.dialects.ollama_chat.answer import (
    read_answer,
    reader,
    unfold,
    write_answer,
    writer,
)
from tests.dialects.ollama_cases import lines, reply

BODY = {
    "model": "public",
    "created_at": "2024-05-24T20:57:43.314639Z",
    "remote_model": "r",
    "message": {"role": "assistant", "content": "a", "thinking": "h"},
    "done": True,
    "done_reason": "stop",
    "total_duration": 9,
    "eval_count": 1,
}


def test_an_answer_comes_back():
    assert json.loads(write_answer(read_answer(json.dumps(BODY).encode()), reply())) == BODY


def test_a_stream_says_what_the_answer_says():
    read = reader()

    written = writer(reply()).write(read.feed(json.dumps(BODY).encode() + b"\n") + read.end())

    joiner = Joiner()
    again = reader()
    joiner.take(again.feed(written))
    assert joiner.answer == read_answer(json.dumps(BODY).encode())
    assert [line["done"] for line in lines(written)] == [False, False, True]


@pytest.mark.parametrize(
    ("line", "taken"),
    [
        ({"message": {"content": "a", "images": ["b"]}}, "a"),
        ({"message": {}}, None),
        ({"message": 7}, None),
        ({}, None),
    ],
)
def test_the_message_is_taken_out(line, taken):
    text, _, _ = unfold(line)

    assert text == taken
    assert line == {}
