import json

import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from multillama.core.canonical import (
    Audio,
    Fault,
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
    Usage,
)  # fmt: skip
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
    Other,
    Sign,
    Start,
)  # fmt: skip
from multillama.core.join import Joiner
from multillama.dialects.openai_chat.read_stream import ChunkReader
from multillama.dialects.openai_chat.write_stream import ChunkWriter
from tests.dialects.seen import chunks_of, reply_to


def written(
    *events: Event, request: Request | None = None, losses=(), family="anthropic", dialect=""
) -> list[dict]:
    """Chunks that events make; each is one that the SDK can read."""
    reply = reply_to(request or Request("m", wants_usage=False))
    data = ChunkWriter(reply).write([Start(family=family, dialect=dialect), *events])
    assert reply.losses.names == losses
    for line in data.splitlines():
        if line.startswith(b"data: {"):
            ChatCompletionChunk.model_validate_json(line[6:], strict=True)
    return chunks_of(data)


def deltas(*events: Event, **options) -> list[dict]:
    return [chunk["choices"][0]["delta"] for chunk in written(*events, **options)]


def test_text_is_written_as_openai_does():
    reply = reply_to(Request("m", wants_usage=False))
    writer = ChunkWriter(reply)
    head = b'data: {"id":"chatcmpl-0a1b","object":"chat.completion.chunk","created":1700000000,"model":"public",'

    begun = writer.write([Start(), Open(0, Text(""))])
    piece = writer.write([Delta(0, 'H"')])
    ended = writer.write([Close(0), Finish(Stop.END), Count(Usage(1)), End()])

    tail = b',"logprobs":null,"finish_reason":null}]}\n\n'
    assert begun == head + b'"choices":[{"index":0,"delta":{"role":"assistant","content":""}' + tail
    assert piece == head + b'"choices":[{"index":0,"delta":{"content":"H\\""}' + tail
    assert ended == (
        head
        + b'"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    )


def test_usage_is_told_to_who_asked_for_it():
    request = Request("m", wants_usage=True)
    start = Start(family="openai", dialect="openai.chat", usage=Usage(5))
    writer = ChunkWriter(reply_to(request))

    data = writer.write([start, Finish(Stop.END), Count(Usage(output_tokens=2)), End({"cost": 1})])

    assert b'"finish_reason":"stop"}],"usage":null}' in data
    last = chunks_of(data)[-1]
    assert (last["choices"], last["cost"]) == ([], 1)
    assert last["usage"] == {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}


def test_the_service_tier_is_told_with_the_usage():
    chunks = written(Count(Usage(1)), End({}, "flex"), request=Request("m", wants_usage=True))

    assert chunks[-1]["service_tier"] == "flex"


def test_nobody_is_told_an_usage_that_nobody_knows():
    assert len(written(Finish(Stop.END), End(), request=Request("m", wants_usage=True))) == 1


def test_what_the_endpoint_said_of_itself_stands_in_every_chunk():
    writer = ChunkWriter(reply_to(Request("m")))
    extras = {"system_fingerprint": "fp", "model": "no"}
    start = Start("x", "m", 7, None, extras, "openai", "openai.chat")

    chunks = chunks_of(writer.write([start, Open(0, Text("Hi")), Finish(Stop.END)]))

    for chunk in chunks:
        assert (chunk["id"], chunk["created"], chunk["model"]) == ("x", 7, "public")
        assert chunk["system_fingerprint"] == "fp"
    assert chunks[0]["choices"][0]["delta"]["content"] == "Hi"


def begun(index: int, id_: str, name: str) -> dict:
    function = {"name": name, "arguments": ""}
    return {"tool_calls": [{"index": index, "id": id_, "type": "function", "function": function}]}


def argued(index: int, arguments: str) -> dict:
    return {"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}


def test_calls_are_written_as_openai_does():
    events = [
        Open(0, ToolCall("a", "f")), Open(1, ToolCall("b", "g")), Delta(1, "{"), Delta(0, "{}"),
        Delta(1, "}"), Close(0), Close(1), Finish(Stop.CALLS),
    ]  # fmt: skip

    told = deltas(*events)

    assert told == [
        {"role": "assistant", **begun(0, "a", "f")},
        begun(1, "b", "g"),
        argued(1, "{"),
        argued(0, "{}"),
        argued(1, "}"),
        {},
    ]


def test_a_call_without_arguments_has_an_empty_object():
    told = deltas(Open(0, ToolCall("a", "f")), Delta(0, ""), Close(0))

    assert told[1] == {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}
    assert len(deltas(Open(0, ToolCall("a", "f", "{}")), Close(0))) == 1


def test_a_custom_call_has_an_input():
    reply = reply_to(Request("m"))

    chunks = chunks_of(
        ChunkWriter(reply).write(
            [Start(), Open(0, ToolCall("a", "f", "", True)), Delta(0, "x"), Close(0)]
        )
    )

    first, then = (chunk["choices"][0]["delta"]["tool_calls"][0] for chunk in chunks)
    assert first == {"index": 0, "id": "a", "type": "custom", "custom": {"name": "f", "input": ""}}
    assert then == {"index": 0, "custom": {"input": "x"}}


def test_a_client_that_speaks_of_functions_is_told_one():
    request = Request("m", tools=[Tool("f", is_legacy=True)], wants_usage=False)

    chunks = written(
        Open(0, ToolCall("a", "f")), Delta(0, "{}"), Close(0), Open(1, ToolCall("b", "f")), Delta(1, "{}"),
        Close(1), Finish(Stop.CALLS), request=request, losses=("tool_calls",),
    )  # fmt: skip

    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"role": "assistant", "function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": "{}"}},
        {},
    ]
    assert chunks[-1]["choices"][0]["finish_reason"] == "function_call"


