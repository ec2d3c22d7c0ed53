import json
import pathlib

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from multillama.core.canonical import (
    Audio,
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
)  # fmt: skip
from multillama.core.codec import Misfit
from multillama.core.deltas import (
    Broken,
    Close,
    Count,
    Delta,
    End,
    Event,
    Finish,
    More,
    Open,
    Sign,
    Start,
)
from multillama.core.join import Joiner
from multillama.dialects.openai_chat.read_stream import ChunkReader
from tests.dialects.seen import events_in_bytes, is_of, status_of, stem_of
from tests.recorded import recorded

DONE = b"data: [DONE]\n\n"


def event(value) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def chunk(delta=None, finish=None, index=0, **members) -> bytes:
    row = {"index": index, "delta": delta or {}, "logprobs": None, "finish_reason": finish}
    return event({"id": "x", "created": 5, "model": "m", "choices": [row], **members})


def read(*data: bytes) -> list[Event]:
    reader = ChunkReader()
    return reader.feed(b"".join(data)) + reader.end()


def parts_of(*deltas: dict) -> list[object]:
    """Parts that deltas make, joined."""
    joiner = Joiner()
    joiner.take(read(*[chunk(delta) for delta in deltas], chunk(finish="stop"), DONE))
    return joiner.answer.choices[0].parts


def test_a_thought_that_is_told_again_to_sign_it_is_thought_once():
    detail = {"type": "reasoning.text", "text": "hm", "signature": "s"}

    events = read(
        chunk({"reasoning_content": "h"}), chunk({"reasoning_content": "m"}), chunk({"reasoning_details": [detail]})
    )  # fmt: skip

    assert [event for event in events if isinstance(event, Delta | Sign)] == [
        Delta(0, "h"), Delta(0, "m"), Sign(0, "s"),
    ]  # fmt: skip


def test_text_has_a_beginning_and_an_end():
    events = read(
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "H"}),
        chunk({"content": "i"}),
        chunk(finish="stop"),
        event(
            {
                "id": "x",
                "choices": [],
                "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
            }
        ),
        DONE,
    )

    assert events == [
        Start("x", "m", 5, family="openai", dialect="openai.chat"),
        Open(0, Text("")),
        Delta(0, "H"),
        Delta(0, "i"),
        Close(0),
        Finish(Stop.END),
        Count(Usage(1, output_tokens=2)),
        End(),
    ]


