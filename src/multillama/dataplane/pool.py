"""Connections to endpoints: idle ones kept for each origin, new ones made on demand.

The idle list is updated by events and never scanned. The youngest connection is taken first, so that the others can
expire.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from multillama.core.snapshot import Endpoint, Timeouts
from multillama.dataplane.connect import Connector
from multillama.dataplane.outbox import Outbox
from multillama.dataplane.timers import NEVER, Timers
from multillama.dataplane.upstream import Upstream
from multillama.errors import GatewayError
from multillama.tasks import Tasks
from multillama.wire.answer_memo import AnswerMemo

OnConnected = Callable[[Upstream], None]
OnFailed = Callable[[GatewayError], None]

MAX_KNOWN: Final = 256
"""Endpoints whose origins are found at once; those of older snapshots are among them for a while."""
BUFFER_BYTES: Final = 256 * 1024
"""Request bytes that may wait for a slow endpoint before the client is paused."""


class Origin:
    """Scheme, host and port of an endpoint, and the idle connections to it."""

    __slots__ = (
        "_idle",
        "answer_lines",
        "answers",
        "answer_memo",
        "open",
        "outbox",
        "timeouts",
        "timers",
    )

    def __init__(self, timers: Timers, timeouts: Timeouts, outbox: Outbox | None = None) -> None:
        """Takes the outbox that it shares with others: what leaves in one turn leaves together."""
        self.timers = timers
        self.timeouts = timeouts
        self.outbox = outbox or Outbox(timers.call_soon)
        self._idle: dict[Upstream, None] = {}
        self.answer_lines: dict[bytes, int] = {}
        """Header lines of its answers, and what is done with each; see `AnswerReader`."""
        self.answer_memo = AnswerMemo()
        self.answers = 0
        """How many have begun."""
        self.open: set[Upstream] = set()

    def take(self) -> Upstream | None:
        """Returns an idle connection, or None."""
        while self._idle:
            upstream, _ = self._idle.popitem()
            if not upstream.transport.is_closing():
                return upstream
        return None

    def put(self, upstream: Upstream) -> None:
        """Takes a connection whose answer is complete."""
        self._idle[upstream] = None
        self.timers.arm(upstream, self.timeouts.pool_idle_s)

    def on_closed(self, upstream: Upstream) -> None:
        """Forgets a connection."""
        self._idle.pop(upstream, None)
        self.open.discard(upstream)


class Connecting:
    """One connection being made for one attempt; its outcome comes by callback, unless it is cancelled first."""

    __slots__ = (
        "_endpoint",
        "_on_connected",
        "_on_failed",
        "_origin",
        "_task",
        "deadline",
        "watched",
    )

    def __init__(
        self, origin: Origin, endpoint: Endpoint, on_connected: OnConnected, on_failed: OnFailed
    ) -> None:
        self._origin = origin
        self._endpoint = endpoint
        self._on_connected = on_connected
        self._on_failed = on_failed
        self._task: asyncio.Task[None] | None = None
        self.watched = NEVER
        self.deadline = NEVER

    def start(self, connector: Connector, tasks: Tasks) -> None:
        """Begins; the deadline covers the name look-up, TCP and TLS together."""
        origin = self._origin
        self._task = tasks.spawn(self._run(connector), name=f"connect to {self._endpoint.name}")
        origin.timers.arm(self, origin.timeouts.connect_s)

    async def _run(self, connector: Connector) -> None:
        origin = self._origin
        upstream = Upstream(origin)
        try:
            await connector.connect(self._endpoint, upstream)
        except GatewayError as error:
            origin.timers.forget(self)
            self._on_failed(error)
            return
        finally:
            self._task = None
        origin.timers.forget(self)
        if upstream.is_closed:  # already: nothing more would be heard of it
            name = self._endpoint.name
            text = f"The endpoint {name} closed the connection at once."
            self._on_failed(GatewayError("endpoint_closed", text, endpoint=name))
            return
        upstream.transport.set_write_buffer_limits(high=BUFFER_BYTES)
        origin.open.add(upstream)
        self._on_connected(upstream)

    def on_deadline(self) -> None:
        self.cancel()
        name, seconds = self._endpoint.name, self._origin.timeouts.connect_s
        text = f"The endpoint {name} could not be connected to within {seconds:g} s."
        self._on_failed(GatewayError("connect_timeout", text, endpoint=name))

    def cancel(self) -> None:
        """Gives up; no callback comes."""
        self._origin.timers.forget(self)
        if self._task is not None:
            self._task.cancel()
            self._task = None


class Pool:
    """All origins of one process."""

    def __init__(self, timers: Timers, tasks: Tasks, connector: Connector) -> None:
        self._timers = timers
        self._tasks = tasks
        self._connector = connector
        self._outbox = Outbox(timers.call_soon)
        self._origins: dict[tuple[str, str, int, Timeouts | None], Origin] = {}
        self._known: dict[Endpoint, Origin] = {}
        """To make and to hash a key costs 0.1 µs an exchange, and 0.5 with time limits of its own."""

    def origin_of(self, endpoint: Endpoint, timeouts: Timeouts) -> Origin:
        """Returns the origin of an endpoint; endpoints on one server share it.

        Args:
            endpoint: Whoever has time limits of its own shares only with those that have the same.
            timeouts: Its own, else everyone's of the newest snapshot.
        """
        origin = self._known.get(endpoint)
        if origin is None:
            key = (endpoint.scheme, endpoint.host, endpoint.port, endpoint.timeouts)
            origin = self._origins.get(key) or Origin(self._timers, timeouts, self._outbox)
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._origins[key] = self._known[endpoint] = origin
        if origin.timeouts is not timeouts:
            origin.timeouts = timeouts
        return origin

    def connect(
        self, origin: Origin, endpoint: Endpoint, on_connected: OnConnected, on_failed: OnFailed
    ) -> Connecting:
        """Begins a new connection."""
        connecting = Connecting(origin, endpoint, on_connected, on_failed)
        connecting.start(self._connector, self._tasks)
        return connecting

    def close(self) -> None:
        """Ends all connections."""
        for origin in self._origins.values():
            for upstream in list(origin.open):
                upstream.abort()
        self._origins.clear()
        self._known.clear()
