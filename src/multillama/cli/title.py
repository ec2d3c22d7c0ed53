"""Takes keys out of the process's command line, where `ps` shows them to every user of the machine.

Linux only; elsewhere the caller is told that it did not work. It cannot undo what was seen before,
nor the shell's history: `env:NAME` and `file:PATH` are the better way.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_PROCESS: Final = Path("/proc/self")
# proc(5): arg_start is field 48, arg_end 49; counted from field 3, which follows the name's ")"
_ARG_START, _ARG_END = 45, 46


def blank_keys(keys: Sequence[str]) -> bool:
    """Overwrite keys in the memory that the system shows as the command line.

    Returns:
        True if none of them can be seen there now.
    """
    try:
        fields = (_PROCESS / "stat").read_text().rpartition(")")[2].split()
        start, end = int(fields[_ARG_START]), int(fields[_ARG_END])
        with (_PROCESS / "mem").open("r+b", buffering=0) as memory:
            memory.seek(start)
            words = memory.read(end - start)
            memory.seek(start)
            memory.write(blanked(words, [os.fsencode(key) for key in keys]))
    except (OSError, IndexError, ValueError):
        return False
    return True


def blanked(words: bytes, keys: Sequence[bytes]) -> bytes:
    """Return the NUL-separated words of a command line, as long as before, without the keys."""
    return b"\0".join(_blanked_word(word, keys) for word in words.split(b"\0"))


def _blanked_word(word: bytes, keys: Sequence[bytes]) -> bytes:
    for key in keys:
        if key and (word == key or (word.startswith(b"--") and word.endswith(b"=" + key))):
            return word[: len(word) - len(key)] + b"*" * len(key)
    return word
