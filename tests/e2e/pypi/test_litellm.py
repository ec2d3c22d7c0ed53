"""LiteLLM as a client: its providers, before endpoints of their dialect and of another."""

from pathlib import Path

import pytest

from tests.e2e.pypi.conftest import asked_of
from tests.gateway import Gateway

# The environment is made once, and the model loaded.
pytestmark = [pytest.mark.apps, pytest.mark.network, pytest.mark.timeout(600)]

SCRIPT = Path(__file__).with_name("litellm_calls.py")
PROVIDERS = ("openai", "openai/responses", "anthropic", "gemini", "ollama_chat")


@pytest.mark.parametrize("prefix", PROVIDERS)
def test_it_chats_streams_and_calls_tools(
    prefix: str, gateway_before: Gateway, tmp_path: Path
) -> None:
    facts = asked_of("litellm", SCRIPT, gateway_before.url, home=tmp_path, wanted=prefix)

    assert "Paris" in facts["text"]
    assert "Paris" in facts["streamed"]
    assert facts["stop"] == "stop"
    assert facts["chunks"] > 3
    assert facts["output_tokens"] == facts["streamed_tokens"] == 8
    assert facts["called"] == [["weather", {"city": "Paris"}]]


@pytest.mark.parametrize("prefix", ["openai", "gemini", "ollama"])
def test_it_embeds(prefix: str, direct: Gateway, tmp_path: Path) -> None:
    facts = asked_of("litellm", SCRIPT, direct.url, home=tmp_path, wanted=f"{prefix} embed")

    assert facts["sizes"] == [576, 576]
