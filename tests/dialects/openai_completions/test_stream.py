import json
import pathlib

import hypothesis.strategies as st
import pytest
from hypothesis import given
from openai.types import Completion

from multillama.core.canonical import Fault, Logprob, Refusal, Request, Stop, Text, ToolCall, Usage
from multillama.core.codec import Misfit
from multillama.core.deltas import (
    Broken,
    Close,
    Count,
    Delta,
    End,
    Event,
    Finish,
    Open,
    Other,
    Start,
)
from multillama.dialects.openai_completions.stream import CompletionReader, CompletionWriter
from tests.dialects.seen import chunks_of, events_in_bytes, is_of, reply_to, status_of, stem_of
from tests.recorded import recorded

DONE = b"data: [DONE]\n\n"


def event(value) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def chunk(text="", finish=None, index=0, **members) -> bytes:
    row = {"index": index, "text": text, "logprobs": None, "finish_reason": finish, **members}
    return event(
        {"id": "x", "created": 5, "model": "m", "object": "text_completion", "choices": [row]}
    )


def read(*data: bytes) -> list[Event]:
    reader = CompletionReader()
    return reader.feed(b"".join(data)) + reader.end()


def test_a_stream_is_read():
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}

    events = read(
        chunk("a"),
        chunk("b", "length"),
        chunk("late"),
        event({"choices": [], "usage": usage}),
        DONE,
    )

    assert events == [
        Start("x", "m", 5, family="openai", dialect="openai.completions"),
        Open(0, Text("")), Delta(0, "a"), Delta(0, "b"), Close(0),
        Finish(Stop.LENGTH), Count(Usage(1, output_tokens=2)), End(),
    ]  # fmt: skip


def test_words_stop_texts_and_logprobs_are_read():
    logprobs = {"tokens": ["a"], "token_logprobs": [-1]}

    events = read(
        chunk("a", "stop", stop_reason="END", logprobs=logprobs), chunk("b", "eos", index=1)
    )

    assert Delta(0, "a", [Logprob("a", -1)]) in events
    assert Finish(Stop.SEQUENCE, 0, "END", {"stop_reason": "END"}) in events
    assert Finish(Stop.END, 1, None, {"finish_reason": "eos"}) in events
    assert events[-1] == End()


@pytest.mark.parametrize("ending", [b"", b"data: [DONE]", b'data: {"choi', b"\n", b": x"])
def test_only_a_finished_stream_may_end_without_its_last_word(ending):
    whole = read(chunk("a", "stop"), ending)
    cut = read(chunk("a"), ending)

    assert whole[-1] == End()
    assert (cut[-1] == End()) is (b"DONE" in ending)


def test_a_stream_that_says_no_reason_has_one_at_its_end():
    assert read(chunk("a"), chunk("b", "stop", 1), DONE)[-2:] == [Finish(Stop.END), End()]
    assert read(DONE) == [Start(family="openai", dialect="openai.completions"), End()]


def test_a_number_that_is_no_choice_is_the_first_one():
    assert Open(0, Text("")) in read(chunk("a", index=1000))
    assert Open(0, Text("")) in read(chunk("a", index="1"))


def test_nothing_follows_the_end():
    reader = CompletionReader()
    reader.feed(chunk("a", "stop") + DONE + chunk("b"))

    assert reader.feed(chunk("c")) == []
    assert reader.end() == []


FAULT = {"message": "no", "code": 503}


@pytest.mark.parametrize("error", [{"error": FAULT}, {"object": "error", **FAULT}])
def test_an_error_breaks_a_stream(error):
    broken = read(chunk("a"), event(error), DONE)[-1]

    assert isinstance(broken, Broken)
    assert (broken.fault.status, broken.fault.message) == (503, "no")


@pytest.mark.parametrize("data", [b"data: x\n\n", b"data: 5\n\n", event({"choices": [5]})])
def test_what_is_no_chunk_is_told(data):
    with pytest.raises(Misfit):
        read(data)


