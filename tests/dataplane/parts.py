"""A data plane without sockets and without a clock: transports that are lists, a loop that is turned by hand."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from multillama.core.snapshot import Endpoint, Timeouts
from multillama.dataplane.pool import Origin
from multillama.dataplane.timers import NEVER, Timers
from multillama.dataplane.upstream import Upstream
from multillama.errors import GatewayError


class FakeLoop:
    """A clock and its timers; time passes in `advance` only."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.calls: list[FakeHandle] = []
        self.soon: list[Callable[[], None]] = []
        self.is_lazy = False

    def time(self) -> float:
        return self.now

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> "FakeHandle":
        handle = FakeHandle(self.now + delay_s, callback)
        self.calls.append(handle)
        return handle

    def call_soon(self, callback: Callable[[], None]) -> None:
        """A turn ends at once: what is written is sent; or with `turn`, if the loop is lazy."""
        if self.is_lazy:
            self.soon.append(callback)
        else:
            callback()

    def turn(self) -> None:
        """Ends a turn."""
        while self.soon:
            self.soon.pop(0)()

    def advance(self, seconds: float) -> None:
        """Lets time pass, and calls what becomes due on the way."""
        until = self.now + seconds
        while due := [call for call in self.calls if call.when <= until and not call.is_cancelled]:
            first = min(due, key=lambda call: call.when)
            self.calls.remove(first)
            self.now = max(self.now, first.when)
            first.callback()
        self.now = max(self.now, until)

    def timers(self) -> Timers:
        return Timers(self)  # type: ignore[arg-type]  # as much of a loop as the wheel needs


class FakeHandle:
    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class FakeSocket:
    def __init__(self) -> None:
        self.options: list[tuple[Any, ...]] = []
        self.tcp_state = 1
        """As Linux numbers it; 1 is established."""

    def setsockopt(self, *option: Any) -> None:
        self.options.append(option)

    def getsockopt(self, *option: Any) -> bytes:
        assert option == (socket.IPPROTO_TCP, socket.TCP_INFO, 1)
        return bytes([self.tcp_state])


class FakeTransport(asyncio.Transport):
    """What is written is kept. While `is_stuck` it is not taken, and the protocol is paused beyond `high` bytes."""

    def __init__(self, protocol: Any) -> None:
        super().__init__()
        self.protocol = protocol
        self.socket = FakeSocket()
        self.written: list[bytes] = []
        self.is_stuck = False
        self.high = 64 * 1024
        self.unsent_bytes = 0
        self.is_protocol_paused = False
        self.is_reading_paused = False
        self.is_finished = False
        """The protocol has closed its side, and may still read."""
        self.ended: str | None = None
        """`close` or `abort`, once the protocol has called it."""
        self.is_lost = False

    @property
    def sent(self) -> bytes:
        return b"".join(self.written)

    def write(self, data: Any) -> None:
        assert not self.is_finished, "written after the end"
        assert data, "an empty write"
        if self.ended:
            return
        self.written.append(bytes(data))
        if self.is_stuck:
            self.unsent_bytes += len(data)
            if self.unsent_bytes > self.high and not self.is_protocol_paused:
                self.is_protocol_paused = True
                self.protocol.pause_writing()

    def writelines(self, pieces: Any) -> None:
        self.write(b"".join(pieces))

    def drain(self, left_bytes: int = 0) -> None:
        """The peer takes what waits, up to so many bytes."""
        self.unsent_bytes = left_bytes
        self.is_stuck = left_bytes > 0
        if self.is_protocol_paused and not left_bytes:
            self.is_protocol_paused = False
            self.protocol.resume_writing()

    def write_eof(self) -> None:
        self.is_finished = True

    def close(self) -> None:
        self.ended = self.ended or "close"

    def abort(self) -> None:
        self.ended = "abort"

    def is_closing(self) -> bool:
        return self.ended is not None or self.is_lost

    def lose(self, error: Exception | None = None) -> None:
        """The connection is gone; the protocol is told once."""
        if not self.is_lost:
            self.is_lost = True
            self.protocol.connection_lost(error)

    def pause_reading(self) -> None:
        assert not self.is_reading_paused, "paused twice"
        self.is_reading_paused = True

    def resume_reading(self) -> None:
        self.is_reading_paused = False

    def get_write_buffer_size(self) -> int:
        return self.unsent_bytes

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high is not None
        self.high = high

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.socket if name == "socket" else default

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol


class FakeConnecting:
    """A connection that waits for the test to let it come or fail."""

    def __init__(
        self,
        pool: "FakePool",
        endpoint: Endpoint,
        origin: Origin,
        on_connected: Callable[[Upstream], None],
        on_failed: Callable[[GatewayError], None],
    ) -> None:
        self.endpoint = endpoint
        self.is_cancelled = False
        self._pool = pool
        self._origin = origin
        self._on_connected = on_connected
        self._on_failed = on_failed

    def come(self) -> FakeTransport:
        """The connection is made; returns the endpoint's side of it."""
        self._pool.waiting.remove(self)
        upstream = Upstream(self._origin)
        transport = FakeTransport(upstream)
        upstream.connection_made(transport)
        self._origin.open.add(upstream)
        self._pool.transports.append(transport)
        self._on_connected(upstream)
        return transport

    def fail(self, kind: str = "endpoint_unreachable") -> None:
        self._pool.waiting.remove(self)
        self._on_failed(GatewayError(kind, "It failed.", endpoint=self.endpoint.name))

    def cancel(self) -> None:
        self.is_cancelled = True
        if self in self._pool.waiting:
            self._pool.waiting.remove(self)


class FakePool:
    """A pool whose connections the test makes."""

    def __init__(self, timers: Timers) -> None:
        self.timers = timers
        self.waiting: list[FakeConnecting] = []
        self.begun: list[FakeConnecting] = []
        self.transports: list[FakeTransport] = []
        self._origins: dict[str, Origin] = {}

    def origin_of(self, endpoint: Endpoint, timeouts: Timeouts) -> Origin:
        return self._origins.setdefault(endpoint.name, Origin(self.timers, timeouts))

    def connect(
        self,
        origin: Origin,
        endpoint: Endpoint,
        on_connected: Callable[[Upstream], None],
        on_failed: Callable[[GatewayError], None],
    ) -> FakeConnecting:
        connecting = FakeConnecting(self, endpoint, origin, on_connected, on_failed)
        self.waiting.append(connecting)
        self.begun.append(connecting)
        return connecting


class Alarm:
    """Something that waits."""

    def __init__(self, on_deadline: Callable[[], None] | None = None) -> None:
        self.deadline = NEVER
        self.watched = NEVER
        self.rung = 0
        self._then = on_deadline

    def on_deadline(self) -> None:
        self.rung += 1
        if self._then is not None:
            self._then()
