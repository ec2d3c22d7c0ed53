"""google-genai is the judge: what it sends is read, and what is written it takes for what was meant."""

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from google import genai
from google.genai import errors, types

from multillama.core.canonical import (
    Answer,
    Choice,
    Count,
    Fault,
    Format,
    Image,
    Logprob,
    Message,
    Reasoning,
    Request,
    Source,
    Stop,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolResult,
    Usage,
    Vectors,
)
from multillama.core.deltas import Broken
from multillama.core.join import events_of
from multillama.dialects.gemini.answer import write_answer
from multillama.dialects.gemini.count import read_count_request, write_count
from multillama.dialects.gemini.embed import read_batch, write_vectors
from multillama.dialects.gemini.fault import write_fault
from multillama.dialects.gemini.request import read_request
from multillama.dialects.gemini.spelling import undress
from multillama.dialects.gemini.stream import Writer
from tests.dialects.gemini.saying import MODEL, reply

CARRIER = "mlsig1-AbC_d-e="
ANSWER = Answer(
    "id-1",
    "m",
    choices=[
        Choice(
            [
                Reasoning("think", CARRIER),
                Text("Grüße\u2028", logprobs=[Logprob("Grüße", -0.5)]),
                ToolCall("c1", "look", '{\n"city": "Bern"}'),
            ],
            Stop.CALLS,
        )
    ],
    usage=Usage(10, 4, None, None, 5, 2),
)


class Served:
    """A client whose requests are answered here."""

    def __init__(self, answer: Callable[[Any], bytes], status: int = 200, **headers: str) -> None:
        self.bodies: list[bytes] = []
        self.paths: list[str] = []

        def handle(request: Any) -> Any:
            self.bodies.append(request.content)
            self.paths.append(request.url.raw_path.decode())
            content = answer(request.content)
            return httpx2.Response(status, content=content, headers=headers)

        transport = httpx2.MockTransport(handle)
        options = types.HttpOptions(client_args={"transport": transport}, base_url="http://here")
        self.client = genai.Client(api_key="none", http_options=options)

    @property
    def models(self) -> Any:
        return self.client.models


def look(city: str) -> str:
    """Looks at the sky."""
    return city


CONFIG = types.GenerateContentConfig(
    system_instruction="Be brief.",
    temperature=0.5,
    top_k=40,
    max_output_tokens=100,
    stop_sequences=["a"],
    response_mime_type="application/json",
    response_schema={"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": True}}},
    tools=[look],
    tool_config=types.ToolConfig(
        function_calling_config=types.FunctionCallingConfig(
            mode="ANY", allowed_function_names=["look"]
        )
    ),
    thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_budget=1024),
    automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
)


def sent(contents: Any, config: Any = None) -> Request:
    """Returns the request that the SDK sends, as it is read."""
    served = Served(lambda _: write_answer(ANSWER, reply()))
    served.models.generate_content(model=MODEL, contents=contents, config=config)
    return read_request(served.bodies[0])


def test_what_the_sdk_sends_is_read():
    request = sent("Hi", CONFIG)

    assert request.messages == [
        Message("system", [Text("Be brief.")]),
        Message("user", [Text("Hi")]),
    ]
    assert (request.temperature, request.top_k, request.max_tokens, request.stop) == (
        0.5,
        40,
        100,
        ["a"],
    )
    assert request.format == Format(
        "schema", {"type": "object", "properties": {"a": {"type": ["string", "null"]}}}
    )
    assert request.thinking == Thinking(budget=1024, summary="auto")
    assert request.tool_choice == ToolChoice("named", ["look"])
    assert [(tool.name, tool.description) for tool in request.tools] == [
        ("look", "Looks at the sky.")
    ]
    assert request.tools[0].schema["properties"] == {"city": {"type": "string"}}
    assert request.extras == {}


def test_media_of_the_sdk_are_read():
    image = types.Part.from_bytes(data=b"\xfb\xff\xfe", mime_type="image/png")

    [message] = sent([image, "What?"]).messages

    assert message.parts == [Image(Source(data="+//+", media_type="image/png")), Text("What?")]


def history(content: types.Content) -> list[types.Content]:
    result = types.Part.from_function_response(name="look", response={"output": "sunny"})
    return [
        types.Content(role="user", parts=[types.Part(text="Weather?")]),
        content,
        types.Content(role="user", parts=[result]),
    ]


def test_what_the_sdk_got_comes_back_with_its_signature():
    answer = Served(lambda _: write_answer(ANSWER, reply())).models.generate_content(
        model=MODEL, contents="Hi"
    )

    messages = sent(history(answer.candidates[0].content)).messages

    assert messages[1].parts == [
        Reasoning("think", CARRIER),
        Text("Grüße\u2028"),
        ToolCall("c1", "look", '{"city":"Bern"}'),
    ]
    assert messages[2].parts == [ToolResult("c1", [Text("sunny")], name="look")]


