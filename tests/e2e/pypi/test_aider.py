"""Aider in a repository of its own: the real model talks, and what a scripted one writes becomes a commit."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from multillama.testing.server import ScriptedServer
from tests.e2e.model_servers import TOOLS_MODEL
from tests.e2e.pypi.conftest import run_app
from tests.gateway import Gateway, running

# The environment is made once, and the model loaded.
pytestmark = [pytest.mark.apps, pytest.mark.network, pytest.mark.timeout(600)]

WRONG = "def add(a, b):\n    return a - b\n"
RIGHT = "def add(a, b):\n    return a + b\n"
OPTIONS = [
    *("--yes-always", "--edit-format", "whole", "--map-tokens", "0", "--no-pretty"),
    *("--no-gitignore", "--no-auto-lint", "--no-check-update", "--no-analytics"),
    *("--no-show-release-notes", "--no-show-model-warnings"),
]
PREFIXES = ("openai", "ollama_chat", "anthropic")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a file that adds wrongly."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "sums.py").write_text(WRONG)
    git(folder, "init", "--quiet")
    git(folder, "config", "user.name", "Ada")
    git(folder, "config", "user.email", "ada@example.org")
    git(folder, "add", "sums.py")
    git(folder, "commit", "--quiet", "--message", "Adds")
    return folder


def git(folder: Path, *words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=folder, check=True, capture_output=True, text=True
    ).stdout


@contextlib.contextmanager
def before_scripted(text: str, dialect: str, folder: Path) -> Iterator[Gateway]:
    with ScriptedServer([TOOLS_MODEL], text=text) as server:
        endpoint = {"url": server.url, "key": None, "dialects": [dialect]}
        config = folder / "multillama.json"
        config.write_text(json.dumps({"endpoints": [endpoint]}))
        with running("--config", str(config), log=folder / "log") as gateway:
            yield gateway


def say(message: str, *, prefix: str, gateway: Gateway, repository: Path) -> str:
    """Lets Aider have one turn about the file and returns what it shows."""
    model = f"{prefix}/{TOOLS_MODEL}"
    home = repository.parent
    settings = home / "models.yml"
    extra = {"max_tokens": 40}
    settings.write_text(
        json.dumps([{"name": model, "edit_format": "whole", "extra_params": extra}])
    )
    # It would fetch a table of prices, were there none of today.
    prices = home / ".aider" / "caches" / "model_prices_and_context_window.json"
    prices.parent.mkdir(parents=True, exist_ok=True)
    prices.write_text('{"none": {}}')
    environ = {
        "OPENAI_API_BASE": f"{gateway.url}/v1",
        "OPENAI_API_KEY": "none",
        "ANTHROPIC_API_BASE": gateway.url,
        "ANTHROPIC_API_KEY": "none",
        "OLLAMA_API_BASE": gateway.url,
    }
    options = ["--model", model, "--model-settings-file", str(settings), *OPTIONS]
    command = ["aider", *options, "--message", message, "sums.py"]
    return run_app("aider", *command, home=home, environ=environ, cwd=repository)


@pytest.mark.parametrize("dialect", ["openai.chat", "anthropic.messages"])
@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_the_model_writes_becomes_a_commit(
    prefix: str, dialect: str, repository: Path, tmp_path: Path
) -> None:
    with before_scripted(f"sums.py\n```\n{RIGHT}```\n", dialect, tmp_path) as gateway:
        shown = say("Mend add.", prefix=prefix, gateway=gateway, repository=repository)

    assert "Applied edit to sums.py" in shown
    assert (repository / "sums.py").read_text() == RIGHT
    assert len(git(repository, "log", "--oneline").splitlines()) == 2
    assert {line["status"] for line in gateway.exchanges()} == {200}


@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_real_model_is_heard(prefix: str, messages_only: Gateway, repository: Path) -> None:
    shown = say("What is 1 + 1?", prefix=prefix, gateway=messages_only, repository=repository)

    said = shown.partition("Added sums.py to the chat.")[2].partition("Tokens:")[0]
    assert len(said.split()) > 5
    assert "Error" not in shown
    assert (repository / "sums.py").read_text() == WRONG
