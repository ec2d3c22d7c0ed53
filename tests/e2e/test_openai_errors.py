"""What the `openai` SDK makes of failures: whoever fails, it raises what it would raise without a gateway."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI

from multillama.testing.behaviours import RATE_LIMITED, Behaviour
from multillama.testing.server import ScriptedServer
from tests.gateway import Gateway, endpoints, running

KEY = "front-door"
ASKED: dict[str, Any] = {"model": "llama3:8b", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(["llama3:8b", "org/qwen3-8b", "a b/ü%2F:free"]) as server:
        yield server


@pytest.fixture(scope="module")
def gateway(server: ScriptedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that demands a key."""
    flags = [*endpoints(server.url), "--api-key", KEY]
    with running(*flags, log=tmp_path_factory.mktemp("locked") / "log") as gateway:
        yield gateway


def connected(gateway: Gateway, *, key: str = KEY, retries: int = 0) -> OpenAI:
    return OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=retries, timeout=10)


@pytest.fixture
def client(gateway: Gateway) -> Iterator[OpenAI]:
    with connected(gateway) as client:
        yield client


def test_every_model_is_listed_and_can_be_looked_up(client: OpenAI, server: ScriptedServer) -> None:
    listed = [model.id for model in client.models.list()]
    looked_up = [client.models.retrieve(name).id for name in listed]

    assert listed == looked_up == server.models


def test_a_model_is_tagged_with_its_endpoint(client: OpenAI, server: ScriptedServer) -> None:
    model = client.models.retrieve("org/qwen3-8b")

    assert model.to_dict()["multillama"] == {"endpoints": [f"127.0.0.1:{server.port}"]}


def test_an_unknown_model_is_not_found_and_a_close_one_is_named(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="Did you mean llama3:8b") as refusal:
        client.chat.completions.create(**ASKED | {"model": "llama3:7b"})

    assert refusal.value.code == "model_not_found"
    assert refusal.value.param == "model"
    assert refusal.value.body["origin"] == "client"


def test_an_unknown_model_cannot_be_looked_up(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="Did you mean llama3:8b"):
        client.models.retrieve("llama3")


def test_a_wrong_key_is_refused(gateway: Gateway, server: ScriptedServer) -> None:
    before = len(server.calls)

    with connected(gateway, key="back-door") as client:
        with pytest.raises(openai.AuthenticationError) as refusal:
            client.chat.completions.create(**ASKED)
        with pytest.raises(openai.AuthenticationError):
            client.models.list()

    assert refusal.value.code == "invalid_api_key"
    assert len(server.calls) == before


@pytest.mark.parametrize("model", [5, None, ["llama3:8b"], ""])
def test_a_model_that_is_no_name_is_a_bad_request(client: OpenAI, model: Any) -> None:
    with pytest.raises(openai.BadRequestError) as refusal:
        client.chat.completions.create(**ASKED, extra_body={"model": model})

    assert refusal.value.body["origin"] == "client"


def test_an_endpoints_own_refusal_is_raised_as_its_own(
    client: OpenAI, server: ScriptedServer
) -> None:
    body = b'{"error":{"message":"too hot","type":"invalid","param":"temperature","code":"hot"}}'
    server.next(Behaviour(status="400 Bad Request", body=body))

    with pytest.raises(openai.BadRequestError, match="too hot") as refusal:
        client.chat.completions.create(**ASKED, temperature=9)

    assert refusal.value.response.content == body
    assert (refusal.value.code, refusal.value.param) == ("hot", "temperature")


def test_the_sdk_tries_again_when_the_endpoint_says_when(
    gateway: Gateway, server: ScriptedServer
) -> None:
    soon = (*RATE_LIMITED.headers, ("retry-after-ms", "1"))
    server.next(Behaviour(status=RATE_LIMITED.status, headers=soon, body=RATE_LIMITED.body))
    before = len(server.calls)

    with connected(gateway, retries=1) as client:
        completion = client.chat.completions.create(**ASKED)

    assert completion.choices[0].finish_reason == "stop"
    assert len(server.calls) - before == 2


def test_a_rate_limit_is_raised_as_such(client: OpenAI, server: ScriptedServer) -> None:
    later = (("retry-after", "60"),)
    server.next(Behaviour(status=RATE_LIMITED.status, headers=later, body=RATE_LIMITED.body))

    with pytest.raises(openai.RateLimitError, match="slow down") as refusal:
        client.chat.completions.create(**ASKED)

    assert refusal.value.response.headers["retry-after"] == "60"


def test_a_rate_limit_that_is_soon_over_is_not_seen(client: OpenAI, server: ScriptedServer) -> None:
    server.next(RATE_LIMITED)
    before = len(server.calls)

    answer = client.chat.completions.with_raw_response.create(**ASKED)

    assert answer.parse().choices[0].finish_reason == "stop"
    assert answer.headers["x-multillama-attempts"] == "2"
    assert len(server.calls) - before == 2


def test_the_sdk_does_not_multiply_repetitions(gateway: Gateway, server: ScriptedServer) -> None:
    server.next(*[Behaviour(status="503 Busy", body=RATE_LIMITED.body)] * 3)
    before = len(server.calls)

    with connected(gateway, retries=2) as client, pytest.raises(openai.InternalServerError):
        client.chat.completions.create(**ASKED)

    assert len(server.calls) - before == 3


@pytest.mark.parametrize("end", ["fin", "reset"])
def test_a_stream_that_breaks_off_is_an_error_after_what_came(
    client: OpenAI, server: ScriptedServer, end: Any
) -> None:
    server.next(Behaviour(cut="mid-chunk-size", end=end))
    heard = []

    with (
        client.chat.completions.create(**ASKED, stream=True) as stream,
        pytest.raises(openai.APIError) as failure,
    ):
        heard.extend(stream)

    assert heard
    assert all(chunk.choices[0].finish_reason is None for chunk in heard)
    assert failure.value.body["code"] == "endpoint_truncated"
    assert failure.value.body["origin"] == f"endpoint:127.0.0.1:{server.port}"


def test_a_stream_that_breaks_off_within_an_event_does_not_end_well_either(
    client: OpenAI, server: ScriptedServer
) -> None:
    server.next(Behaviour(cut="mid-chunk", end="fin"))

    with (
        client.chat.completions.create(**ASKED, stream=True) as stream,
        pytest.raises(
            (openai.APIError, json.JSONDecodeError)
        ),  # the SDK reads the half event first
    ):
        list(stream)


def test_a_whole_answer_that_breaks_off_is_no_answer(
    client: OpenAI, server: ScriptedServer
) -> None:
    server.next(Behaviour(cut="mid-body", end="fin"))

    with pytest.raises(openai.APIConnectionError):
        client.chat.completions.create(**ASKED)


def test_an_endpoint_that_is_down_is_told(log: Path) -> None:
    with ExitStack() as stack:
        with ScriptedServer(["llama3:8b"]) as server:
            gateway = stack.enter_context(running(*endpoints(server.url), log=log))
        client = stack.enter_context(connected(gateway))

        with pytest.raises(openai.InternalServerError) as failure:
            client.chat.completions.create(**ASKED)

    assert failure.value.status_code == 502
    assert failure.value.body["origin"] == f"endpoint:127.0.0.1:{server.port}"
