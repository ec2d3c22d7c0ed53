"""A whole data plane in virtual time: its own code is real, clients and endpoints are scripts.

Everything that happens follows from one seed, so a seed that fails is a test that fails again.
"""

import json
import random
from typing import Any

import msgspec

from multillama.core.policy import Policy
from multillama.core.record import Record
from multillama.core.snapshot import Endpoint, Route, Snapshot, Target
from multillama.core.strategies import Live
from multillama.dataplane import attempt
from multillama.dataplane.downstream import Downstream
from multillama.dataplane.listener import Listener
from tests.core.samples import endpoint
from tests.dataplane.parts import FakeTransport
from tests.dataplane.stage import first_answer
from tests.sim.clock import SimLoop
from tests.sim.servers import Server, SimPool, words_of


class SimClient:
    """One client with one request."""

    def __init__(self, world: "World", number: int, *, stream: bool, lines: bytes = b"") -> None:
        self.world = world
        self.number = number
        self.stream = stream
        self.lines = lines
        self.prompt = f"prompt {number}"
        self.has_left = False
        self.begun_at: float | None = None
        self.ended_at: float | None = None
        self.protocol = Downstream(world.listener)
        self.transport = ClientTransport(self.protocol, self)
        self.protocol.connection_made(self.transport)

    def send(self) -> None:
        self.begun_at = self.world.loop.now
        body = {"model": "m1", "messages": [{"role": "user", "content": self.prompt}]}
        whole: dict[str, Any] = body | ({"stream": True} if self.stream else {})
        data = json.dumps(whole | self.world.extra).encode()
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
    def expected(self) -> str:
        return "".join(words_of(self.prompt))

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
        _, _, body = (
            self.transport.sent.rpartition(b"\r\n\r\nX") if False else _body(self.transport.sent)
        )
        found = []
        for event in body.split(b"\n\n"):
            if event.startswith(b"data: "):
                data = event[6:]
                found.append("[DONE]" if data == b"[DONE]" else _decoded(data))
        return found

    @property
    def has_error(self) -> bool:
        """True if it was told of a failure: by status, by an event, or by an end that is none."""
        answer = self.answer
        if answer is None or answer[0] != 200:
            return True
        return self.stream and any(isinstance(e, dict) and "error" in e for e in self.events)

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
        self.client.ended_at = self.client.world.loop.now

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
        return "half an event"


def _body(sent: bytes) -> tuple[bytes, bytes, bytes]:
    """Head, separator and unchunked body of the answer, as far as it is there."""
    head, separator, rest = sent.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" not in head:
        return head, separator, rest
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size or b"0", 16)
        body, rest = body + rest[:length], rest[length + 2 :]
    return head, separator, body


class World:
    """One simulation."""

    def __init__(
        self,
        seed: int,
        *,
        endpoints: int = 3,
        policy: Policy | None = None,
        local: tuple[bool, ...] = (),
        **facts: Any,
    ) -> None:
        self.rng = random.Random(seed)
        self.loop = SimLoop()
        self.timers = self.loop.timers()
        self.pool = SimPool(self.timers, self.loop)
        self.records: list[Record] = []
        self.crashes: list[BaseException] = []
        self.extra: dict[str, Any] = {}
        is_local = local or (True,) * endpoints
        self.endpoints = [
            endpoint(f"e{at}", is_local=is_local[at], provider="llama.cpp", **facts)
            for at in range(endpoints)
        ]
        self.servers = [
            Server(here, self.loop, random.Random(f"{seed} {here.name}")) for here in self.endpoints
        ]
        self.pool.servers = {server.endpoint.name: server for server in self.servers}
        self.clients: list[SimClient] = []
        self.listener = Listener(
            snapshot=self.snapshot(policy or Policy()),
            pool=self.pool,  # type: ignore[arg-type]  # as much of a pool as an attempt needs
            timers=self.timers,
            id_prefix="r",
            on_record=self._on_record,
            hand_over=lambda transport, data: None,
        )
        self.listener.on_crash = self.crashes.append
        self.listener.random = self.rng.random
        self.listener.live = Live(self.rng.random, self.listener.left_alone)
        self.listener.date = lambda: b"Thu, 01 Jan 1970 00:00:00 GMT"  # type: ignore[method-assign]
        self.listener.now = self.loop.time
        self._monotonic = attempt.monotonic
        attempt.monotonic = self.loop.time

    def close(self) -> None:
        attempt.monotonic = self._monotonic

    def _on_record(self, record: Record, *_: Any) -> None:
        self.records.append(record)

    def snapshot(self, policy: Policy) -> Snapshot:
        targets = tuple(self.target(here) for here in self.endpoints)
        return Snapshot(endpoints=tuple(self.endpoints), routes={"m1": Route(targets, policy)})

    def target(self, here: Endpoint, **facts: Any) -> Target:
        return Target(here, model="m1", **facts)

    def use(self, policy: Policy) -> None:
        """Swaps the snapshot for one with another policy."""
        self.listener.snapshot = msgspec.structs.replace(
            self.listener.snapshot, routes=self.snapshot(policy).routes
        )

    # --- what happens ------------------------------------------------------------------------

    def ask(self, at_s: float, *, stream: bool = True, lines: bytes = b"") -> SimClient:
        """A client comes and asks."""
        client = SimClient(self, len(self.clients), stream=stream, lines=lines)
        self.clients.append(client)
        self.at(at_s, client.send)
        return client

    def at(self, at_s: float, what: Any) -> None:
        self.loop.call_later(at_s, what)

    def end(self, seconds: float = 20_000.0) -> None:
        """Lets time go by until nothing can happen any more."""
        self.loop.run(self.loop.now + seconds)

    # --- what must hold ----------------------------------------------------------------------

    def check(self) -> None:
        """Asserts what holds of every simulation, whatever the seed."""
        assert self.crashes == []
        assert len(self.records) == len(self.clients), "one record for each exchange"
        assert [here.state.in_flight for here in self.endpoints] == [0] * len(self.endpoints)
        for client in self.clients:
            if client.has_left:
                continue
            assert client.expected.startswith(client.got), (client.expected, client.got)
            if client.is_whole:
                assert client.got == client.expected, "an end that looks whole"
            else:
                assert client.has_error, "neither whole nor an error"