def test_reasoning_is_told_and_signed():
    told = deltas(
        Open(0, Reasoning("", id="r")), Delta(0, "h"), Delta(0, "m"), Sign(0, "s"), Close(0),
        Open(1, Reasoning("", "enc", is_redacted=True)), Close(1), Open(2, Text("")), Delta(2, "Hi"),
    )  # fmt: skip

    assert told == [
        {"role": "assistant", "reasoning_content": ""},
        {"reasoning_content": "h"},
        {"reasoning_content": "m"},
        {
            "reasoning_details": [
                {"type": "reasoning.text", "text": "hm", "signature": "s", "id": "r", "index": 0}
            ]
        },
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "enc", "index": 1}]},
        {"content": "Hi"},
    ]


def test_reasoning_that_comes_whole_is_told():
    told = deltas(Open(0, Reasoning("hm", "s")), Close(0))

    assert told[0] == {"role": "assistant", "reasoning_content": "hm"}
    assert told[1]["reasoning_details"][0]["signature"] == "s"


@pytest.mark.parametrize(
    "signed",
    [[Open(0, Reasoning("", "s")), Close(0)], [Open(0, Reasoning("")), Sign(0, "s"), Close(0)]],
)
def test_a_bare_signature_goes_with_the_call_or_alone(signed):
    with_call = deltas(*signed, Open(1, ToolCall("a", "f", "{}")))[-1]
    with_text = deltas(*signed, Open(1, Text("Hi")))
    at_end = deltas(*signed, Finish(Stop.END))

    assert with_call["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "s"}}
    alone = [{"type": "reasoning.text", "text": "", "signature": "s", "index": 0}]
    assert [delta.get("reasoning_details") for delta in with_text].count(alone) == 1
    assert at_end[-2]["reasoning_details"] == alone


def test_refusals_images_and_sounds_have_their_members():
    told = deltas(
        Open(0, Refusal("")), Delta(0, "no"), Close(0), Open(1, Image(Source(data="QQ=="))), Close(1),
        Open(2, Audio(Source(data="QQ=="))), Close(2),
    )  # fmt: skip

    assert told[:2] == [{"role": "assistant", "refusal": ""}, {"refusal": "no"}]
    assert told[2]["images"][0]["image_url"]["url"].endswith("QQ==")
    assert told[3]["audio"]["data"] == "QQ=="


def test_a_refusal_ends_with_stop():
    chunks = written(Open(0, Refusal("no")), Close(0), Finish(Stop.REFUSED))

    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_logprobs_come_with_their_text():
    chunks = written(Open(0, Text("")), Delta(0, "a", [Logprob("a", -1)]))

    assert chunks[1]["choices"][0]["logprobs"]["content"][0]["logprob"] == -1


def test_what_cannot_be_told_is_named():
    foreign = Foreign("server_tool_use", {})

    chunks = written(
        Open(0, foreign), Delta(0, "x"), Sign(0, "s"), Close(0), Open(1, Text("")),
        More(0, "input_json_delta", {}), More(1, "citations_delta", {}), More(1, "compaction", {}),
        Other("ping", {}), Sign(1, "s"),
        losses=("foreign:server_tool_use", "citations", "compaction"),
    )  # fmt: skip

    assert len(chunks) == 1


def test_annotations_of_the_family_are_told():
    flat = {"type": "url_citation", "url": "u"}

    told = deltas(Open(0, Text("a")), More(0, "annotation", flat), family="openai")

    assert told[1] == {"annotations": [{"type": "url_citation", "url_citation": {"url": "u"}}]}
    filed = {"type": "file_citation"}
    deltas(Open(0, Text("a")), More(0, "annotation", filed), losses=("annotations",))


def test_what_ends_a_choice_is_told_with_it():
    extras = {"native": 1, "message": {"channel": "x"}, "chunk": {"x_groq": {"a": 1}, "id": "no"}}

    chunk = written(Finish(Stop.END, 0, None, extras), family="openai", dialect="openai.chat")[0]

    assert chunk["choices"][0] == {
        "index": 0,
        "delta": {"role": "assistant", "content": "", "channel": "x"},
        "finish_reason": "stop",
        "native": 1,
    }
    assert (chunk["x_groq"], chunk["id"]) == ({"a": 1}, "chatcmpl-0a1b")


def test_an_error_is_the_last_event():
    reply = reply_to(Request("m"))

    data = ChunkWriter(reply).write([Start(), Broken(Fault(429, "slow down"))])

    assert json.loads(data[6:])["error"]["message"] == "slow down"


def test_what_is_written_is_read_again():
    events = [
        Open(0, Reasoning("")), Delta(0, "hm"), Sign(0, "s"), Close(0), Open(1, Text("")), Delta(1, "Hi"),
        Close(1), Open(2, Text(""), 1), Delta(2, "Ho"), Close(2), Finish(Stop.LENGTH, 1), Finish(Stop.END),
        Count(Usage(1, 2, 3, None, 4, 5)), End(),
    ]  # fmt: skip
    before, after, reader = Joiner(), Joiner(), ChunkReader()

    data = ChunkWriter(reply_to(Request("m"))).write([Start("x", "public", 7), *events])
    after.take(reader.feed(data))
    before.take([Start("x", "public", 7), *events])

    assert [choice.stop for choice in after.answer.choices] == [Stop.END, Stop.LENGTH]
    assert after.answer.choices[1] == before.answer.choices[1]
    assert after.answer.usage == before.answer.usage
    assert (after.answer.id, after.is_whole) == ("x", True)


def test_the_sdk_joins_what_is_written():
    events = [
        Open(0, Reasoning("")), Delta(0, "hm"), Sign(0, "s"), Close(0), Open(1, Text("")), Delta(1, "H"),
        Delta(1, "i"), Close(1), Open(2, ToolCall("a", "f")), Open(3, ToolCall("b", "g")), Delta(3, "{}"),
        Delta(2, '{"x":1}'), Close(2), Close(3), Finish(Stop.CALLS), Count(Usage(1, output_tokens=2)), End(),
    ]  # fmt: skip
    state = ChatCompletionStreamState()

    for chunk in written(*events, request=Request("m", wants_usage=True)):
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))

    whole = state.get_final_completion()
    message = whole.choices[0].message
    assert message.content == "Hi"
    assert [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls] == [
        ("a", "f", '{"x":1}'), ("b", "g", "{}"),
    ]  # fmt: skip
    assert message.model_extra["reasoning_content"] == "hm"
    assert (whole.choices[0].finish_reason, whole.usage.total_tokens) == ("tool_calls", 3)
