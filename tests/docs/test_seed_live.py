"""The first user's own description, played through: the real command, real sockets, two endpoints.

Its lines are in `test_seed.py`, each with the tests that prove it.
"""

import contextlib
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from multillama.testing.server import ScriptedServer
from tests.gateway import environment, free_port

pytestmark = pytest.mark.timeout(60)


class Running:
    """A gateway in front of two endpoints; the second one has no key."""

    def __init__(self, first: ScriptedServer, second: ScriptedServer, port: int) -> None:
        self.first, self.second = first, second
        self.url = f"http://localhost:{port}"
        self.said = ""
        """All that its console showed."""

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return answer.read().decode()

    def post(self, path: str, **members: object) -> str:
        request = urllib.request.Request(
            self.url + path, json.dumps(members).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode()


@contextlib.contextmanager
def served(*flags: str) -> Iterator[Running]:
    """The seed's command; when it is over, `said` is all that the console showed."""
    port = free_port()
    with (
        ScriptedServer(["gpt-4o-mini"], text="From the first.") as first,
        ScriptedServer(["llama3:8b", "nomic-embed-text"], text="From the second.") as second,
    ):
        command = [
            sys.executable, "-m", "multillama", "--port", str(port),
            "--url", f"{first.url}/", "--key", "your-openai-key",
            "--url", f"{second.url}/", "--key", "null",
        ]  # fmt: skip
        with subprocess.Popen(
            [*command, *flags],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            running = Running(first, second, port)
            for line in process.stdout:
                running.said += line
                if "Base URL" in line:
                    break
            try:
                yield running
            finally:
                process.terminate()
                running.said += process.communicate(timeout=15)[0]


@pytest.fixture(scope="module")
def gateway():
    with served() as running:
        yield running


@pytest.fixture(scope="module")
def console():
    """A gateway that has served one request and was stopped."""
    with served("--log-format", "text") as running:
        running.post("/v1/chat/completions", model="llama3:8b", messages=[])
    return running


def test_the_web_page_shows_the_connected_endpoints(gateway):
    page = gateway.get("/")

    assert "<!doctype html>" in page
    assert f"127.0.0.1:{gateway.first.port}" in page
    assert f"127.0.0.1:{gateway.second.port}" in page


def test_all_models_of_all_endpoints_are_listed_and_tagged_with_their_source(gateway):
    rows = json.loads(gateway.get("/v1/models"))["data"]

    assert {row["id"]: row["multillama"]["endpoints"] for row in rows} == {
        "gpt-4o-mini": [f"127.0.0.1:{gateway.first.port}"],
        "llama3:8b": [f"127.0.0.1:{gateway.second.port}"],
        "nomic-embed-text": [f"127.0.0.1:{gateway.second.port}"],
    }


@pytest.mark.parametrize("operation", ["chat/completions", "completions", "embeddings"])
@pytest.mark.parametrize("model", ["gpt-4o-mini", "llama3:8b"])
def test_a_request_goes_to_the_endpoint_that_has_its_model(gateway, operation, model):
    hosts = {"gpt-4o-mini": gateway.first, "llama3:8b": gateway.second}
    before = [len(gateway.first.calls), len(gateway.second.calls)]

    answer = gateway.post(f"/v1/{operation}", model=model, messages=[], prompt="x", input="x")

    host = hosts[model]
    grown = [len(gateway.first.calls) - before[0], len(gateway.second.calls) - before[1]]
    assert grown == [int(host is gateway.first), int(host is gateway.second)]
    assert host.calls[-1].target == f"/v1/{operation}"
    assert host.calls[-1].json()["model"] == model
    assert json.loads(answer)["model"] == model


def test_the_endpoints_answer_is_returned(gateway):
    answer = gateway.post("/v1/chat/completions", model="llama3:8b", messages=[])

    assert json.loads(answer)["choices"][0]["message"]["content"] == "From the second."


def test_each_endpoint_gets_its_own_key_and_null_is_none(gateway):
    for model in ("gpt-4o-mini", "llama3:8b"):
        gateway.post("/v1/chat/completions", model=model, messages=[])

    assert gateway.first.calls[-1].header("authorization") == "Bearer your-openai-key"
    assert gateway.second.calls[-1].header("authorization") is None


def test_a_model_that_is_not_found_says_so(gateway):
    with pytest.raises(urllib.error.HTTPError) as refusal:
        gateway.post("/v1/chat/completions", model="llama3:7b", messages=[])

    error = json.loads(refusal.value.read())["error"]
    assert (refusal.value.code, error["code"], error["origin"]) == (
        404,
        "model_not_found",
        "client",
    )
    assert "llama3:8b" in error["message"]


def test_a_model_that_is_not_found_while_an_endpoint_is_down_says_what_to_check():
    down = f"http://127.0.0.1:{free_port()}/"
    with served("--url", down, "--key", "null") as running:
        with pytest.raises(urllib.error.HTTPError) as refusal:
            running.post("/v1/chat/completions", model="mistral-7b", messages=[])
        message = json.loads(refusal.value.read())["error"]["message"]

    assert refusal.value.code == 404
    assert all(word in message for word in ("127.0.0.1", "reachable", "key"))


def test_the_console_shows_the_endpoints_and_their_models(console):
    for endpoint, model in ((console.first, "gpt-4o-mini"), (console.second, "llama3:8b")):
        assert f"127.0.0.1:{endpoint.port}" in console.said
        assert model in console.said


def test_the_console_shows_where_each_request_went_and_how_it_ended(console):
    (line,) = [line for line in console.said.splitlines() if "chat" in line]

    assert "llama3:8b" in line
    assert f"127.0.0.1:{console.second.port}" in line
    assert "200" in line


def test_the_console_shows_no_key(console):
    assert "your-openai-key" not in console.said


def test_a_host_and_a_port_can_be_chosen():
    with served("--host", "0.0.0.0") as running:
        status = json.loads(running.get("/health"))["status"]

    assert status == "ok"
    assert "WARNING" in running.said
