"""Scripted endpoints in virtual time: they speak like llama.cpp, and fail as a seed says."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from multillama.core.snapshot import Endpoint, Timeouts
from multillama.dataplane.pool import Origin
from multillama.dataplane.timers import Timers
from multillama.dataplane.upstream import Upstream
from multillama.errors import GatewayError
from tests.dataplane.parts import FakeTransport
from tests.sim.clock import SimLoop

FAULTS = (
    "refuse", "blackhole", "close", "reset in head", "429", "503", "529", "500", "empty", "error event",
    "garbage", "cut", "stall", "silent", "cut json", "401", "400", "slow", "late error", "late garbage",
)  # fmt: skip
BREAKS = ("cut", "stall", "late error", "late garbage")
"""What goes wrong inside a stream."""
ERROR_EVENT = b'data: {"error":{"message":"overloaded","type":"overloaded_error"}}\n\n'
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def words_of(prompt: str) -> list[str]:
    """What every endpoint answers to a prompt: the same words at every temperature."""
    rng = random.Random(prompt)
    return [
        "\n" if rng.random() < 0.1 else f" {rng.choice('abcdef')}{at}"
        for at in range(rng.randint(3, 30))
    ]


class Wrong(AssertionError):
    """An endpoint was asked what no gateway may ask."""


Step = tuple[float, bytes | None]
"""A wait in seconds, and the bytes that follow it; None ends the connection."""


class Served(NamedTuple):
    """One request that has reached an endpoint."""

    at: float
    endpoint: str
    prompt: str
    prefill: str | None
    """What it was asked to continue; None if it was asked to begin."""


class Connection(FakeTransport):
    """The gateway's connection to a server, as the server sees it."""

    def __init__(self, protocol: Upstream, server: "Server") -> None:
        super().__init__(protocol)
        self.server = server
        self._received = b""

    def write(self, data: Any) -> None:
        super().write(data)
        if self.ended:
            return
        self._received += bytes(data)
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        if len(body) >= length:
            self._received = b""
            if not body:
                raise Wrong("asked without a body")
            self.server.serve(self, head, json.loads(body))

    def close(self) -> None:
        super().close()
        self.server.running.pop(self, None)
        self.server.loop.call_soon(self.lose)

    def abort(self) -> None:
        super().abort()
        self.server.running.pop(self, None)
        self.server.loop.call_soon(self.lose)

    def tell(self, data: bytes) -> None:
        """Bytes for the gateway arrive."""
        if not self.is_closing():
            self.protocol.data_received(data)

    def lose(self, error: Exception | None = None) -> None:
        self.server.running.pop(self, None)
        self.server.open.discard(self)
        super().lose(error)


