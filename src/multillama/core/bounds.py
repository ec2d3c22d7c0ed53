"""Values that a client's dialect allows and the target's does not: brought within its bounds, and named.

The table of bounds is `dialects/bounds.py`. Nothing here changes what it is given.
"""

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

import msgspec

from multillama.core.canonical import Request
from multillama.core.codec import Goal


class Beyond(Enum):
    """What becomes of a value out of bounds."""

    CLAMP = "clamp"
    """The nearest one allowed, which is what was meant as far as it goes."""
    LEAVE = "leave"
    """None: what is below says `no limit`, and the nearest one would be the strictest."""
    WRAP = "wrap"
    """Another one, the same each time, which is all that a seed is asked for: nothing is lost."""


class Range(NamedTuple):
    """The values that one field may have."""

    low: float
    high: float | None = None
    """None for no bound."""
    beyond: Beyond = Beyond.CLAMP


class Bounds(msgspec.Struct, frozen=True):
    """What a dialect takes of its providers."""

    ranges: Mapping[str, Range]
    """By field of `Request`."""
    stops: int | None = None
    """The most stop texts."""
    models: str = ""
    """They hold for models with this in their name."""


def within(request: Request, bounds: Bounds, goal: Goal, names: Mapping[str, str]) -> Request:
    """Returns the request as the target allows it; the same one where it does already.

    Args:
        request: What the client asked.
        bounds: Of the target.
        goal: Told what was changed.
        names: The client's own names of fields, where they differ.

    HOT: once for each translated request to a provider that has bounds, 0.7 µs.
    """
    if bounds.models not in goal.model.lower():
        return request
    changed: dict[str, object] = {}
    for field, (low, high, beyond) in bounds.ranges.items():
        value = getattr(request, field)
        if value is None or (low <= value and (high is None or value <= high)):
            continue
        changed[field] = _allowed(value, low, high, beyond)
        if beyond is not Beyond.WRAP:
            goal.losses.drop(names.get(field, field))
    stops = bounds.stops
    if stops is not None and len(request.stop) > stops:
        changed["stop"] = request.stop[:stops]
        goal.losses.drop(names.get("stop", "stop"))
    return msgspec.structs.replace(request, **changed) if changed else request


def _allowed(value: float, low: float, high: float | None, beyond: Beyond) -> float | None:
    if beyond is Beyond.WRAP and high is not None:
        return value % (high + 1)
    if value < low:
        return None if beyond is Beyond.LEAVE else low
    return high
