"""LangChain: each of its integrations, before endpoints of its dialect and of another."""

from pathlib import Path

import pytest

from tests.e2e.pypi.conftest import asked_of
from tests.gateway import Gateway

# The environment is made once, and the model loaded.
pytestmark = [pytest.mark.apps, pytest.mark.network, pytest.mark.timeout(600)]

SCRIPT = Path(__file__).with_name("langchain_calls.py")
INTEGRATIONS = ("openai", "responses", "anthropic", "google-genai", "ollama")


@pytest.mark.parametrize("name", INTEGRATIONS)
def test_it_chats_streams_and_calls_tools(
    name: str, gateway_before: Gateway, tmp_path: Path
) -> None:
    facts = asked_of("langchain", SCRIPT, gateway_before.url, home=tmp_path, wanted=name)

    assert "Paris" in facts["text"]
    assert "Paris" in facts["streamed"]
    assert facts["parts"] > 3
    assert facts["tokens"] == [
        29,
        8,
    ]  # as llama.cpp counts them, whatever they were translated into
    assert facts["called"] == facts["called_in_stream"] == [["weather", {"city": "Paris"}]]
    assert "rain" in facts["told"]


@pytest.mark.parametrize("name", ["openai", "google-genai", "ollama"])
def test_it_embeds(name: str, direct: Gateway, tmp_path: Path) -> None:
    facts = asked_of("langchain", SCRIPT, direct.url, home=tmp_path, wanted=f"{name} embed")

    assert facts["sizes"] == [576, 576]
    assert sum(number * number for number in facts["cat"]) == pytest.approx(1, abs=1e-3)