class Server:
    """One endpoint of the simulation."""

    def __init__(self, endpoint: Endpoint, loop: SimLoop, rng: random.Random) -> None:
        self.endpoint = endpoint
        self.loop = loop
        self.rng = rng
        self.is_alive = True
        self.fault_rate = 0.0
        self.faults: tuple[str, ...] = FAULTS
        self.token_s = 0.02
        self.first_token_s = 0.05
        self.served: list[Served] = []
        """All requests, in order."""
        self.running: dict[Connection, str] = {}
        """Those whose answer is not over, with their prompts."""
        self.most_running = 0
        self.on_served: Callable[[Served], None] = lambda served: None
        self.open: set[Connection] = set()

    def pick_fault(self, *kinds: str) -> str | None:
        """Draws a fault of these kinds, or none."""
        known = [fault for fault in self.faults if fault in kinds]
        return self.rng.choice(known) if known and self.rng.random() < self.fault_rate else None

    def kill(self) -> None:
        """Dies: all connections are reset, new ones refused."""
        self.is_alive = False
        for connection in list(self.open):
            connection.lose(ConnectionResetError())
        self.open.clear()

    def revive(self) -> None:
        self.is_alive = True

    def be_listed(self) -> None:
        """Discovery asks for its models."""
        if self.is_alive:
            self.endpoint.state.on_listing(models=1, at=self.loop.now, took_ms=1.0)

    # --- one request -------------------------------------------------------------------------

    def serve(self, connection: Connection, head: bytes, body: dict[str, Any]) -> None:
        prompt, prefill = question(body)
        served = Served(self.loop.now, self.endpoint.name, prompt, prefill)
        self.served.append(served)
        self.running[connection] = prompt
        self.most_running = max(self.most_running, len(self.running))
        self.on_served(served)
        answers = self._answer(body)
        self._step(connection, next(answers), answers)

    def _step(self, connection: Connection, step: Step, answers: Iterator[Step]) -> None:
        """Plays an answer: waits, then tells bytes; None ends the connection."""
        wait_s, data = step

        def play() -> None:
            if connection.is_closing():
                return
            if data is None:
                connection.lose(ConnectionResetError())
                return
            following = next(answers, None)
            if following is None:
                del self.running[connection]  # before: the gateway may ask again at once
            connection.tell(data)
            if following is not None:
                self._step(connection, following, answers)

        self.loop.call_later(wait_s, play)

    def _answer(self, body: dict[str, Any]) -> Iterator[Step]:
        fault = self.pick_fault(*FAULTS[2:])
        if fault is not None and fault.isdecimal():
            asks = fault in ("429", "503") and self.rng.random() < 0.5
            lines = b"Retry-After: 1\r\n" if asks else b""
            yield 0.01, plain(b"%b No" % fault.encode(), b'{"error":{"message":"no"}}', lines)
        elif fault == "close":
            yield 0.01, None
        elif fault == "reset in head":
            yield 0.01, b"HTTP/1.1 200 OK\r\nConte"
            yield 0.01, None
        elif fault == "empty":
            yield 0.01, plain(b"200 OK", b"")
        elif fault == "garbage":
            yield 0.01, b"\x16\x03\x01 nonsense\r\n\r\n"
        elif fault == "silent":
            yield 10_000.0, None
        elif body.get("stream"):
            yield from self._stream(body, fault)
        else:
            yield from self._whole(body, fault)

    def _head_s(self, fault: str | None) -> float:
        return self.first_token_s + (self.rng.uniform(0.3, 3.0) if fault == "slow" else 0.0)

    def _whole(self, body: dict[str, Any], fault: str | None) -> Iterator[Step]:
        done, rest = split(body)
        text = "".join(rest)
        answer = {
            "id": "cmpl-1", "object": "chat.completion", "model": body["model"],
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": usage(len(done), len(rest)),
        }  # fmt: skip
        data = plain(b"200 OK", json.dumps(answer).encode())
        if fault == "cut json":
            yield self.first_token_s, data[: len(data) // 2]
            yield 0.01, None
        else:
            yield self._head_s(fault), data

    def _stream(self, body: dict[str, Any], fault: str | None) -> Iterator[Step]:
        done, rest = split(body)
        yield self._head_s(fault), STREAM
        if fault == "error event":
            yield 0.0, chunk(ERROR_EVENT) + b"0\r\n\r\n"
            return
        yield 0.0, chunk(event(body, {"role": "assistant", "content": None}))
        breaks_at = self.rng.randint(0, len(rest))
        for word in rest[:breaks_at] if fault in BREAKS else rest:
            yield self.token_s, chunk(event(body, {"content": word}))
        if fault in BREAKS:
            yield from self._break(fault or "")
            return
        end = chunk(event(body, {}, finish="stop"))
        if (body.get("stream_options") or {}).get("include_usage"):
            total = {"id": "cmpl-1", "object": "chat.completion.chunk", "choices": []}
            whole = total | {"usage": usage(len(done), len(rest))}
            end += chunk(b"data: %b\n\n" % json.dumps(whole).encode())
        yield 0.0, end + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"

    def _break(self, fault: str) -> Iterator[Step]:
        """Goes wrong in the middle of a stream."""
        if fault.startswith("late"):
            wrong = ERROR_EVENT if fault == "late error" else b'data: {"choices": [\n\n'
            yield 0.01, chunk(wrong) + b"0\r\n\r\n"
            return
        if fault == "stall":
            yield 10_000.0, None
        if self.rng.random() < 0.5:
            yield 0.0, b"30\r\ndata: {"
        yield 0.0, None


def question(body: dict[str, Any]) -> tuple[str, str | None]:
    """The prompt of a request, and what is to be continued."""
    messages = body["messages"]
    prompt = next(m["content"] for m in reversed(messages) if m["role"] == "user")
    return prompt, messages[-1]["content"] if messages[-1]["role"] == "assistant" else None


def split(body: dict[str, Any]) -> tuple[list[str], list[str]]:
    """The words that the client has already, and those that are still to come."""
    prompt, prefill = question(body)
    words = words_of(prompt)
    for at in range(len(words) + 1):
        if "".join(words[:at]) == (prefill or ""):
            return words[:at], words[at:]
    raise Wrong(f"asked to continue {prefill!r}, which is no beginning of {words}")


class SimPool:
    """Connections to the servers of the simulation, in the place of a pool."""

    def __init__(self, timers: Timers, loop: SimLoop) -> None:
        self.loop = loop
        self.timers = timers
        self.servers: dict[str, Server] = {}
        self.on_connect: Callable[[Any, Endpoint], None] = lambda attempt, endpoint: None
        self._origins: dict[str, Origin] = {}

    def origin_of(self, endpoint: Endpoint, timeouts: Timeouts) -> Origin:
        return self._origins.setdefault(endpoint.name, Origin(self.timers, timeouts))

    def connect(
        self,
        origin: Origin,
        endpoint: Endpoint,
        on_connected: Callable[[Upstream], None],
        on_failed: Callable[[GatewayError], None],
    ) -> "SimConnecting":
        self.on_connect(on_connected.__self__, endpoint)  # type: ignore[attr-defined]
        server = self.servers[endpoint.name]
        fault = server.pick_fault("refuse", "blackhole")
        if not server.is_alive and fault is None:
            fault = "refuse"
        return SimConnecting(server, origin, (on_connected, on_failed), fault)


class SimConnecting:
    """A connection that is being made."""

    def __init__(self, server: Server, origin: Origin, then: Any, fault: str | None) -> None:
        self._server, self._origin = server, origin
        self._on_connected, self._on_failed = then
        wait_s = origin.timeouts.connect_s if fault == "blackhole" else 0.001
        call = self._fail if fault else self._come
        self._kind = "connect_timeout" if fault == "blackhole" else "endpoint_unreachable"
        self._handle = server.loop.call_later(wait_s, call)

    def _come(self) -> None:
        upstream = Upstream(self._origin)
        connection = Connection(upstream, self._server)
        upstream.connection_made(connection)
        self._origin.open.add(upstream)
        self._server.open.add(connection)
        self._on_connected(upstream)

    def _fail(self) -> None:
        name = self._server.endpoint.name
        self._on_failed(GatewayError(self._kind, f"The endpoint {name} failed.", endpoint=name))

    def cancel(self) -> None:
        self._handle.cancel()


def plain(status: bytes, body: bytes, lines: bytes = b"") -> bytes:
    """An answer with a length."""
    return b"HTTP/1.1 %b\r\n%bContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        status,
        lines,
        len(body),
        body,
    )


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(body: dict[str, Any], delta: dict[str, Any], finish: str | None = None) -> bytes:
    """One event of a chat's stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    whole = {
        "id": "cmpl-1",
        "object": "chat.completion.chunk",
        "model": body["model"],
        "choices": [choice],
    }
    return b"data: %b\n\n" % json.dumps(whole).encode()


def usage(before: int, words: int) -> dict[str, int]:
    """Ten tokens for the prompt, and one a word."""
    return {
        "prompt_tokens": 10 + before,
        "completion_tokens": words,
        "total_tokens": 10 + before + words,
    }
