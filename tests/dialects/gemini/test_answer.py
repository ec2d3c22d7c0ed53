import json

import pytest

from multillama.core.canonical import Answer, Choice, Logprob, Stop, Text, ToolCall, Usage
from multillama.core.codec import Misfit
from multillama.dialects.gemini.answer import (
    read_answer,
    read_logprobs,
    read_usage,
    write_answer,
    write_usage,
)
from tests.dialects.gemini.saying import reply

USAGE = {"promptTokenCount": 29, "candidatesTokenCount": 10, "thoughtsTokenCount": 202, "totalTokenCount": 241,
         "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 29}]}  # fmt: skip
TOKEN = {"token": "Hi", "tokenId": 7, "logProbability": -0.1}
WHOLE = {
    "candidates": [
        {
            "content": {"parts": [{"text": "Hi"}], "role": "model"},
            "finishReason": "STOP",
            "index": 0,
            "safetyRatings": [{"category": "A"}],
            "logprobsResult": {"chosenCandidates": [TOKEN], "topCandidates": [{"candidates": [TOKEN]}]},
        },
        {"content": {"role": "model"}, "finishReason": "CONTINUATION", "index": 1, "continuationToken": "QQ=="},
    ],
    "promptFeedback": {"safetyRatings": []},
    "usageMetadata": {**USAGE, "serviceTier": "flex"},
    "modelVersion": "gemini-2.5-flash",
    "responseId": "QUVV-_",
    "createTime": "2026-11-23T10:00:00.123456789Z",
}  # fmt: skip


def answer_of(**members):
    return read_answer(json.dumps(members).encode())


def candidate(reason, *parts, **members):
    return {"content": {"parts": list(parts)}, "finishReason": reason, **members}


def test_an_answer_is_read():
    answer = answer_of(**WHOLE)

    assert (answer.id, answer.model, answer.created) == ("QUVV-_", "gemini-2.5-flash", 1795428000)
    assert (answer.family, answer.service_tier) == ("gemini", "flex")
    assert answer.choices[0].parts == [
        Text("Hi", logprobs=[Logprob("Hi", -0.1, top=[Logprob("Hi", -0.1)])])
    ]
    assert [choice.stop for choice in answer.choices] == [Stop.END, Stop.PAUSE]
    assert answer.usage == Usage(
        29,
        output_tokens=212,
        reasoning_tokens=202,
        extras={"promptTokensDetails": USAGE["promptTokensDetails"], "serviceTier": "flex"},
    )


def test_an_answer_comes_back():
    assert json.loads(write_answer(answer_of(**WHOLE), reply())) == WHOLE


def test_a_blocked_prompt_is_refused_and_comes_back():
    blocked = {
        "promptFeedback": {"blockReason": "SAFETY"},
        "modelVersion": "gemini-2.5-flash",
        "responseId": "a",
    }

    answer = answer_of(**blocked)

    assert answer.choices == [
        Choice([], Stop.REFUSED, extras={"promptFeedback": {"blockReason": "SAFETY"}})
    ]
    assert json.loads(write_answer(answer, reply())) == blocked


CALL = {"functionCall": {"name": "f"}}
STOPS = {
    "STOP": Stop.END,
    "MAX_TOKENS": Stop.LENGTH,
    "CONTINUATION": Stop.PAUSE,
    "SAFETY": Stop.REFUSED,
    "IMAGE_SAFETY": Stop.REFUSED,
    "OTHER": Stop.REFUSED,
    "MALFORMED_FUNCTION_CALL": Stop.FAULT,
    "UNEXPECTED_TOOL_CALL": Stop.FAULT,
    "SOMETHING_NEW": Stop.END,
}


@pytest.mark.parametrize("reason", STOPS)
def test_why_an_answer_ended_is_read_and_comes_back(reason):
    answer = answer_of(candidates=[candidate(reason, {"text": "a"})])

    assert answer.choices[0].stop == STOPS[reason]
    assert json.loads(write_answer(answer, reply()))["candidates"][0]["finishReason"] == reason


def test_an_answer_that_calls_ends_with_calls():
    answer = answer_of(candidates=[candidate("STOP", CALL)], responseId="a")

    assert answer.choices[0].stop == Stop.CALLS
    assert answer.choices[0].parts == [ToolCall("call_noid_a_1", "f", "{}")]
    assert json.loads(write_answer(answer, reply()))["candidates"][0]["finishReason"] == "STOP"


def test_candidates_stand_at_their_numbers():
    rows = [candidate("STOP", {"text": "b"}, index=1), candidate("STOP", {"text": "a"}, index=0.0)]

    answer = answer_of(candidates=rows)

    assert [choice.parts[0].text for choice in answer.choices] == ["a", "b"]


LENIENT = {
    "a list of one": [{"candidates": []}],
    "one candidate": {"candidates": {"index": None}},
    "no content": {"candidates": [{}]},
    "snake": {"usage_metadata": {}},
    "a time that is none": {"candidates": [], "createTime": "soon"},
    "a time of a number": {"candidates": [], "createTime": 7},
    "probabilities without a text": {
        "candidates": [{"logprobsResult": {"chosenCandidates": [TOKEN]}}]
    },
}


@pytest.mark.parametrize("case", LENIENT)
def test_odd_answers_are_answers(case):
    answer = read_answer(json.dumps(LENIENT[case]).encode())

    assert answer.created == 0
    assert all(choice.stop is None and not choice.parts for choice in answer.choices)


def test_a_time_without_a_zone_is_utc():
    assert answer_of(candidates=[], createTime="2026-11-23T10:00:00").created == 1795428000


WRONG = {
    "no JSON": (b"<html>", "is not valid JSON"),
    "no answer": (b'{"a": 1}', "candidates is missing"),
    "two answers": (b"[{},{}]", "the body must be an object"),
    "a great number": (
        b'{"candidates":[{"index":128}]}',
        r"candidates\[0\].index must be from 0 to 127",
    ),
    "a number below 0": (
        b'{"candidates":[{"index":-1}]}',
        r"candidates\[0\].index must be from 0 to 127",
    ),
    "no parts": (
        b'{"candidates":[{"content":{"parts":[1]}}]}',
        r"candidates\[0\].content.parts\[0\] must",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_answer_is_told(case):
    body, text = WRONG[case]

    with pytest.raises(Misfit, match=text):
        read_answer(body)


def test_an_answer_nested_too_deep_is_told():
    args = b'{"a":' * 1200 + b"1" + b"}" * 1200
    body = (
        b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":%s}}]}}]}' % args
    )

    with pytest.raises(Misfit):
        read_answer(body)


def test_probabilities_that_are_none_are_left_out():
    chosen = [TOKEN, {"token": 1}, 7, {"token": "a", "logProbability": "b"}, {"token": "c"}]

    assert read_logprobs({"chosenCandidates": chosen, "topCandidates": [{}]}) == [
        Logprob("Hi", -0.1),
        Logprob("c", 0.0),
    ]
    assert read_logprobs({}) == []


USAGES = {
    "recorded": (USAGE, (29, None, 212, 202)),
    "with a cache": (
        {
            "promptTokenCount": 100,
            "cachedContentTokenCount": 80,
            "candidatesTokenCount": 5,
            "totalTokenCount": 105,
        },
        (100, 80, 5, None),
    ),
    "with Google's own tools": (
        {
            "promptTokenCount": 10,
            "toolUsePromptTokenCount": 90,
            "candidatesTokenCount": 5,
            "totalTokenCount": 105,
        },
        (100, None, 5, None),
    ),
    "before a text has begun": (
        {"promptTokenCount": 32, "thoughtsTokenCount": 42, "totalTokenCount": 74},
        (32, None, 42, 42),
    ),
    "at the beginning": ({"promptTokenCount": 5, "totalTokenCount": 5}, (5, None, None, None)),
    "a sum of its own": ({"promptTokenCount": 5, "totalTokenCount": 9}, (5, None, None, None)),
    "nothing made": (
        {"promptTokenCount": 5, "candidatesTokenCount": 0, "totalTokenCount": 5},
        (5, None, 0, None),
    ),
}


@pytest.mark.parametrize("case", USAGES)
def test_usage_is_read_and_comes_back(case):
    told, wanted = USAGES[case]

    usage = read_usage(told)

    figures = (
        usage.input_tokens,
        usage.cache_read_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
    )
    assert figures == wanted
    assert write_usage(usage, same=True) == told


def test_figures_that_are_none_are_left_out():
    assert read_usage({"promptTokenCount": "5", "candidatesTokenCount": True}) == Usage()


def test_an_answer_of_others_is_written_for_googles_clients():
    texts = [Text("Hi", logprobs=[Logprob("Hi", -0.1)], extras={"annotations": [1]})]
    choices = [
        Choice(texts, Stop.SEQUENCE, extras={"logprobs": None}),
        Choice([ToolCall("c1", "f", '{"a":1}')], Stop.CALLS),
        Choice([], Stop.FAULT),
        Choice([]),
    ]
    usage = Usage(10, 4, 6, None, 5, 2, {"cost": 1})
    answer = Answer(
        "", "other", 7, choices, usage, family="openai", extras={"system_fingerprint": "a"}
    )
    told = reply("public")

    body = json.loads(write_answer(answer, told))

    token = {"token": "Hi", "logProbability": -0.1}
    call = {"functionCall": {"name": "f", "args": {"a": 1}, "id": "c1"}}
    assert body == {
        "candidates": [
            {
                "content": {"parts": [{"text": "Hi"}], "role": "model"},
                "index": 0,
                "finishReason": "STOP",
                "logprobsResult": {"chosenCandidates": [token], "topCandidates": [{"candidates": []}]},
            },
            {"content": {"parts": [call], "role": "model"}, "index": 1, "finishReason": "STOP"},
            {"content": {"role": "model"}, "index": 2, "finishReason": "MALFORMED_FUNCTION_CALL"},
            {"content": {"role": "model"}, "index": 3},
        ],
        "usageMetadata": {
            "promptTokenCount": 10, "cachedContentTokenCount": 4, "candidatesTokenCount": 3,
            "thoughtsTokenCount": 2, "totalTokenCount": 15,
        },
        "modelVersion": "public",
        "responseId": "made-1",
    }  # fmt: skip
    assert told.losses.names == ("extras.annotations",)


def test_an_answer_without_usage_has_none():
    assert "usageMetadata" not in json.loads(write_answer(Answer("a"), reply()))


def test_usage_that_nobody_counted_is_nothing():
    assert write_usage(Usage(), same=False) == {"totalTokenCount": 0}
