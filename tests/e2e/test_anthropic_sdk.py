"""The `anthropic` SDK through the gateway: its own dialect passes, `/v1/models` has its shape, errors are its own."""

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic

from multillama.cli.demo_endpoints import CHAT_MODEL
from multillama.testing.behaviours import OVERLOADED, Behaviour
from multillama.testing.server import ScriptedServer
from tests.e2e.conftest import TIMEOUT_S
from tests.gateway import Gateway, running

pytestmark = pytest.mark.timeout(60)  # the first test loads the model

ASKED: dict[str, Any] = {
    "model": CHAT_MODEL,
    "messages": [
        {"role": "user", "content": "What is the capital of France? Answer in one sentence."}
    ],
    "max_tokens": 24,
    "extra_body": {"temperature": 0},
}


@pytest.fixture
def claude(gateway: Gateway) -> Iterator[Anthropic]:
    with connected(gateway) as client:
        yield client


def connected(gateway: Gateway, **options: Any) -> Anthropic:
    return Anthropic(
        base_url=gateway.url, max_retries=0, timeout=TIMEOUT_S, **({"api_key": "none"} | options)
    )


def test_all_models_are_listed(claude: Anthropic) -> None:
    page = claude.models.list()

    assert CHAT_MODEL in [model.id for model in page]
    assert {model.type for model in page.data} == {"model"}
    assert not page.has_next_page()


def test_a_model_is_looked_up(claude: Anthropic) -> None:
    model = claude.models.retrieve(CHAT_MODEL)

    assert (model.id, model.type, model.display_name) == (CHAT_MODEL, "model", CHAT_MODEL)
    assert model.created_at.year > 2000


def test_a_message_is_answered(claude: Anthropic) -> None:
    message = claude.messages.create(**ASKED)

    assert "Paris" in message.content[0].text
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens > 1


def test_a_message_is_streamed(claude: Anthropic) -> None:
    with claude.messages.stream(**ASKED) as stream:
        words = list(stream.text_stream)
        message = stream.get_final_message()

    assert len(words) > 1
    assert "".join(words) == message.content[0].text
    assert message.stop_reason == "end_turn"


def test_tokens_are_counted(claude: Anthropic) -> None:
    counted = claude.messages.count_tokens(model=CHAT_MODEL, messages=ASKED["messages"])

    assert counted.input_tokens > 10


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(["claude"]) as server:
        yield server


@pytest.fixture(scope="module")
def scripted(
    server: ScriptedServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Anthropic]:
    """A client of a gateway in front of the scripted server, with a key at both doors."""
    flags = ["--url", server.url, "--key", "back-door", "--api-key", "front-door"]
    log = tmp_path_factory.mktemp("scripted") / "log"
    with (
        running(*flags, log=log) as gateway,
        connected(gateway, api_key="front-door") as client,
    ):
        yield client


SCRIPTED = ASKED | {"model": "claude"}


def test_what_its_endpoint_needs_travels(scripted: Anthropic, server: ScriptedServer) -> None:
    scripted.beta.messages.create(**SCRIPTED, betas=["files-api-2025-04-14"])

    call = server.calls[-1]
    assert call.header("anthropic-version") == scripted.default_headers["anthropic-version"]
    assert call.header("anthropic-beta") == "files-api-2025-04-14"
    assert call.header("authorization") == "Bearer back-door"
    assert "front-door" not in str(call.headers)


def test_an_unknown_model_is_not_found_and_a_close_one_is_named(scripted: Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError, match="Did you mean claude"):
        scripted.messages.create(**ASKED | {"model": "claudi"})


def test_an_overload_is_raised_as_such(scripted: Anthropic, server: ScriptedServer) -> None:
    server.next(*[OVERLOADED] * 3)

    with pytest.raises(anthropic.APIStatusError, match="Overloaded") as failure:
        scripted.messages.create(**SCRIPTED)

    assert failure.value.status_code == 529
    assert failure.value.response.content == OVERLOADED.body
    assert failure.value.response.headers["x-should-retry"] == "false"


def test_one_overload_is_survived(scripted: Anthropic, server: ScriptedServer) -> None:
    server.next(OVERLOADED)

    message = scripted.messages.create(**SCRIPTED)

    assert message.stop_reason == "end_turn"


def test_a_stream_that_breaks_off_is_an_error(scripted: Anthropic, server: ScriptedServer) -> None:
    server.next(Behaviour(cut="mid-chunk-size", end="fin"))

    with (
        pytest.raises(anthropic.APIStatusError) as failure,
        scripted.messages.stream(**SCRIPTED) as stream,
    ):
        stream.until_done()

    assert failure.value.body["error"]["code"] == "endpoint_truncated"
