import json
import pathlib

import hypothesis.strategies as st
import pytest
from hypothesis import given
from openai.types import Completion

from multillama.core.canonical import (
    Answer,
    Choice,
    Logprob,
    Refusal,
    Request,
    Stop,
    Text,
    ToolCall,
    Usage,
)
from multillama.core.codec import Goal, Losses, Misfit
from multillama.dialects.openai_completions.answer import read_answer, write_answer
from multillama.dialects.openai_completions.request import read_request, write_request
from tests.dialects.seen import is_of, reply_to, seen, status_of, stem_of
from tests.recorded import recorded

LOGPROBS = {"tokens": ["a"], "token_logprobs": [-1], "top_logprobs": [{}], "text_offset": [7]}


def written(answer: Answer, losses=()) -> dict:
    reply = reply_to(Request("m"))
    body = write_answer(answer, reply)
    Completion.model_validate_json(body, strict=True)
    assert reply.losses.names == losses
    return json.loads(body)


def test_a_whole_answer_is_read_and_comes_back():
    body = {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 5,
        "model": "public",
        "system_fingerprint": "fp",
        "choices": [{"index": 0, "text": "a", "logprobs": LOGPROBS, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    }

    answer = read_answer(json.dumps(body).encode())

    text = Text("a", logprobs=[Logprob("a", -1)])
    assert answer.choices == [Choice([text], Stop.LENGTH, extras={"text_logprobs": LOGPROBS})]
    assert answer.usage == Usage(1, output_tokens=2)
    assert written(answer) == body


def test_an_answer_of_another_family_has_all_that_the_sdk_demands():
    parts = [Text("a", logprobs=[Logprob("a", -1)]), ToolCall("c", "f")]
    answer = Answer(choices=[Choice(parts, Stop.CALLS), Choice([Text("b")])], family="anthropic")

    body = written(answer, ("tool_calls",))

    assert body["id"] == "cmpl-0a1b"
    assert body["choices"][0]["logprobs"]["text_offset"] == [0]
    assert [row["finish_reason"] for row in body["choices"]] == ["stop", "stop"]


def test_the_words_of_a_refusal_are_text():
    body = written(Answer(choices=[Choice([Refusal("No.")], Stop.REFUSED)], family="openai"))

    assert body["choices"][0]["text"] == "No."


def test_words_and_stop_texts_come_back():
    rows = [
        {"text": "a", "finish_reason": "stop", "stop_reason": "END"},
        {"text": "a", "finish_reason": "eos"},
        {"finish_reason": None},
    ]

    answer = read_answer(json.dumps({"choices": rows}).encode())

    assert [(choice.stop, choice.stop_sequence) for choice in answer.choices] == [
        (Stop.SEQUENCE, "END"), (Stop.END, None), (None, None),
    ]  # fmt: skip
    told = written(answer_with_words(answer))["choices"]
    assert [row["finish_reason"] for row in told] == ["stop", "stop", "stop"]
    assert told[0]["stop_reason"] == "END"


def test_a_servers_own_word_goes_back_as_it_came():
    answer = read_answer(b'{"choices":[{"text":"a","finish_reason":"eos"}]}')

    told = json.loads(write_answer(answer, reply_to(Request("m"))))

    assert told["choices"][0]["finish_reason"] == "eos"


def answer_with_words(answer: Answer) -> Answer:
    """The SDK knows three words; a server's own goes back as it came."""
    assert answer.choices[1].extras.pop("finish_reason") == "eos"
    return answer


@pytest.mark.parametrize("body", [b"x", b"{}", b'{"choices":[5]}'])
def test_what_is_no_answer_is_told(body):
    with pytest.raises(Misfit):
        read_answer(body)


@given(st.binary())
def test_any_bytes_are_no_answer(body):
    with pytest.raises(Misfit):
        read_answer(body)


@pytest.mark.parametrize("host", ["openllmetry/api.openai.com", "openllmetry/api.together.xyz"])
def test_every_recorded_request_and_answer_comes_back(host):
    for meta in recorded(f"{host}/*.meta.json"):
        answer = pathlib.Path(f"{stem_of(meta)}.resp.json")
        if (
            is_of(meta, "/chat/completions")
            or not is_of(meta, "/completions")
            or status_of(meta) != 200
        ):
            continue
        sent = json.loads(pathlib.Path(f"{stem_of(meta)}.req.json").read_bytes())
        request = read_request(json.dumps(sent).encode())
        goal = Goal(sent["model"], "vllm", "openai", request.stream, Losses())

        asked = json.loads(write_request(request, goal))

        asked.pop("stream_options", None)
        if isinstance(sent["prompt"], list):
            sent["prompt"] = sent["prompt"][0]
        assert seen(asked) == {
            name: value for name, value in seen(sent).items() if value is not False
        }, meta
        if answer.exists():
            expected = json.loads(answer.read_bytes())
            told = json.loads(
                write_answer(read_answer(answer.read_bytes()), reply_to(request, expected["model"]))
            )
            expected["object"] = "text_completion"  # Together writes a dot
            assert seen(told) == seen(expected), meta