@pytest.mark.parametrize(
    ("deltas", "parts"),
    [
        (
            [
                {"reasoning_content": "h", "content": None},
                {"reasoning_content": "m"},
                {"content": "Hi", "reasoning_content": None},
            ],
            [Reasoning("hm"), Text("Hi")],
        ),
        ([{"content": "Hi", "reasoning": "hm"}], [Reasoning("hm"), Text("Hi")]),
        (
            [
                {"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]},
                {"reasoning_details": [{"type": "reasoning.text", "signature": "s"}]},
                {"reasoning_details": [{"type": "reasoning.encrypted", "data": "enc"}]},
                {"reasoning_details": [5], "reasoning": "more"},
                {"content": "Hi"},
            ],
            [Reasoning("hm", "s"), Reasoning("", "enc", is_redacted=True), Reasoning("more"), Text("Hi")],
        ),
        (
            [
                {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]},
                {"content": [{"type": "text", "text": "Hi"}, {"type": "reference"}, 5]},
            ],
            [Reasoning("hm"), Text("Hi"), Foreign("reference", {"type": "reference"})],
        ),
        ([{"refusal": "no"}, {"refusal": ""}], [Refusal("no")]),
        ([{"images": [{"image_url": {"url": "https://a"}}, 5]}], [Image(Source(url="https://a"))]),
        (
            [{"audio": {"id": "a", "transcript": "t"}}, {"audio": {"data": "QQ=="}}, {"audio": {}}],
            [Audio(Source(data=""), {"id": "a", "transcript": "t"}), Audio(Source(data="QQ=="))],
        ),
        ([{"function_call": {"name": "f", "arguments": "{}"}}], None),
        (
            [{"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]}],
            [ToolCall("c", "f", "{}")],
        ),
        ([{"content": 5, "audio": 7, "annotations": 5, "images": None}], []),
    ],
)  # fmt: skip
def test_deltas_make_parts(deltas, parts):
    found = parts_of(*deltas)

    if parts is None:
        assert [(call.name, call.arguments) for call in found] == [("f", "{}")]
    else:
        assert found == parts


def test_annotations_belong_to_the_text():
    annotation = {"type": "url_citation", "url_citation": {"url": "u"}}

    events = read(
        chunk({"content": "a"}), chunk({"annotations": [annotation]}), chunk(finish="stop")
    )

    assert More(0, "annotation", annotation) in events


def test_a_signature_ends_what_it_signs():
    details = [{"text": "a", "signature": "s"}, {"text": "b"}]

    events = read(chunk({"reasoning_details": details}))

    assert events[1:] == [
        Open(0, Reasoning("")), Delta(0, "a"), Sign(0, "s"), Close(0), Open(1, Reasoning("")), Delta(1, "b"),
    ]  # fmt: skip


def test_choices_go_side_by_side():
    events = read(
        chunk({"content": "a"}), chunk({"content": "b"}, index=1), chunk(finish="stop"),
        chunk({"content": "late"}), chunk(finish="length", index=1),
    )  # fmt: skip

    assert [row for row in events if isinstance(row, Open | Finish)] == [
        Open(0, Text("")), Open(1, Text(""), 1), Finish(Stop.END), Finish(Stop.LENGTH, 1),
    ]  # fmt: skip
    assert events[-1] == End()


def test_logprobs_come_with_their_text():
    row = {
        "index": 0,
        "delta": {"content": "a"},
        "logprobs": {"content": [{"token": "a", "logprob": -1}]},
    }

    assert read(event({"choices": [row]}))[2] == Delta(0, "a", [Logprob("a", -1)])


def test_what_ends_a_choice_comes_with_its_finish():
    row = {
        "index": 0, "delta": {"channel": "x", "annotations": []}, "finish_reason": "stop",
        "stop_reason": "END", "native": 1,
    }  # fmt: skip

    finish = read(
        event({"id": "x", "choices": [row | {"finish_reason": None}]}),
        event({"choices": [row], "x_groq": {}}),
    )[1]

    assert finish == Finish(
        Stop.SEQUENCE, 0, "END",
        {
            "stop_reason": "END", "native": 1, "message": {"channel": "x", "annotations": []},
            "chunk": {"x_groq": {}},
        },
    )  # fmt: skip


def test_members_of_chunks_come_once_with_what_takes_them_along():
    events = read(
        event({"id": "", "choices": [], "prompt_filter_results": [1]}),
        chunk({"content": "a"}, service_tier="flex", system_fingerprint="fp", obfuscation="zz"),
        chunk({"content": "b"}, service_tier="flex", provider="P"),
        chunk(finish="stop", system_fingerprint="fp"),
        event({"id": "x", "choices": [], "cost": 1}),
        DONE,
    )

    start = events[0]
    assert start.extras == {"prompt_filter_results": [1], "system_fingerprint": "fp"}
    assert events[-1] == End({"provider": "P", "cost": 1}, "flex")


def test_groqs_usage_is_found():
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}

    assert Count(Usage(1, output_tokens=2)) in read(chunk(finish="stop", x_groq={"usage": usage}))
    assert Count(Usage()) not in read(chunk(finish="stop", x_groq={"id": "r"}))
    assert Count(Usage()) not in read(chunk(finish="stop", x_groq="r"))


def test_a_stream_that_says_no_reason_has_one_at_its_end():
    call = {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f"}}]}

    assert read(chunk({"content": "a"}), DONE)[-2:] == [Finish(Stop.END), End()]
    assert read(chunk(call), DONE)[-2:] == [Finish(Stop.CALLS), End()]
    assert read(DONE) == [Start(family="openai", dialect="openai.chat"), End()]


@pytest.mark.parametrize(
    "ending",
    [b"", b"data: [DONE]", b"data: [DONE]\n", b'data: {"choi'],
)
def test_a_finished_stream_may_end_without_its_last_word(ending):
    assert read(chunk({"content": "a"}), chunk(finish="stop"), ending)[-1] == End()


@pytest.mark.parametrize("ending", [b"", b'data: {"choi', b": comment", b"\n"])
def test_a_stream_that_is_cut_off_has_no_end(ending):
    assert not any(isinstance(row, End) for row in read(chunk({"content": "a"}), ending))


def test_a_last_event_counts_without_its_blank_line():
    assert read(chunk({"content": "a"}), chunk(finish="stop").rstrip())[-2:] == [
        Finish(Stop.END),
        End(),
    ]


def test_nothing_follows_the_end():
    reader = ChunkReader()
    reader.feed(chunk(finish="stop") + DONE + chunk({"content": "a"}))

    assert reader.feed(chunk({"content": "b"})) == []
    assert reader.end() == []


@pytest.mark.parametrize(
    "data",
    [
        event({"error": {"message": "slow down", "code": 429}}),
        event(
            {
                "error": {"message": "slow down", "code": 429},
                "choices": [{"delta": {}, "finish_reason": "error"}],
            }
        ),
        b"event: error\n" + event({"error": {"message": "slow down", "type": "rate_limit_error"}}),
        event({"object": "error", "message": "slow down", "code": 429}),
    ],
)
def test_an_error_inside_a_stream_breaks_it(data):
    broken = read(chunk({"content": "a"}), data, chunk(finish="stop"), DONE)[-1]

    assert isinstance(broken, Broken)
    assert (broken.fault.status, broken.fault.message) == (429, "slow down")


@pytest.mark.parametrize(
    "data", [b"data: nonsense\n\n", b"data: 5\n\n", event({"id": "x", "choices": [5]})]
)
def test_what_is_no_chunk_is_told(data):
    with pytest.raises(Misfit):
        read(data)


WILD = (
    b"\xef\xbb\xbf: OPENROUTER PROCESSING\r\n\r\nid: 1\r\ndata:" + chunk({"content": "\u2028\u0085H"})[6:-2]
    + b"\r\n\r\n\r\n: x\n\nevent: ping\n\ndata:\n\n"
    + b'data: {"id":"x",\ndata: "choices":[{"delta":{"content":"i"}}]}\n\n'
    + b'data: {"id":"x","choices":[{"index":0,"message":{"content":"!"},"finish_reason":"eos"}]}\r\n\r\n'
    + DONE
)  # fmt: skip


def test_wild_framing_is_read_in_any_cuts():
    whole = read(WILD)

    text = "".join(row.text for row in whole if isinstance(row, Delta))
    assert text == "\u2028\u0085Hi!"
    for at in range(len(WILD)):
        reader = ChunkReader()
        assert reader.feed(WILD[:at]) + reader.feed(WILD[at:]) + reader.end() == whole
    assert events_in_bytes(ChunkReader(), WILD, 1) == whole


@pytest.mark.parametrize("size", [1, 7, 100])
def test_recorded_streams_are_the_same_in_any_cuts(size):
    for host in ("llm/api.openai.com", "openllmetry/api.groq.com", "openllmetry/api.deepseek.com"):
        for meta in recorded(f"{host}/*.meta.json"):
            path = pathlib.Path(f"{stem_of(meta)}.resp.sse")
            if is_of(meta, "/chat/completions") and status_of(meta) == 200 and path.exists():
                stream = path.read_bytes()[:12_000]

                assert events_in_bytes(ChunkReader(), stream, size) == read(stream), meta


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 200) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from((
            "index", "delta", "content", "tool_calls", "id", "function", "name", "arguments", "type",
            "reasoning_details", "text", "signature", "data", "refusal", "annotations", "images", "audio",
            "function_call", "finish_reason", "logprobs", "custom", "extra_content", "google", "usage",
            "choices", "error", "x_groq", "message", "thinking", "image_url", "url", "stop_reason",
        )),
        inner,
        max_size=4,
    ),
    max_leaves=14,
)  # fmt: skip


@settings(max_examples=150)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(("delta", "index", "finish_reason", "x")), VALUES),
        max_size=4,
    )
)
def test_any_chunks_are_events_or_a_misfit(rows):
    reader, joiner = ChunkReader(), Joiner()
    data = b"".join(event({"id": "x", "choices": [row]}) for row in rows)

    joiner.take(reader.feed(data + DONE) + reader.end())

    assert joiner.is_whole


@given(VALUES)
def test_any_json_is_events_or_a_misfit(value):
    try:
        events = read(event(value), DONE)
    except Misfit:
        return
    assert isinstance(events[-1], End | Broken)


@given(st.binary())
def test_any_bytes_are_events_or_a_misfit(data):
    try:
        read(data)
    except Misfit as misfit:
        assert misfit.text
