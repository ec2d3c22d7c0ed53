"""One figure with its bar, and where figures are kept."""

import datetime
import json
import os
import platform
import statistics
from pathlib import Path
from typing import Any, NamedTuple

from bench.load import HERE

RESULTS = HERE / "results.json"


class Figure(NamedTuple):
    """Something measured, and what it may be at most."""

    name: str
    title: str
    value: float
    """What the bar is about."""
    unit: str
    bar: float | None
    """None: told without a promise."""
    gateway: str
    """What was measured of the gateway, for people."""
    beside: str
    """The same of what stands beside it."""
    samples: dict[str, list[float]]
    """Every run, in order: who to its values."""

    @property
    def is_met(self) -> bool:
        return self.bar is None or self.value <= self.bar

    def __str__(self) -> str:
        verdict = "" if self.bar is None else f"at most {self.bar:g}: {_verdict(self.is_met)}"
        beside = f" | {self.beside}" if self.beside else ""
        return (
            f"{self.title:52s} {self.value:9.2f} {self.unit:10s} {verdict} ({self.gateway}{beside})"
        )


def _verdict(is_met: bool) -> str:
    return "met" if is_met else "MISSED"


def ratio(
    name: str,
    title: str,
    *,
    bar: float | None,
    unit: str,
    samples: dict[str, list[float]],
    what: str,
) -> Figure:
    """Compares the first of the samples with the second, best run with best run."""
    (_, ours), (other, theirs) = samples.items()
    return Figure(
        name=name,
        title=title,
        value=min(ours) / min(theirs),
        unit=unit,
        bar=bar,
        gateway=f"{min(ours):.1f} {what}, runs {_span(ours)}",
        beside=f"{other} {min(theirs):.1f} {what}, runs {_span(theirs)}",
        samples=samples,
    )


def _span(values: list[float]) -> str:
    return f"{min(values):.1f} to {max(values):.1f}, median {statistics.median(values):.1f}"


def machine() -> dict[str, str | int]:
    """The machine that the figures are of."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "processor": model,
        "cores": os.cpu_count() or 0,
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def kept_results() -> dict[str, Any]:
    """What results.json holds."""
    kept: dict[str, Any] = json.loads(RESULTS.read_text())
    return kept


def save(figures: list[Figure], *, command: str) -> dict[str, Any]:
    """Puts figures among the kept ones, unless those are another machine's; gives them all."""
    kept: dict[str, Any] = {"machine": machine(), "figures": {}}
    if RESULTS.exists() and kept_results()["machine"] == kept["machine"]:
        kept = kept_results()
    at = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    for figure in figures:
        row = figure._asdict() | {"is_met": figure.is_met, "at": at, "command": command}
        kept["figures"][figure.name] = row
    RESULTS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    return kept
