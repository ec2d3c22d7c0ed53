"""Gateways for applications: before servers that speak their dialect, and before one that speaks only another."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Models
from tests.e2e.model_servers import TOOLS_MODEL
from tests.e2e.pypi.environments import programs_of
from tests.gateway import Gateway, environment, running

CLAUDE = "claude-haiku-4-5-20251001"
"""For applications that take no other names than those they know: an alias of our model."""
TIME_LIMIT_S = 100


def _gateway(
    tmp_path_factory: pytest.TempPathFactory, *endpoints: Mapping[str, object]
) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("apps")
    config = folder / "multillama.json"
    aliases = {CLAUDE: TOOLS_MODEL}
    config.write_text(json.dumps({"endpoints": endpoints, "aliases": aliases}))
    with running("--config", str(config), log=folder / "log") as gateway:
        yield gateway


@pytest.fixture(scope="session")
def direct(models: Models, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Before llama.cpp as it is: it speaks OpenAI's dialects and Anthropic's, not Gemini's, and not Ollama's."""
    yield from _gateway(tmp_path_factory, *({"url": url, "key": None} for url in models))


@pytest.fixture(scope="session")
def messages_only(models: Models, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Before an endpoint that is asked in Anthropic's dialect, whatever the client speaks."""
    endpoint = {"url": models.tools, "key": None, "dialects": ["anthropic.messages"]}
    yield from _gateway(tmp_path_factory, endpoint)


@pytest.fixture(scope="session")
def chat_only(models: Models, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Before an endpoint that is asked in OpenAI's Chat dialect, whatever the client speaks."""
    endpoint = {"url": models.tools, "key": None, "dialects": ["openai.chat"]}
    yield from _gateway(tmp_path_factory, endpoint)


@pytest.fixture(params=["direct", "messages_only", "chat_only"])
def gateway_before(request: pytest.FixtureRequest) -> Gateway:
    """Each of the three in turn."""
    gateway: Gateway = request.getfixturevalue(request.param)
    return gateway


def run_app(
    app: str,
    *command: str,
    home: Path,
    environ: Mapping[str, str],
    cwd: Path | None = None,
) -> str:
    """Runs a program of an application and returns what it prints.

    Args:
        app: Which application: the name of its lock file.
        command: The program, as its environment knows it, and its arguments.
        home: A folder for what it keeps.
        environ: More variables.
        cwd: Where it runs: `home` if None.
    """
    programs = programs_of(app)
    # LiteLLM would fetch a table of prices.
    quiet = {"HOME": str(home), "NO_COLOR": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    ran = subprocess.run(
        [str(programs / command[0]), *command[1:]],
        cwd=cwd or home,
        env=environment() | quiet | dict(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT_S,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def asked_of(app: str, script: Path, url: str, *, home: Path, wanted: str) -> dict[str, Any]:
    """Runs one of the scripts beside this file in the application's environment.

    Returns:
        What it prints in its last line, as JSON.
    """
    said = run_app(app, "python", str(script), url, wanted, home=home, environ={})
    facts: dict[str, Any] = json.loads(said.splitlines()[-1])
    return facts
