"""Claude Code's billing text does not keep llama.cpp from finding what it has read before."""

import json
from http.client import HTTPConnection
from itertools import count
from typing import Any

import pytest

from multillama.cli.demo_endpoints import CHAT_MODEL
from tests.e2e.conftest import TIMEOUT_S, Models
from tests.gateway import Gateway

pytestmark = pytest.mark.timeout(90)  # the first test loads the model

RULES = "Answer in one short sentence and do not repeat the question. " * 8
LINE = "x-anthropic-billing-header: cc_version=2.1.326.{0:03x}; cc_entrypoint=cli; cch={0:05x};"
NUMBERS = count(0x123)


def asked(topic: str, *, mask: bool = False) -> dict[str, Any]:
    """What Claude Code sends: the first text of its system prompt is another one in every conversation."""
    line = {"type": "text", "text": LINE.format(next(NUMBERS))}
    rules = {"type": "text", "text": f"Your topic is {topic}. {RULES}"}
    return {
        "model": CHAT_MODEL,
        "system": [rules] if mask else [line, rules],
        "messages": [{"role": "user", "content": "Say hello."}],
        "max_tokens": 2,
    }


def usage_of(port: int, body: dict[str, Any]) -> dict[str, int]:
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    headers = {"content-type": "application/json", "anthropic-version": "2023-06-01"}
    connection.request("POST", "/v1/messages?beta=true", json.dumps(body), headers)
    answer = connection.getresponse()
    told = json.load(answer)
    connection.close()
    assert answer.status == 200, told
    usage: dict[str, int] = told["usage"]
    return usage


def read_again(usage: dict[str, int]) -> int:
    return usage["input_tokens"]


@pytest.mark.parametrize("way", ["gateway", "chat_only"])
def test_another_billing_text_leaves_the_prompt_in_the_cache(
    way: str, request: pytest.FixtureRequest
) -> None:
    gateway: Gateway = request.getfixturevalue(way)

    first, second = (usage_of(gateway.port, asked(f"the {way}")) for _ in range(2))

    assert read_again(first) > 80
    assert read_again(second) < 10
    assert second["cache_read_input_tokens"] > 80


def test_a_model_that_is_no_claude_never_reads_it(gateway: Gateway) -> None:
    topics = asked("the sea", mask=True), asked("the sea")

    plain, billed = (usage_of(gateway.port, body) for body in topics)

    sums = [usage["input_tokens"] + usage["cache_read_input_tokens"] for usage in (plain, billed)]
    assert sums[0] == sums[1]


def test_without_the_gateway_the_prompt_is_read_again(models: Models) -> None:
    port = int(models.chat.rpartition(":")[2].rstrip("/"))

    _, second = (usage_of(port, asked("the moon")) for _ in range(2))

    assert read_again(second) > 80
