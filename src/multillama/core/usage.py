"""Tokens of an answer, read from the bytes around its `"usage"` member; the answer itself is never parsed.

HOT: once per exchange.
"""

import re
from typing import Final, NamedTuple

WINDOW_BYTES: Final = 1024
"""How far behind `"usage"` its counts may stand."""

_COUNT: Final = re.compile(
    rb'"(prompt_tokens|input_tokens|completion_tokens|output_tokens|total_tokens)"\s*:\s*(\d{1,12})(?![\d.eE])'
)
_INPUT: Final = frozenset((b"prompt_tokens", b"input_tokens"))
_OUTPUT: Final = frozenset((b"completion_tokens", b"output_tokens"))


class Usage(NamedTuple):
    """Tokens as the endpoint reported them; None where it said nothing."""

    input_tokens: int | None = None
    output_tokens: int | None = None


def read_usage(opening: bytes, ending: bytes) -> Usage:
    """Reads the counts of an answer.

    Args:
        opening: Its first bytes; Anthropic's streams tell the input tokens there.
        ending: Its last bytes, where everybody else tells all of them. They win.
    """
    first = _counts_after(opening, opening.find(b'"usage"'))
    last = _counts_after(ending, ending.rfind(b'"usage"'))
    return Usage(
        last.input_tokens if last.input_tokens is not None else first.input_tokens,
        last.output_tokens if last.output_tokens is not None else first.output_tokens,
    )


def _counts_after(data: bytes, at: int) -> Usage:
    if at < 0:
        return Usage()
    into = out = None
    for name, digits in _COUNT.findall(data, at, at + WINDOW_BYTES):
        # The first of a name counts: what follows may be details or iterations with the same names.
        if name in _INPUT:
            into = int(digits) if into is None else into
        elif name in _OUTPUT:
            out = int(digits) if out is None else out
        elif into is not None and out is None:
            out = max(int(digits) - into, 0)
    return Usage(into, out)
