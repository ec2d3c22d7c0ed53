import json

from multillama.core.join import Joiner
from multillama.dialects.ollama_generate.answer import (
    read_answer,
    reader,
    unfold,
    write_answer,
    writer,
)
from tests.dialects.ollama_cases import reply

BODY = {
    "model": "public",
    "created_at": "2024-05-24T20:57:43.314639Z",
    "response": "a",
    "thinking": "h",
    "tool_calls": [{"id": "c", "function": {"index": 0, "name": "f", "arguments": {}}}],
    "done": True,
    "done_reason": "stop",
    "context": [1, 2],
    "eval_count": 1,
}


def test_an_answer_comes_back():
    assert json.loads(write_answer(read_answer(json.dumps(BODY).encode()), reply())) == BODY


def test_a_stream_says_what_the_answer_says():
    read, again, joiner = reader(), reader(), Joiner()

    written = writer(reply()).write(read.feed(json.dumps(BODY).encode() + b"\n") + read.end())

    joiner.take(again.feed(written))
    assert joiner.answer == read_answer(json.dumps(BODY).encode())


def test_text_and_image_are_taken_out():
    line = {"response": "a", "image": "b", "thinking": "c"}

    assert unfold(line) == ("a", {"thinking": "c"}, "b")
