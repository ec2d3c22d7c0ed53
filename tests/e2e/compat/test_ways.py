"""Where the table says that something is tested, it went the way that the column promises."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from multillama.cli.demo_endpoints import CHAT_MODEL
from tests.e2e.compat.table import CLIENTS, ENDPOINTS, Client, Endpoint
from tests.e2e.conftest import TIMEOUT_S, Models
from tests.gateway import Gateway

pytestmark = pytest.mark.timeout(60)  # the first test loads the model

SAID = [{"role": "user", "content": "Hi"}]
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "openai.chat": ("/v1/chat/completions", {"messages": SAID, "max_tokens": 1}),
    "openai.completions": ("/v1/completions", {"prompt": "Hi", "max_tokens": 1}),
    "openai.responses": ("/v1/responses", {"input": "Hi", "max_output_tokens": 1}),
    "anthropic.messages": ("/v1/messages", {"messages": SAID, "max_tokens": 1}),
    "gemini": (
        f"/v1beta/models/{CHAT_MODEL}:generateContent",
        {"contents": [{"parts": [{"text": "Hi"}]}], "generationConfig": {"maxOutputTokens": 1}},
    ),
    "ollama.chat": ("/api/chat", {"messages": SAID, "options": {"num_predict": 1}}),
    "ollama.generate": ("/api/generate", {"prompt": "Hi", "options": {"num_predict": 1}}),
}
"""Dialect to path and body of the smallest request."""
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
SCHEMA = {"type": "object", "properties": {"city": {"enum": ["Paris"]}}, "required": ["city"]}
QUESTION = "What is the capital of France?"
FORM = {"type": "json_schema", "name": "answer", "schema": SCHEMA}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.dialect)
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_the_answer_names_the_way(
    fronts: Callable[[str], Gateway], client: Client, endpoint: Endpoint
) -> None:
    path, body = CALLS[client.dialect]
    model = {} if CHAT_MODEL in path else {"model": CHAT_MODEL}

    answer = httpx.post(fronts(endpoint.dialect).url + path, json=body | model, timeout=TIMEOUT_S)

    is_spoken = client.dialect.startswith(endpoint.dialect)
    target = "ollama.chat" if endpoint.dialect == "ollama" else endpoint.dialect
    way = "passthrough" if is_spoken else f"{client.dialect}->{target}"
    assert (answer.status_code, answer.headers["x-multillama-path"]) == (200, way)


def test_that_ollama_cannot_force_a_call_is_told(fronts: Callable[[str], Gateway]) -> None:
    asked = {"model": CHAT_MODEL, "messages": SAID, "tools": [TOOL], "tool_choice": "required"}
    url = f"{fronts('ollama').url}/v1/chat/completions"

    answer = httpx.post(url, json=asked | {"max_tokens": 1}, timeout=TIMEOUT_S)

    assert answer.status_code == 200
    assert "tool_choice" in answer.headers["x-multillama-dropped"]


STRUCTURED = pytest.mark.parametrize(
    ("path", "body", "text"),
    [
        (
            "/v1/responses",
            {"input": QUESTION, "max_output_tokens": 40, "text": {"format": FORM}},
            lambda answer: answer["output"][-1]["content"][0]["text"],
        ),
        (
            "/v1/messages",
            {
                "messages": [{"role": "user", "content": QUESTION}],
                "max_tokens": 40,
                "output_config": {"format": FORM},
            },
            lambda answer: answer["content"][-1]["text"],
        ),
    ],
    ids=["openai.responses", "anthropic.messages"],
)


@STRUCTURED
def test_llama_cpp_has_no_structured_output_but_in_chat(
    models: Models, path: str, body: dict[str, Any], text: Callable[[Any], str]
) -> None:
    answer = httpx.post(models.chat + path, json=body | {"temperature": 0}, timeout=TIMEOUT_S)

    with pytest.raises(json.JSONDecodeError):
        json.loads(text(answer.json()))
    assert "{" not in text(answer.json())


@STRUCTURED
def test_so_structured_output_is_asked_for_there(
    gateway: Gateway, path: str, body: dict[str, Any], text: Callable[[Any], str]
) -> None:
    body = {"model": CHAT_MODEL} | body

    answer = httpx.post(gateway.url + path, json=body | {"temperature": 0}, timeout=TIMEOUT_S)

    assert json.loads(text(answer.json())) == {"city": "Paris"}
    assert answer.headers["x-multillama-path"].endswith("->openai.chat")


@STRUCTURED
def test_and_all_else_passes_as_it_is(
    gateway: Gateway, path: str, body: dict[str, Any], text: Callable[[Any], str]
) -> None:
    plain = {name: value for name, value in body.items() if name not in ("text", "output_config")}

    answer = httpx.post(gateway.url + path, json={"model": CHAT_MODEL} | plain, timeout=TIMEOUT_S)

    assert text(answer.json())
    assert answer.headers["x-multillama-path"] == "passthrough"


@pytest.mark.parametrize(
    ("dialect", "path", "body", "name"),
    [
        ("openai.responses", "/v1/responses",
         {"input": "Hi", "max_output_tokens": 1, "text": {"format": FORM}}, "text.format"),
        ("openai.responses", "/v1/chat/completions",
         {"messages": SAID, "max_tokens": 1,
          "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}},
         "response_format"),
        ("anthropic.messages", "/v1/messages",
         {"messages": SAID, "max_tokens": 1, "output_config": {"format": FORM}}, "output_config.format"),
    ],
)  # fmt: skip
def test_where_it_is_not_to_be_asked_in_chat_what_it_ignores_is_named(
    fronts: Callable[[str], Gateway], dialect: str, path: str, body: dict[str, Any], name: str
) -> None:
    url = fronts(dialect).url + path

    answer = httpx.post(url, json={"model": CHAT_MODEL} | body, timeout=TIMEOUT_S)

    assert answer.status_code == 200
    assert name in answer.headers["x-multillama-dropped"].split(", ")
