"""Where the gateway's CPU time goes under load: `python -m bench.hotspots [--pad BYTES] [--stream]`.

Uses what is installed: py-spy (Python functions), perf (C functions and kernel), strace (system calls
per request; it slows the gateway down, only the counts mean something).
"""

import argparse
import collections
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from bench import stage as at
from bench.load import Load, answers, wrk
from bench.processes import may_open_many_files, tree
from bench.sse_upstream import PORT as SSE_PORT

LOAD_S, LOOK_S = 12, 6
TOP = 30


def _shares(title: str, counts: collections.Counter[str], total: int) -> str:
    lines = [f"{100 * n / total:5.1f} %  {name}" for name, n in counts.most_common(TOP)]
    return "\n".join([f"--- {title}", *lines])


def python_functions(pid: int, scratch: Path) -> str:
    """Samples the Python stacks."""
    file = scratch / "stacks"
    command = ["py-spy", "record", "--duration", str(LOOK_S), "--rate", "500", "--nonblocking"]
    command += ["--format", "raw", "--output", str(file), "--pid", str(pid)]
    subprocess.run(command, capture_output=True, check=True)
    own: collections.Counter[str] = collections.Counter()
    whole: collections.Counter[str] = collections.Counter()
    for line in file.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [re.sub(r":\d+\)$", ")", frame) for frame in stack.split(";")]
        own[frames[-1]] += int(count)
        whole.update(dict.fromkeys(set(frames), int(count)))
    total = own.total()
    return "\n".join(
        [
            _shares("Python functions, their own time with the C code they call", own, total),
            _shares("Python functions with all that they call", whole, total),
        ]
    )


def native_functions(pid: int, scratch: Path) -> str:
    """Samples C functions and the kernel's."""
    file = str(scratch / "perf.data")
    record = [
        "perf",
        "record",
        "-F",
        "1999",
        "-p",
        str(pid),
        "-o",
        file,
        "--",
        "sleep",
        str(LOOK_S),
    ]
    subprocess.run(record, capture_output=True, check=True)
    parts = []
    for by in ("dso", "symbol"):
        report = ["perf", "report", "--stdio", "-i", file, "--sort", by, "--percent-limit", "0.7"]
        text = subprocess.run(report, capture_output=True, text=True, check=True).stdout
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
        parts += [f"--- by {by}", *lines[:TOP]]
    return "\n".join(parts)


def system_calls(pid: int, scratch: Path) -> str:
    """Counts system calls."""
    tracer = subprocess.Popen(
        ["strace", "-c", "-f", "-p", str(pid)], stderr=subprocess.PIPE, text=True
    )
    time.sleep(LOOK_S)
    tracer.send_signal(signal.SIGINT)
    return tracer.communicate()[1]


TOOLS: dict[str, Callable[[int, Path], str]] = {
    "py-spy": python_functions,
    "perf": native_functions,
    "strace": system_calls,
}


def main(arguments: list[str]) -> None:
    """Looks at one gateway with each tool in turn, each time under fresh load."""
    parser = argparse.ArgumentParser(prog="python -m bench.hotspots", description=__doc__)
    parser.add_argument("--pad", type=int, default=0, help="bytes added to the request")
    parser.add_argument("--stream", action="store_true", help="streams of 100 events/s")
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args(arguments)
    may_open_many_files()
    endpoint = SSE_PORT if options.stream else at.JSON_PORT
    load = Load(
        at.chat_url(at.GATEWAY_PORTS[0]),
        connections=options.connections,
        seconds=LOAD_S,
        pad_bytes=options.pad,
        stream=options.stream,
    )
    with at.stage() as stage, at.gateway(stage, [f"http://127.0.0.1:{endpoint}/"]) as pid:
        for tool, look in TOOLS.items():
            if shutil.which(tool) is None:
                print(f"--- {tool} is not installed")
                continue
            reports: list[str] = []
            loading = threading.Thread(target=lambda kept=reports: kept.append(wrk(load)))
            loading.start()
            time.sleep(1)
            print(f"=== {tool}\n{look(tree(pid)[-1], stage.scratch)}")
            loading.join()
            print(f"{answers(reports[0])} answers in {LOAD_S} s, {LOOK_S} s of them looked at")


if __name__ == "__main__":
    main(sys.argv[1:])
