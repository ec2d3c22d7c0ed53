"""`curl` against the gateway: the lines of the README, and what only curl does."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from multillama.testing.behaviours import Behaviour
from multillama.testing.server import ScriptedServer
from tests.gateway import Gateway, endpoints, environment, running

README = Path(__file__).parents[2] / "README.md"
LIMIT_BYTES = 4_000_000
CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(["gpt-4o-mini", "whisper-1"], text="Hello you.") as server:
        yield server


@pytest.fixture(scope="module")
def gateway(server: ScriptedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    flags = [*endpoints(server.url), "--max-body-bytes", str(LIMIT_BYTES)]
    with running(*flags, log=tmp_path_factory.mktemp("curl") / "log") as gateway:
        yield gateway


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """A request of 3 MB in a file."""
    path = tmp_path / "big.json"
    messages = [{"role": "user", "content": "x" * 3_000_000}]
    path.write_text(json.dumps(CHAT | {"messages": messages}))
    return path


def quick_start(language: str) -> list[str]:
    """Returns the README's quick start, the blocks of one language."""
    text = README.read_text().partition("## Quick start")[2].partition("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def curl(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["curl", "--silent", "--show-error", "--noproxy", "*", *arguments],
        capture_output=True, text=True, timeout=15, check=True,
    )  # fmt: skip


def chat(
    gateway: Gateway, *arguments: str, data: str = json.dumps(CHAT)
) -> "subprocess.CompletedProcess[str]":
    return curl(f"{gateway.url}/v1/chat/completions", "--data-binary", data, *arguments)


def test_the_curl_lines_of_the_readme_work(gateway: Gateway) -> None:
    (block,) = [block for block in quick_start("bash") if "curl" in block]
    lines = block.replace("\\\n", "").strip().splitlines()

    outputs = [
        subprocess.check_output(
            ["bash", "-c", line.replace("localhost:3000", f"127.0.0.1:{gateway.port}")],
            env=environment(),
            timeout=15,
        )
        for line in lines
    ]

    models, completion = map(json.loads, outputs)
    assert "gpt-4o-mini" in [model["id"] for model in models["data"]]
    assert completion["choices"][0]["message"]["content"] == "Hello you."


def test_the_python_lines_of_the_readme_work(gateway: Gateway) -> None:
    (block,) = quick_start("python")
    names: dict[str, object] = {}

    exec(block.replace("localhost:3000", f"127.0.0.1:{gateway.port}"), names)

    with names["client"] as client:
        completion = client.chat.completions.create(**CHAT)
    assert completion.choices[0].message.content == "Hello you."


def test_the_command_of_the_readme_is_understood(tmp_path: Path) -> None:
    """The servers it names are not asked here; it says of each that it did not answer, and serves."""
    (block,) = [block for block in quick_start("bash") if "--url" in block]
    command = block.partition("multillama --port 3000")[2].replace("\\\n", "").split()
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}

    with running(*command, log=tmp_path / "log", environ=nowhere) as gateway:
        ready = curl(f"{gateway.url}/ready", "--write-out", "%{http_code}", "--output", "/dev/null")

    for name in ("api.openai.com", "api.anthropic.com", "localhost:11434"):
        assert name in gateway.said
    assert ready.stdout in ("200", "503")


def test_a_stream_comes_as_events(gateway: Gateway) -> None:
    heard = chat(gateway, "--no-buffer", data=json.dumps(CHAT | {"stream": True})).stdout

    events = heard.removesuffix("\n\n").split("\n\n")
    assert len(events) > 3
    assert all(event.startswith("data: {") for event in events[:-1])
    assert events[-1] == "data: [DONE]"


@pytest.mark.parametrize("streams", [False, True])
def test_http_10_has_the_same_answer_without_chunks(
    gateway: Gateway, server: ScriptedServer, streams: bool
) -> None:
    data = json.dumps(CHAT | {"stream": streams})

    old = chat(gateway, "--http1.0", "--verbose", data=data)
    new = chat(gateway, "--http1.1", data=data)

    assert old.stdout == new.stdout
    assert "chunked" not in old.stderr.lower()


def test_a_big_body_waits_for_leave_and_has_it(
    gateway: Gateway, server: ScriptedServer, big: Path
) -> None:
    answer = chat(gateway, "--verbose", "--header", "Expect: 100-continue", data=f"@{big}")

    assert answer.stderr.index("< HTTP/1.1 100 Continue") < answer.stderr.index("< HTTP/1.1 200 OK")
    assert server.calls[-1].body == big.read_bytes()
    assert server.calls[-1].header("expect") is None


def test_a_body_that_is_too_big_is_refused_before_it_is_sent(
    gateway: Gateway, server: ScriptedServer, tmp_path: Path
) -> None:
    path = tmp_path / "huge"
    path.write_bytes(bytes(LIMIT_BYTES + 1))
    before = len(server.calls)

    answer = chat(
        gateway, "--header", "Expect: 100-continue", "--write-out", "\n%{http_code} %{size_upload}",
        data=f"@{path}",
    )  # fmt: skip

    error, _, facts = answer.stdout.rpartition("\n")
    assert facts == "413 0"
    assert json.loads(error)["error"]["code"] == "body_too_large"
    assert len(server.calls) == before


def test_a_form_names_its_model_anywhere(
    gateway: Gateway, server: ScriptedServer, tmp_path: Path
) -> None:
    speech = tmp_path / "speech.wav"
    speech.write_bytes(b"RIFF" + bytes(range(256)) * 1000)
    server.next(Behaviour(body=b'{"text":"Hello."}'))

    heard = curl(
        f"{gateway.url}/v1/audio/transcriptions",
        "--form",
        f"file=@{speech}",
        "--form",
        "model=whisper-1",
    )

    assert json.loads(heard.stdout) == {"text": "Hello."}
    assert speech.read_bytes() in server.calls[-1].body


def test_one_connection_serves_many_requests(gateway: Gateway) -> None:
    url = f"{gateway.url}/v1/models"

    answer = curl(url, url, url, "--write-out", "%{num_connects}\n", *["--output", "/dev/null"] * 3)

    assert answer.stdout.split() == ["1", "0", "0"]
