"""Bodies pass byte for byte, both ways: law 7, seen at both ends of a real server's connections."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from multillama.cli.demo_endpoints import CHAT_MODEL, EMBEDDINGS_MODEL
from multillama.testing.server import ScriptedServer
from tests.e2e.conftest import Models
from tests.e2e.tap import Tap
from tests.gateway import Gateway, endpoints, running

pytestmark = pytest.mark.timeout(60)  # the first test loads the model

MESSAGES = [{"role": "user", "content": "What is the capital of France? Answer in one sentence."}]
SURE = {"temperature": 0, "seed": 1, "max_tokens": 12, "cache_prompt": False}
WHOLE: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"model": CHAT_MODEL, "messages": MESSAGES, **SURE}),
    "completions": ("/v1/completions", {"model": CHAT_MODEL, "prompt": "One two", **SURE}),
    "messages": ("/v1/messages", {"model": CHAT_MODEL, "messages": MESSAGES, **SURE}),
    "embeddings": ("/v1/embeddings", {"model": EMBEDDINGS_MODEL, "input": ["Hello", "Ciao"]}),
}
ALL = WHOLE | {
    f"{name}, streamed": (path, asked | {"stream": True})
    for name, (path, asked) in WHOLE.items()
    if name != "embeddings"
}
CHANGING = ("id", "created", "timings")
"""What is another on every call."""


class Tapped(NamedTuple):
    """A gateway, and the taps between it and its endpoints."""

    gateway: Gateway
    taps: tuple[Tap, Tap]

    def tap_of(self, asked: dict[str, Any]) -> Tap:
        return self.taps[asked["model"] == EMBEDDINGS_MODEL]


@pytest.fixture(scope="module")
def tapped(models: Models, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tapped]:
    ports = [urlsplit(url).port or 0 for url in (models.chat, models.embeddings)]
    log = tmp_path_factory.mktemp("tapped") / "log"
    with (
        Tap(ports[0]) as chat,
        Tap(ports[1]) as embeddings,
        running(*endpoints(chat.url, embeddings.url), log=log) as gateway,
    ):
        yield Tapped(gateway, (chat, embeddings))


def post(url: str, path: str, body: bytes) -> bytes:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=50)
    try:
        connection.request("POST", path, body, {"content-type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("asked", ALL.values(), ids=ALL)
def test_an_answer_is_the_endpoints_byte_for_byte(
    tapped: Tapped, asked: tuple[str, dict[str, Any]]
) -> None:
    path, members = asked
    body = json.dumps(members, indent=3).encode()
    tap = tapped.tap_of(members)
    tap.forget()

    heard = post(tapped.gateway.url, path, body)

    passed = tap.passed()
    assert heard == passed.answer_body()
    assert body == passed.request_body()


@pytest.mark.parametrize("asked", WHOLE.values(), ids=WHOLE)
def test_an_answer_is_what_the_endpoint_says_without_us(
    gateway: Gateway, models: Models, asked: tuple[str, dict[str, Any]]
) -> None:
    path, members = asked
    body = json.dumps(members).encode()
    endpoint = models.embeddings if members["model"] == EMBEDDINGS_MODEL else models.chat

    direct = json.loads(post(endpoint, path, body))
    through = json.loads(post(gateway.url, path, body))

    assert {**through, **dict.fromkeys(CHANGING)} == {**direct, **dict.fromkeys(CHANGING)}


def test_a_request_keeps_what_no_parser_would_keep(log: Path) -> None:
    body = (
        b'\n{ "messages" : [ ],"a":1e2, "a":12345678901234567890, "b":"\\u00e9\\/\xc3\xa9\\ud83d\\ude00",'
        b'\t"model"\r\n:"m\\u0031", "c":-0.0, "d":1.10 , "e":{"model":"other"}}\n\n'
    )
    with ScriptedServer(["m1"]) as server, running(*endpoints(server.url), log=log) as gateway:
        post(gateway.url, "/v1/chat/completions", body)

    (call,) = server.calls
    assert call.body == body
