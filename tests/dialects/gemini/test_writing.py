import json

import pytest

from multillama.core.canonical import (
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
    ToolResult,
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
from multillama.dialects.gemini.writing import ChunkWriter
from tests.dialects.gemini.saying import alone, reply

NAMES = {"modelVersion": "gemini-2.5-flash", "responseId": "r"}


def written(*events, family="openai", one_by_one=False):
    """Returns the chunks of these events without what names the answer, and what was left out."""
    told = reply()
    writer = ChunkWriter(told)
    begun = [Start("r", family=family), *events]
    cuts = [[event] for event in begun] if one_by_one else [begun]
    chunks = [json.loads(chunk) for cut in cuts for chunk in writer.write(cut)]
    assert all(NAMES.items() <= chunk.items() for chunk in chunks if "error" not in chunk)
    plain = [
        {name: value for name, value in chunk.items() if name not in NAMES} for chunk in chunks
    ]
    return plain, told.losses.names


def chunk(*parts, index=0, **members):
    beside = members.pop("beside", {})
    return {
        "candidates": [
            {"content": {"parts": list(parts), "role": "model"}, "index": index, **beside}
        ],
        **members,
    }


def last(*parts, reason="STOP", **members):
    return chunk(*(parts or ({"text": ""},)), beside={"finishReason": reason}, **members)


END = [Finish(Stop.END), End()]


@pytest.mark.parametrize("one_by_one", [False, True])
def test_each_delta_of_text_is_a_chunk(one_by_one):
    chunks, lost = written(
        Open(0, Reasoning("")), Delta(0, "think"), Close(0),
        Open(1, Text("")), Delta(1, "He"), Delta(1, ""), Delta(1, "llo\n\u2028"), Close(1),
        Finish(Stop.LENGTH), End(), one_by_one=one_by_one,
    )  # fmt: skip

    assert lost == ()
    assert chunks == [
        chunk({"text": "think", "thought": True}),
        chunk({"text": "He"}),
        chunk({"text": "llo\n\u2028"}),
        last(reason="MAX_TOKENS"),
    ]


def test_a_chunk_is_one_line():
    call = ToolCall("c1", "f", '{\n"a": "b\\nc"}')

    chunks = ChunkWriter(reply()).write(
        [Start(), *alone(call), Open(1, Text("")), Delta(1, "a\nb\r"), *END]
    )

    assert all(b"\n" not in chunk and b"\r" not in chunk for chunk in chunks)


def test_an_answer_without_an_id_gets_one():
    [chunk] = ChunkWriter(reply()).write([Start(), Finish(Stop.END), End()])

    assert json.loads(chunk)["responseId"] == "made-1"


def test_a_call_is_told_once_it_is_whole():
    chunks, _ = written(
        Open(0, ToolCall("c1", "f")), Delta(0, '{"a"'),
        Open(1, ToolCall("c2", "g")), Delta(1, "{}"), Delta(0, ":1}"),
        Close(0), Close(1), Finish(Stop.CALLS), End(),
    )  # fmt: skip

    assert chunks == [
        chunk({"functionCall": {"name": "f", "args": {"a": 1}, "id": "c1"}}),
        chunk({"functionCall": {"name": "g", "args": {}, "id": "c2"}}),
        last(),
    ]


def test_usage_comes_with_the_next_chunk_and_the_last():
    chunks, _ = written(
        Count(Usage(10)), Open(0, Text("")), Delta(0, "a"), Delta(0, "b"), Close(0),
        Finish(Stop.END), Count(Usage(output_tokens=3, reasoning_tokens=1, extras={"cost": 1})), End(),
    )  # fmt: skip

    begun = {"promptTokenCount": 10, "totalTokenCount": 10}
    ended = {
        "promptTokenCount": 10,
        "candidatesTokenCount": 2,
        "thoughtsTokenCount": 1,
        "totalTokenCount": 13,
    }
    assert [chunk.get("usageMetadata") for chunk in chunks] == [begun, None, ended]


def test_signed_thoughts_carry_their_signature_and_others_leave_it_to_the_next_part():
    chunks, _ = written(
        Open(0, Reasoning("")), Delta(0, "a"), Sign(0, "QQ=="), Close(0),
        Open(1, Reasoning("")), Sign(1, "mlsig1-x"), Close(1),
        *alone(ToolCall("c1", "f"), 2),
        *alone(Reasoning("", "Qg==", is_redacted=True), 3),
        *alone(Reasoning("", "Qw=="), 4),
        Open(5, Reasoning("")), Delta(5, "b"), Close(5),
        Open(6, Text("")), Delta(6, "c"), Delta(6, "d"), Close(6),
        *alone(Reasoning("", "RA=="), 7), *END,
    )  # fmt: skip

    assert chunks == [
        chunk({"text": "a", "thought": True}),
        chunk({"text": "", "thought": True, "thoughtSignature": "QQ=="}),
        chunk(
            {
                "functionCall": {"name": "f", "args": {}, "id": "c1"},
                "thoughtSignature": "bWxzaWc6bWxzaWcxLXg=",
            }
        ),
        chunk({"text": "", "thoughtSignature": "Qg=="}),
        chunk({"text": "b", "thought": True}),
        chunk({"text": "c", "thoughtSignature": "Qw=="}),
        chunk({"text": "d"}),
        last({"text": "", "thoughtSignature": "RA=="}),
    ]


def test_parts_that_begin_with_text_lose_none_of_it():
    chunks, _ = written(
        *alone(Text("a")), *alone(Refusal("no"), 1), *alone(Reasoning("b"), 2), *END
    )

    assert chunks == [
        chunk({"text": "a"}),
        chunk({"text": "no"}),
        chunk({"text": "b", "thought": True}),
        last(),
    ]


def test_an_empty_refusal_says_nothing():
    chunks, _ = written(Open(0, Refusal("")), Delta(0, "no"), Close(0), *END)

    assert chunks == [chunk({"text": "no"}), last()]


def test_thoughts_may_bring_the_first_usage():
    chunks, _ = written(Count(Usage(5)), *alone(Reasoning("a")), *END)

    usage = {"promptTokenCount": 5, "totalTokenCount": 5}
    assert chunks[0] == chunk({"text": "a", "thought": True}, usageMetadata=usage)


def test_choices_have_their_numbers():
    chunks, _ = written(
        Open(0, Text(""), 1), Delta(0, "a"), Close(0), *alone(Reasoning("", "QQ=="), 1, choice=1),
        Finish(Stop.END, 0), Finish(Stop.REFUSED, 1), End(),
    )  # fmt: skip

    assert chunks[0] == chunk({"text": "a"}, index=1)
    assert [
        (row["index"], row["finishReason"], row["content"]["parts"])
        for row in chunks[1]["candidates"]
    ] == [
        (0, "STOP", [{"text": ""}]),
        (1, "SAFETY", [{"text": "", "thoughtSignature": "QQ=="}]),
    ]


def test_probabilities_stand_beside_their_text():
    chunks, _ = written(Open(0, Text("")), Delta(0, "a", [Logprob("a", -1.0)]), Close(0), *END)

    token = {"token": "a", "logProbability": -1.0}
    told = {"chosenCandidates": [token], "topCandidates": [{"candidates": []}]}
    assert chunks[0] == chunk({"text": "a"}, beside={"logprobsResult": told})


IMAGE = Image(Source(data="iVBO", media_type="image/png"))
INLINE = {"inlineData": {"mimeType": "image/png", "data": "iVBO"}}
EXTRAS = {"partMetadata": {"a": 1}}


def test_an_image_comes_in_one_piece():
    assert written(*alone(IMAGE), *END)[0][0] == chunk(INLINE)


def test_what_gemini_alone_knows_comes_back_to_its_clients():
    foreign = {"executableCode": {"code": "1"}}
    chunks, lost = written(
        *alone(Foreign("executableCode", foreign)),
        Open(1, Text("", extras=EXTRAS)), Delta(1, "a"), Delta(1, "b"), Close(1),
        Open(2, Text("")), Delta(2, "c"), Close(2, EXTRAS),
        Open(3, Reasoning("", extras=EXTRAS)), Close(3),
        *alone(ToolCall("call_noid_1", "f", "{}", extras=EXTRAS), 4),
        Finish(Stop.REFUSED, extras={"finishReason": "SPII", "finishMessage": "no"}),
        End({"modelStatus": 1}), family="gemini",
    )  # fmt: skip

    assert lost == ()
    assert chunks == [
        chunk(foreign),
        chunk({"text": "a", **EXTRAS}),
        chunk({"text": "b"}),
        chunk({"text": "c"}),
        chunk({"text": "", **EXTRAS}),
        chunk({"text": "", "thought": True, **EXTRAS}),
        chunk({"functionCall": {"name": "f", "args": {}}, **EXTRAS}),
        last(reason="SPII", modelStatus=1)
        | {
            "candidates": [
                {**last()["candidates"][0], "finishReason": "SPII", "finishMessage": "no"}
            ]
        },
    ]


def test_what_others_alone_know_is_named():
    chunks, lost = written(
        *alone(Foreign("server_tool_use", {})),
        Open(1, Text("", extras={"annotations": [1], "empty": None})), Delta(1, "a"),
        More(1, "citation", 1), Close(1, {"late": 1}), Other("ping", 1),
        Finish(Stop.END, extras={"native_finish_reason": "x"}), End({"a": 1}),
    )  # fmt: skip

    assert chunks == [chunk({"text": "a"}), last()]
    assert lost == (
        "foreign:server_tool_use",
        "extras.annotations",
        "citation",
        "extras.late",
        "ping",
    )


def test_what_no_model_says_is_named():
    chunks, lost = written(*alone(ToolResult("c1")), *END)

    assert (chunks, lost) == ([last()], ("tool_result",))


def test_a_blocked_prompt_has_no_candidates():
    feedback = {"promptFeedback": {"blockReason": "SAFETY"}}

    chunks, _ = written(Finish(Stop.REFUSED, extras=feedback), End(), family="gemini")

    assert chunks == [feedback]


def test_the_members_of_the_beginning_come_first():
    [first, *_] = ChunkWriter(reply()).write(
        [
            Start("r", usage=Usage(5), extras={"createTime": "now"}, family="gemini"),
            *alone(Text("a")),
            *END,
        ]
    )

    told = json.loads(first)
    assert (told["createTime"], told["usageMetadata"]["promptTokenCount"]) == ("now", 5)


def test_an_error_is_a_chunk():
    assert written(Broken(Fault(503, "busy"))) == (
        [{"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}],
        (),
    )
