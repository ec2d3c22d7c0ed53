"""The first user's own example: OpenAI, Anthropic and Ollama side by side, under their real names and with real TLS."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
from anthropic import Anthropic
from openai import OpenAI

from multillama.testing.behaviours import Behaviour
from multillama.testing.connection import Request
from multillama.testing.server import ScriptedServer
from tests.e2e.cloud import Cloud
from tests.gateway import Gateway, running

CLAUDE = {
    "type": "model",
    "id": "claude-1234",
    "display_name": "Claude 1234",
    "created_at": "2025-09-29T00:00:00Z",
}
TAGS = {"models": [{"name": "llama3:8b", "size": 4661224676, "details": {"family": "llama"}}]}
SERVED = {"gpt-4o-mini": "openai", "claude-1234": "anthropic", "llama3:8b": "ollama"}


class AnthropicLike(ScriptedServer):
    """Refuses what does not say which version of its API is meant, as Anthropic does."""

    def on_request(self, request: Request) -> Behaviour:
        behaviour = super().on_request(request)
        if request.header("anthropic-version") is None:
            body = b'{"type":"error","error":{"type":"invalid_request_error","message":"anthropic-version"}}'
            return Behaviour(status="400 Bad Request", body=body)
        if request.is_listing:
            page = {"data": [CLAUDE], "has_more": False, "first_id": "x", "last_id": "x"}
            return Behaviour(body=json.dumps(page).encode())
        return behaviour


class OllamaLike(ScriptedServer):
    """Has no list in OpenAI's shape, only its own."""

    def on_request(self, request: Request) -> Behaviour:
        behaviour = super().on_request(request)
        if request.is_listing:
            return Behaviour(status="404 Not Found", body=b"404 page not found")
        if request.target == "/api/tags":
            return Behaviour(body=json.dumps(TAGS).encode())
        return behaviour


class Seed(NamedTuple):
    """A gateway in front of the three."""

    gateway: Gateway
    servers: dict[str, ScriptedServer]
    """By the name of their kind."""
    names: dict[str, str]
    """Kind to the endpoint's name."""


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seed]:
    folder = tmp_path_factory.mktemp("seed")
    with ExitStack() as stack:
        openai = stack.enter_context(ScriptedServer(["gpt-4o-mini"], text="From OpenAI."))
        anthropic = stack.enter_context(AnthropicLike(text="From Anthropic."))
        ollama = stack.enter_context(OllamaLike(text="From Ollama."))
        hosts = {"api.openai.com": openai.port, "api.anthropic.com": anthropic.port}
        cloud = stack.enter_context(Cloud(hosts, folder))
        flags = [
            "--url", "https://api.openai.com/", "--key", "your-openai-key",
            "--url", "https://api.anthropic.com/", "--key", "your-anthropic-key",
            "--url", f"http://localhost:{ollama.port}/", "--key", "null",
        ]  # fmt: skip
        gateway = stack.enter_context(running(*flags, log=folder / "log", environ=cloud.environ))
        yield Seed(
            gateway,
            {"openai": openai, "anthropic": anthropic, "ollama": ollama},
            {
                "openai": "api.openai.com",
                "anthropic": "api.anthropic.com",
                "ollama": f"localhost:{ollama.port}",
            },
        )


@pytest.fixture
def client(seed: Seed) -> Iterator[OpenAI]:
    url = f"{seed.gateway.url}/v1"
    with OpenAI(base_url=url, api_key="none", max_retries=0, timeout=10) as client:
        yield client


def test_all_models_are_listed_and_tagged_with_their_endpoint(seed: Seed, client: OpenAI) -> None:
    rows = {model.id: model.to_dict() for model in client.models.list()}

    assert {name: row["multillama"]["endpoints"] for name, row in rows.items()} == {
        model: [seed.names[kind]] for model, kind in SERVED.items()
    }
    assert CLAUDE.items() - {("type", "model")} <= rows["claude-1234"].items()
    assert rows["llama3:8b"]["details"] == {"family": "llama"}


@pytest.mark.parametrize(("model", "kind"), SERVED.items())
def test_a_chat_is_served_by_the_endpoint_that_has_the_model(
    seed: Seed, client: OpenAI, model: str, kind: str
) -> None:
    keys = {"openai": "Bearer your-openai-key", "anthropic": "Bearer your-anthropic-key"}

    completion = client.chat.completions.create(model=model, messages=[])

    call = seed.servers[kind].calls[-1]
    assert completion.choices[0].message.content.lower() == f"from {kind}."
    # Anthropic's own dialect: its path for OpenAI's clients ignores much of what they say.
    assert call.target == ("/v1/messages" if kind == "anthropic" else "/v1/chat/completions")
    assert call.header("authorization") == keys.get(kind)
    assert call.header("host") == seed.names[kind]


@pytest.mark.parametrize("model", SERVED)
def test_a_chat_is_streamed(client: OpenAI, model: str) -> None:
    with client.chat.completions.create(model=model, messages=[], stream=True) as stream:
        chunks = list(stream)

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks).startswith("From ")
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_a_message_is_served_in_anthropics_dialect(seed: Seed) -> None:
    with Anthropic(base_url=seed.gateway.url, api_key="none", max_retries=0) as client:
        message = client.messages.create(model="claude-1234", max_tokens=9, messages=[])
        models = [model.id for model in client.models.list()]

    assert message.content[0].text == "From Anthropic."
    assert set(models) == set(SERVED)


def test_the_console_shows_all_three_and_no_key(seed: Seed) -> None:
    for name in seed.names.values():
        assert name in seed.gateway.said
    for model in SERVED:
        assert model in seed.gateway.log.read_text()
    assert "your-" not in seed.gateway.said + seed.gateway.log.read_text()


def test_an_authority_that_is_not_trusted_is_told(tmp_path: Path) -> None:
    with (
        ScriptedServer(["gpt-4o-mini"]) as server,
        Cloud({"api.openai.com": server.port}, tmp_path) as cloud,
        running(
            "--url", "https://api.openai.com/", "--key", "k", log=tmp_path / "log",
            environ=cloud.environ | {"SSL_CERT_FILE": ""},
        ) as gateway,
    ):  # fmt: skip
        pass

    assert "TLS with the endpoint api.openai.com failed: unable to get local issuer" in gateway.said
    assert server.requests == []
