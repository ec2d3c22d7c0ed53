"""The doctor tells what the real llama.cpp can do, with each of its three servers."""

import json
import subprocess
import sys

import pytest

from tests.e2e.conftest import TIMEOUT_S, Models
from tests.gateway import endpoints, environment


@pytest.mark.timeout(3 * TIMEOUT_S)
def test_the_doctor_tells_what_llama_cpp_can_do(models: Models) -> None:
    command = [sys.executable, "-m", "multillama", "doctor", "--json", *endpoints(*models)]

    ended = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=environment(),
        timeout=2 * TIMEOUT_S,
        check=False,
    )

    chat, embeddings, tools = (
        {check["name"]: check["outcome"] for check in row["checks"]}
        for row in json.loads(ended.stdout)["endpoints"]
    )
    served = {"tcp": "ok", "list": "ok", "key": "skipped", "chat": "ok", "stream": "ok",
              "messages": "ok", "responses": "ok", "embeddings": "skipped"}  # fmt: skip
    assert chat == {**served, "tools": "no"}
    # whether so small a model fills in a call within the tokens it gets is a matter of luck
    assert {**tools, "tools": ""} == {**served, "tools": ""}
    assert (embeddings["chat"], embeddings["embeddings"]) == ("no", "ok")
    assert ended.returncode == 0