@given(st.binary())
def test_any_bytes_are_events_or_a_misfit(data):
    try:
        read(data)
    except Misfit as misfit:
        assert misfit.text


def written(
    *events: Event, usage=False, losses=(), family="openai", dialect="openai.completions"
) -> list[dict]:
    reply = reply_to(Request("m", wants_usage=usage))
    data = CompletionWriter(reply).write([Start(family=family, dialect=dialect), *events])
    assert reply.losses.names == losses
    for told in chunks_of(data):
        for row in told["choices"]:
            row.setdefault(
                "finish_reason", "stop"
            )  # in chunks it is null, though the SDK's type has it
        Completion.model_validate(told, strict=True)
    return chunks_of(data)


def test_a_stream_is_written():
    chunks = written(
        Open(0, Text("a")), Delta(0, "b", [Logprob("b", -1)]), Close(0), Finish(Stop.END),
        Count(Usage(1, output_tokens=2)), Other("ping", None), End(), usage=True,
    )  # fmt: skip

    assert [row["text"] for told in chunks for row in told["choices"]] == ["a", "b", ""]
    assert chunks[1]["choices"][0]["logprobs"]["text_offset"] == [1]
    assert chunks[2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[3]["usage"]["total_tokens"] == 3
    assert (chunks[0]["id"], chunks[0]["model"]) == ("cmpl-0a1b", "public")


def test_usage_is_hidden_from_who_did_not_ask():
    assert len(written(Finish(Stop.END), Count(Usage(1)), End())) == 1


def test_what_is_no_text_is_lost_by_name():
    chunks = written(
        Open(0, ToolCall("c", "f")), Delta(0, "{}"), Close(0), Finish(Stop.CALLS),
        losses=("tool_calls",), family="anthropic", dialect="",
    )  # fmt: skip

    assert [told["choices"][0]["finish_reason"] for told in chunks] == ["stop"]


def test_the_words_of_a_refusal_are_text():
    chunks = written(Open(0, Refusal("")), Delta(0, "No."), Close(0), Finish(Stop.REFUSED))

    assert [told["choices"][0]["text"] for told in chunks] == ["No.", ""]


def test_what_the_endpoint_said_of_itself_is_kept():
    reply = reply_to(Request("m"))
    start = Start("x", "m", 5, None, {"system_fingerprint": "fp", "id": "no"}, "openai")
    start.dialect = "openai.completions"

    told = chunks_of(CompletionWriter(reply).write([start, Open(0, Text("a"))]))[0]

    assert (told["id"], told["created"], told["system_fingerprint"]) == ("x", 5, "fp")


def test_a_servers_own_words_of_the_end_are_kept():
    chunks = written(Finish(Stop.SEQUENCE, 0, "END", {"stop_reason": "END"}))

    assert chunks[0]["choices"][0]["stop_reason"] == "END"


def test_an_error_is_the_last_event():
    data = CompletionWriter(reply_to(Request("m"))).write(
        [Start(), Broken(Fault(429, "slow down"))]
    )

    assert json.loads(data[6:])["error"]["message"] == "slow down"


def test_every_recorded_stream_comes_back_in_any_cuts():
    for meta in recorded("openllmetry/api.openai.com/*.meta.json"):
        path = pathlib.Path(f"{stem_of(meta)}.resp.sse")
        if (
            is_of(meta, "/chat/completions")
            or not is_of(meta, "/completions")
            or status_of(meta) != 200
        ):
            continue
        if not path.exists():
            continue
        stream = path.read_bytes()
        events = read(stream)

        again = read(CompletionWriter(reply_to(Request("m"), events[0].model)).write(events))

        assert again == events, meta
        assert events_in_bytes(CompletionReader(), stream, 1) == events, meta
        assert [
            row["text"] for told in chunks_of(stream) for row in told["choices"] if row["text"]
        ] == [event.text for event in events if isinstance(event, Delta)]
