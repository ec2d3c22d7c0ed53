"""Everything that stands around a measurement: endpoints, the yardstick, and gateways."""

import contextlib
import http.client
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.load import HERE
from bench.processes import LOAD_CORE, PROXY_CORE, NotReady, running
from bench.sse_upstream import PORT as SSE_PORT

JSON_PORT, NGINX_JSON_PORT, NGINX_SSE_PORT = 9601, 9602, 9604
GATEWAY_PORTS = (9611, 9612)
"""Two gateways can be compared."""
KEY = "sk-test-123"
CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
MANY, MODELS_EACH = 1000, 10
"""Endpoints of the large configuration, and the models that each has of its own."""


def addresses(count: int) -> list[str]:
    """Loopback addresses that the JSON endpoint listens on, the plain one first."""
    return ["127.0.0.1", *(f"127.0.{1 + n // 250}.{1 + n % 250}" for n in range(count - 1))]


def model_names(addresses: Sequence[str]) -> list[str]:
    """The models of these addresses, as `nginx_upstream.conf` names them."""
    return [f"{address}-{n}" for address in addresses for n in range(MODELS_EACH)]


def chat_url(port: int) -> str:
    """Where chats go on that port."""
    return f"http://127.0.0.1:{port}{CHAT}"


def messages_url(port: int) -> str:
    """Where the same goes as Anthropic's clients ask it."""
    return f"http://127.0.0.1:{port}{MESSAGES}"


def program(name: str) -> str:
    """Finds a program, also where Debian keeps servers.

    Raises:
        NotReady: It is not installed.
    """
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        raise NotReady(f"{name} is not installed.")
    return found


def multillama() -> str:
    """The command of the environment that runs the bench."""
    return str(Path(sys.executable).with_name("multillama"))


class Stage(NamedTuple):
    """What stands while all figures are taken."""

    nginx: int
    """Process id of the yardstick."""
    scratch: Path


@contextlib.contextmanager
def stage() -> Iterator[Stage]:
    """Starts the endpoints and the yardstick."""
    with (
        tempfile.TemporaryDirectory(prefix="multillama-bench-") as text,
        contextlib.ExitStack() as up,
    ):
        scratch = Path(text)
        scratch.chmod(0o755)  # nginx gives up its rights and still has to reach its folders
        listens = "".join(f"listen {address}:{JSON_PORT};\n" for address in addresses(MANY))
        upstream = _nginx(scratch, "nginx_upstream.conf", {"addresses.conf": listens})
        proxy = _nginx(scratch, "nginx_proxy.conf", {})
        sse = [sys.executable, "-m", "bench.sse_upstream"]
        up.enter_context(running(upstream, port=JSON_PORT, core=LOAD_CORE))
        up.enter_context(running(sse, port=SSE_PORT, core=LOAD_CORE))
        nginx = up.enter_context(running(proxy, port=NGINX_JSON_PORT, core=PROXY_CORE))
        yield Stage(nginx, scratch)


def _nginx(scratch: Path, name: str, files: dict[str, str]) -> list[str]:
    """The command that runs nginx with a configuration, in a folder of its own."""
    home = scratch / Path(name).stem
    home.mkdir()
    for file, text in {name: (HERE / name).read_text(), **files}.items():
        (home / file).write_text(text)
    return [program("nginx"), "-p", str(home), "-e", "stderr", "-c", name]


@contextlib.contextmanager
def gateway(stage: Stage, urls: Sequence[str], *, port: int = GATEWAY_PORTS[0]) -> Iterator[int]:
    """Runs a gateway with everything on: key check, routing, records, JSON log to a file.

    Waits until all its endpoints are listed. The URLs travel in the environment: thousands are too many
    for a command line.
    """
    env = {"MULTILLAMA_URL": " ".join(urls), "MULTILLAMA_KEY": " ".join("null" for _ in urls)}
    command = [multillama(), "--port", str(port), "--host", "127.0.0.1", "--api-key", KEY]
    with (
        (stage.scratch / f"log-{port}").open("wb") as log,
        running(command, port=port, core=PROXY_CORE, output=log, env=env) as pid,
    ):
        wait_for(port, models=len(urls))
        yield pid


@contextlib.contextmanager
def floor(endpoint_port: int) -> Iterator[int]:
    """Runs the least relay in the gateway's place."""
    port = GATEWAY_PORTS[0]
    command = [sys.executable, "-m", "bench.floor", str(port), str(endpoint_port)]
    with running(command, port=port, core=PROXY_CORE) as pid:
        yield pid


def wait_for(port: int, *, models: int) -> None:
    """Waits until the gateway knows at least so many models.

    Raises:
        NotReady: It does not in a minute.
    """
    known, end = 0, time.monotonic() + 60
    while time.monotonic() < end:
        known = get(port, "/v1/models").count(b'"id"')
        if known >= models:
            return
        time.sleep(0.1)
    raise NotReady(f"The gateway knows {known} models and not {models}.")


def get(port: int, path: str) -> bytes:
    """One GET with the client's key."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"authorization": f"Bearer {KEY}"})
        return connection.getresponse().read()
    finally:
        connection.close()
