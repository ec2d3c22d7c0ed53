"""The public port: accepts connections, knows what is shared by all of them, and closes them in order.

Also serves what is no operation: built-in answers itself, everything else by handing the connection over to the pages.
"""

import asyncio
import random
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import TYPE_CHECKING, Final

from multillama.core.budget import RetryBudget
from multillama.core.missing import gemini_call, is_gemini_call, missing, wrong_method
from multillama.core.operations import find_operation
from multillama.core.plan import Plan
from multillama.core.record import Record
from multillama.core.refusal import error_body
from multillama.core.snapshot import Snapshot, Target
from multillama.core.stored_responses import ResponseStore
from multillama.core.strategies import Live
from multillama.dataplane.builtin import (
    SUPPORTED,
    Answer,
    answer_builtin,
    is_builtin,
    is_ollama,
    is_page,
    reads,
)
from multillama.dataplane.downstream import LINGER_S, Downstream
from multillama.dataplane.outbox import Outbox
from multillama.dataplane.places import on_snapshot
from multillama.dataplane.pool import Pool
from multillama.dataplane.stored import Place, answer_stored, find_stored
from multillama.dataplane.story import Story
from multillama.dataplane.timers import NEVER, Timers
from multillama.errors import GatewayError
from multillama.wire.heads import Head, HeadMemo
from multillama.wire.path_keys import has_path_key

if TYPE_CHECKING:
    from multillama.dataplane.sharing import Call

HandOver = Callable[[asyncio.Transport, bytes], None]
"""Takes a connection, with the bytes of its request."""

POLL_S: Final = 0.02
"""How often a drain looks whether all exchanges are over."""
HURRY_S: Final = 0.1
"""How long the last bytes may take to leave when the operator is in a hurry."""


