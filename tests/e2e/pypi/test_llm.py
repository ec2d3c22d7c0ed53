"""`llm`: the command, and its plugins for Anthropic and Ollama, before endpoints of their dialect and of another."""

import json
from pathlib import Path

import pytest

from tests.e2e.model_servers import TOOLS_MODEL
from tests.e2e.pypi.conftest import CLAUDE, run_app
from tests.gateway import Gateway

# The environment is made once, and the model loaded.
pytestmark = [pytest.mark.network, pytest.mark.timeout(300)]

QUESTION = "What is the capital of France? Answer in one sentence."
DOG = json.dumps({
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 9}, "age": {"type": "integer", "maximum": 9}},
    "required": ["name", "age"],
    "additionalProperties": False,
})  # fmt: skip
LIMITS = {
    "local": "max_tokens",
    f"anthropic/{CLAUDE}": "max_tokens",
    f"ollama/{TOOLS_MODEL}": "num_predict",
}
"""Models that `llm` knows: of OpenAI's dialect, of Anthropic's, of Ollama's; what limits their answers."""


def ask(gateway: Gateway, folder: Path, model: str, *words: str) -> str:
    """Returns what `llm` prints."""
    row = {
        "model_id": "local",
        "model_name": TOOLS_MODEL,
        "api_base": f"{gateway.url}/v1",
        "supports_schema": True,
    }
    (folder / "extra-openai-models.yaml").write_text(json.dumps([row]))
    environ = {
        "LLM_USER_PATH": str(folder),
        "ANTHROPIC_BASE_URL": gateway.url,
        "ANTHROPIC_API_KEY": "none",
        "OLLAMA_HOST": gateway.url,
    }
    options = ["-m", model, "-o", "temperature", "0", "-o", LIMITS[model], "40"]
    return run_app("llm", "llm", *options, *words, home=folder, environ=environ)


@pytest.mark.parametrize("model", LIMITS)
def test_a_question_is_answered_by_an_endpoint_that_is_asked_for_messages(
    model: str, messages_only: Gateway, tmp_path: Path
) -> None:
    assert "Paris" in ask(messages_only, tmp_path, model, "--no-log", QUESTION)


@pytest.mark.apps
@pytest.mark.parametrize("gateway", ["direct", "chat_only"])
@pytest.mark.parametrize("model", LIMITS)
def test_a_question_is_answered(
    model: str, gateway: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    assert "Paris" in ask(request.getfixturevalue(gateway), tmp_path, model, "--no-log", QUESTION)


@pytest.mark.apps
@pytest.mark.parametrize("model", ["local", f"ollama/{TOOLS_MODEL}"])
def test_an_answer_keeps_to_a_schema(model: str, chat_only: Gateway, tmp_path: Path) -> None:
    dog = json.loads(ask(chat_only, tmp_path, model, "--no-log", "--schema", DOG, "Invent a dog."))

    assert dog.keys() == {"name", "age"}


@pytest.mark.apps
@pytest.mark.parametrize("model", LIMITS)
def test_a_conversation_goes_on(model: str, chat_only: Gateway, tmp_path: Path) -> None:
    ask(chat_only, tmp_path, model, QUESTION)

    assert "Rome" in ask(chat_only, tmp_path, model, "-c", "And of Italy?")
