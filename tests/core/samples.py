"""Endpoints, targets and snapshots for tests of decisions."""

from typing import Any

from multillama.core.endpoints_state import EndpointState
from multillama.core.operations import OPERATIONS
from multillama.core.snapshot import Endpoint, Route, Snapshot, Target


def endpoint(name: str = "here", **facts: Any) -> Endpoint:
    """An endpoint that serves all operations; `is_up` goes to its state."""
    state = EndpointState(name)
    state.is_up = facts.pop("is_up", None)
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


def serving(*endpoints: Endpoint, model: str = "m1", **facts: Any) -> Snapshot:
    """A snapshot in which each of these endpoints serves the model."""
    routes = {model: Route(tuple(Target(endpoint) for endpoint in endpoints))}
    return Snapshot(endpoints=endpoints, routes=routes, **facts)
