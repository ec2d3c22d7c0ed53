"""Every SDK, in front of every dialect that an endpoint may speak: each test is a row of `docs/compatibility.md`.

The model is small, so that the words are judged only where it is sure of them.
"""

import json
import math
import time
from collections.abc import Callable
from typing import Any, TextIO

import httpx
import pytest

from multillama.cli.demo_endpoints import CHAT_MODEL, EMBEDDINGS_MODEL
from tests.e2e.compat.asking import ARGUMENTS, Ask, Said
from tests.e2e.compat.table import Cell, cells
from tests.e2e.conftest import Models
from tests.e2e.model_servers import TOOLS_MODEL
from tests.gateway import Gateway

pytestmark = pytest.mark.timeout(60)  # the first test loads the model

Judges = Callable[[Cell], Any]
CAPITAL = Ask("What is the capital of France? Answer in one sentence.", CHAT_MODEL)
WEATHER = {
    "name": "get_weather",
    "description": "The weather of a city",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
CALL = Ask(
    # llama.cpp lets a model talk before it calls, and a model this small would go on for ever.
    "Repeat this JSON and nothing else:\n" + json.dumps({"name": "get_weather", "arguments": ARGUMENTS}),
    TOOLS_MODEL,
    tool=WEATHER,
)  # fmt: skip
SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "enum": ["Berlin", "Paris", "Rome"]},
        "is_in_europe": {"type": "boolean"},
    },
    "required": ["city", "is_in_europe"],
    "additionalProperties": False,
}
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)  # fmt: skip
ENDLESS = "Repeat the word lemon for ever:" + 8 * " lemon"
"""The model does, until its context is full."""
TOO_LONG = "word " * 9000
"""More than the model's context of 8192 tokens."""


def every(feature: str) -> Any:
    """Makes a test of all cells of a feature that can be had."""
    rows = [cell for cell in cells() if cell.feature == feature and cell.lack is None]
    return pytest.mark.parametrize("cell", rows, ids=name_of)


def name_of(cell: Cell) -> str:
    return f"{cell.client.name}-{cell.endpoint.dialect}"


def cosine(one: list[float], other: list[float]) -> float:
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return product / math.hypot(*one) / math.hypot(*other)


def is_idle_at_last(url: str) -> bool:
    """Tells whether llama.cpp stops generating, long before it has said all."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        if not any(slot["is_processing"] for slot in httpx.get(f"{url}/slots").json()):
            return True
    return False


def next_stream(log: TextIO) -> dict[str, Any]:
    """Returns the next stream that the log tells of; it may still tell of what was asked before."""
    until = time.monotonic() + 5
    text = ""
    while time.monotonic() < until:
        text += log.read()
        for line in text.splitlines(keepends=True):
            if line.endswith("\n") and "exchange" in line:
                told: dict[str, Any] = json.loads(line)
                if told["event"] == "exchange" and told["stream"]:
                    return told
    raise AssertionError("the log tells of no stream")


def assert_is_paris(said: Said) -> None:
    assert "Paris" in said.text
    assert said.end == "stop"
    assert said.tokens[0] > 8
    assert 1 < said.tokens[1] <= 32


def assert_is_call(said: Said) -> None:
    assert said.calls == (("get_weather", ARGUMENTS),)
    assert said.end == "tool"


@every("text")
def test_text(judges: Judges, cell: Cell) -> None:
    said = judges(cell).say(CAPITAL)

    assert_is_paris(said)


@every("stream")
def test_stream(judges: Judges, cell: Cell) -> None:
    said = judges(cell).stream(CAPITAL)

    assert_is_paris(said)
    assert said.pieces > 3


@every("system")
def test_system(judges: Judges, cell: Cell) -> None:
    ask = Ask("What is the secret word?", CHAT_MODEL, system="The secret word is banana.")

    said = judges(cell).say(ask)

    assert "banana" in said.text


@every("turns")
def test_turns(judges: Judges, cell: Cell) -> None:
    before = ("My name is Ada. Remember it.", "Nice to meet you, Ada.")

    said = judges(cell).say(Ask("What is my name?", CHAT_MODEL, before=before))

    assert "Ada" in said.text


@every("tool_call")
def test_tool_call(judges: Judges, cell: Cell) -> None:
    said = judges(cell).say(CALL)

    assert_is_call(said)


@every("tool_stream")
def test_tool_stream(judges: Judges, cell: Cell) -> None:
    said = judges(cell).stream(CALL)

    assert_is_call(said)


@every("tool_result")
def test_tool_result(judges: Judges, cell: Cell) -> None:
    told = "The secret word is banana."

    said = judges(cell).say(Ask("What is the secret word?", CHAT_MODEL, tool=WEATHER, told=told))

    assert "banana" in said.text
    assert said.calls == ()


@every("structured")
def test_structured(judges: Judges, cell: Cell) -> None:
    said = judges(cell).say(CAPITAL._replace(schema=SCHEMA))

    answer = json.loads(said.text)
    assert answer.keys() == {"city", "is_in_europe"}
    assert answer["city"] == "Paris"


@every("image")
def test_image(judges: Judges, cell: Cell) -> None:
    judge = judges(cell)

    with pytest.raises(judge.any_error, match="image") as caught:
        judge.say(Ask("What is this?", CHAT_MODEL, image=PIXEL))

    assert 400 <= judge.status_of(caught.value) <= 501


@every("embeddings")
def test_embeddings(judges: Judges, cell: Cell, models: Models) -> None:
    texts = ["The cat sleeps on the sofa.", "Interest rates rise."]
    asked = {"model": EMBEDDINGS_MODEL, "input": texts}
    direct = httpx.post(f"{models.embeddings}/v1/embeddings", json=asked).json()["data"]

    vectors = judges(cell).embed(EMBEDDINGS_MODEL, texts)

    assert len(vectors) == len(texts)
    for vector, row in zip(vectors, direct, strict=True):
        assert cosine(vector, row["embedding"]) == pytest.approx(1, abs=1e-4)


@every("count")
def test_count(judges: Judges, cell: Cell) -> None:
    assert 8 < judges(cell).count(CAPITAL) < 80


@every("models")
def test_models(judges: Judges, cell: Cell) -> None:
    assert sorted(judges(cell).models()) == [CHAT_MODEL, EMBEDDINGS_MODEL, TOOLS_MODEL]


@every("model")
def test_model(judges: Judges, cell: Cell) -> None:
    assert judges(cell).context_tokens(CHAT_MODEL) == 8192


@every("unknown_model")
def test_unknown_model(judges: Judges, cell: Cell) -> None:
    judge = judges(cell)

    with pytest.raises(judge.not_found, match="smollm3") as caught:
        judge.say(Ask("Hi", "smollm3"))

    assert judge.status_of(caught.value) == 404


@every("endpoint_error")
def test_endpoint_error(judges: Judges, cell: Cell) -> None:
    judge = judges(cell)

    with pytest.raises(judge.bad_request, match="exceeds the available context size") as caught:
        judge.say(Ask(TOO_LONG, CHAT_MODEL))

    assert judge.status_of(caught.value) == 400


@every("cancel")
def test_cancel(
    judges: Judges, fronts: Callable[[str], Gateway], cell: Cell, models: Models
) -> None:
    front = fronts(cell.endpoint.dialect)

    with front.log.open() as log:
        log.seek(0, 2)
        judges(cell).leave(Ask(ENDLESS, CHAT_MODEL, max_tokens=None))

        assert is_idle_at_last(models.chat)
        assert next_stream(log)["outcome"] == "cancelled"
