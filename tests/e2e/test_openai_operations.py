"""The `openai` SDK's other operations, at real servers through the gateway."""

import math

import pytest
from openai import OpenAI

from multillama.cli.demo_endpoints import CHAT_MODEL, EMBEDDINGS_MODEL

pytestmark = pytest.mark.timeout(60)  # the first test loads the model


def cosine(one: list[float], other: list[float]) -> float:
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return product / math.hypot(*one) / math.hypot(*other)


def test_a_text_is_completed(client: OpenAI) -> None:
    completion = client.completions.create(
        model=CHAT_MODEL, prompt="One two three", temperature=0, seed=1, max_tokens=4
    )

    assert completion.choices[0].text
    assert completion.usage.completion_tokens == 4


def test_a_text_is_completed_as_a_stream(client: OpenAI) -> None:
    with client.completions.create(
        model=CHAT_MODEL, prompt="One two three", temperature=0, seed=1, max_tokens=4, stream=True
    ) as stream:
        chunks = list(stream)

    assert "".join(chunk.choices[0].text for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "length"


def test_a_response_is_made(client: OpenAI) -> None:
    response = client.responses.create(
        model=CHAT_MODEL, input="What is the secret of life?", max_output_tokens=4, temperature=0
    )

    assert response.output_text
    assert response.usage.output_tokens == 4


def test_a_response_is_streamed(client: OpenAI) -> None:
    with client.responses.create(
        model=CHAT_MODEL, input="Say hi.", max_output_tokens=4, temperature=0, stream=True
    ) as stream:
        events = list(stream)

    said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == said


def test_embeddings_as_numbers_are_those_in_base64(client: OpenAI) -> None:
    texts = ["The cat sleeps on the sofa.", "A cat is asleep on a couch.", "Interest rates rise."]

    in_base64 = client.embeddings.create(model=EMBEDDINGS_MODEL, input=texts)
    as_numbers = client.embeddings.create(
        model=EMBEDDINGS_MODEL, input=texts, encoding_format="float"
    )

    cat, couch, rates = (row.embedding for row in in_base64.data)
    assert cosine(cat, couch) > cosine(cat, rates)
    for packed, plain in zip(in_base64.data, as_numbers.data, strict=True):
        assert cosine(packed.embedding, plain.embedding) == pytest.approx(1, abs=1e-4)
