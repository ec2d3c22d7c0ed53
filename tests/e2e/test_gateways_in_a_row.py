"""Gateways behind gateways: two in a row serve, and a circle ends."""

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai import OpenAI

from multillama.cli.demo_endpoints import CHAT_MODEL
from multillama.testing.behaviours import Behaviour
from multillama.testing.server import ScriptedServer
from tests.e2e.conftest import TIMEOUT_S
from tests.gateway import Gateway, endpoints, free_port, running

pytestmark = pytest.mark.timeout(60)  # the first test loads the model

QUESTION = [{"role": "user", "content": "What is the capital of France? Answer in one sentence."}]
SURE: dict[str, Any] = {"model": CHAT_MODEL, "temperature": 0, "seed": 1, "max_tokens": 24}


@pytest.fixture(scope="module")
def outer(gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway in front of the one in front of the models."""
    with running(*endpoints(gateway.url), log=tmp_path_factory.mktemp("outer") / "log") as outer:
        yield outer


@pytest.fixture
def client(outer: Gateway) -> Iterator[OpenAI]:
    with OpenAI(
        base_url=f"{outer.url}/v1", api_key="none", max_retries=0, timeout=TIMEOUT_S
    ) as client:
        yield client


def test_a_question_is_answered_through_two(
    client: OpenAI, outer: Gateway, gateway: Gateway
) -> None:
    answer = client.chat.completions.with_raw_response.create(messages=QUESTION, **SURE)

    assert "Paris" in answer.parse().choices[0].message.content
    assert answer.headers.get_list("x-multillama-endpoint") == [f"127.0.0.1:{gateway.port}"]


def test_a_stream_comes_through_two(client: OpenAI) -> None:
    with client.chat.completions.create(messages=QUESTION, stream=True, **SURE) as stream:
        words = [chunk.choices[0].delta.content or "" for chunk in stream]

    assert len(words) > 3
    assert "Paris" in "".join(words)


def test_the_models_are_listed_through_two(client: OpenAI, gateway: Gateway) -> None:
    models = {model.id: model.to_dict()["multillama"] for model in client.models.list()}

    assert models[CHAT_MODEL] == {"endpoints": [f"127.0.0.1:{gateway.port}"]}
    assert len(models) == 3


def test_a_circle_ends(log: Any) -> None:
    port = free_port()
    with ScriptedServer(["m1"]) as server:
        server.default = Behaviour(status="500 Oops", body=b'{"error":{"code":"oops"}}')
        flags = [*endpoints(f"http://127.0.0.1:{port}", server.url), "--refresh-s", "1"]
        with running(*flags, log=log, port=port) as gateway:
            while len(endpoints_of_m1(gateway)) < 2:
                pass  # it finds the model at itself when it lists its endpoints for the second time
            status, error = chat(gateway)

    # Both endpoints fail at every turn; which of them is asked last, chance decides.
    assert (status, error["code"]) in ((500, "oops"), (508, "loop_detected"))
    assert len(server.calls) == 5
    # It also asks itself what it speaks.
    assert sum(exchange["operation"] == "chat" for exchange in gateway.exchanges()) == 6


def endpoints_of_m1(gateway: Gateway) -> list[str]:
    _, row = request(gateway, "GET", "/v1/models/m1")
    return list(row.get("multillama", {"endpoints": []})["endpoints"])


def chat(gateway: Gateway) -> tuple[int, dict[str, Any]]:
    status, body = request(gateway, "POST", "/v1/chat/completions", {"model": "m1", "messages": []})
    return status, body["error"]


def request(gateway: Gateway, method: str, path: str, asked: object = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=15)
    try:
        connection.request(method, path, json.dumps(asked) if asked else None)
        answer = connection.getresponse()
        return answer.status, json.load(answer)
    finally:
        connection.close()
