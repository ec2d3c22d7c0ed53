"""What Claude Code's contract with gateways asks for beside its messages, with and without a translation."""

import json
from http.client import HTTPConnection

import pytest

from multillama.cli.demo_endpoints import CHAT_MODEL
from tests.gateway import Gateway

pytestmark = pytest.mark.timeout(90)  # the first test loads the model
AGENT = {
    "user-agent": "claude-cli/2.1.326 (external, sdk-cli)",
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "claude-code-20250219,effort-2025-11-24",
    "x-api-key": "x",
}


def ask(gateway: Gateway, method: str, path: str, body: object = None) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", gateway.port, timeout=50)
    sent = None if body is None else json.dumps(body)
    connection.request(method, path, sent, AGENT | {"content-type": "application/json"})
    answer = connection.getresponse()
    told = answer.status, answer.read()
    connection.close()
    return told


@pytest.fixture(params=["gateway", "chat_only"])
def front_door(request: pytest.FixtureRequest) -> Gateway:
    found: Gateway = request.getfixturevalue(request.param)
    return found


def test_it_may_knock(front_door: Gateway) -> None:
    assert ask(front_door, "HEAD", "/") == (200, b"")


def test_it_finds_the_models(front_door: Gateway) -> None:
    status, body = ask(front_door, "GET", "/v1/models?limit=1000")

    rows = {row["id"]: row for row in json.loads(body)["data"]}
    assert status == 200
    assert rows[CHAT_MODEL]["type"] == "model"
    assert rows[CHAT_MODEL]["display_name"] == CHAT_MODEL


def test_it_may_count_before_it_asks(front_door: Gateway) -> None:
    asked = {"model": CHAT_MODEL, "messages": [{"role": "user", "content": "Hello"}]}

    status, body = ask(front_door, "POST", "/v1/messages/count_tokens?beta=true", asked)

    assert status == 200
    assert json.loads(body)["input_tokens"] > 10
