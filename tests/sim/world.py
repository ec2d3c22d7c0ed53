"""A whole data plane in virtual time: its own code is real, clients and endpoints are scripts.

Everything that happens follows from one seed, so a seed that fails is a test that fails again.
"""

import json
import random
from collections.abc import Callable
from typing import Any

from multillama.core.plan import Plan
from multillama.core.policy import DEFAULT_POLICY, Policy
from multillama.core.record import Record
from multillama.core.snapshot import Endpoint, Route, Snapshot, Target, Timeouts
from multillama.core.strategies import Live
from multillama.dataplane import attempt
from multillama.dataplane.downstream import Downstream
from multillama.dataplane.exchange import Exchange
from multillama.dataplane.listener import Listener
from multillama.dataplane.story import Story
from tests.dataplane.parts import FakeTransport
from tests.dataplane.stage import first_answer
from tests.sim.clock import SimLoop
from tests.sim.servers import Served, Server, SimPool, words_of

HALF = "half an event"
TIMEOUTS = Timeouts(connect_s=1.0, first_byte_s=6.0, idle_s=3.0, keep_alive_s=2.0, pool_idle_s=2.0)
"""Shorter than usual: in between nothing happens but ticks of the wheel."""


class SimClient:
    """One client with one request."""

    def __init__(self, world: "World", number: int, *, lines: bytes = b"", **members: Any) -> None:
        """Takes further header lines, and members of the request's body such as `stream`."""
        self.world = world
        self.stream = bool(members.get("stream"))
        self.lines = lines
        self.members = members
        self.prompt = f"prompt {number}"
        self.has_left = False
        self.begun_at = 0.0
        self.first_at: float | None = None
        self.ended_at = 0.0
        self.protocol = Downstream(world.listener)
        self.transport = ClientTransport(self.protocol, self)

    def send(self) -> None:
        self.begun_at = self.world.loop.now
        self.protocol.connection_made(self.transport)
        body = {"model": "m1", "messages": [{"role": "user", "content": self.prompt}]}
        data = json.dumps(body | self.members).encode()
        self.protocol.data_received(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n%bContent-Length: %d\r\n\r\n%b"
            % (self.lines, len(data), data)
        )

    def leave(self) -> None:
        if self.answer is None and not self.transport.is_lost:
            self.has_left = True
            self.transport.lose(ConnectionResetError())

    @property
    def answer(self) -> tuple[int, bytes] | None:
        """Status and body of its answer, if it is whole."""
        found = first_answer(
            self.transport.sent, "POST", ended=bool(self.transport.ended or self.transport.is_lost)
        )
        return found[:2] if found else None

    @property
    def words(self) -> list[str]:
        return words_of(self.prompt)

    @property
    def expected(self) -> str:
        return "".join(self.words)

    @property
    def got(self) -> str:
        """The text it has received, whole or not."""
        answer = self.answer
        if not self.stream:
            if answer is None or answer[0] != 200:
                return ""
            return str(json.loads(answer[1])["choices"][0]["message"]["content"])
        return "".join(
            choice["delta"].get("content") or ""
            for event in self.events
            if isinstance(event, dict)
            for choice in event.get("choices", ())
        )

    @property
    def events(self) -> list[Any]:
        """Its events, decoded; `[DONE]` as it is."""
        found: list[Any] = []
        for event in _body(self.transport.sent).split(b"\n\n"):
            if event.startswith(b"data: "):
                data = event[6:]
                found.append("[DONE]" if data == b"[DONE]" else _decoded(data))
        return found

    @property
    def has_error(self) -> bool:
        """True if it was told of a failure: by status, by an event that SDKs raise at, or by an end that is none."""
        answer = self.answer
        if answer is None or answer[0] != 200:
            return True
        return self.stream and any(event == HALF or "error" in event for event in self.events)

    @property
    def is_whole(self) -> bool:
        """True if everything it has looks like success."""
        return not self.has_error and (not self.stream or self.events[-1:] == ["[DONE]"])


