"""The real gateway as a process of its own: the command that users type, on real sockets."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

STOP_S = 15
BUILT_IN = ("models", "model", "health", "ready")


class Gateway:
    """A gateway that runs, or has run."""

    def __init__(self, process: "subprocess.Popen[str]", port: int, log: Path) -> None:
        self.port = port
        self.pid = process.pid
        self.log = log
        self.said = ""
        """What it told on stderr: until it served, and with the end also the rest."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def exchanges(self) -> list[dict[str, Any]]:
        """Returns the log's lines of what went to endpoints or should have; whole once it has stopped."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        exchanges = [line for line in lines if line["event"] == "exchange"]
        return [line for line in exchanges if line["operation"] not in BUILT_IN]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def environment() -> dict[str, str]:
    """Returns what a user's shell would give, without settings and proxies of the machine that tests."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MULTILLAMA_") and not name.lower().endswith("_proxy")
    }


def endpoints(*urls: str) -> list[str]:
    """Returns the flags for endpoints without keys."""
    return [flag for url in urls for flag in ("--url", url, "--key", "null")]


@contextlib.contextmanager
def running(
    *flags: str, log: Path, port: int | None = None, environ: Mapping[str, str] | None = None
) -> Iterator[Gateway]:
    """Runs a gateway until the block ends; then it must stop well and never have stumbled.

    Args:
        flags: Its command line without the port.
        log: The file its log goes to.
        port: Any free one if None.
        environ: More variables.
    """
    port = port or free_port()
    command = [
        sys.executable,
        "-m",
        "multillama",
        "--port",
        str(port),
        "--host",
        "127.0.0.1",
        *flags,
    ]
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [*command, "--log-format", "json"],
            env=environment() | dict(environ or {}),
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        gateway = Gateway(process, port, log)
        try:
            _wait_until_it_serves(gateway, process)
            yield gateway
        finally:
            process.terminate()
            try:
                gateway.said += process.communicate(timeout=STOP_S)[1]
            except subprocess.TimeoutExpired:
                process.kill()
                raise
    assert "Traceback" not in gateway.said, gateway.said
    assert "Traceback" not in log.read_text(), log.read_text()
    assert process.returncode == 0


def _wait_until_it_serves(gateway: Gateway, process: "subprocess.Popen[str]") -> None:
    assert process.stderr is not None
    for line in process.stderr:
        gateway.said += line
        if "Base URL" in line:
            return
    raise AssertionError(gateway.said)
