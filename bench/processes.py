"""Programs under measurement: started on one core, asked of the kernel what they used, stopped.

Linux only. CPU time is the kernel's own account of every thread (`/proc/PID/task/*/schedstat`, in
nanoseconds); it moves with the neighbours' noise far less than requests per second do.
"""

import contextlib
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

PROXY_CORE, LOAD_CORE = 0, 1
"""What is measured has a core of its own; load generator and endpoints share the other."""
START_S = 60.0
STOP_S = 10.0


class NotReady(Exception):
    """A program ended or did not listen in time; the text says which."""


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    pids = [pid]
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in os.listdir(f"/proc/{pid}/task"):
            for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split():
                pids += tree(int(child))
    return pids


def cpu_ns(pid: int) -> int:
    """CPU time of the tree's threads that still live."""
    total = 0
    for member in tree(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for task in os.listdir(f"/proc/{member}/task"):
                text = Path(f"/proc/{member}/task/{task}/schedstat").read_text()
                total += int(text.split()[0])
    return total


def rss_bytes(pid: int) -> int:
    """Resident memory of the tree."""
    total = 0
    for member in tree(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for line in Path(f"/proc/{member}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1]) * 1024
    return total


def may_open_many_files() -> None:
    """Raises the limit of open files as far as it goes; programs started later inherit it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def is_listening(port: int) -> bool:
    """Says whether something accepts connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), 0.5).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def running(
    command: Sequence[str],
    *,
    port: int,
    core: int,
    output: IO[bytes] | int = subprocess.DEVNULL,
    env: Mapping[str, str] | None = None,
) -> Iterator[int]:
    """Runs a program until the block ends, and gives its process id once it listens.

    Raises:
        NotReady: The port is taken, or the program does not listen on it in time.
    """
    if is_listening(port):
        raise NotReady(f"Port {port} is in use; the bench needs it.")
    process = subprocess.Popen(
        ["taskset", "-c", str(core), *command],
        start_new_session=True,  # so that stopping it stops what it started
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.DEVNULL,
        env=None if env is None else {**os.environ, **env},
    )
    try:
        _wait(process, port, command[0])
        yield process.pid
    finally:
        _stop(process)


def _wait(process: subprocess.Popen[bytes], port: int, name: str) -> None:
    end = time.monotonic() + START_S
    while not is_listening(port):
        if process.poll() is not None or time.monotonic() > end:
            raise NotReady(f"{name} does not listen on port {port}; start it by hand to see why.")
        time.sleep(0.02)


def _stop(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
