"""A stage with several endpoints and a policy: the test is the clients, the endpoints and the clock."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from multillama.core.policy import Policy
from multillama.core.snapshot import Endpoint, Route, Snapshot, Target
from multillama.dataplane import attempt
from multillama.dataplane.story import Story
from tests.core.samples import endpoint
from tests.dataplane.parts import FakeConnecting, FakeTransport
from tests.dataplane.stage import STREAM, Client, Stage, post

HELLO = {"model": "m1", "messages": [{"role": "user", "content": "Hi"}]}
ASK = post(HELLO)
ASK_STREAM = post(HELLO | {"stream": True})
ROLE = {"role": "assistant", "content": ""}
DONE = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


class Routed(Stage):
    """Endpoints of one model; the clock of the exchanges is that of the loop."""

    def __init__(self, *endpoints: Endpoint, **policy: Any) -> None:
        super().__init__(*(endpoints or local("a", "b")))
        self.stories: list[Story] = []
        self.listener.on_story = lambda record, story: self.stories.append(story)
        self.listener.now = self.loop.time
        self.serve(*self.endpoints, **policy)

    def serve(self, *endpoints: Endpoint, **policy: Any) -> None:
        """Swaps the snapshot."""
        targets = tuple(Target(here, model="m1") for here in endpoints)
        route = Route(targets, Policy(**({"strategy": "ordered"} | policy)))
        self.listener.publish(Snapshot(endpoints=endpoints, routes={"m1": route}))

    def ask(self, data: bytes = ASK) -> Client:
        client = self.client()
        client.send(data)
        return client

    @property
    def asked(self) -> list[str]:
        """The endpoints to which connections were begun, in order."""
        return [connecting.endpoint.name for connecting in self.pool.begun]

    def waiting(self, name: str) -> FakeConnecting:
        """The connection to this endpoint that is waited for."""
        return next(row for row in self.pool.waiting if row.endpoint.name == name)

    def answered_by(self, name: str, data: bytes) -> FakeTransport:
        """A new connection to this endpoint is made, and it answers."""
        transport = self.waiting(name).come()
        transport.protocol.data_received(data)
        return transport

    @property
    def told(self) -> list[tuple[str, str, str | None, str | None]]:
        """Endpoint, role, cause and what followed, of the attempts of the last exchange with a story."""
        return [(row.endpoint, row.role, row.cause, row.then) for row in self.stories[-1].attempts]


def local(*names: str, **facts: Any) -> tuple[Endpoint, ...]:
    """Endpoints that are llama.cpp servers at home."""
    return tuple(endpoint(name, is_local=True, provider="llama.cpp", **facts) for name in names)


@contextmanager
def clock_of(stage: Stage) -> Iterator[None]:
    """Lets attempts measure with the stage's clock."""
    kept, attempt.monotonic = attempt.monotonic, stage.loop.time
    try:
        yield
    finally:
        attempt.monotonic = kept


def chunk(delta: dict[str, Any], finish: str | None = None, **members: Any) -> bytes:
    """One event of a chat's stream, framed."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    whole = {"id": "c1", "object": "chat.completion.chunk", "choices": [choice]} | members
    return framed(b"data: %b\n\n" % json.dumps(whole).encode())


def framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def begun(*words: str) -> bytes:
    """A stream that has said these words."""
    return STREAM + chunk(ROLE) + b"".join(chunk({"content": word}) for word in words)


def rest(*words: str) -> bytes:
    """A whole stream with these words."""
    return begun(*words) + chunk({}, "stop") + DONE


def failing(status: bytes, *lines: bytes) -> bytes:
    """An error answer with header lines."""
    body = b'{"error":{"message":"no"}}'
    fields = b"".join(lines)
    return b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status, fields, len(body), body)


def text_of(client: Client) -> str:
    """The text that a streaming client has got."""
    events = [
        json.loads(line[6:]) for line in client.received.split(b"\n") if line.startswith(b"data: {")
    ]
    choices = [choice for event in events for choice in event.get("choices", ())]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def head_of(client: Client) -> list[bytes]:
    """The header lines of a client's answer."""
    return client.received.partition(b"\r\n\r\n")[0].split(b"\r\n")


def body_of(transport: FakeTransport) -> dict[str, Any]:
    """The body of the request that an endpoint got."""
    return dict(json.loads(transport.sent.partition(b"\r\n\r\n")[2]))