def test_an_answer_is_what_the_sdk_says_it_is():
    answer = Served(lambda _: write_answer(ANSWER, reply())).models.generate_content(
        model=MODEL, contents="Hi"
    )

    [candidate] = answer.candidates
    thought, text, call = candidate.content.parts
    assert (answer.text, thought.text, thought.thought) == ("Grüße\u2028", "think", True)
    assert undress(base64.b64encode(thought.thought_signature).decode()) == CARRIER
    assert (call.function_call.id, call.function_call.args) == ("c1", {"city": "Bern"})
    assert (candidate.finish_reason, text.thought) == (types.FinishReason.STOP, None)
    assert (answer.response_id, answer.model_version) == ("id-1", MODEL)
    assert candidate.logprobs_result.chosen_candidates[0].token == "Grüße"
    assert counts(answer.usage_metadata) == (10, 4, 3, 2, 15)


def counts(usage: Any) -> tuple[Any, ...]:
    return (
        usage.prompt_token_count, usage.cached_content_token_count, usage.candidates_token_count,
        usage.thoughts_token_count, usage.total_token_count,
    )  # fmt: skip


def streamed(body: bytes) -> list[Any]:
    served = Served(lambda _: body, **{"content-type": "text/event-stream"})
    return list(served.models.generate_content_stream(model=MODEL, contents="Hi"))


def test_a_stream_is_what_the_sdk_says_it_is():
    chunks = streamed(Writer(reply()).write(events_of(ANSWER)))

    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts]
    assert "".join(part.text or "" for part in parts if not part.thought) == "Grüße\u2028"
    assert "".join(part.text or "" for part in parts if part.thought) == "think"
    [call] = [part.function_call for part in parts if part.function_call]
    assert (call.id, call.name, call.args) == ("c1", "look", {"city": "Bern"})
    assert [chunk.candidates[0].finish_reason for chunk in chunks][-1] == types.FinishReason.STOP
    assert counts(chunks[-1].usage_metadata) == (10, 4, 3, 2, 15)


def test_what_the_sdk_got_of_a_stream_comes_back():
    chunks = streamed(Writer(reply()).write(events_of(ANSWER)))
    pieces = [chunk.candidates[0].content for chunk in chunks]

    messages = sent([*history(pieces[0])[:1], *pieces, *history(pieces[0])[2:]]).messages

    assert [message.role for message in messages] == ["user", "assistant", "tool"]
    assert messages[1].parts == [
        Reasoning("think", CARRIER),
        Text("Grüße\u2028"),
        ToolCall("c1", "look", '{"city":"Bern"}'),
    ]


def test_an_error_in_a_stream_is_raised():
    body = Writer(reply()).write([*events_of(ANSWER)[:4], Broken(Fault(503, "busy"))])

    with pytest.raises(errors.APIError, match="busy"):
        streamed(body)


def test_an_error_is_raised_with_its_status():
    served = Served(lambda _: write_fault(Fault(429, "slow down", retry_after_s=2)), status=429)

    with pytest.raises(errors.ClientError) as raised:
        served.models.generate_content(model=MODEL, contents="Hi")

    assert (raised.value.code, raised.value.status, raised.value.message) == (
        429,
        "RESOURCE_EXHAUSTED",
        "slow down",
    )


def test_a_count_is_what_the_sdk_says_it_is():
    served = Served(lambda _: write_count(Count(7, 3)))

    count = served.models.count_tokens(model=MODEL, contents="Hi")

    assert (count.total_tokens, count.cached_content_token_count) == (7, 3)
    assert read_count_request(served.bodies[0]).messages == [Message("user", [Text("Hi")])]


def test_embeddings_are_what_the_sdk_says_they_are():
    vectors = Vectors(vectors=[[0.5, 1.0], [2.0, 3.0]])
    served = Served(lambda body: write_vectors(vectors, read_batch(body)))
    config = types.EmbedContentConfig(task_type="RETRIEVAL_QUERY", output_dimensionality=2)

    told = served.models.embed_content(
        model="gemini-embedding-001", contents=["a", "b"], config=config
    )

    assert [row.values for row in told.embeddings] == vectors.vectors
    embed = read_batch(served.bodies[0])
    assert (embed.inputs, embed.task, embed.dimensions) == (["a", "b"], "RETRIEVAL_QUERY", 2)
    assert served.paths == ["/v1/models/gemini-embedding-001:batchEmbedContents"]
    assert json.loads(served.bodies[0])
