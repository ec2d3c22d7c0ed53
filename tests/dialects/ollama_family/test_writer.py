import json

import ollama
import pytest

from multillama.core.canonical import (
    Answer,
    Audio,
    Choice,
    Fault,
    Foreign,
    Image,
    Logprob,
    Reasoning,
    Refusal,
    Source,
    Stop,
    Text,
    ToolCall,
    Usage,
)
from multillama.core.deltas import (
    Broken,
    Close,
    Count,
    Delta,
    End,
    Finish,
    More,
    Open,
    Other,
    Sign,
    Start,
)
from multillama.core.join import events_of
from multillama.dialects.ollama_chat.answer import write_answer as write_chat, writer as chat
from multillama.dialects.ollama_generate.answer import (
    write_answer as write_generate,
    writer as generate,
)
from tests.dialects.ollama_cases import AT_TEXT, lines, reply

HEAD = {"model": "public", "created_at": AT_TEXT}
EVENTS = [
    Start("id", "there", 0, Usage(input_tokens=3), {"system_fingerprint": "x"}, "openai"),
    Open(0, Reasoning("")),
    Delta(0, "hm"),
    Sign(0, "signature"),
    Close(0),
    Open(1, Text("A")),
    Delta(1, ""),
    Delta(1, "b\n", [Logprob("b", -1.0)]),
    More(1, "citation", {}),
    Open(2, ToolCall("c1", "f", "")),
    Open(3, ToolCall("c2", "g", "")),
    Delta(2, '{"x"'),
    Delta(3, "{}"),
    Delta(2, ":1}"),
    Close(2),
    Close(3),
    Close(1),
    Finish(Stop.CALLS, extras={"system": 1}),
    Count(Usage(output_tokens=5)),
    Other("event", {"a": 1}),
    End(),
]


def chunk(message, **others):
    return (
        HEAD | {"message": {"role": "assistant", "content": "", **message}, "done": False} | others
    )


def test_a_stream_is_written_as_lines():
    written = lines(chat(reply()).write(EVENTS))

    assert written == [
        chunk({"thinking": "hm"}),
        chunk({"content": "A"}),
        chunk({"content": "b\n"}, logprobs=[{"token": "b", "logprob": -1.0}]),
        chunk(
            {
                "tool_calls": [
                    {"id": "c1", "function": {"index": 0, "name": "f", "arguments": {"x": 1}}}
                ]
            }
        ),
        chunk(
            {"tool_calls": [{"id": "c2", "function": {"index": 1, "name": "g", "arguments": {}}}]}
        ),
        chunk({}, done=True, done_reason="stop", prompt_eval_count=3, eval_count=5),
    ]


def test_one_event_at_a_time_makes_the_same_bytes():
    writer = chat(reply())

    assert b"".join(writer.write([event]) for event in EVENTS) == chat(reply()).write(EVENTS)


def test_the_sdk_reads_every_line():
    chunks = [ollama.ChatResponse(**line) for line in lines(chat(reply()).write(EVENTS))]

    assert "".join(chunk.message.content for chunk in chunks) == "Ab\n"
    assert chunks[0].message.thinking == "hm"
    assert chunks[3].message.tool_calls[0].function.arguments == {"x": 1}
    assert (chunks[-1].done, chunks[-1].done_reason, chunks[-1].eval_count) == (True, "stop", 5)


def test_generate_has_the_text_in_the_line_itself():
    events = [EVENTS[0], Open(0, Refusal("")), Delta(0, "no"), Close(0), Finish(Stop.LENGTH), End()]

    written = lines(generate(reply()).write(events))

    assert written == [
        HEAD | {"response": "no", "done": False},
        HEAD | {"response": "", "done": True, "done_reason": "length", "prompt_eval_count": 3},
    ]
    assert [ollama.GenerateResponse(**line).response for line in written] == ["no", ""]


def test_an_image_that_was_made_is_told_where_the_sdk_can_read_it():
    image = Image(Source("AAAA"))
    events = [Start(), Open(0, image), Close(0)]
    who = reply()

    chatted = chat(who).write(events)
    generated = generate(reply()).write(events)

    assert chatted == b""
    assert who.losses.names == ("image",)
    assert lines(generated) == [HEAD | {"response": "", "image": "AAAA", "done": False}]


