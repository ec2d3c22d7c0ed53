"""One gateway for every dialect that an endpoint may speak, and one judge for every API, each started once."""

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.compat.anthropic_judge import AnthropicJudge
from tests.e2e.compat.asking import Judge
from tests.e2e.compat.google_judge import GoogleJudge
from tests.e2e.compat.ollama_judges import OllamaChatJudge, OllamaGenerateJudge
from tests.e2e.compat.openai_judges import ChatJudge, CompletionsJudge, ResponsesJudge
from tests.e2e.compat.table import ENDPOINTS, Cell, Endpoint
from tests.e2e.conftest import Models
from tests.gateway import Gateway, running

JUDGES: dict[str, type[Judge]] = {
    "openai_chat": ChatJudge,
    "openai_completions": CompletionsJudge,
    "openai_responses": ResponsesJudge,
    "anthropic": AnthropicJudge,
    "google": GoogleJudge,
    "ollama": OllamaChatJudge,
    "ollama_generate": OllamaGenerateJudge,
}


@pytest.fixture(scope="session")
def fronts(
    models: Models, gateway: Gateway, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Gateway]]:
    """Returns the gateway in front of endpoints that speak one dialect; `gateway` stands behind some of them."""
    folder = tmp_path_factory.mktemp("fronts")
    started: dict[str, Gateway] = {}
    with contextlib.ExitStack() as stack:

        def front(dialect: str) -> Gateway:
            if dialect not in started:
                (endpoint,) = (one for one in ENDPOINTS if one.dialect == dialect)
                file = folder / f"{dialect}.json"
                file.write_text(json.dumps({"endpoints": _settings(endpoint, models, gateway)}))
                log = folder / f"{dialect}.log"
                started[dialect] = stack.enter_context(running("--config", str(file), log=log))
            return started[dialect]

        yield front


def _settings(endpoint: Endpoint, models: Models, gateway: Gateway) -> list[dict[str, Any]]:
    urls = [f"{gateway.url}/v1"] if endpoint.is_gateway else [*models]
    return [{"url": url, "dialects": endpoint.speaks} for url in urls]


@pytest.fixture(scope="session")
def judges(fronts: Callable[[str], Gateway]) -> Iterator[Callable[[Cell], Any]]:
    """Returns the judge of a cell, connected."""
    started: dict[tuple[str, str], Judge] = {}
    with contextlib.ExitStack() as stack:

        def judge(cell: Cell) -> Judge:
            key = cell.client.name, cell.endpoint.dialect
            if key not in started:
                started[key] = JUDGES[cell.client.name](fronts(cell.endpoint.dialect).url)
                stack.callback(started[key].close)
            return started[key]

        yield judge
