"""Conversations that the `openai` SDK continues by `previous_response_id`, with llama.cpp, which keeps nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import BadRequestError, NotFoundError, OpenAI
from openai.types.responses import Response, ResponseCompletedEvent, ResponseIncompleteEvent

from multillama.cli.demo_endpoints import CHAT_MODEL
from tests.e2e.conftest import TIMEOUT_S, Models
from tests.gateway import Gateway, running

pytestmark = pytest.mark.timeout(120)  # the first test loads the model

ASKED: dict[str, Any] = {"model": CHAT_MODEL, "max_output_tokens": 12, "temperature": 0}


@pytest.fixture(scope="module", params=["", "openai.chat"], ids=["native", "translated"])
def storing(
    request: pytest.FixtureRequest, models: Models, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway that stores, before a server of its own dialect and before one that is translated for."""
    folder = tmp_path_factory.mktemp("storing")
    row: dict[str, Any] = {"name": "llama", "url": models.chat}
    if request.param:
        row["dialects"] = [request.param]
    config = folder / "multillama.yaml"
    config.write_text(
        json.dumps(
            {
                "endpoints": [row],
                "responses_store": 100,
                "routing": {"count_usage": True},
            }
        )
    )
    with running("--config", str(config), log=folder / "log") as gateway:
        yield gateway


@pytest.fixture
def stored(storing: Gateway) -> Iterator[OpenAI]:
    with client_of(storing) as client:
        yield client


def client_of(gateway: Gateway, key: str = "none") -> OpenAI:
    return OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0, timeout=TIMEOUT_S)


def streamed(client: OpenAI, **members: Any) -> Response:
    """The response that the last event of a stream tells."""
    *_, last = client.responses.create(stream=True, **ASKED, **members)
    assert isinstance(last, ResponseCompletedEvent | ResponseIncompleteEvent)
    return last.response


def test_a_conversation_goes_on_by_the_id_of_its_last_response(stored: OpenAI) -> None:
    first = stored.responses.create(input="My name is Ada.", instructions="Be brief.", **ASKED)
    second = stored.responses.create(
        input="What is my name?", previous_response_id=first.id, store=True, **ASKED
    )
    whole = stored.responses.create(
        input=[
            {"role": "user", "content": "My name is Ada."},
            *(item.to_dict() for item in first.output),  # type: ignore[misc]
            {"role": "user", "content": "What is my name?"},
        ],
        store=False,
        **ASKED,
    )

    assert second.usage is not None
    assert whole.usage is not None
    assert second.usage.input_tokens == whole.usage.input_tokens
    assert second.output_text == whole.output_text


def test_a_stored_response_is_retrieved_with_its_input_and_deleted(stored: OpenAI) -> None:
    first = stored.responses.create(input="Say one.", **ASKED)
    second = stored.responses.create(input="Say two.", previous_response_id=first.id, **ASKED)

    again = stored.responses.retrieve(second.id)
    items = list(stored.responses.input_items.list(second.id, order="asc", limit=1))

    assert (again.id, again.output_text) == (second.id, second.output_text)
    assert again.previous_response_id == first.id
    texts = [item.content[0].text for item in items]  # type: ignore[union-attr]
    assert texts == ["Say one.", first.output_text, "Say two."]
    stored.responses.delete(second.id)
    with pytest.raises(NotFoundError):
        stored.responses.retrieve(second.id)
    with pytest.raises(BadRequestError, match="not stored here"):
        stored.responses.create(input="And?", previous_response_id=second.id, **ASKED)
    assert stored.responses.retrieve(first.id).id == first.id


def test_a_stream_is_stored_and_a_stream_goes_on_from_it(stored: OpenAI) -> None:
    first = streamed(stored, input="Say one.")
    second = streamed(stored, input="Say two.", previous_response_id=first.id)

    assert stored.responses.retrieve(second.id).output_text == second.output_text
    assert len(list(stored.responses.input_items.list(second.id))) == 3


def test_an_item_is_referred_to_by_its_id(stored: OpenAI) -> None:
    first = stored.responses.create(input="Say one.", **ASKED)
    reference: Any = {"type": "item_reference", "id": first.output[0].id}

    second = stored.responses.create(
        input=[{"role": "user", "content": "Hi"}, reference, {"role": "user", "content": "Go on."}],
        **ASKED,
    )

    items = list(stored.responses.input_items.list(second.id, order="asc"))
    assert items[1].content[0].text == first.output_text  # type: ignore[union-attr]


def test_another_key_does_not_find_it(storing: Gateway, stored: OpenAI) -> None:
    first = stored.responses.create(input="Say one.", **ASKED)

    with client_of(storing, key="another") as other:
        with pytest.raises(NotFoundError):
            other.responses.retrieve(first.id)
        with pytest.raises(BadRequestError) as refused:
            other.responses.create(input="And?", previous_response_id=first.id, **ASKED)

    assert refused.value.code == "previous_response_not_found"


def test_a_gateway_without_a_store_names_the_setting(client: OpenAI) -> None:
    with pytest.raises(BadRequestError, match="--responses-store") as refused:
        client.responses.create(input="And?", previous_response_id="resp_1", **ASKED)

    assert refused.value.param == "previous_response_id"


def test_a_chat_is_counted_without_its_client_seeing_it(models: Models, tmp_path: Path) -> None:
    config, log = tmp_path / "multillama.yaml", tmp_path / "log"
    text = {"endpoints": [{"url": models.chat}], "routing": {"count_usage": True}}
    config.write_text(json.dumps(text))

    with running("--config", str(config), log=log) as gateway, client_of(gateway) as client:
        chunks = list(
            client.chat.completions.create(
                model=CHAT_MODEL,
                messages=[{"role": "user", "content": "Say one."}],
                max_tokens=5,
                stream=True,
            )
        )

    assert [chunk for chunk in chunks if not chunk.choices or chunk.usage] == []
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    [row] = [row for row in rows if row["event"] == "exchange" and row["operation"] == "chat"]
    assert row["input_tokens"] > 0
    assert row["output_tokens"] > 0