def test_what_an_ollama_told_besides_comes_back():
    started = Start("", "m", 5, extras={"created_at": "then", "remote_model": "r"}, family="ollama")
    events = [
        started,
        Other("line", {"completed": 1}),
        Other("line", 7),
        Finish(Stop.END, extras={"done_reason": "load", "context": [1]}),
        Count(Usage(extras={"total_duration": 9})),
        End(),
    ]

    written = lines(generate(reply()).write(events))

    head = {"model": "public", "created_at": "then", "remote_model": "r", "response": ""}
    assert written == [
        head | {"completed": 1, "done": False},
        head | {"done": True, "done_reason": "load", "context": [1], "total_duration": 9},
    ]


def test_an_error_ends_the_stream_as_the_sdk_reads_it():
    assert chat(reply()).write([Start(), Broken(Fault(500, "gone"))]) == b'{"error":"gone"}\n'


def test_only_the_first_of_several_answers_is_told():
    who = reply()
    events = [
        Start(),
        Open(0, Text("a"), 1),
        Delta(0, "b"),
        Close(0),
        Finish(Stop.LENGTH, 1),
        Finish(Stop.END, 0),
        End(),
    ]

    written = lines(chat(who).write(events))

    assert written == [chunk({}, done=True, done_reason="stop")]
    assert who.losses.names == ("choices",)


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (Foreign("server_tool_use", {}), "foreign:server_tool_use"),
        (Audio(Source("AAAA")), "audio"),
        (Image(Source(url="https://example.com")), "image"),
    ],
)
def test_what_has_no_place_is_named(part, name):
    streamed, whole = reply(), reply()

    chat(streamed).write([Start(), Open(0, part), Close(0)])
    write_chat(Answer(choices=[Choice([part])]), whole)

    assert streamed.losses.names == whole.losses.names == (name,)


ANSWER = Answer(
    "id",
    "there",
    5,
    [
        Choice(
            [
                Reasoning("h"),
                Text("a", logprobs=[Logprob("a", -1.0)]),
                ToolCall("c1", "f", '{"x":1}'),
                Refusal("b"),
                Image(Source("AAAA")),
            ],
            Stop.CALLS,
        )
    ],
    Usage(input_tokens=1, output_tokens=2),
)


def test_a_whole_answer_is_one_object():
    written = json.loads(write_chat(ANSWER, reply()))

    assert written == {
        "model": "public",
        "created_at": "1970-01-01T00:00:05Z",
        "message": {
            "role": "assistant",
            "content": "ab",
            "thinking": "h",
            "tool_calls": [
                {"id": "c1", "function": {"index": 0, "name": "f", "arguments": {"x": 1}}}
            ],
        },
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 1,
        "eval_count": 2,
        "logprobs": [{"token": "a", "logprob": -1.0}],
    }
    assert ollama.ChatResponse(**written).message.content == "ab"


def test_a_whole_answer_of_generate_is_flat():
    written = json.loads(write_generate(ANSWER, reply()))

    assert (written["response"], written["thinking"], written["image"]) == ("ab", "h", "AAAA")
    assert ollama.GenerateResponse(**written).response == "ab"


def test_a_whole_answer_says_what_its_stream_says():
    whole = json.loads(write_chat(ANSWER, reply()))

    chunks = lines(chat(reply()).write(events_of(ANSWER)))

    assert "".join(chunk["message"]["content"] for chunk in chunks) == whole["message"]["content"]
    assert chunks[-1]["eval_count"] == whole["eval_count"]


def test_an_answer_without_choices_is_an_empty_text():
    who = reply()

    assert json.loads(write_chat(Answer(), who))["message"]["content"] == ""
    write_chat(Answer(choices=[Choice(), Choice()]), who)
    assert who.losses.names == ("choices",)


def test_a_text_with_separators_of_lines_stays_one_line():
    writer = chat(reply())

    data = writer.write([Start(), Open(0, Text("")), Delta(0, "a\u2028b\x85c\u2029d")])

    assert len(data.decode().splitlines()) == 1
    assert lines(data)[0]["message"]["content"] == "a\u2028b\x85c\u2029d"
