"""`openai` for Node.js: Chat Completions and Responses that pass to llama.cpp, and Responses that are translated."""

from collections.abc import Callable

import pytest

from multillama.cli.demo_endpoints import CHAT_MODEL, EMBEDDINGS_MODEL
from tests.e2e.model_servers import TOOLS_MODEL
from tests.e2e.npm.judging import Findings
from tests.gateway import Gateway

pytestmark = [pytest.mark.network, pytest.mark.timeout(300)]  # the first run fetches the packages
WEATHER = {"name": "get_weather", "input": {"city": "Paris"}}


Judged = Callable[[str, Gateway], Findings]


@pytest.fixture(params=["gateway", "chat_only"])
def found(request: pytest.FixtureRequest, judged: Judged) -> Findings:
    return judged("openai.mjs", request.getfixturevalue(request.param))


@pytest.fixture
def translated(chat_only: Gateway, judged: Judged) -> Findings:
    return judged("openai.mjs", chat_only)


def test_a_chat_is_answered_and_streamed(found: Findings) -> None:
    whole, stream = found.value("chat"), found.value("chat_stream")

    assert "Paris" in whole["text"]
    assert (stream["text"], stream["stop"]) == (whole["text"], whole["stop"])
    assert stream["pieces"] > 1
    assert stream["usage"]["total_tokens"] == whole["usage"]["total_tokens"]


def test_a_chat_calls_a_forced_tool(found: Findings) -> None:
    assert found.value("chat_tool") == WEATHER


def test_a_chat_keeps_to_a_schema(found: Findings) -> None:
    assert found.value("chat_structured") in ({"city": "Paris"}, {"city": "Rome"})


def test_a_response_is_answered_and_streamed(found: Findings) -> None:
    whole, stream = found.value("response"), found.value("response_stream")

    assert "Paris" in whole["text"]
    assert whole["status"] == "completed"
    assert (stream["first"], stream["last"]) == ("response.created", "response.completed")
    assert stream["text"] == whole["text"]
    assert stream["deltas"] > 1
    assert stream["usage"]["total_tokens"] == whole["usage"]["total_tokens"]


def test_several_turns_are_answered(found: Findings) -> None:
    assert found.value("response_turns") > 0


@pytest.mark.parametrize("case", ["response_tool", "response_streamed_tool"])
def test_a_response_calls_a_forced_tool(found: Findings, case: str) -> None:
    assert found.value(case) == {**WEATHER, "status": "completed"}


def test_a_tools_result_is_answered(found: Findings) -> None:
    assert found.value("response_tool_result") > 0


def test_structured_output_keeps_to_its_schema(translated: Findings) -> None:
    # llama.cpp's own `/v1/responses` ignores `text.format`
    assert translated.value("response_structured") in ({"city": "Paris"}, {"city": "Rome"})


def test_texts_are_embedded(found: Findings) -> None:
    assert found.value("embeddings") == [576, 576]


def test_tokens_are_counted(found: Findings) -> None:
    assert found.value("count") == found.value("response")["usage"]["input_tokens"]


def test_models_are_listed(found: Findings) -> None:
    assert {CHAT_MODEL, TOOLS_MODEL, EMBEDDINGS_MODEL} <= set(found.value("models"))


@pytest.mark.parametrize("case", ["unknown_model", "unknown_response"])
def test_an_unknown_model_is_raised_as_not_found(found: Findings, case: str) -> None:
    kind, status, text = found.error(case)

    assert (kind, status) == ("NotFoundError", 404)
    assert f"Did you mean {CHAT_MODEL}" in text


def test_an_error_of_the_endpoint_is_raised_with_its_words(found: Findings) -> None:
    kind, status, text = found.error("too_long")

    assert (kind, status) == ("BadRequestError", 400)
    assert "exceeds the available context size" in text


def test_a_stream_can_be_left(found: Findings) -> None:
    assert found.value("cancel") is True
