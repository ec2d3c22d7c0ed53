"""From a failing endpoint to the story of the request that survived it: the real commands, on real sockets."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from multillama.testing.behaviours import Behaviour
from multillama.testing.server import ScriptedServer
from tests.gateway import Gateway, endpoints, environment, running

KEY = "sk-gateway-canary-1"
BODY = json.dumps({"model": "m1", "messages": []}).encode()


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway with a key, before an endpoint that fails and one that serves."""
    with ScriptedServer(["m1"]) as broken, ScriptedServer(["m1"]) as sound:
        broken.default = Behaviour(status="500 Oops", body=b'{"error":{}}')
        flags = [*endpoints(broken.url, sound.url), "--api-key", "env:K"]
        with running(*flags, log=tmp_path / "log", environ={"K": KEY}) as running_gateway:
            yield running_gateway


def ask(gateway: Gateway) -> str:
    """Sends a chat and returns the id of its exchange."""
    headers = {"authorization": f"Bearer {KEY}"}
    request = urllib.request.Request(f"{gateway.url}/v1/chat/completions", BODY, headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(answer.headers["x-request-id"])


def explain(gateway: Gateway, *args: str, key: str = KEY) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "multillama", "explain", "--url", gateway.url, *args]
    environ = environment() | {"MULTILLAMA_API_KEY": key}
    return subprocess.run(
        command, capture_output=True, text=True, env=environ, timeout=20, check=False
    )


def test_a_request_that_survived_a_failure_can_be_explained(gateway: Gateway) -> None:
    ids = [
        ask(gateway) for _ in range(6)
    ]  # of two equal endpoints, one of six meets the broken one

    listed = explain(gateway).stdout
    stories = [json.loads(explain(gateway, id, "--json").stdout) for id in ids]

    survived = next(story for story in stories if len(story["attempts"]) == 2)
    told = explain(gateway, survived["id"]).stdout
    assert [line.split("\t")[1] for line in listed.splitlines()] == ids[::-1]
    assert [(row["role"], row["cause"]) for row in survived["attempts"]] == [
        ("first", "server_error"),
        ("next", None),
    ]
    assert len(survived["considered"]) == 2
    assert "server_error" in told
    assert "tried the next target" in told
    assert KEY not in told


def test_a_dry_run_sends_nothing(gateway: Gateway) -> None:
    ended = explain(gateway, "--dry-run", "m1", "--json")

    choice = json.loads(ended.stdout)
    assert (choice["strategy"], len(choice["considered"])) == ("balanced", 2)
    assert explain(gateway).stdout == "No request yet.\n"


def test_what_cannot_be_told_says_why(gateway: Gateway) -> None:
    ended = [
        explain(gateway, "gone"),
        explain(gateway, "--dry-run", "m2"),
        explain(gateway, key="sk-another-key"),
    ]

    assert [one.returncode for one in ended] == [1, 1, 1]
    assert "newest 1,000" in ended[0].stderr
    assert "'m2' is not served" in ended[1].stderr
    assert "--api-key is wrong" in ended[2].stderr
