"""Tokens: what a response used, and what a request would use.

Source: openai SDK 3.54.0, `types/responses/response_usage.py`, `input_token_count_response.py`.
"""

from typing import Any, Final

import msgspec

from multillama.core.canonical import Count, Usage
from multillama.core.codec import Misfit
from multillama.core.shape import Object, decode_object
from multillama.dialects.openai_responses.content import left

_INPUT: Final = "input_tokens_details"
_OUTPUT: Final = "output_tokens_details"
_ENCODE: Final = msgspec.json.Encoder().encode


def read_usage(value: Any) -> Usage | None:
    """Reads the usage of a response, None where there is none."""
    if not isinstance(value, dict):
        return None
    rest = dict(value)
    details, made = _details(rest, _INPUT), _details(rest, _OUTPUT)
    usage = Usage(
        _tokens(rest, "input_tokens"),
        _tokens(details, "cached_tokens"),
        _tokens(details, "cache_write_tokens"),
        None,
        _tokens(rest, "output_tokens"),
        _tokens(made, "reasoning_tokens"),
    )
    if rest.get("total_tokens") == (usage.input_tokens or 0) + (usage.output_tokens or 0):
        del rest["total_tokens"]
    extras = left(rest | {_INPUT: left(details) or None, _OUTPUT: left(made) or None})
    usage.extras = extras
    return usage


def _details(members: Object, name: str) -> Object:
    value = members.get(name)
    return dict(value) if isinstance(value, dict) else {}


def _tokens(members: Object, name: str) -> int | None:
    value = members.pop(name, None)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def write_usage(usage: Usage | None, *, is_own: bool) -> Object | None:
    """Returns the usage of a response; every count that a client may read is there."""
    if usage is None:
        return None
    made, taken = usage.output_tokens or 0, usage.input_tokens or 0
    written: Object = {
        "input_tokens": taken,
        _INPUT: {
            "cached_tokens": usage.cache_read_tokens or 0,
            "cache_write_tokens": usage.cache_write_tokens or 0,
        },
        "output_tokens": made,
        _OUTPUT: {"reasoning_tokens": usage.reasoning_tokens or 0},
        "total_tokens": taken + made,
    }
    if is_own:
        for name, value in usage.extras.items():
            known = written.get(name)
            if isinstance(known, dict) and isinstance(value, dict):
                value = known | value
            written[name] = value
    return written


def read_count(data: bytes) -> Count:
    """Reads how many tokens a request has."""
    tokens = decode_object(data).get("input_tokens")
    if not isinstance(tokens, int) or isinstance(tokens, bool):
        raise Misfit("input_tokens", "must be a whole number")
    return Count(tokens)


def write_count(count: Count) -> bytes:
    """Writes how many tokens a request has."""
    return _ENCODE({"object": "response.input_tokens", "input_tokens": count.input_tokens})
