"""A fault of the configuration file: what is wrong, and where it stands."""

import re
from typing import Final, NamedTuple

Path = tuple[str | int, ...]
"""Members and places from the top, e.g. `("endpoints", 0, "url")`."""

_BARE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class Problem(NamedTuple):
    """Something wrong with a file."""

    path: Path
    text: str


def path_text(path: Path) -> str:
    """Write a path as people do: `endpoints[1].weight`, `aliases."gpt 4"`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        shown = part if _BARE.fullmatch(part) else f'"{part}"'
        text += f".{shown}" if text else shown
    return text