class Listener:
    """Everything the client connections of one process share."""

    def __init__(
        self,
        *,
        snapshot: Snapshot,
        pool: Pool,
        timers: Timers,
        id_prefix: str,
        on_record: Callable[[Record], None],
        hand_over: HandOver,
    ) -> None:
        """Takes its parts; `id_prefix` makes request ids unique among processes."""
        self.snapshot = snapshot
        self.pool = pool
        self.timers = timers
        self.outbox = Outbox(timers.call_soon)
        self.now = time.monotonic
        self.clock = time.time
        self.on_record = on_record
        self.random = random.random
        self.budget = RetryBudget()
        self.calls: dict[object, Call] = {}
        self.responses: ResponseStore | None = None
        self.live = Live(self.random, self.left_alone)
        self.on_story: Callable[[Record, Story | Plan], None] = _forget
        """Told of each exchange of which there is more to tell than its record has, before it."""
        self.on_crash: Callable[[BaseException], None] = _reraise
        self.connections: set[Downstream] = set()
        self.memo = HeadMemo()
        """The newest head that was read in full; what a new connection compares its first one with."""
        self.is_draining = False
        self.is_hurried = False
        """True if a drain was not waited for."""
        self._may_hurry = True
        self._until = NEVER
        self._hand_over = hand_over
        self._id_prefix = id_prefix
        self._count = 0
        self._date = b""
        self._date_s = 0
        self._servers: list[asyncio.Server] = []

    def left_alone(self, target: Target) -> str | None:
        """Says why a breaker keeps exchanges away from a target, None if it does not."""
        return target.endpoint.state.blocked(target.model, self.now())

    def publish(self, snapshot: Snapshot) -> None:
        """Goes over to another snapshot, in one assignment; who waits for a place looks at it."""
        old, self.snapshot = self.snapshot, snapshot
        on_snapshot(old, self.timers)

    async def listen(self, sockets: list) -> None:  # type: ignore[type-arg]
        """Accepts connections on bound sockets."""
        loop = asyncio.get_running_loop()
        for sock in sockets:
            server = await loop.create_server(lambda: Downstream(self), sock=sock, backlog=4096)
            self._servers.append(server)

    @property
    def running(self) -> int:
        """How many exchanges run."""
        return sum(connection.running is not None for connection in self.connections)

    async def drain(self, limit_s: float) -> int:
        """Stops accepting, lets running exchanges finish, then ends what is left after `limit_s`.

        Returns:
            How many exchanges were cut off.
        """
        self.is_draining = True
        for server in self._servers:
            server.close()
        self._until = min(self._until, self.now() + limit_s)
        await self._close_idle()
        cut = sum(_cut(connection) for connection in list(self.connections))
        # What they are told must leave, and what they still send must not reset it.
        self._until = self.now() + (HURRY_S if self.is_hurried else LINGER_S)
        await self._close_idle()
        self._may_hurry = False
        self.abort()
        return cut

    async def _close_idle(self) -> None:
        """Closes connections as they become idle, until none is left or it is time."""
        while self.connections:
            for connection in list(self.connections):
                if connection.is_idle:
                    connection.close()
            if self.now() >= self._until:
                return
            await asyncio.sleep(POLL_S)

    def hurry(self) -> bool:
        """Lets a drain wait no more; says False if it does not any more anyway."""
        if not self._may_hurry:
            return False
        self._may_hurry = False
        self.is_hurried = True
        self._until = self.now()
        return True

    def abort(self) -> None:
        """Stops accepting and ends all connections now."""
        for server in self._servers:
            server.close()
        for connection in list(self.connections):
            connection.transport.abort()

    # --- what connections and exchanges ask ----------------------------------------------------

    def new_id(self) -> str:
        """Returns a request id: unique among processes, ordered within one."""
        self._count += 1
        return f"{self._id_prefix}{self._count:x}"

    def date(self) -> bytes:
        """Returns the `date` of now, rendered once a second."""
        now = int(time.time())
        if now != self._date_s:
            self._date_s, self._date = now, formatdate(now, usegmt=True).encode()
        return self._date

    def serve_other(
        self, connection: Downstream, head: Head, length: int | None, raw: bytes
    ) -> None:
        """Serves a request that is no exchange.

        Raises:
            GatewayError: A refusal that ends the connection.
        """
        path, method = head.path, head.method
        if method in (b"TRACE", b"CONNECT"):
            raise GatewayError("method_not_allowed", f"{method.decode()} is not served here.")
        if path == b"/" and (is_ollama(head) or has_path_key(raw)):
            answer = Answer("running", 200, b"Ollama is running")
            self._answer(connection, head, length, answer, b"content-type: text/plain\r\n")
            return
        if is_page(path):
            self._hand_over(connection.transport, raw + connection.leave())
            return
        operation = find_operation(path)
        if (place := find_stored(path)) is not None:
            self._serve_stored(connection, head, length, place)
            return
        stray = _stray(head) if operation is None else None
        if stray is not None:
            answer = Answer("-", stray.status, error_body(stray, reads(head)), stray)
            self._answer(connection, head, length, answer, b"")
            return
        allowed = b"allow: %b\r\n" % (SUPPORTED if operation is None else b"POST, OPTIONS")
        if method == b"OPTIONS":
            self._answer(connection, head, length, Answer("options", 204, b""), allowed)
            return
        try:
            if operation is not None or method not in (b"GET", b"HEAD"):
                methods = tuple(allowed[7:-2].decode().split(", "))
                raise wrong_method(method.decode(), path.decode("latin-1"), methods).error
            answer = answer_builtin(head, self.snapshot)
        except GatewayError as error:
            lines = {405: allowed, 401: b"www-authenticate: Bearer\r\n"}.get(error.status, b"")
            answer = Answer("-", error.status, error_body(error, reads(head)), error)
            self._answer(connection, head, length, answer, lines)
        else:
            self._answer(connection, head, length, answer, b"")

    def _serve_stored(
        self, connection: Downstream, head: Head, length: int | None, place: Place
    ) -> None:
        """Serves what is asked of the stored responses."""
        allowed, method = place.allowed, head.method.decode("latin-1")
        lines = b"allow: %b\r\n" % allowed.encode()
        if method == "OPTIONS":
            self._answer(connection, head, length, Answer("options", 204, b""), lines)
            return
        try:
            if method not in allowed.split(", "):
                methods = tuple(allowed.split(", "))
                raise wrong_method(method, head.path.decode("latin-1"), methods).error
            answer = answer_stored(place, head, self.snapshot, self.responses, now=self.now())
        except GatewayError as error:
            lines = {405: lines, 401: b"www-authenticate: Bearer\r\n"}.get(error.status, b"")
            answer = Answer("-", error.status, error_body(error), error)
            self._answer(connection, head, length, answer, lines)
        else:
            self._answer(connection, head, length, answer, b"")

    def answer_refused(self, connection: Downstream, error: GatewayError) -> None:
        """Answers what is not even a request."""
        body = error_body(error)
        lines = b"allow: GET, HEAD, POST, OPTIONS\r\n" if error.status == 405 else b""
        connection.is_head = False
        connection.send_answer(error.status, body, lines, may_stay=False)
        self.on_record(
            Record(
                id=self.new_id(), at=self.clock(), operation="-", status=error.status, outcome="refused",
                error=error.kind, error_text=error.text, total_ms=0.0, response_bytes=len(body),
            )
        )  # fmt: skip

    def _answer(
        self, connection: Downstream, head: Head, length: int | None, answer: Answer, lines: bytes
    ) -> None:
        started = self.now()
        name, status, body, error = answer
        request_id = self.new_id()
        lines += f"x-request-id: {request_id}\r\n".encode()
        # A body nobody reads would be taken for the next request, so its connection ends.
        may_stay = head.keep_alive and not length and not head.chunked and not self.is_draining
        connection.send_answer(status, body, lines, may_stay=may_stay)
        self.on_record(
            Record(
                id=request_id, at=self.clock(), operation=name, method=head.method.decode(),
                path=head.path.decode("latin-1"), status=status, outcome="refused" if error else "ok",
                error=error.kind if error else None, error_text=error.text if error else None,
                total_ms=int((self.now() - started) * 1e6) / 1000, response_bytes=len(body),
            )
        )  # fmt: skip
        if not may_stay:
            connection.hang_up(hard=False)


def _stray(head: Head) -> GatewayError | None:
    """Returns what to answer to a path that is neither an operation nor built in."""
    method, path = head.method.decode(), head.path.decode("latin-1")
    if is_gemini_call(method, path):
        return gemini_call(path)
    if is_builtin(head.path) or head.path == b"*":
        return None
    return missing(method, path).error


def _cut(connection: Downstream) -> int:
    """Ends what a connection does; returns how many exchanges that cut off."""
    cut = 0
    text = "The gateway is shutting down and could not wait for the end of this answer. Try again."
    while (exchange := connection.running) is not None:
        exchange.end("shutting_down", text)
        cut += 1
        if connection.running is exchange:
            break  # it has failed at its own end
    if not connection.is_ending:
        connection.close()
    return cut


def _forget(record: Record, story: Story | Plan) -> None:
    """Is what happens with stories where nobody explains them."""


def _reraise(error: BaseException) -> None:
    raise error
