"""Standard streams that are not there: closed by whoever started us, or a pipe whose reader has left.

A gateway serves all the same. It must never give one of their numbers to a socket.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Final

_MODES: Final = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def open_closed() -> None:
    """Put the null device in place of standard streams that were closed at the start.

    The next socket would get a free number else, what is printed would go into it, and libuv aborts at closing it.
    """
    for number, (name, mode) in enumerate(_MODES):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            os.set_inheritable(number, True)  # a process of ours would stand as badly
        if getattr(sys, name) is None:
            # It lives as long as the process, like the one it stands for.
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Let what is told on stderr be lost if nobody reads it: that is no reason to end, or not to serve."""
    try:
        yield
    except BrokenPipeError:
        # From now on without a failure; what is left in the stream's buffer goes the same way.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stderr.fileno())
        os.close(null)
