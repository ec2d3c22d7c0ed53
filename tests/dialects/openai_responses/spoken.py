"""What clients and endpoints of the dialect say, for its tests."""

import json
from typing import Any

from multillama.core.canonical import Request
from multillama.core.codec import Goal, Losses, Reply
from multillama.core.deltas import Event
from multillama.core.join import Joiner
from multillama.dialects.openai_responses.codec import CODEC
from multillama.dialects.openai_responses.terms import Terms
from multillama.wire.sse import data_of, events_in

FAMILY = "openai"
DIALECT = "openai.responses"


def terms(*, is_own: bool = True, provider: str = "") -> Terms:
    return Terms(is_own, Losses(), provider)


def goal(provider: str = "openai", *, stream: bool = False) -> Goal:
    return Goal("gpt-x", provider, FAMILY, stream, Losses())


def reply(request: Request | None = None) -> Reply:
    asked = Request("m", family=FAMILY, dialect=DIALECT) if request is None else request
    return Reply(asked, "public", "r1", 1700, Losses())


def asked(**members: Any) -> Request:
    """Reads a request that a client sends."""
    return CODEC.read_request(json.dumps({"model": "m", **members}).encode())


def told(request: Request, **goals: Any) -> tuple[Any, tuple[str, ...]]:
    """Writes a request for an endpoint; returns its members, and what was lost."""
    aim = goal(**goals)
    return json.loads(CODEC.write_request(request, aim)), aim.losses.names


def event(kind: str, **members: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n".encode()


def read(stream: bytes, *, cut: int | None = None) -> list[Event]:
    """Reads a stream, whole, or so many bytes at a time."""
    reader = CODEC.reader()
    size = cut or max(len(stream), 1)
    events: list[Event] = []
    for at in range(0, len(stream), size):
        events += reader.feed(stream[at : at + size])
    return events + reader.end()


def joined(events: list[Event]) -> Joiner:
    joiner = Joiner()
    joiner.take(events)
    return joiner


def written(events: list[Event], to: Reply | None = None) -> list[Any]:
    """Writes a stream; returns the data of its events."""
    return spoken(CODEC.writer(to or reply()).write(events))


def spoken(stream: bytes) -> list[Any]:
    """Returns the data of a stream's events, each of which must be named by its own event line."""
    rows = []
    for one in events_in(stream):
        data = json.loads(data_of(one) or b"null")
        assert one.startswith(f"event: {data['type']}\n".encode())
        rows.append(data)
    return rows
