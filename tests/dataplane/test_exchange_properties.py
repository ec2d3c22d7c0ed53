"""Whatever happens, in whatever order: what must hold of every exchange."""

import re

from hypothesis import given, settings, strategies as st

from tests.core.samples import endpoint
from tests.dataplane.parts import FakePool, FakeTransport
from tests.dataplane.stage import CONTINUE, OK, STREAM, Client, Stage, get, post

FORM = b'--b0\r\nContent-Disposition: form-data; name="model"\r\n\r\nm1\r\n--b0--\r\n'
FORM_LINES = (b"Content-Type: multipart/form-data; boundary=b0\r\n",)
UPLOAD = b"/v1/audio/transcriptions"
BIG = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n"
LAST = b"0\r\n\r\n"

REQUESTS = {
    "chat": post(),
    "old": post(version=b"1.0"),
    "old that stays": post({"model": "m1"}, b"Content-Length: 15\r\nConnection: keep-alive\r\n", version=b"1.0"),
    "last": post({"model": "m1"}, b"Content-Length: 15\r\nConnection: close\r\n"),
    "chunked": post(b'f\r\n{"model": "m1"}\r\n0\r\n\r\n', b"Transfer-Encoding: chunked\r\n"),
    "waits": post(b"", b"Content-Length: 15\r\nExpect: 100-continue\r\n"),
    "body": b'{"model": "m1"}',
    "half a body": b'{"model": ',
    "unknown": post({"model": "m2"}),
    "no json": post(b"["),
    "health": get(b"/health"),
    "upload": post(FORM, *FORM_LINES, b"Content-Length: %d\r\n" % len(FORM), target=UPLOAD),
    "half an upload": post(FORM, *FORM_LINES, b"Content-Length: 99999\r\n", target=UPLOAD),
    "a piece": b"x" * 40_000,
    "noise": b"\x16\x03\x01",
}  # fmt: skip
ANSWERS = {
    "ok": OK,
    "half": OK[:-1],
    "rest": b"k",
    "head": OK[:-2],
    "half a head": OK[:20],
    "refusal": OK.replace(b"200 OK", b"429 Slow"),
    "stream": STREAM,
    "event": b"6\r\ndata:a\r\n",
    "last": LAST,
    "stream with length": STREAM.replace(b"Transfer-Encoding: chunked", b"Content-Length: 20"),
    "until the end": b"HTTP/1.1 200 OK\r\n\r\nhel",
    "big": BIG,
    "much": b"x" * 100_000,
    "empty": b"HTTP/1.1 204 No Content\r\n\r\n",
    "interim": CONTINUE,
    "closing": OK.replace(b"OK", b"OK\r\nConnection: close"),
    "more than asked": OK + OK,
    "noise": b"\x00\x01",
}
FAILURES = ["endpoint_unreachable", "endpoint_tls_failed", "connect_timeout"]

STEP = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from(sorted(REQUESTS))),
    st.tuples(st.just("connect"), st.integers(0, 1)),
    st.tuples(st.just("refuse"), st.sampled_from(FAILURES)),
    st.tuples(st.just("answer"), st.sampled_from(sorted(ANSWERS))),
    st.tuples(st.just("answer again"), st.sampled_from(sorted(ANSWERS))),
    st.tuples(st.just("drop"), st.sampled_from([None, ConnectionResetError()])),
    st.tuples(st.just("leave"), st.sampled_from([None, ConnectionResetError()])),
    st.sampled_from(
        [(name, None) for name in ("finish", "come", "stall", "read", "clog", "unclog")]
    ),
    st.tuples(st.just("wait"), st.sampled_from([0.06, 1.0, 31.0, 700.0])),
)
REACTIONS = st.sampled_from(
    [
        [],
        [("connect", 0)],
        [("refuse", "endpoint_unreachable")],
        [("connect", 0), ("drop", None)],
        *[[("connect", 0), ("answer", name)] for name in sorted(ANSWERS)],
        [("connect", 0), ("answer", "stream"), ("answer", "event"), ("stall", None), ("answer", "event")],
        [("stall", None), ("connect", 0), ("answer", "big"), ("answer", "much")],
        [("answer", "ok")],
        [("connect", 0), ("answer", "half a head"), ("finish", None)],
    ]
)  # fmt: skip
SCENES = st.tuples(st.sampled_from(sorted(REQUESTS)), REACTIONS, st.lists(STEP, max_size=5)).map(
    lambda scene: [("ask", scene[0]), *scene[1], *scene[2]]
)
SCRIPTS = st.lists(SCENES, min_size=1, max_size=6).map(
    lambda scenes: [step for scene in scenes for step in scene]
)


class WatchfulPool(FakePool):
    """A pool that fails the test when a connection is begun after the client has seen a byte of an answer."""

    def connect(self, origin, endpoint, on_connected, on_failed):
        exchange = on_connected.__self__._relay._client._exchange
        seen = self.attempts.setdefault(exchange, [])
        seen.append(on_connected.__self__)
        assert not any(attempt.has_begun for attempt in seen)
        return super().connect(origin, endpoint, on_connected, on_failed)


