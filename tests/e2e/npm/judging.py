"""Runs a judge written for Node.js, once for each gateway, and hands out what it found case by case."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from multillama.cli.demo_endpoints import CHAT_MODEL, EMBEDDINGS_MODEL
from tests.e2e.model_servers import TOOLS_MODEL
from tests.gateway import environment

HERE = Path(__file__).parent
LIMIT_S = 200


class Findings:
    """What one judge found."""

    def __init__(self, told: dict[str, dict[str, Any]]) -> None:
        self._told = told

    def value(self, case: str) -> Any:
        """Returns what a case returned; the test fails if it raised instead."""
        assert "error" not in self._told[case], self._told[case]
        return self._told[case]["value"]

    def error(self, case: str) -> tuple[str, int, str]:
        """Returns class, status and message of what a case raised."""
        told = self._told[case]
        return told["error"], told["status"], told["message"]


def judge(packages: Path, script: str, url: str) -> Findings:
    """Runs a judge against a gateway."""
    for file in ("judge.mjs", script):  # a module finds its packages beside itself
        shutil.copy(HERE / file, packages)
    done = subprocess.run(
        ["node", str(packages / script), url, CHAT_MODEL, TOOLS_MODEL, EMBEDDINGS_MODEL],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Findings(json.loads(done.stdout))
