"""`@anthropic-ai/sdk` for Node.js: Messages that pass to llama.cpp, and that are translated into Chat Completions."""

from collections.abc import Callable

import pytest

from multillama.cli.demo_endpoints import CHAT_MODEL, EMBEDDINGS_MODEL
from tests.e2e.model_servers import TOOLS_MODEL
from tests.e2e.npm.judging import Findings
from tests.gateway import Gateway

pytestmark = [pytest.mark.network, pytest.mark.timeout(300)]  # the first run fetches the packages


Judged = Callable[[str, Gateway], Findings]


@pytest.fixture(params=["gateway", "chat_only"])
def found(request: pytest.FixtureRequest, judged: Judged) -> Findings:
    return judged("anthropic.mjs", request.getfixturevalue(request.param))


@pytest.fixture
def translated(chat_only: Gateway, judged: Judged) -> Findings:
    return judged("anthropic.mjs", chat_only)


def test_a_message_is_answered(found: Findings) -> None:
    told = found.value("text")

    assert "Paris" in told["text"]
    assert (told["role"], told["stop"]) == ("assistant", "end_turn")
    assert told["usage"]["output_tokens"] > 1


def test_a_message_is_streamed(found: Findings) -> None:
    told = found.value("stream")

    assert told["pieces"] > 1
    assert told["text"] == told["whole"] == found.value("text")["text"]
    assert told["stop"] == "end_turn"
    assert told["usage"]["output_tokens"] == found.value("text")["usage"]["output_tokens"]


def test_the_system_prompt_is_read(found: Findings) -> None:
    assert found.value("system")["grew"] > 50


def test_several_turns_are_answered(found: Findings) -> None:
    assert found.value("turns") in ("end_turn", "max_tokens")


@pytest.mark.parametrize("case", ["tool", "streamed_tool"])
def test_a_forced_tool_is_called(found: Findings, case: str) -> None:
    call = {"name": "get_weather", "input": {"city": "Paris"}, "stop": "tool_use"}

    assert found.value(case) == call


def test_a_tools_result_is_answered(found: Findings) -> None:
    told = found.value("tool_result")

    assert (told["role"], told["tokens"] > 0) == ("assistant", True)


def test_structured_output_keeps_to_its_schema(translated: Findings) -> None:
    # llama.cpp's own `/v1/messages` ignores `output_config.format`
    assert translated.value("structured") in ({"city": "Paris"}, {"city": "Rome"})


def test_tokens_are_counted(found: Findings) -> None:
    usage = found.value("text")["usage"]

    assert found.value("count") == usage["input_tokens"] + usage["cache_read_input_tokens"]


def test_models_are_listed_and_looked_up(found: Findings) -> None:
    assert {CHAT_MODEL, TOOLS_MODEL, EMBEDDINGS_MODEL} <= set(found.value("models"))
    assert found.value("model") == {"id": CHAT_MODEL, "type": "model"}


def test_errors_are_raised_as_its_own(found: Findings) -> None:
    kind, status, text = found.error("unknown_model")
    longer = found.error("too_long")

    assert (kind, status) == ("NotFoundError", 404)
    assert f"Did you mean {CHAT_MODEL}" in text
    assert longer[:2] == ("BadRequestError", 400)
    assert "exceeds the available context size" in longer[2]


def test_a_stream_can_be_left(found: Findings) -> None:
    assert found.value("cancel") is True
