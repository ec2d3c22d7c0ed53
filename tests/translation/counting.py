"""Counts what is lost between the dialects; `python -m tests.translation.counting` writes it down.

The counts are of the recordings in the folder that `MULTILLAMA_FIXTURES` names. They stand in the
repository, are shown in the docs, and a test sees that they do not grow.
"""

import collections
import json
import pathlib
from typing import Any

from multillama.dialects.catalog import CODECS
from tests.translation.crossing import cross
from tests.translation.facts import differing
from tests.translation.taken import Taken, all_taken

FILE = pathlib.Path(__file__).parents[1] / "cases" / "losses.json"

Counts = dict[str, dict[str, int]]


def counted(taken: list[Taken], pair: tuple[str, str]) -> Counts:
    """Returns what is lost of these recordings from one dialect to another.

    Returns:
        `request` and `answer`: what was named as left out; `request_home` and `answer_home`: what says something else
        after the way there and back. Each a name, to the number of recordings.
    """
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for one in taken:
        if one.dialect != pair[0]:
            continue
        crossed = cross(one, pair[1])
        counts["request"].update(crossed.dropped)
        counts["answer"].update(crossed.lost)
        counts["request_home"].update(differing(crossed.asked, crossed.asked_home))
        counts["answer_home"].update(differing(crossed.said, crossed.said_home))
    return {kind: dict(sorted(names.items())) for kind, names in counts.items() if names}


def pairs() -> list[tuple[str, str]]:
    return [(one, other) for one in sorted(CODECS) for other in sorted(CODECS) if one != other]


def main() -> None:
    taken = all_taken()
    of = collections.Counter(one.dialect for one in taken)
    lost = {f"{one} -> {other}": counted(taken, (one, other)) for one, other in pairs()}
    value: dict[str, Any] = {"recordings": dict(sorted(of.items())), "lost": lost}
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(value, indent=1) + "\n")


if __name__ == "__main__":
    main()
