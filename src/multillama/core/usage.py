"""Tokens of an answer, read from the bytes around its `"usage"` member; the answer itself is never parsed.

HOT: once per exchange.
"""

import re
from typing import Final

import msgspec

WINDOW_BYTES: Final = 1024
"""How far behind `"usage"` its counts may stand."""

# What follows a count is asked for, because the bytes may end in the middle of it.
_INPUT: Final = re.compile(rb'"(?:prompt|input)_tokens"\s*:\s*(\d{1,12})(?=[\s,}\]])')
_OUTPUT: Final = re.compile(rb'"(?:completion|output)_tokens"\s*:\s*(\d{1,12})(?=[\s,}\]])')
_TOTAL: Final = re.compile(rb'"total_tokens"\s*:\s*(\d{1,12})(?=[\s,}\]])')

_CACHE_READ: Final = re.compile(rb'"cache_read_input_tokens"\s*:\s*(\d{1,12})(?=[\s,}\]])')
_CACHE_WRITTEN: Final = re.compile(rb'"cache_creation_input_tokens"\s*:\s*(\d{1,12})(?=[\s,}\]])')
"""What Anthropic counts beside its `input_tokens` and everybody else within theirs."""

_GEMINIS: Final = tuple(
    re.compile(rb'"%b"\s*:\s*(\d{1,12})(?=[\s,}\]])' % name)
    for name in (b"promptTokenCount", b"candidatesTokenCount", b"thoughtsTokenCount")
)
"""Input, and two kinds of output; they stand in `usageMetadata`."""
_OLLAMAS: Final = tuple(
    re.compile(rb'"%b"\s*:\s*(\d{1,12})(?=[\s,}\]])' % name)
    for name in (b"prompt_eval_count", b"eval_count")
)
"""Input and output; they stand in the last line, behind `done`."""

_USUAL: Final = re.compile(
    rb'"usage"\s*:\s*\{\s*"prompt_tokens"\s*:\s*(\d{1,12})\s*,'
    rb'\s*"completion_tokens"\s*:\s*(\d{1,12})(?=[\s,}\]])'
)
"""Both counts at once, as most endpoints begin; what they took from a cache is within the first."""


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens as the endpoint reported them, cached ones included; None where it said nothing."""

    input_tokens: int | None = None
    output_tokens: int | None = None


_RESPONSE_OVER: Final = re.compile(
    rb'"type": ?"response\.(?:completed|incomplete|failed)"'
    rb'|"usage": ?\{ ?"input_tokens": ?\d[^\n]{1,500}"total_tokens": ?\d[^\n]*\}\n\n\Z'
)
"""The last event's name, or the usage that it alone has: an agent's instructions and tools stand between the two."""


def read_usage(opening: bytes, ending: bytes) -> Usage:
    """Reads the counts of an answer.

    Args:
        opening: Its first bytes; Anthropic's streams tell the input tokens there, llama.cpp all
            that its embeddings took.
        ending: Its last bytes, where everybody else tells all of them. They win.
    """
    at = ending.rfind(b'"usage"')
    last = _counts_after(ending, at) if at >= 0 else _counts_of_others(ending)
    if not opening:
        return last
    first = _counts_after(opening, opening.find(b'"usage"'))
    return Usage(
        last.input_tokens if last.input_tokens is not None else first.input_tokens,
        last.output_tokens if last.output_tokens is not None else first.output_tokens,
    )


def _counts_after(data: bytes, at: int) -> Usage:
    if at < 0:
        return Usage()
    usual = _USUAL.match(data, at)
    if usual is not None:
        return Usage(int(usual[1]), int(usual[2]))
    # The first of a name counts: what follows may be details or iterations with the same names.
    end = at + WINDOW_BYTES
    into, out = _INPUT.search(data, at, end), _OUTPUT.search(data, at, end)
    if into is not None and out is None:
        # Embeddings have no output to speak of: some tell the total only, or say it is the input.
        total = _TOTAL.search(data, at, end)
        if total is not None:
            return Usage(int(into[1]), max(int(total[1]) - int(into[1]), 0))
    given = None if into is None else int(into[1]) + _cached_beside(into, data, end)
    return Usage(given, int(out[1]) if out is not None else None)


def _counts_of_others(data: bytes) -> Usage:
    """Reads the counts where no `usage` is told: Gemini and Ollama have words of their own."""
    at = data.rfind(b'"usageMetadata"')
    names = _GEMINIS if at >= 0 else _OLLAMAS
    at = at if at >= 0 else max(data.rfind(b'"done"'), 0)
    into, *outs = (name.search(data, at) for name in names)
    told = [int(out[1]) for out in outs if out is not None]
    return Usage(None if into is None else int(into[1]), sum(told) if told else None)


def _cached_beside(into: re.Match[bytes], data: bytes, end: int) -> int:
    """Returns the tokens that Anthropic counts beside its input; they may stand on either side of it."""
    at = into.pos
    # LiteLLM repeats the names beside `prompt_tokens`, which has them in it.
    if not into[0].startswith(b'"input') or data.find(b'"cache_', at, end) < 0:
        return 0
    found = (_CACHE_READ.search(data, at, end), _CACHE_WRITTEN.search(data, at, end))
    return sum(int(count[1]) for count in found if count is not None)


def says_it_is_over(ending: bytes) -> bool:
    """Says whether a stream's own last event has come: clients may leave at it, before the bytes that end the body."""
    if b"data: [DONE]" in ending[-64:] or b"event: message_stop" in ending[-256:]:
        return True
    # The last event of a response has all of it inside. In a text the quotation marks would be escaped.
    return _RESPONSE_OVER.search(ending) is not None
