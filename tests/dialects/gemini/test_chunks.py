import pytest

from multillama.core.canonical import Image, Logprob, Source, Stop, Text, ToolCall, Usage
from multillama.core.codec import Misfit
from multillama.core.deltas import Broken, Close, Count, Delta, End, Finish, Open, Start
from multillama.dialects.gemini.chunks import Chunks
from tests.dialects.gemini.saying import parts_of


def chunk(*parts, reason=None, index=None, **members):
    candidate = {"content": {"parts": list(parts), "role": "model"}}
    if reason is not None:
        candidate["finishReason"] = reason
    if index is not None:
        candidate["index"] = index
    beside = members.pop("beside", {})
    return {"candidates": [{**candidate, **beside}], **members}


def text(value, **members):
    return {"text": value, **members}


def told(*values):
    chunks = Chunks()
    events = []
    for value in values:
        events += chunks.take(value)
    return events + chunks.end()


def test_a_stream_begins_and_ends():
    usage = [{"promptTokenCount": 5, "totalTokenCount": 5},
             {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7}]  # fmt: skip
    facts = {"modelVersion": "gemini-x", "responseId": "QUVV", "createTime": "2026-11-23T10:00:00Z"}

    events = told(
        chunk(text("He"), usageMetadata=usage[0], **facts),
        chunk(text("l"), usageMetadata=usage[0], **facts),
        chunk(
            text("lo"),
            reason="STOP",
            index=0,
            usageMetadata=usage[1],
            **facts,
            modelStatus={"a": 1},
        ),
    )

    assert events == [
        Start(
            "QUVV", "gemini-x", 1795428000, Usage(5), {"createTime": facts["createTime"]}, "gemini"
        ),
        Open(0, Text("")),
        Delta(0, "He"),
        Delta(0, "l"),
        Count(Usage(5, output_tokens=2)),
        Delta(0, "lo"),
        Close(0),
        Finish(Stop.END),
        End({"modelStatus": {"a": 1}}),
    ]


def test_a_reason_in_every_chunk_ends_nothing_early():
    events = told(chunk(text("a"), reason="STOP"), chunk(text("b"), reason="MAX_TOKENS"))

    assert parts_of(events) == [["Text", "ab"], "LENGTH"]


def test_thoughts_text_signatures_and_calls_are_parts_of_their_own():
    call = {"functionCall": {"name": "f", "args": {"a": 1}}}

    events = told(
        chunk(text("th", thought=True), responseId="r"),
        chunk(text("ink", thought=True), text("", thought=True, thoughtSignature="QQ==")),
        chunk(text("more", thought=True)),
        chunk(text("Hi"), text("", thoughtSignature="Qg==")),
        chunk(text(" you", thoughtSignature="Qw==")),
        chunk({**call, "thoughtSignature": "RA=="}, call),
        chunk(text(""), reason="STOP"),
    )

    assert parts_of(events) == [
        ["Reasoning", "think", "QQ=="],
        ["Reasoning", "more"],
        ["Text", "Hi"],
        ["Reasoning", "", "Qg=="],
        ["Reasoning", "", "Qw=="],
        ["Text", " you"],
        ["Reasoning", "", "RA=="],
        ["ToolCall", '{"a":1}'],
        ["ToolCall", '{"a":1}'],
        "CALLS",
    ]
    calls = [
        event.what
        for event in events
        if isinstance(event, Open) and isinstance(event.what, ToolCall)
    ]
    assert [call.id for call in calls] == ["call_noid_r_1", "call_noid_r_2"]


def test_parts_that_say_more_are_parts_of_their_own():
    image = {"inlineData": {"mimeType": "image/png", "data": "iVBO"}}
    events = told(
        chunk(
            text("a"), text("b", partMetadata={"c": 1}), text("d", thought=True, partMetadata={})
        ),
        chunk(image, {"executableCode": {"code": "1"}}, text("e", thought=False)),
        chunk(reason="STOP"),
    )

    opened = [event.what for event in events if isinstance(event, Open)]
    assert [type(part).__name__ for part in opened] == [
        "Text", "Text", "Reasoning", "Image", "Foreign", "Text",
    ]  # fmt: skip
    assert opened[1].extras == {"partMetadata": {"c": 1}}
    assert opened[3] == Image(Source(data="iVBO", media_type="image/png"))


def test_choices_go_on_side_by_side():
    events = told(
        chunk(text("a0"), index=0),
        chunk(text("a1"), index=1),
        chunk(text("b0"), index=0, reason="STOP"),
        chunk(text("b1"), index=1.0, reason="SAFETY"),
    )

    assert parts_of(events) == [["Text", "a0b0"], ["Text", "a1b1"], "END", "REFUSED"]
    assert events[-1] == End()


def test_what_stands_beside_the_content_is_told_at_the_end():
    def cited(*sources, **other):
        return {"citationMetadata": {"citationSources": list(sources), **other}}

    events = told(
        chunk(text("a"), beside={**cited({"uri": "1"}), "safetyRatings": [1], "tokenCount": None}),
        chunk(text("b"), beside={**cited({"uri": "2"}, license="x"), "safetyRatings": [2]}),
        chunk(reason="BLOCKLIST", beside={"finishMessage": "no"}),
    )

    assert events[-2] == Finish(
        Stop.REFUSED,
        extras={
            "citationMetadata": {"citationSources": [{"uri": "1"}, {"uri": "2"}], "license": "x"},
            "safetyRatings": [2],
            "finishMessage": "no",
            "finishReason": "BLOCKLIST",
        },
    )


