"""The real gateway as a process of its own, in front of one endpoint."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

KEY = "front-door"
LIMIT_BYTES = 1 << 20


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def running(endpoint_port: int, log: Path, *flags: str) -> Iterator[int]:
    """Starts a gateway and gives its port; at the end it must stop well and never have stumbled.

    Args:
        endpoint_port: Where the endpoint listens on 127.0.0.1.
        log: The file its log goes to.
        flags: More of the command line.
    """
    port = free_port()
    command = [
        sys.executable, "-m", "multillama", "--port", str(port), "--host", "127.0.0.1", "--log-format", "json",
        "--url", f"http://127.0.0.1:{endpoint_port}/", "--key", "back-door",
        "--max-body-bytes", str(LIMIT_BYTES), "--max-upload-bytes", str(LIMIT_BYTES), *flags,
    ]  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if not _is_ours(name)}
    with (
        log.open("wb") as out,
        subprocess.Popen(
            command, env=environment, stdout=out, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if "Base URL" in line:
                break
        assert process.poll() is None, "".join(said)
        yield port
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=15)
    assert "Traceback" not in rest, rest
    assert b"Traceback" not in log.read_bytes(), log.read_text(errors="replace")
    assert process.returncode == 0


def _is_ours(name: str) -> bool:
    return name.startswith("MULTILLAMA_") or name.lower().endswith("_proxy")