class World:
    """A stage, the clients that have come to it, and what may happen."""

    def __init__(self, *, endpoints: int, turn_steps: int) -> None:
        self.stage = Stage(*(endpoint(f"e{at}") for at in range(endpoints)))
        self.stage.loop.is_lazy = turn_steps > 0
        self._turn_steps = max(turn_steps, 1)
        """How many things happen in one turn of the loop."""
        self._steps = 0
        pool = WatchfulPool(self.stage.timers)
        pool.attempts = {}
        self.stage.pool = self.stage.listener.pool = pool
        self.clients: list[Client] = [self.stage.client()]
        self.asked: dict[Client, int] = {self.clients[0]: 0}

    def step(self, name: str, what) -> None:
        getattr(self, name.replace(" ", "_"))(what)
        self._steps += 1
        if self._steps % self._turn_steps == 0:
            self._turn()

    def _turn(self) -> None:
        self.stage.loop.turn()
        self._settle()
        self.stage.loop.turn()

    # the clients

    def ask(self, name: str) -> None:
        transport = self.clients[-1].transport
        if not (transport.is_lost or transport.is_reading_paused or transport.ended == "abort"):
            self.asked[self.clients[-1]] += 1
            self.clients[-1].send(REQUESTS[name])

    def come(self, _) -> None:
        self.clients.append(self.stage.client())
        self.asked[self.clients[-1]] = 0

    def leave(self, error) -> None:
        self._turn()  # what was on its way to who leaves is neither here nor there
        self.clients[-1].transport.lose(error)

    def finish(self, _) -> None:
        client = self.clients[-1]
        if not client.transport.is_closing() and not client.protocol.eof_received():
            client.transport.close()

    def stall(self, _) -> None:
        self.clients[-1].transport.is_stuck = True

    def read(self, _) -> None:
        if not self.clients[-1].transport.is_lost:
            self.clients[-1].transport.drain()

    # the endpoints

    def connect(self, at: int) -> None:
        if self.stage.pool.waiting:
            self.stage.pool.waiting[at % len(self.stage.pool.waiting)].come()

    def refuse(self, kind: str) -> None:
        if self.stage.pool.waiting:
            self.stage.pool.waiting[0].fail(kind)

    def answer(self, name: str) -> None:
        self._tell(-1, ANSWERS[name])

    def answer_again(self, name: str) -> None:
        self._tell(0, ANSWERS[name])

    def _tell(self, at: int, data: bytes) -> None:
        open_ones = [
            transport for transport in self.stage.pool.transports if not transport.is_closing()
        ]
        if open_ones and not open_ones[at].is_reading_paused:
            open_ones[at].protocol.data_received(data)

    def drop(self, error) -> None:
        for transport in self.stage.pool.transports[-1:]:
            if not transport.is_reading_paused:
                transport.lose(error)

    def clog(self, _) -> None:
        for transport in self.stage.pool.transports[-1:]:
            transport.is_stuck, transport.high = True, 1000

    def unclog(self, _) -> None:
        for transport in self.stage.pool.transports:
            if not transport.is_lost:
                transport.drain()

    # time

    def wait(self, seconds: float) -> None:
        self._turn()
        self.stage.loop.advance(seconds)

    def _settle(self) -> None:
        """The loop tells the protocols of the connections that have ended; what is unsent holds a close up."""
        for transport in self._transports():
            if transport.ended == "abort" or (transport.ended and not transport.unsent_bytes):
                transport.lose()

    def _transports(self) -> list[FakeTransport]:
        return [client.transport for client in self.clients] + self.stage.pool.transports

    def end(self) -> None:
        """Everybody reads, and time goes by until nothing can happen any more."""
        self._turn()
        for client in self.clients:
            if not client.transport.is_lost:
                client.transport.drain()
        for _ in range(8):
            while self.stage.pool.waiting:
                self.step("refuse", "connect_timeout")
            self.step("wait", 700.0)
        self._turn()


def ids_in(data: bytes) -> list[bytes]:
    """Our ids in the answers, in order."""
    return re.findall(rb"\r\nx-(?:request|multillama)-id: (r[0-9a-f]+)\r\n", data)


def check(world: World) -> None:
    stage = world.stage
    assert stage.crashes == []
    # exactly one record of each exchange, and of each request that was no exchange
    ids = [record.id for record in stage.records]
    assert sorted(ids) == sorted(f"r{number + 1:x}" for number in range(stage.listener._count))
    # nothing is left: no attempt, no connection but none, nobody waiting
    assert [here.state.in_flight for here in stage.endpoints] == [0] * len(stage.endpoints)
    assert stage.pool.waiting == []
    assert stage.listener.connections == set()
    assert all(transport.ended or transport.is_lost for transport in stage.pool.transports)
    outcomes = {record.id: record.outcome for record in stage.records}
    for client in world.clients:
        answered = [name.decode() for name in ids_in(client.received)]
        # never two answers to one request, and in the order of the requests
        assert answered == sorted(set(answered), key=lambda name: int(name[1:], 16))
        # what the client has is HTTP, and what we call a success is whole
        whole = client.answers()
        good = [name for name in answered if outcomes[name] in ("ok", "refused", "failed")]
        assert len(whole) >= len(good)
        assert len(answered) <= world.asked[client]


@settings(max_examples=250)
@given(steps=SCRIPTS, endpoints=st.integers(1, 2), turn_steps=st.integers(0, 3))
def test_whatever_happens_every_exchange_ends_well(steps, endpoints, turn_steps):
    world = World(endpoints=endpoints, turn_steps=turn_steps)

    for name, what in steps:
        world.step(name, what)
    world.end()

    check(world)
