import json

import pytest

from multillama.core.canonical import Image, Logprob, Reasoning, Source, Stop, Text, ToolCall, Usage
from multillama.core.codec import Misfit
from multillama.core.deltas import (
    Broken,
    Close,
    Count,
    Delta,
    End,
    Finish,
    Open,
    Other,
    Start,
)
from multillama.dialects.ollama_chat.answer import unfold as chat
from multillama.dialects.ollama_family.reader import LineReader, read_whole
from multillama.dialects.ollama_generate.answer import unfold as generate
from tests.dialects.ollama_cases import events_of_pieces

AT = "2023-11-14T22:13:20.123456789Z"


def said(message, **others):
    return {
        "model": "m",
        "created_at": AT,
        "message": {"role": "assistant", **message},
        "done": False,
    } | others


def stream(*lines):
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def read(data, unfold=chat):
    return events_of_pieces(LineReader(unfold), [data])


START = Start("", "m", 1_700_000_000, extras={"created_at": AT}, family="ollama")
FULL = stream(
    said({"content": "", "thinking": "h"}),
    said({"content": "", "thinking": "m"}),
    said({"content": "ä "}, logprobs=[{"token": "ä", "logprob": -1.0}]),
    said({"content": "b"}),
    said(
        {
            "content": "",
            "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": {"x": 1}}}],
        }
    ),
    said(
        {"content": ""},
        done=True,
        done_reason="stop",
        eval_count=4,
        prompt_eval_count=3,
        eval_duration=9,
    ),
)
FULL_EVENTS = [
    START,
    Open(0, Reasoning("")),
    Delta(0, "h"),
    Delta(0, "m"),
    Close(0),
    Open(1, Text("")),
    Delta(1, "ä ", [Logprob("ä", -1.0)]),
    Delta(1, "b"),
    Close(1),
    Open(2, ToolCall("c1", "f", '{"x":1}')),
    Close(2),
    Finish(Stop.CALLS),
    Count(Usage(input_tokens=3, output_tokens=4, extras={"eval_duration": 9})),
    End(),
]


def test_a_stream_is_read():
    assert read(FULL) == FULL_EVENTS


def test_the_events_do_not_depend_on_the_cuts():
    for at in range(len(FULL) + 1):
        assert events_of_pieces(LineReader(chat), [FULL[:at], FULL[at:]]) == FULL_EVENTS
    single = [FULL[at : at + 1] for at in range(len(FULL))]
    assert events_of_pieces(LineReader(chat), single) == FULL_EVENTS


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + FULL,
        FULL.replace(b"\n", b"\r\n"),
        FULL.replace(b"\n", b"\n\n"),
        FULL.removesuffix(b"\n"),
        FULL + b'{"model": "after the end"}\n',
    ],
)
def test_what_surrounds_the_lines_changes_nothing(data):
    assert read(data) == FULL_EVENTS


def test_a_stream_without_its_last_line_does_not_end():
    events = read(stream(said({"content": "a"})))

    assert events == [START, Open(0, Text("")), Delta(0, "a")]


def test_an_error_in_the_stream_is_told_and_ends_it():
    events = read(
        stream(said({"content": "a"}), {"error": "out of memory"}, said({"content": "b"}))
    )

    assert isinstance(events[-1], Broken)
    assert events[-1].fault.message == "out of memory"
    assert events[:-1] == [START, Open(0, Text("")), Delta(0, "a")]


def test_what_every_line_repeats_and_what_only_one_has_are_kept():
    one = {"remote_model": "r", "remote_host": "h"}

    events = read(
        stream(
            {"model": "m", "response": "", "completed": 1, **one},
            {"model": "m", "response": "", "completed": 2, **one},
            {"model": "m", "response": "", "image": "AAAA", "context": [1], "done": True, **one},
        ),
        generate,
    )

    assert events == [
        Start("", "m", 0, extras=one, family="ollama"),
        Other("line", {"completed": 1}),
        Other("line", {"completed": 2}),
        Open(0, Image(Source("AAAA", media_type="image/png"))),
        Close(0),
        Finish(Stop.END, extras={"context": [1]}),
        End(),
    ]


def test_calls_without_ids_get_different_ones():
    row = {"function": {"name": "f", "arguments": {}}}

    answer = read_whole(json.dumps(said({"content": "", "tool_calls": [row, row]})).encode(), chat)

    ids = [part.id for part in answer.choices[0].parts]
    assert len(set(ids)) == 2
    assert answer.choices[0].stop is Stop.CALLS


def test_a_whole_answer_is_read():
    body = json.dumps(
        said(
            {"content": "b", "thinking": "h", "images": ["AAAA"]},
            done=True,
            done_reason="length",
            eval_count=1,
        )
    )

    answer = read_whole(body.encode(), chat)

    assert (answer.model, answer.created, answer.family) == ("m", 1_700_000_000, "ollama")
    assert answer.choices[0].parts == [
        Reasoning("h"), Text("b"), Image(Source("AAAA", media_type="image/png")),
    ]  # fmt: skip
    assert answer.choices[0].stop is Stop.LENGTH
    assert answer.usage == Usage(output_tokens=1)


def test_tokens_of_a_thought_stay_with_it():
    logprobs = [{"token": "h", "logprob": -1.0}]

    events = read(stream(said({"content": "", "thinking": "h"}, logprobs=logprobs)))

    assert events[-1] == Delta(0, "h", [Logprob("h", -1.0)])


def test_tokens_without_a_text_are_kept():
    events = read(stream(said({"content": ""}, logprobs=[{"token": "<end>", "logprob": -1.0}])))

    assert events[-1] == Delta(0, "", [Logprob("<end>", -1.0)])


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"model": 7, "created_at": 7, "message": 7, "done": "no"},
        {"message": {"content": [1], "thinking": {}, "tool_calls": {}, "images": [7]}},
        {"message": {"tool_calls": [7]}, "logprobs": 7, "error": None},
        {"message": {"content": 7, "thinking": "", "tool_calls": None}, "logprobs": [7]},
        {"message": {"content": [7], "thinking": [7]}},
    ],
)
def test_an_endpoint_is_forgiven_what_it_lacks(line):
    events = read(stream(line))

    assert [type(event) for event in events if not isinstance(event, Other)] == [Start]


def test_a_whole_answer_needs_not_say_that_it_is_done():
    answer = read_whole(b'{"message":{"content":"a"}}', chat)

    assert answer.choices[0].parts == [Text("a")]
    assert answer.choices[0].stop is Stop.END


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b'{"error":"no"}', b"[" * 100_000, b"\xff"])
def test_what_is_no_answer_is_refused(body):
    with pytest.raises(Misfit):
        read_whole(body, chat)


@pytest.mark.parametrize("data", [b"[1]\n", b"data: {}\n", b"<html>\n"])
def test_what_is_no_line_is_refused(data):
    with pytest.raises(Misfit):
        LineReader(chat).feed(data)
