"""Short ways to say things of Gemini in tests."""

import json
from typing import Any

from multillama.core.canonical import Part, Request
from multillama.core.codec import Goal, Losses, Reply
from multillama.core.deltas import Close, Delta, Event, Finish, Open, Sign
from multillama.dialects.gemini.request import read_request, write_request

MODEL = "gemini-2.5-flash"


def goal(model: str = MODEL, **facts: Any) -> Goal:
    told: dict[str, Any] = {"provider": "gemini", "family": "gemini", "stream": False}
    return Goal(model, losses=Losses(), **(told | facts))


def reply(model: str = MODEL) -> Reply:
    return Reply(Request(model), model, "made-1", 1_700_000_000, Losses())


def read(**members: Any) -> Request:
    """Reads a request of these members, with contents where none are told."""
    contents = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
    return read_request(json.dumps(contents | members).encode())


def write(request: Request, model: str = MODEL) -> tuple[Any, tuple[str, ...]]:
    """Returns the members of a written request, and what was left out."""
    told = goal(model)
    return json.loads(write_request(request, told)), told.losses.names


def again(**members: Any) -> Any:
    """Returns what is written of what was read."""
    body, lost = write(read(**members))
    assert lost == ()
    return body


def parts_of(events: list[Event]) -> list[Any]:
    """Returns what the parts of a stream say, each as its class and its text, and the reasons to finish."""
    told: list[Any] = []
    rows: dict[int, list[str]] = {}
    for event in events:
        if isinstance(event, Open):
            rows[event.part] = [type(event.what).__name__, getattr(event.what, "text", "")]
            told.append(rows[event.part])
        elif isinstance(event, Delta):
            rows[event.part][1] += event.text
        elif isinstance(event, Sign):
            rows[event.part].append(event.signature)
        elif isinstance(event, Finish):
            told.append(event.stop.name)
    assert sum(isinstance(event, Open) for event in events) == sum(
        isinstance(event, Close) for event in events
    )
    return told


def alone(part: Part, number: int = 0, choice: int = 0) -> list[Event]:
    """Returns the events of a part that comes in one piece."""
    return [Open(number, part, choice), Close(number)]
