"""Claude Code and Codex as people run them in scripts: a home of their own, no questions, nowhere to go."""

import json
import subprocess
from pathlib import Path
from typing import Any

from multillama.cli.demo_endpoints import CHAT_MODEL
from tests.gateway import environment

CLAUDE = "node_modules/@anthropic-ai/claude-code/cli-wrapper.cjs"
CODEX = "node_modules/@openai/codex/bin/codex.js"
LIMIT_S = 100
"""For one run; a prompt of an agent is long, and a model on a busy machine reads it slowly."""
CODEX_SETTINGS = """\
model = "{model}"
model_provider = "gateway"
model_instructions_file = "{home}/instructions.md"
web_search = "disabled"

[model_providers.gateway]
name = "gateway"
base_url = "{url}/v1"
wire_api = "responses"
env_key = "GATEWAY_KEY"
request_max_retries = 0
stream_max_retries = 0

[analytics]
enabled = false
"""


class Ran:
    """A program that has ended."""

    def __init__(self, done: "subprocess.CompletedProcess[str]") -> None:
        self.code = done.returncode
        self.out = done.stdout
        self.said = done.stdout + done.stderr

    def rows(self) -> list[dict[str, Any]]:
        """Returns the lines of JSON that it wrote."""
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]


class Programs:
    """Both programs, with a home and a folder to work in."""

    def __init__(self, packages: Path, home: Path, work: Path) -> None:
        self._packages = packages
        self._home = home
        self.work = work

    def claude(self, url: str, *words: str, model: str = CHAT_MODEL) -> Ran:
        """Runs `claude -p` with these words, told to answer in JSON."""
        environ = {
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_API_KEY": "x",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        }
        return self._run(
            CLAUDE, "-p", *words, "--model", model, "--output-format", "json", **environ
        )

    def codex(self, url: str, *words: str, model: str = CHAT_MODEL) -> Ran:
        """Runs `codex exec` with these words, told to answer in lines of JSON."""
        folder = self._home / ".codex"
        folder.mkdir(parents=True, exist_ok=True)
        settings = CODEX_SETTINGS.format(model=model, home=self._home, url=url)
        (folder / "config.toml").write_text(settings)
        (self._home / "instructions.md").write_text("You are brief.\n")
        return self._run(CODEX, "exec", "--skip-git-repo-check", "--json", *words, GATEWAY_KEY="x")

    def _run(self, script: str, *words: str, **environ: str) -> Ran:
        done = subprocess.run(
            ["node", str(self._packages / script), *words],
            cwd=self.work,
            env=environment() | {"HOME": str(self._home)} | environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        return Ran(done)
