"""The real gateway as a process of its own, in front of one endpoint."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import gateway

KEY = "front-door"
LIMIT_BYTES = 1 << 20


@contextmanager
def running(endpoint_port: int, log: Path, *flags: str) -> Iterator[int]:
    """Starts a gateway and gives its port; at the end it must stop well and never have stumbled.

    Args:
        endpoint_port: Where the endpoint listens on 127.0.0.1.
        log: The file its log goes to.
        flags: More of the command line.
    """
    endpoint = ("--url", f"http://127.0.0.1:{endpoint_port}/", "--key", "back-door")
    limits = ("--max-body-bytes", str(LIMIT_BYTES), "--max-upload-bytes", str(LIMIT_BYTES))
    with gateway.running(*endpoint, *limits, *flags, log=log) as served:
        yield served.port
