"""Numbers that every answer of Ollama has: when it was made, of how many tokens, and how it ended.

Source: Ollama's api/types.go (August 2026), `Metrics`, whose members are left out where they are 0.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from multillama.core.canonical import Extras, Stop, Usage
from multillama.core.shape import Object

NAME: Final = "ollama"
"""The family: whose extras these are."""
DURATIONS: Final = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")
"""In nanoseconds; they are the server's own, and nobody else knows them."""

_STOPS: Final[Mapping[object, Stop]] = MappingProxyType({"stop": Stop.END, "length": Stop.LENGTH})
_WORDS: Final[Mapping[Stop, str]] = MappingProxyType(
    {Stop.LENGTH: "length", Stop.CONTEXT: "length"}
)
_LAST_SECOND: Final = 253_402_300_799
"""Of the year 9999."""


def seconds_of(created_at: Any) -> int:
    """Returns the seconds since 1970 of a time as in RFC 3339; 0 for anything else."""
    if not isinstance(created_at, str):
        return 0
    try:
        time = datetime.fromisoformat(created_at)
    except ValueError:
        return 0
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return max(int((time - datetime.fromtimestamp(0, UTC)).total_seconds()), 0)


def created_at(seconds: int) -> str:
    """Returns a time as in RFC 3339, in UTC.

    Args:
        seconds: Since 1970.
    """
    time = datetime.fromtimestamp(min(max(seconds, 0), _LAST_SECOND), UTC)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def count(value: Any) -> int | None:
    """Returns a number of tokens, None where it is none."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return None


def take_usage(line: Object) -> Usage | None:
    """Takes the figures out of an answer or a last line; None where there are none.

    A prompt that Ollama has in its cache may be counted with 0 tokens, and then its count is missing.
    """
    prompt, made = count(line.pop("prompt_eval_count", None)), count(line.pop("eval_count", None))
    durations: Extras = {
        name: line.pop(name) for name in DURATIONS if count(line.get(name)) is not None
    }
    if prompt is None and made is None and not durations:
        return None
    return Usage(input_tokens=prompt, output_tokens=made, extras=durations)


def usage_members(usage: Usage | None, *, is_ours: bool) -> Object:
    """Returns the figures as members of an answer; durations that nobody knows are left out."""
    members: Object = {}
    if usage is None:
        return members
    if is_ours:
        members.update((name, usage.extras[name]) for name in DURATIONS if name in usage.extras)
    if usage.input_tokens is not None:
        members["prompt_eval_count"] = usage.input_tokens
    if usage.output_tokens is not None:
        members["eval_count"] = usage.output_tokens
    return members


def read_stop(word: Any, *, has_calls: bool) -> tuple[Stop, Extras]:
    """Returns why an answer ended, and the word itself where it says more, such as `load`."""
    stop = _STOPS.get(word) if isinstance(word, str) else None
    extras: Extras = {} if stop is not None or word is None else {"done_reason": word}
    if has_calls and stop is not Stop.LENGTH:
        return Stop.CALLS, extras
    return stop or Stop.END, extras


def stop_word(stop: Stop) -> str:
    """Returns the `done_reason`; of calls, refusals and faults Ollama knows nothing."""
    return _WORDS.get(stop, "stop")
