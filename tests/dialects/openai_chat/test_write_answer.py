import json

import pytest
from openai.types.chat import ChatCompletion

from multillama.core.canonical import (
    Answer,
    Audio,
    Choice,
    Foreign,
    Image,
    Logprob,
    Reasoning,
    Refusal,
    Request,
    Source,
    Stop,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
)  # fmt: skip
from multillama.core.codec import Reply
from multillama.dialects.openai_chat.write_answer import write_answer
from tests.dialects.seen import reply_to

LEGACY = Request("m", tools=[Tool("f", is_legacy=True)])


def written(answer: Answer, reply: Reply | None = None) -> dict:
    body = write_answer(answer, reply or reply_to(Request("m")))
    ChatCompletion.model_validate_json(body, strict=True)
    return json.loads(body)


def message(*parts, reply=None, family="anthropic", dialect="", stop=Stop.END) -> dict:
    answer = Answer(choices=[Choice(list(parts), stop)], family=family, dialect=dialect)
    return written(answer, reply)["choices"][0]["message"]


def test_an_answer_of_another_family_has_all_that_the_sdk_demands():
    answer = Answer(
        choices=[Choice([Text("Hi")], Stop.END, "END", {"x": 1})],
        usage=Usage(1),
        family="anthropic",
    )
    answer.extras = {"container": 1}

    assert written(answer) == {
        "id": "chatcmpl-0a1b",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "public",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 0, "total_tokens": 1},
    }


def test_what_the_endpoint_said_of_itself_is_kept():
    answer = Answer(
        "msg_1", "upstream", 7, [Choice([Text("Hi")])], service_tier="flex", dialect="openai.chat"
    )
    answer.extras = {"system_fingerprint": "fp", "model": "other"}

    body = written(answer)

    assert (body["id"], body["created"], body["model"], body["service_tier"]) == (
        "msg_1",
        7,
        "public",
        "flex",
    )
    assert body["system_fingerprint"] == "fp"


def test_what_the_last_chunk_said_beside_is_told_of_a_joined_stream():
    choice = Choice([Text("Hi")], extras={"chunk": {"x_groq": {"id": "1"}}, "native": "STOP"})

    body = written(Answer(choices=[choice], family="openai", dialect="openai.chat"))

    assert body["x_groq"] == {"id": "1"}
    assert body["choices"][0]["native"] == "STOP"
    assert "chunk" not in body["choices"][0]


@pytest.mark.parametrize(
    ("stop", "parts", "word"),
    [
        (Stop.END, [], "stop"),
        (Stop.SEQUENCE, [], "stop"),
        (Stop.CALLS, [], "tool_calls"),
        (Stop.REFUSED, [], "content_filter"),
        (Stop.REFUSED, [Refusal("no")], "stop"),
        (None, [], "stop"),
    ],
)
def test_stops_are_words(stop, parts, word):
    body = written(Answer(choices=[Choice(parts, stop)]))

    assert body["choices"][0]["finish_reason"] == word


def test_reasoning_is_told_with_its_signatures():
    told = message(Reasoning("hm", "sig"), Text("Hi"))

    assert told["reasoning_content"] == "hm"
    assert told["reasoning_details"] == [
        {"type": "reasoning.text", "text": "hm", "signature": "sig", "index": 0}
    ]


def test_a_bare_signature_stands_at_its_call():
    told = message(Reasoning("", "sig"), ToolCall("c", "f", "{}", extras={"caller": 1}))

    assert told["tool_calls"] == [
        {
            "id": "c",
            "type": "function",
            "function": {"name": "f", "arguments": "{}"},
            "extra_content": {"google": {"thought_signature": "sig"}},
        }
    ]
    assert "reasoning_details" not in told
    own = message(ToolCall("c", "f", extras={"odd": 1}), dialect="openai.chat")
    assert own["tool_calls"][0]["odd"] == 1


def test_texts_are_joined_and_what_is_no_text_has_its_place():
    told = message(
        Text("a"), Text("b"), Refusal("no"), Refusal("!"),
        Image(Source(data="QQ==", media_type="image/png")), Audio(Source(data="QQ==")),
    )  # fmt: skip

    assert (told["content"], told["refusal"]) == ("ab", "no!")
    assert told["images"][0]["image_url"]["url"] == "data:image/png;base64,QQ=="
    assert told["audio"]["data"] == "QQ=="


def test_what_cannot_be_told_is_named():
    reply = reply_to(Request("m"))
    citing = Text("a", extras={"citations": [1]})

    message(
        citing,
        Foreign("server_tool_use", {}),
        ToolResult("c"),
        Image(Source(file_id="f")),
        reply=reply,
    )

    assert reply.losses.names == ("foreign:server_tool_use", "toolresult", "image", "citations")
    reply = reply_to(Request("m"))
    filed = Text("a", extras={"annotations": [{"type": "file_citation"}]})
    assert "annotations" not in message(
        filed, reply=reply, family="openai", dialect="openai.responses"
    )
    assert reply.losses.names == ("annotations",)


def test_annotations_of_the_family_are_told_also_of_a_joined_stream():
    flat = {"type": "url_citation", "url": "u", "start_index": 0, "end_index": 1, "title": "t"}
    more = [("annotation", flat), ("other", 1)]

    told = message(Text("a", extras={"annotations": [flat], "more": more}), family="openai")

    inner = {name: value for name, value in flat.items() if name != "type"}
    assert told["annotations"] == [{"type": "url_citation", "url_citation": inner}] * 2


def test_a_client_that_speaks_of_functions_is_told_one():
    reply = reply_to(LEGACY)
    answer = Answer(choices=[Choice([ToolCall("c", "f", "{}"), ToolCall("d", "f")], Stop.CALLS)])

    choice = written(answer, reply)["choices"][0]

    assert choice["message"]["function_call"] == {"name": "f", "arguments": "{}"}
    assert choice["finish_reason"] == "function_call"
    assert reply.losses.names == ("tool_calls",)


def test_logprobs_are_told():
    text = Text("a", logprobs=[Logprob("a", -1)])

    choice = written(Answer(choices=[Choice([text])]))["choices"][0]

    assert choice["logprobs"]["content"][0]["token"] == "a"


def test_members_of_the_message_are_kept():
    choice = Choice([], extras={"message": {"content": "", "channel": "x"}})

    told = written(Answer(choices=[choice], family="openai", dialect="openai.chat"))["choices"][0][
        "message"
    ]

    assert (told["content"], told["channel"]) == ("", "x")
