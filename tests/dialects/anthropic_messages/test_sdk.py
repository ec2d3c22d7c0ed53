"""The parser of the real SDK as judge of what is written."""

import anthropic
import httpx2
import pytest
from anthropic.types import Message as Spoken

from multillama.core.canonical import Fault, Reasoning, Stop, Text, ToolCall, Usage
from multillama.core.deltas import Broken, Close, Count, Delta, End, Finish, Open, Sign, Start
from multillama.core.join import Joiner
from multillama.dialects.anthropic_messages.codec import CODEC
from tests.dialects.anthropic_messages.spoken import reply


def events():
    return [
        Start("chatcmpl-1", "gpt"),
        Open(0, Reasoning("")), Delta(0, "hm"), Sign(0, "s"), Close(0),
        Open(1, Text("")), Close(1),
        Open(2, Text("")), Delta(2, "Hi"),
        Open(3, ToolCall("c", "f")), Delta(3, '{"a":'), Open(4, ToolCall("d", "g")), Delta(3, " 1}"), Close(3),
        Close(4),
        Delta(2, "!"), Close(2),
        Finish(Stop.CALLS), Count(Usage(13, 10, output_tokens=5)), End(),
    ]  # fmt: skip


def ask(said):
    """Lets the SDK read what is written of these events."""
    body = CODEC.writer(reply()).write(said)
    answer = httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body)
    client = anthropic.Anthropic(
        api_key="k",
        max_retries=0,
        http_client=httpx2.Client(transport=httpx2.MockTransport(lambda _: answer)),
    )
    with (
        client,
        client.messages.stream(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "Hello"}]
        ) as stream,
    ):
        return stream.get_final_message()


def test_the_sdk_understands_a_stream():
    message = ask(events())

    assert [block.to_dict() for block in message.content] == [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "text", "text": "Hi!"},
        {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}},
        {"type": "tool_use", "id": "d", "name": "g", "input": {}},
    ]
    assert (message.id, message.model, message.stop_reason) == (
        "msg_chatcmpl-1",
        "public",
        "tool_use",
    )
    assert (
        message.usage.input_tokens,
        message.usage.cache_read_input_tokens,
        message.usage.output_tokens,
    ) == (3, 10, 5)


def test_the_sdk_raises_at_an_error_in_a_stream():
    with pytest.raises(anthropic.APIStatusError, match=r"Busy\."):
        ask([*events()[:4], Broken(Fault(529, "Busy."))])


def test_a_whole_answer_is_what_the_stream_makes():
    joiner = Joiner()
    joiner.take(events())

    body = CODEC.write_answer(joiner.answer, reply())

    whole = Spoken.model_validate_json(body, strict=True)
    assert whole.to_dict() | {"stop_details": None} == ask(events()).to_dict()
