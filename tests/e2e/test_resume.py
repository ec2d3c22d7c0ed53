"""A llama.cpp server is killed while it answers, and its client reads on: the whole chain, with real processes.

Two servers with the same model stand behind the plain command line. At temperature 0 the joined answer is the one that
nothing interrupted. What is asked and why llama.cpp's cache is off: `test_resume_core.py`.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import anthropic
import openai
import pytest
from anthropic import Anthropic
from openai import OpenAI

from multillama.cli.demo_endpoints import CHAT_MODEL
from multillama.cli.demo_process import find_weights, missing_packages
from tests.e2e.conftest import SERVERS, TIMEOUT_S
from tests.e2e.machines import Machines, equal_machines
from tests.e2e.model_servers import TOOLS_MODEL
from tests.gateway import Gateway, endpoints, running

pytestmark = pytest.mark.timeout(120)  # llama.cpp is started anew for each test

ALIKE: dict[str, Any] = {"temperature": 0, "max_tokens": 40, "stream": True}
NO_CACHE = {"cache_prompt": False}
COUNT = [{"role": "user", "content": "Count from 1 to 20, one number per line."}]
USAGE = {"include_usage": True}
SAVE: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "save_text",
        "parameters": {
            "type": "object",
            "properties": {"text": {"type": "string", "minLength": 300}},
            "required": ["text"],
        },
    },
}
TO_THE_POINT = {"logit_bias": {"{": 100, '{"': 100}}
"""llama.cpp lets a model talk before it calls, and a model this small would go on for ever."""

Happens = Callable[[str], None]
"""What is done to the server of that endpoint."""


class Heard(NamedTuple):
    """What a client has of an answer."""

    text: str
    finish: str | None
    usage: tuple[int, int]
    ids: int = 1
    """Different ids in one stream."""


class Asked(NamedTuple):
    """One way to ask, with the SDK of its dialect."""

    url: str
    cut: int = 0
    """After how many pieces of text something happens; 0 for never."""
    happens: Happens = print

    def on_piece(self, number: int, endpoint: str) -> None:
        if number == self.cut:
            self.happens(endpoint)


def chat(asked: Asked, **members: Any) -> Heard:
    with OpenAI(
        base_url=f"{asked.url}/v1", api_key="none", max_retries=0, timeout=TIMEOUT_S
    ) as sdk:
        stream = sdk.chat.completions.create(
            **{"model": CHAT_MODEL, "messages": COUNT, "stream_options": USAGE, **ALIKE, **members},
            extra_body=NO_CACHE,
        )
        return _heard(asked, stream, lambda choice: choice.delta.content)


def completion(asked: Asked) -> Heard:
    with OpenAI(
        base_url=f"{asked.url}/v1", api_key="none", max_retries=0, timeout=TIMEOUT_S
    ) as sdk:
        stream = sdk.completions.create(
            model=CHAT_MODEL,
            prompt="1, 2, 3, 4, 5, 6,",
            stream_options=USAGE,
            extra_body=NO_CACHE,
            **ALIKE,
        )
        return _heard(asked, stream, lambda choice: choice.text)


def _heard(asked: Asked, stream: Any, text_of: Callable[[Any], str | None]) -> Heard:
    endpoint = stream.response.headers["x-multillama-endpoint"]
    text: list[str] = []
    finish, usage, ids = None, (0, 0), set()
    for chunk in stream:
        ids.add(chunk.id)
        if chunk.usage is not None:
            usage = (chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            if piece := text_of(choice):
                text.append(piece)
                asked.on_piece(len(text), endpoint)
    return Heard("".join(text), finish, usage, len(ids))


def message(asked: Asked) -> Heard:
    with (
        Anthropic(base_url=asked.url, api_key="none", max_retries=0, timeout=TIMEOUT_S) as sdk,
        sdk.messages.stream(
            model=CHAT_MODEL,
            messages=COUNT,
            max_tokens=40,
            extra_body={"temperature": 0, **NO_CACHE},
        ) as stream,
    ):
        endpoint = stream.response.headers["x-multillama-endpoint"]
        for number, _ in enumerate(stream.text_stream, 1):
            asked.on_piece(number, endpoint)
        whole = stream.get_final_message()
    (block,) = whole.content
    # its `/v1/messages` does not read `cache_prompt`, and counts what comes from its cache apart
    said = whole.usage
    usage = (said.input_tokens + (said.cache_read_input_tokens or 0), said.output_tokens)
    return Heard(block.text, whole.stop_reason, usage)


DIALECTS = {"chat": chat, "completions": completion, "messages": message}


@pytest.fixture(scope="module")
def all_machines() -> Iterator[Machines]:
    weights = find_weights()
    assert not missing_packages(weights), "run `make setup`: the demo's packages are not installed"
    with equal_machines(str(SERVERS), str(weights)) as machines:
        yield machines


@pytest.fixture
def machines(all_machines: Machines) -> Machines:
    all_machines.revive()
    return all_machines


@pytest.fixture
def plain(machines: Machines, log: Path) -> Iterator[Gateway]:
    """`multillama --port … --url … --key null --url … --key null` and nothing more."""
    with running(*endpoints(*(machine.chat for machine in machines.all)), log=log) as gateway:
        yield gateway


@pytest.mark.parametrize("cut", [1, 4, 11, 25])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_killed_server_costs_the_client_nothing(
    plain: Gateway, machines: Machines, dialect: str, cut: int
) -> None:
    ask = DIALECTS[dialect]
    whole = ask(Asked(plain.url))

    heard = ask(Asked(plain.url, cut, lambda endpoint: machines.behind(endpoint).kill()))

    assert heard == whole
    assert len(heard.text) > 30
    assert [machine.is_alive for machine in machines.all].count(False) == 1


def test_the_record_says_who_was_tried(machines: Machines, log: Path) -> None:
    killed: list[str] = []

    def kill(endpoint: str) -> None:
        killed.append(endpoint)
        machines.behind(endpoint).kill()

    with running(*endpoints(*(machine.chat for machine in machines.all)), log=log) as gateway:
        heard = chat(Asked(gateway.url, 5, kill))

    (exchange,) = gateway.exchanges()
    (alive,) = [machine for machine in machines.all if machine.is_alive]
    assert (exchange["outcome"], exchange["attempts"]) == ("ok", 2)
    assert exchange["tried"] == [f"{killed[0]}: endpoint_truncated"]
    assert exchange["endpoint"] == alive.chat.partition("//")[2]
    assert (exchange["input_tokens"], exchange["output_tokens"]) == heard.usage


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_frozen_server_costs_the_client_a_pause(
    machines: Machines, log: Path, dialect: str
) -> None:
    ask, urls = DIALECTS[dialect], [machine.chat for machine in machines.all]

    with running(*endpoints(*urls), "--idle-timeout-s", "2", log=log) as gateway:
        whole = ask(Asked(gateway.url))
        try:
            heard = ask(Asked(gateway.url, 5, lambda name: machines.behind(name).freeze()))
        finally:
            for machine in machines.all:
                machine.kill()

    assert heard == whole
    exchange = gateway.exchanges()[-1]
    assert (exchange["outcome"], exchange["attempts"]) == ("ok", 2)
    assert exchange["tried"][0].endswith(": idle_timeout")


@pytest.mark.parametrize(
    ("dialect", "raised"), [("chat", openai.APIError), ("messages", anthropic.APIStatusError)]
)
def test_the_end_of_the_last_server_is_an_error_in_the_stream(
    plain: Gateway, machines: Machines, dialect: str, raised: type[Exception]
) -> None:
    def kill_all(_endpoint: str) -> None:
        for machine in machines.all:
            machine.kill()

    with pytest.raises(raised, match="could not be continued"):
        DIALECTS[dialect](Asked(plain.url, 5, kill_all))


@pytest.mark.parametrize("translated", [0, 1])
def test_an_endpoint_of_another_dialect_breaks_off_or_goes_on(
    machines: Machines, log: Path, tmp_path: Path, translated: int
) -> None:
    rows: list[dict[str, Any]] = [
        {"name": f"e{place}", "url": machine.chat} for place, machine in enumerate(machines.all)
    ]
    rows[translated]["dialects"] = ["anthropic.messages"]
    file = tmp_path / "multillama.yaml"
    file.write_text(json.dumps({"endpoints": rows, "routing": {"strategy": "ordered"}}))

    with running("--config", str(file), log=log) as gateway:
        whole = chat(Asked(gateway.url))
        heard = chat(Asked(gateway.url, 7, lambda _name: machines.all[0].kill()))

    assert (heard.text, heard.finish, heard.ids) == (whole.text, whole.finish, 1)
    exchange = gateway.exchanges()[-1]
    assert (exchange["outcome"], exchange["attempts"]) == ("ok", 2)
    assert exchange["tried"] == ["e0: endpoint_truncated"]


def test_half_a_tool_call_ends_in_an_error(machines: Machines, log: Path) -> None:
    urls = [machine.tools for machine in machines.all]
    with (
        running(*endpoints(*urls), log=log) as gateway,
        OpenAI(
            base_url=f"{gateway.url}/v1", api_key="none", max_retries=0, timeout=TIMEOUT_S
        ) as sdk,
    ):
        stream = sdk.chat.completions.create(
            model=TOOLS_MODEL,
            messages=[{"role": "user", "content": "Save a long story."}],
            tools=[SAVE],
            tool_choice="required",
            temperature=0,
            max_tokens=400,
            extra_body=TO_THE_POINT,
            stream=True,
        )
        endpoint = stream.response.headers["x-multillama-endpoint"]
        calls = (chunk for chunk in stream if chunk.choices[0].delta.tool_calls)
        next(calls)
        machines.behind(endpoint).kill()

        with pytest.raises(openai.APIError, match="tool call had begun"):
            list(calls)

    (exchange,) = gateway.exchanges()
    assert (exchange["outcome"], exchange["attempts"]) == ("truncated", 1)


def test_a_policy_can_forbid_it(machines: Machines, log: Path, tmp_path: Path) -> None:
    file = tmp_path / "multillama.yaml"
    rows = "".join(f"- url: {machine.chat}\n" for machine in machines.all)
    file.write_text(f"routing:\n  resume: false\nendpoints:\n{rows}")

    with (
        running("--config", str(file), log=log) as gateway,
        pytest.raises(openai.APIError, match="broke off"),
    ):
        chat(Asked(gateway.url, 5, lambda name: machines.behind(name).kill()))

    (exchange,) = gateway.exchanges()
    assert (exchange["outcome"], exchange["attempts"]) == ("truncated", 1)
