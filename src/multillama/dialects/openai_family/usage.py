"""Usage as Chat Completions and Completions tell it. It never invents a figure that is not told.

Source: openai 3.54.0, `CompletionUsage`; the other names of single providers from their recorded answers.
"""

from typing import Any, Final

from multillama.core.canonical import Extras, Usage
from multillama.core.shape import Object

NAME: Final = "openai"
"""The family's."""
_INPUT: Final = "prompt_tokens_details"
_OUTPUT: Final = "completion_tokens_details"
_TOLD: Final = frozenset(("prompt_tokens", "completion_tokens", "total_tokens", _INPUT, _OUTPUT))
_CACHED: Final = ("prompt_cache_hit_tokens", "num_cached_tokens", "cached_tokens")
"""DeepSeek; Mistral; Cohere and some behind Hugging Face."""


def count(value: Any) -> int | None:
    """Returns a number of tokens, None for what is none."""
    if type(value) is int:  # as nearly all, and no truth value
        return value if value >= 0 else None
    if not isinstance(value, float) or value < 0:
        return None
    return int(value)


def read_usage(usage: Object) -> Usage:
    """Returns the figures of a `usage`; what has no word of ours stays in its extras."""
    into, out = _details(usage, _INPUT), _details(usage, _OUTPUT)
    given, made = count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))
    reasoning = count(out.pop("reasoning_tokens", None))
    cached = count(into.pop("cached_tokens", None))
    if cached is None:
        cached = next(
            (told for name in _CACHED if (told := count(usage.get(name))) is not None), None
        )
    written = count(into.pop("cache_write_tokens", None))
    extras: Extras = {}
    if not usage.keys() <= _TOLD:
        extras = {name: value for name, value in usage.items() if name not in _TOLD}
    total = count(usage.get("total_tokens"))
    if total is not None and total != (given or 0) + (made or 0):
        if reasoning and made is not None and total == (given or 0) + made + reasoning:
            made += reasoning  # xAI counts reasoning beside what it made
        else:
            extras["total_tokens"] = total
    if into:
        extras[_INPUT] = into
    if out:
        extras[_OUTPUT] = out
    return Usage(given, cached, written, None, made, reasoning, extras)


def _details(usage: Object, name: str) -> Object:
    details = usage.get(name)
    return dict(details) if isinstance(details, dict) else {}


def write_usage(usage: Usage, *, is_ours: bool) -> Object:
    """Returns a `usage`, with the three figures that the SDK demands.

    Args:
        usage: What is known.
        is_ours: True if its extras came in these words.
    """
    given, made = usage.input_tokens or 0, usage.output_tokens or 0
    members: Object = {
        "prompt_tokens": given,
        "completion_tokens": made,
        "total_tokens": given + made,
    }
    into: Object = {}
    if usage.cache_read_tokens is not None:
        into["cached_tokens"] = usage.cache_read_tokens
    if usage.cache_write_tokens is not None:
        into["cache_write_tokens"] = usage.cache_write_tokens
    out: Object = {}
    if usage.reasoning_tokens is not None:
        out["reasoning_tokens"] = usage.reasoning_tokens
    extras = usage.extras if is_ours else {}
    into.update(_details(extras, _INPUT))
    out.update(_details(extras, _OUTPUT))
    if into:
        members[_INPUT] = into
    if out:
        members[_OUTPUT] = out
    for name, value in extras.items():
        if name not in members:
            members[name] = value
    if "total_tokens" in extras:
        members["total_tokens"] = extras["total_tokens"]
    return members
