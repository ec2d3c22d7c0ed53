"""Endpoints, targets and snapshots for tests of decisions."""

from collections.abc import Callable
from typing import Any

from multillama.core.endpoints_state import EndpointState
from multillama.core.operations import OPERATIONS
from multillama.core.policy import Policy
from multillama.core.snapshot import Endpoint, Route, Snapshot, Target

STATE = (
    "is_up", "in_flight", "first_byte_ms", "loaded", "slots", "busy_slots", "others",
)  # fmt: skip
"""Facts of an endpoint that move."""
TARGET = ("facts", "weight", "tier", "rename")
"""Facts of a target; the rest are its endpoint's."""


def endpoint(name: str = "here", **facts: Any) -> Endpoint:
    """An endpoint that serves all operations; what moves goes to its state."""
    state = EndpointState(name)
    for fact in STATE:
        if fact in facts:
            setattr(state, fact, facts.pop(fact))
    whole: dict[str, Any] = {
        "url": f"http://{name}",
        "provider": "openai",
        "has_key": True,
        "scheme": "http",
        "host": "127.0.0.1",
        "port": 8000,
        "paths": {row.name: f"/v1{row.path}".encode() for row in OPERATIONS},
        "fixed_head": f"host: {name}\r\nauthorization: Bearer of-{name}\r\n".encode(),
    }
    return Endpoint(name=name, state=state, **(whole | facts))


def target(name: str = "here", **facts: Any) -> Target:
    """A target for `m1` on an endpoint of its own."""
    own = {fact: facts.pop(fact) for fact in TARGET if fact in facts}
    return Target(endpoint(name, **facts), model="m1", **own)


def offering(*targets: Target, model: str = "m1", **policy: Any) -> Snapshot:
    """A snapshot with one route, of these targets and this policy."""
    endpoints = tuple(dict.fromkeys(row.endpoint for row in targets))
    return Snapshot(endpoints=endpoints, routes={model: Route(targets, Policy(**policy))})


def serving(*endpoints: Endpoint, model: str = "m1", **facts: Any) -> Snapshot:
    """A snapshot in which each of these endpoints serves the model."""
    routes = {model: Route(tuple(Target(endpoint) for endpoint in endpoints))}
    return Snapshot(endpoints=endpoints, routes=routes, **facts)


def dice(*numbers: float) -> Callable[[], float]:
    """Dice that fall as told, again and again."""
    falls = iter(numbers * 10_000)
    return lambda: next(falls)


def names(targets: Any) -> str:
    """The endpoints of targets, in their order."""
    return " ".join(row.endpoint.name for row in targets)