class ClientTransport(FakeTransport):
    """A client's side, which is told of its end."""

    def __init__(self, protocol: Downstream, client: SimClient) -> None:
        super().__init__(protocol)
        self.client = client

    def write(self, data: Any) -> None:
        super().write(data)
        client, now = self.client, self.client.world.loop.now
        client.ended_at = now
        if client.first_at is None and b"data: " in data + b"data: " * (not client.stream):
            client.first_at = now

    def close(self) -> None:
        super().close()
        self.client.world.loop.call_soon(self.lose)

    def abort(self) -> None:
        super().abort()
        self.client.world.loop.call_soon(self.lose)


def _decoded(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return HALF


def _body(sent: bytes) -> bytes:
    """The unchunked body of the answer, as far as it is there."""
    head, _, rest = sent.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" not in head:
        return rest
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size or b"0", 16)
        body, rest = body + rest[:length], rest[length + 2 :]
    return body


class World:
    """One simulation."""

    def __init__(
        self,
        seed: int,
        *endpoints: Endpoint,
        policy: Policy = DEFAULT_POLICY,
    ) -> None:
        self.rng = random.Random(seed)
        self.loop = SimLoop()
        self.timers = self.loop.timers()
        self.pool = SimPool(self.timers, self.loop)
        self.endpoints = endpoints
        self.policy = policy
        self.records: list[Record] = []
        self.stories: dict[str, Story] = {}
        self.crashes: list[BaseException] = []
        self.offences: list[str] = []
        """What was seen to be wrong while it ran."""
        self.crowded: list[Served] = []
        """Requests that came while as many as may be were at work for the same client."""
        self.servers = [
            Server(here, self.loop, random.Random(f"{seed} {here.name}")) for here in endpoints
        ]
        self.pool.servers = {server.endpoint.name: server for server in self.servers}
        for server in self.servers:
            server.on_served = self._on_served
        self.clients: list[SimClient] = []
        self.listener = Listener(
            snapshot=self.snapshot(),
            pool=self.pool,  # type: ignore[arg-type]  # as much of a pool as an attempt needs
            timers=self.timers,
            id_prefix="r",
            on_record=self._on_record,
            hand_over=lambda transport, data: None,
        )
        self.listener.on_crash = self.crashes.append
        self.listener.random = self.rng.random
        self.listener.live = Live(self.rng.random, self.listener.left_alone)
        self.listener.on_story = self._on_story
        self.listener.date = lambda: b"Thu, 01 Jan 1970 00:00:00 GMT"  # type: ignore[method-assign]
        self.listener.now = self.loop.time

    def _on_record(self, record: Record) -> None:
        self.records.append(record)
        for slot in self.timers._slots.values():
            for waiting in slot.values():
                if isinstance(waiting, Exchange) and waiting.id == record.id:
                    self.offences.append(f"{record.id} is over, and its alarm is left")

    def _on_served(self, served: Served) -> None:
        prompts = [prompt for server in self.servers for prompt in server.running.values()]
        if prompts.count(served.prompt) > 1 + self.policy.hedge:
            self.crowded.append(served)

    def _on_story(self, record: Record, story: Story | Plan) -> None:
        if isinstance(story, Story):
            self.stories[record.id] = story

    def snapshot(self) -> Snapshot:
        targets = tuple(
            Target(here, model="m1", weight=here.weight, tier=here.tier) for here in self.endpoints
        )
        routes = {"m1": Route(targets, self.policy)}
        return Snapshot(endpoints=self.endpoints, routes=routes, timeouts=TIMEOUTS)

    # --- what happens ------------------------------------------------------------------------

    def ask(self, at_s: float, *, lines: bytes = b"", **members: Any) -> SimClient:
        """A client comes and asks."""
        client = SimClient(self, len(self.clients), lines=lines, **members)
        self.clients.append(client)
        self.at(at_s, client.send)
        return client

    def at(self, at_s: float, what: Callable[[], None]) -> None:
        self.loop.call_later(at_s, what)

    def end(self, seconds: float = 5000.0) -> None:
        """Lets time go by until nothing can happen any more."""
        kept, attempt.monotonic = attempt.monotonic, self.loop.time
        try:
            self.loop.run(self.loop.now + seconds)
        finally:
            attempt.monotonic = kept
