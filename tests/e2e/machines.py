"""Servers that can be killed: each machine is one process with llama.cpp and the demo's model."""

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Self

SIZE = 2
"""Machines that stand in for each other."""


class Machine:
    """One process with the servers of `model_servers.py`."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.chat = self.tools = ""

    def wait(self) -> Self:
        """Waits until it serves."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "llama.cpp did not start"
        self.chat, _, self.tools = json.loads(line)
        return self

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """Ends it as a power cut does: `kill -9`."""
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """Stops it without an end: its connections stay, and nothing comes any more. It counts as dead then."""
        self._process.send_signal(signal.SIGSTOP)

    def close(self) -> None:
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


class Machines:
    """Equal ones, of which the dead are replaced when a test asks for whole ones."""

    def __init__(self, script: str, weights: str) -> None:
        self._command = [sys.executable, "-P", script, weights]
        self.all: list[Machine] = []

    def revive(self) -> None:
        """Replaces the dead."""
        for machine in [machine for machine in self.all if not machine.is_alive]:
            self.all.remove(machine)
            machine.close()
        new = [Machine(self._command) for _ in range(SIZE - len(self.all))]
        self.all += new
        for machine in new:
            machine.wait()

    def behind(self, endpoint: str) -> Machine:
        """Returns the one behind an endpoint's name, which is its host and port."""
        return next(
            machine
            for machine in self.all
            if endpoint in (machine.chat.partition("//")[2], machine.tools.partition("//")[2])
        )


@contextlib.contextmanager
def equal_machines(script: str, weights: str) -> Iterator[Machines]:
    machines = Machines(script, weights)
    try:
        yield machines
    finally:
        for machine in machines.all:
            machine.close()
