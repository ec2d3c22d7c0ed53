"""The real Ollama SDK for Python asks, and reads what is written for it; there is no socket in between."""

import httpx
import ollama
import pytest

from multillama.core.canonical import (
    Answer,
    Choice,
    Fault,
    Format,
    Reasoning,
    Stop,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
)
from multillama.core.deltas import Broken
from multillama.core.join import events_of
from multillama.dialects.ollama_chat.codec import CODEC as CHAT
from multillama.dialects.ollama_embed import EMBED_CODEC
from multillama.dialects.ollama_generate.codec import CODEC as GENERATE
from tests.dialects.ollama_cases import reply

ANSWER = Answer(
    choices=[Choice([Reasoning("h"), Text("a b"), ToolCall("c1", "f", '{"x":1}')], Stop.CALLS)],
    usage=Usage(input_tokens=3, output_tokens=4),
    family="openai",
)


def client(answer, status=200):
    """Returns an SDK whose requests are answered by a function of their body."""
    asked = []

    def serve(request):
        asked.append(request.content)
        return httpx.Response(status, content=answer)

    return ollama.Client(transport=httpx.MockTransport(serve)), asked


def weather(city: str) -> str:
    """Tells the weather.

    Args:
        city: Where.
    """
    return city


def test_it_reads_a_whole_answer():
    sdk, asked = client(CHAT.write_answer(ANSWER, reply()))

    answer = sdk.chat(
        "m", [{"role": "user", "content": "u"}], tools=[weather], think="low", format="json",
        options={"num_predict": 9}, keep_alive="1m",
    )  # fmt: skip
    request = CHAT.read_request(asked[0])

    assert (answer.message.content, answer.message.thinking) == ("a b", "h")
    assert answer.message.tool_calls[0].function.arguments == {"x": 1}
    assert (answer.done_reason, answer.prompt_eval_count, answer.eval_count) == ("stop", 3, 4)
    assert request.tools[0].name == "weather"
    assert (request.thinking, request.format) == (Thinking("low"), Format("json"))
    assert (request.max_tokens, request.keep_alive, request.stream) == (9, "1m", False)


def test_it_reads_a_stream():
    sdk, asked = client(CHAT.writer(reply()).write(events_of(ANSWER)))

    chunks = list(sdk.chat("m", [{"role": "user", "content": "u"}], stream=True))

    assert CHAT.read_request(asked[0]).stream
    assert "".join(chunk.message.content for chunk in chunks) == "a b"
    assert [bool(chunk.message.tool_calls) for chunk in chunks] == [False, False, True, False]
    assert [chunk.done for chunk in chunks] == [False, False, False, True]


def test_what_it_says_again_of_a_call_finds_its_result():
    sdk, asked = client(CHAT.write_answer(ANSWER, reply()))
    first = sdk.chat("m", [{"role": "user", "content": "u"}])

    sdk.chat("m", [first.message, {"role": "tool", "tool_name": "f", "content": "r"}])
    assistant, result = CHAT.read_request(asked[1]).messages

    assert assistant.parts == [Reasoning("h"), Text("a b"), ToolCall("call_0_0", "f", '{"x":1}')]
    assert result.parts == [ToolResult("call_0_0", [Text("r")], "f")]


def test_it_reads_what_generate_made():
    whole, asked = client(GENERATE.write_answer(ANSWER, reply()))
    streamed, _ = client(GENERATE.writer(reply()).write(events_of(ANSWER)))

    answer = whole.generate("m", "p", system="s")
    chunks = list(streamed.generate("m", "p", stream=True))

    assert (answer.response, answer.thinking, answer.eval_count) == ("a b", "h", 4)
    assert "".join(chunk.response for chunk in chunks) == "a b"
    assert [message.role for message in GENERATE.read_request(asked[0]).messages] == [
        "system",
        "user",
    ]


def test_it_raises_what_an_error_tells():
    refused, _ = client(CHAT.write_fault(Fault(429, "slowly")), status=429)
    broken, _ = client(
        CHAT.writer(reply()).write([*events_of(ANSWER)[:3], Broken(Fault(500, "gone"))])
    )

    with pytest.raises(ollama.ResponseError, match="slowly") as error:
        refused.chat("m", [])
    with pytest.raises(ollama.ResponseError, match="gone"):
        list(broken.chat("m", [], stream=True))
    assert error.value.status_code == 429


def test_it_reads_vectors():
    vectors = EMBED_CODEC.read_answer(b'{"embeddings":[[1,2]],"prompt_eval_count":1}')
    sdk, asked = client(EMBED_CODEC.write_answer(vectors, EMBED_CODEC.read_request(b"{}")))

    answer = sdk.embed("m", ["a"], dimensions=2)

    assert answer.embeddings == [[1.0, 2.0]]
    assert EMBED_CODEC.read_request(asked[0]).dimensions == 2
