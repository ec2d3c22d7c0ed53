"""Takes the README's picture of the page: the real command, real requests, real llama.cpp, Chromium.

Run as `python -m tests.web.picture docs/page.png`, then `pngquant --ext .png --force docs/page.png`. The clouds,
Ollama and vLLM are scripted servers, the clouds behind their real names and TLS (`tests/e2e/cloud.py`); nothing leaves
the machine. It needs the ports 3000, 8000 and 11434, and llama.cpp as the demo does.
"""

import asyncio
import http.client
import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import sync_playwright

from multillama.cli.demo_process import find_weights, local_endpoints
from multillama.testing.behaviours import RATE_LIMITED, Behaviour
from multillama.testing.server import ScriptedServer
from tests.e2e.cloud import Cloud
from tests.gateway import endpoints, running
from tests.web.browsing import is_live
from tests.web.conftest import CHROMIUM

PORT = 3000
WORDS = "A gateway sends each request to the server that has the model, and says so. " * 3
LISTS: dict[str, list[dict[str, object]]] = {
    "openai": [
        {"id": name, "object": "model", "owned_by": "system"}
        for name in ("gpt-4.1", "gpt-4.1-mini", "gpt-4o", "gpt-4o-mini", "text-embedding-3-small")
    ],
    "anthropic": [
        {"id": name, "type": "model", "display_name": name, "created_at": "2025-10-01T00:00:00Z"}
        for name in ("claude-sonnet-4-5", "claude-haiku-4-5")
    ],
    "ollama": [
        {"id": name, "object": "model", "owned_by": "library"}
        for name in ("llama3.2:3b", "qwen3:8b", "nomic-embed-text:latest")
    ],
    "vllm": [
        {"id": "gpt-oss-120b", "object": "model", "owned_by": "vllm", "max_model_len": 131072}
    ],
}


def scripted(kind: str, *, delay_s: float, port: int = 0) -> ScriptedServer:
    """Returns a server that lists the models of its kind and takes its time."""
    server = ScriptedServer([str(row["id"]) for row in LISTS[kind]], text=WORDS, port=port)
    server.listing = Behaviour(body=json.dumps({"object": "list", "data": LISTS[kind]}).encode())
    server.default = Behaviour(delay_s=delay_s, every_s=0.01)
    return server


def ask(path: str, model: str, *, words: int | None = None, **members: object) -> None:
    """Sends one request and reads the answer, or so many bytes of it before it leaves."""
    body = {"model": model, "messages": [{"role": "user", "content": "What is a gateway?"}]}
    connection = http.client.HTTPConnection("localhost", PORT, timeout=60)
    headers = {"content-type": "application/json", "anthropic-version": "2023-06-01"}
    connection.request("POST", f"/v1/{path}", json.dumps(body | members), headers)
    connection.getresponse().read(words)
    connection.close()


def make_traffic(openai: ScriptedServer, vllm: ScriptedServer) -> None:
    """Sends what a day brings, the newest last."""
    streamed = {"stream": True, "stream_options": {"include_usage": True}}
    ask("chat/completions", "claude-haiku-4-5")
    ask("embeddings", "text-embedding-3-small", input="Hello")
    ask("chat/completions", "llama3:8b")
    ask("chat/completions", "gpt-oss-120b", **streamed)
    vllm._loop.call_soon_threadsafe(vllm.go_down)
    asyncio.run_coroutine_threadsafe(_is_down(vllm), vllm._loop).result(5)
    ask("chat/completions", "gpt-oss-120b")
    openai.next(RATE_LIMITED)
    ask("chat/completions", "gpt-4.1")
    ask("embeddings", "nomic-embed-text", input="Hello")
    openai.next(Behaviour(delay_s=0.2, every_s=0.05, events=1000))
    ask("chat/completions", "gpt-4o-mini", stream=True, words=2000)
    ask("messages", "claude-sonnet-4-5", stream=True, max_tokens=100)
    ask("chat/completions", "qwen3:8b", **streamed)
    ask("chat/completions", "smollm2-135m", max_tokens=60, **streamed)
    ask("chat/completions", "gpt-4o", **streamed)


async def _is_down(server: ScriptedServer) -> None:
    await server.until(lambda seen: all(row.closed_at is not None for row in seen.connections))


def take(path: Path) -> None:
    """Takes the picture of the page as it stands."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(
            viewport={"width": 1280, "height": 800}, color_scheme="light", locale="en-GB",
            reduced_motion="reduce",
        )  # fmt: skip
        page.goto(f"http://localhost:{PORT}/")
        is_live(page)
        page.screenshot(path=path, full_page=True)
        browser.close()


def main(path: Path) -> None:
    """Builds the scene, lets it live, and takes its picture."""
    demo = [sys.executable, "-P", "-m", "multillama.cli.demo_endpoints", str(find_weights())]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        openai = stack.enter_context(scripted("openai", delay_s=0.31))
        anthropic = stack.enter_context(scripted("anthropic", delay_s=0.42))
        stack.enter_context(scripted("ollama", delay_s=0.06, port=11434))
        vllm = stack.enter_context(scripted("vllm", delay_s=0.05, port=8000))
        hosts = {"api.openai.com": openai.port, "api.anthropic.com": anthropic.port}
        cloud = stack.enter_context(Cloud(hosts, folder))
        local = [
            row.url.replace("127.0.0.1", "localhost")
            for row in stack.enter_context(local_endpoints(demo))
        ]
        flags = [
            "--url", "https://api.openai.com/", "--key", "an-openai-key",
            "--url", "https://api.anthropic.com/", "--key", "an-anthropic-key",
            *endpoints("http://localhost:11434/", *local, "http://localhost:8000/"),
        ]  # fmt: skip
        stack.enter_context(running(*flags, log=folder / "log", port=PORT, environ=cloud.environ))
        make_traffic(openai, vllm)
        take(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
