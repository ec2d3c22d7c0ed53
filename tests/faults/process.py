"""The gateway as users run it: a process of its own, told everything by its command line."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.gateway import environment, free_port


class Program:
    """A gateway that runs."""

    def __init__(self, process: Process, port: int) -> None:
        self.process = process
        self.port = port

    @property
    def rss_bytes(self) -> int:
        """Memory it holds now."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGESIZE")

    @property
    def peak_bytes(self) -> int:
        """The most memory it has held since `forget_peak`."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])

    def forget_peak(self) -> None:
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    async def end(self, timeout_s: float = 5.0) -> tuple[int, list[dict[str, Any]]]:
        """Waits for its end; returns its exit status and the lines of its log that tell of exchanges."""
        status, exchanges, _ = await self.end_with_events(timeout_s)
        return status, exchanges

    async def end_with_events(
        self, timeout_s: float = 5.0
    ) -> tuple[int, list[dict[str, Any]], list[dict[str, Any]]]:
        """Is `end`, and returns the other lines of the log as well."""
        out, err = await asyncio.wait_for(self.process.communicate(), timeout_s)
        assert b"Traceback" not in err + out, (err + out).decode()
        events = [json.loads(line) for line in out.splitlines()]
        exchanges = [event for event in events if event["event"] == "exchange"]
        assert self.process.returncode is not None
        others = [event for event in events if event["event"] != "exchange"]
        return self.process.returncode, exchanges, others


@asynccontextmanager
async def program(*flags: str, port: int | None = None) -> AsyncIterator[Program]:
    """Runs `multillama` on a free port, once it has listed its endpoints' models.

    Args:
        flags: Of the command line, e.g. `"--url", server.url, "--key", "null"`.
        port: Chosen by the test.
    """
    port = port or free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "multillama", "--port", str(port), "--host", "127.0.0.1", *flags,
        env=environment(),
        stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        while b"Base URL" not in (line := await process.stderr.readline()):
            assert line, "it ended before it was ready"
        yield Program(process, port)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
