"""Where lines go: a file, a pipe or a terminal, written to without ever getting stuck in it.

A reader that stops reading fills its pipe, and the next `write` would wait for it. So a descriptor
is asked first whether it can take more. It is not made non-blocking: the shell shares the terminal.
"""

import os
import select
import stat
from collections.abc import Callable
from typing import Final, Protocol, TextIO

PIPE_PIECE_BYTES: Final = 4096
"""PIPE_BUF of Linux: what a pipe that polls as writable takes without waiting."""
FILE_PIECE_BYTES: Final = 1 << 20
LOOK_UP_MS: Final = 100
"""How often a writer that waits for its reader asks whether it should give up."""


class Sink(Protocol):
    """What takes lines."""

    def write(self, data: bytes, *, give_up: Callable[[], bool]) -> None:
        """Writes all of it.

        Raises:
            OSError: Not all of it was written: no reader any more (`EPIPE`), disk full, or gave up
                (`TimeoutError`).
        """


class Descriptor:
    """An open file descriptor, which stays its owner's to close."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._is_file = stat.S_ISREG(os.fstat(fd).st_mode)
        self._is_torn = False
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)

    def write(self, data: bytes, *, give_up: Callable[[], bool]) -> None:
        # Half a line is left where the last write failed: the next one starts on its own.
        rest = memoryview(b"\n" + data if self._is_torn else data)
        while rest:
            if not self._is_file:
                self._wait(give_up)
            piece = rest[: FILE_PIECE_BYTES if self._is_file else PIPE_PIECE_BYTES]
            written = os.write(self._fd, piece)
            self._is_torn = rest[written - 1] != ord("\n")
            rest = rest[written:]

    def _wait(self, give_up: Callable[[], bool]) -> None:
        while not self._poll.poll(LOOK_UP_MS):
            if give_up():
                raise TimeoutError("the reader does not read")


class TextStream:
    """A text stream without a descriptor, e.g. `io.StringIO`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, data: bytes, *, give_up: Callable[[], bool]) -> None:
        self._stream.write(data.decode())
        self._stream.flush()


def open_sink(stream: int | TextIO) -> Sink:
    """Wraps a descriptor, or a stream after what it still holds is written."""
    if isinstance(stream, int):
        return Descriptor(stream)
    try:
        fd = stream.fileno()
    except OSError:  # io.UnsupportedOperation is one
        return TextStream(stream)
    stream.flush()
    return Descriptor(fd)