def test_the_tokens_of_a_chunk_are_told_with_its_text():
    tokens = {"chosenCandidates": [{"token": "a", "logProbability": -1.0}]}

    events = told(
        chunk(text("a"), text("b"), beside={"logprobsResult": tokens}), chunk(reason="STOP")
    )

    assert events[2:4] == [Delta(0, "a", [Logprob("a", -1.0)]), Delta(0, "b")]


def test_a_blocked_prompt_ends_refused():
    feedback = {"blockReason": "SAFETY"}

    events = told({"promptFeedback": feedback})

    assert events[1:] == [Finish(Stop.REFUSED, extras={"promptFeedback": feedback}), End()]


def test_what_is_said_of_a_prompt_that_is_answered_comes_at_the_end():
    events = told(chunk(text("a"), reason="STOP", promptFeedback={"safetyRatings": []}))

    assert events[-1] == End({"promptFeedback": {"safetyRatings": []}})


TRUNCATED = {
    "no reason": [chunk(text("a"))],
    "a reason of one choice of two": [chunk(text("a"), reason="STOP"), chunk(text("b"), index=1)],
    "no choice": [{"usageMetadata": {}}],
    "a reason that is none": [chunk(text("a"), beside={"finishReason": None})],
    "a reason that is no text": [chunk(text("a"), beside={"finishReason": 7})],
}


@pytest.mark.parametrize("case", TRUNCATED)
def test_a_stream_that_told_no_reason_to_finish_is_not_whole(case):
    assert not any(isinstance(event, End) for event in told(*TRUNCATED[case]))


def test_a_stream_of_nothing_is_nothing():
    assert told() == []


def test_an_error_ends_the_stream():
    chunks = Chunks()

    events = chunks.take([chunk(text("a")), {"error": {"code": 503, "message": "busy"}}])

    assert isinstance(events[-1], Broken)
    assert (events[-1].fault.status, events[-1].fault.message) == (503, "busy")
    assert (chunks.take(chunk(text("b"))), chunks.end()) == ([], [])


def piece(path=None, value=None, *, goes_on=True, **members):
    if path is not None:
        members["partialArgs"] = [{"jsonPath": path, "stringValue": value}]
    if goes_on:
        members["willContinue"] = True
    return {"functionCall": members}


def test_a_call_in_pieces_is_told_once_it_is_whole():
    events = told(
        chunk({**piece(name="f", id="c1"), "thoughtSignature": "Q-_="}),
        chunk(piece("$.city", "Boston")),
        chunk({"functionCall": {}}),
        chunk(piece(name="g")),
        chunk(piece("$.a", "b", goes_on=False)),
        chunk(reason="STOP"),
    )

    assert parts_of(events) == [
        ["Reasoning", "", "Q+/="],
        ["ToolCall", '{"city":"Boston"}'],
        ["ToolCall", '{"a":"b"}'],
        "CALLS",
    ]


def test_a_call_in_pieces_ends_where_another_begins_or_the_stream_ends():
    events = told(
        chunk(piece(name="f"), text("meanwhile")),
        chunk({"functionCall": {"name": "g"}}),
        chunk(piece(name="h")),
        chunk(piece(name="i"), reason="STOP"),
    )

    calls = [
        event.what.name
        for event in events
        if isinstance(event, Open) and isinstance(event.what, ToolCall)
    ]
    assert calls == ["f", "g", "h", "i"]


WRONG = {
    "no chunk": (1, "the event must be an object"),
    "no candidate": ({"candidates": [1]}, r"candidates\[0\] must be an object"),
    "a great number": (chunk(index=10**9), r"candidates\[0\].index must be from"),
    "no number": (chunk(index="a"), r"candidates\[0\].index must be a whole number"),
    "no part": (chunk(1), r"candidates\[0\].content.parts\[0\] must be an object"),
    "no text": (chunk({"text": 1}), r"candidates\[0\].content.parts\[0\].text must be a text"),
    "no usage": ({"usageMetadata": 1}, "usageMetadata must be an object"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_chunk_is_told(case):
    value, match = WRONG[case]

    with pytest.raises(Misfit, match=match):
        Chunks().take(value)


def test_usage_that_is_none_later_is_told():
    with pytest.raises(Misfit, match="usageMetadata must be an object"):
        told(chunk(text("a")), chunk(usageMetadata=1))


def test_chunks_nested_too_deep_are_told():
    deep = [{}, {}]
    for at in range(2):
        for _ in range(100_000):
            deep[at] = {"a": deep[at]}

    with pytest.raises(Misfit, match="nested too deep"):
        told(
            {"createTime": deep[0], "responseId": "r"},
            {"createTime": deep[1], "modelStatus": 1, "a": 2, "b": 3, "c": 4},
        )
