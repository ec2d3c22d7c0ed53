"""One run of the load generator wrk against one program, and what it cost that program."""

import os
import re
import subprocess
import urllib.request
from pathlib import Path
from typing import NamedTuple

from bench.processes import LOAD_CORE, cpu_ns

HERE = Path(__file__).parent
_UNIT_US = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 60e6}


class Bad(Exception):
    """Answers that were not 2xx, or connections that broke: the figure would mean nothing."""


class Load(NamedTuple):
    """What to send where. The request is `chat.lua`'s."""

    url: str
    connections: int = 32
    seconds: float = 4
    pad_bytes: int = 0
    stream: bool = False
    pause_ms: int = 0
    """Wait of each connection before a request, on average."""
    get: bool = False
    """A GET, and no chat."""
    models: Path | None = None
    """File with the models to ask for in turn, one a line; `m1` without it."""
    written_url: str | None = None
    """Where the endpoint tells how many events it has written: then a unit is an event."""


class Cost(NamedTuple):
    """What one run found."""

    cpu_us: float
    """CPU time of the program's tree per unit: per request, or per event of a stream."""
    per_s: float
    p50_us: float
    p99_us: float


def wrk(load: Load, *, seconds: float | None = None) -> str:
    """Runs wrk and gives its report.

    Raises:
        Bad: An answer was not 2xx, or a connection broke.
    """
    length_s = max(1, round(load.seconds if seconds is None else seconds))
    command = [
        "taskset", "-c", str(LOAD_CORE), "wrk", "-t1", f"-c{load.connections}", f"-d{length_s}s",
        "--timeout", "10s", "--latency", "-s", str(HERE / "chat.lua"), load.url,
    ]  # fmt: skip
    asked = {
        "BENCH_PAD": str(load.pad_bytes),
        "BENCH_PAUSE_MS": str(load.pause_ms),
        "BENCH_STREAM": "1" if load.stream else "0",
        "BENCH_GET": "1" if load.get else "0",
    }
    if load.models is not None:
        asked["BENCH_MODELS"] = str(load.models)
    report = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, **asked}
    ).stdout
    for complaint in ("Non-2xx or 3xx responses", "Socket errors"):
        if complaint in report:
            raise Bad(f"{load.url}: {report}")
    return report


def measure(load: Load, pid: int) -> Cost:
    """Loads a program for some seconds and divides the CPU time of its tree by the units."""
    units_before, cpu_before = _written(load), cpu_ns(pid)
    report = wrk(load)
    cpu, units = cpu_ns(pid) - cpu_before, _written(load) - units_before
    if load.written_url is None:
        units = answers(report)
    seconds = _us(_found(r"requests in ([\d.]+)(us|ms|s|m),", report)) / 1e6
    return Cost(
        cpu_us=cpu / units / 1e3,
        per_s=units / seconds,
        p50_us=_us(_found(r"50%\s+([\d.]+)(us|ms|s|m)\s", report)),
        p99_us=_us(_found(r"99%\s+([\d.]+)(us|ms|s|m)\s", report)),
    )


def answers(report: str) -> int:
    """How many answers a report of wrk counts."""
    return int(_found(r"(\d+) requests in", report)[1])


def _written(load: Load) -> int:
    if load.written_url is None:
        return 0
    with urllib.request.urlopen(load.written_url) as answer:
        return int(answer.read())


def _found(pattern: str, report: str) -> re.Match[str]:
    match = re.search(pattern, report)
    if match is None:
        raise Bad(f"wrk reports no {pattern}: {report}")
    return match


def _us(match: re.Match[str]) -> float:
    return float(match[1]) * _UNIT_US[match[2]]
