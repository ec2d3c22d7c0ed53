"""Opens the files that settings are read from, so that no path can block or fill the process."""

import errno
import os
import stat
from typing import Final

MAX_BYTES: Final = 4 * 1024 * 1024
"""Far more than any configuration or key."""

# Without O_NONBLOCK, opening a FIFO waits for somebody who writes into it. Windows has none of these.
_FLAGS: Final = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY")
)


def read_file(path: str) -> str:
    """Read a configuration file, or that of a `file:PATH` key; no shell expands a `~` after a colon.

    Raises:
        OSError: It cannot be read, is no regular file, or holds more than 4 MiB.
        UnicodeDecodeError: It is not UTF-8.
    """
    number = os.open(os.path.expanduser(path), _FLAGS)
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", path)
        with open(number, "rb", closefd=False) as file:
            data = file.read(MAX_BYTES + 1)
    finally:
        os.close(number)
    if len(data) > MAX_BYTES:
        raise OSError(errno.EFBIG, "it holds more than 4 MiB", path)
    return data.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
