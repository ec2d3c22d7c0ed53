"""One coroutine per exchange, read from top to bottom: authenticate, peek, plan, attempt, relay, record.

Its decisions are calls into `core`. It awaits nothing of asyncio: callbacks of the two connections wake it, and it
looks whether what it waits for has come. So it costs no task and no turn of the loop, and runs without one in tests.
"""

from collections.abc import Coroutine, Generator
from typing import Any, Final, Protocol

from multillama.core.auth import check_key, check_page
from multillama.core.operations import Body, Operation
from multillama.core.record import Outcome, Record
from multillama.core.refusal import error_body
from multillama.core.retry import may_try_next
from multillama.core.routing import MAX_SHOWN_NAME, plan_targets
from multillama.core.snapshot import Snapshot, Target
from multillama.core.usage import read_usage, says_it_is_over
from multillama.dataplane.outgoing import opening_lines
from multillama.dataplane.pool import Pool
from multillama.dataplane.relay import Attempt, Client
from multillama.dataplane.request import Request, too_large
from multillama.errors import GatewayError, Origin
from multillama.wire.peek import peek, replace_member

MAX_HOPS: Final = 5
"""Gateways of our kind in a row; one more is a loop."""


class Server(Protocol):
    """What an exchange needs of the gateway around it."""

    snapshot: Snapshot
    pool: Pool

    def now(self) -> float:
        """The monotonic clock, in seconds."""

    def new_id(self) -> str: ...
    def on_record(self, record: Record) -> None: ...
    def on_crash(self, error: BaseException) -> None: ...


class Caller(Client, Protocol):
    """The client's connection, as an exchange needs it."""

    def want_body(self) -> None:
        """The body will be read: says `100 Continue` to a client that waits for it."""

    def take_body(self) -> bytes:
        """Returns body bytes that have come, and reads on if that was paused."""

    def answer(self, status: int, body: bytes, lines: bytes) -> None:
        """Sends an answer of ours: JSON with these extra header lines."""

    def on_exchange_over(self, *, must_close: bool) -> None: ...


class _Pause:
    def __await__(self) -> Generator[None, None, None]:
        yield


PAUSE: Final = _Pause()
_LINES: Final = {
    "invalid_api_key": b"www-authenticate: Bearer\r\n",
    "shutting_down": b"retry-after: 1\r\n",
}
"""Header lines of our error answers."""


class Exchange:
    """One client request and its answer."""

    model: str | None = None
    stream: bool = False
    body: bytes = b""
    """The request's body while another target may need it."""
    attempt: Attempt | None = None
    _attempts: int = 0
    _tried: tuple[str, ...] = ()
    _stopped: tuple[str, str] | None = None
    """Kind and text of a failure that has come from outside."""
    _is_running: bool = False
    _coroutine: Coroutine[Any, Any, None] | None = None

    def __init__(
        self, server: Server, caller: Caller, request: Request, operation: Operation
    ) -> None:
        self.server = server
        self.caller = caller
        self.request = request
        self.operation = operation
        self.id = server.new_id()

    # --- the driver --------------------------------------------------------------------------

    def start(self) -> None:
        """Runs until the first wait."""
        self._coroutine = self._run()
        self.wake()

    def wake(self) -> None:
        """Lets it look again at what it waits for. A wake while it runs is not lost: it looks before it waits."""
        if self._is_running or self._coroutine is None:
            return
        self._is_running = True
        try:
            self._coroutine.send(None)
        except StopIteration:
            self._coroutine = None
        except Exception as crash:  # while answering or recording: all that is left is to break off
            self._coroutine = None
            self.server.on_crash(crash)
            self.caller.hang_up(hard=True)
        finally:
            self._is_running = False

    def cancel(self) -> None:
        """The client is gone."""
        self._stopped = ("client_gone", "The client left before the answer was complete.")
        if self.attempt is not None:
            self.attempt.cancel()
        self.wake()

    def end(self, kind: str, text: str) -> None:
        """Ends it with this failure, which the client is told as far as it still can be."""
        self._stopped = (kind, text)
        self.wake()

    @property
    def has_begun_to_answer(self) -> bool:
        return self.attempt is not None and self.attempt.is_committed

    # --- the life ----------------------------------------------------------------------------

    async def _run(self) -> None:
        error: GatewayError | None = None
        try:
            if self.operation.body is Body.JSON:
                await self._serve_json()
            else:
                # Imported when the first upload comes: it is rare, and start-up is watched.
                from multillama.dataplane.upload import serve_upload

                await serve_upload(self)
        except GatewayError as failure:
            error = failure
        except (
            Exception
        ) as crash:  # the last resort: a bug of ours must cost one answer, not the process
            self.server.on_crash(crash)
            error = GatewayError("internal_error", "The gateway failed. Its log has the reason.")
        self._finish(error)

    async def _serve_json(self) -> None:
        server, request, caller = self.server, self.request, self.caller
        snapshot = server.snapshot
        self.admit(snapshot, snapshot.limits.body_bytes)
        if not request.is_complete:
            caller.want_body()
            while not request.is_complete:
                await self.pause()
        self.body = body = caller.take_body()
        view = peek(body)
        self.model, self.stream = view.model, bool(view.stream)
        del body
        for target in plan_targets(snapshot, view.model or ""):
            attempt = self.open(target, snapshot)
            sent = self.body
            if target.rename is not None:
                sent = replace_member(sent, "model", target.rename)
            head = opening_lines(request.head, self.operation, target.endpoint)
            framing = b"content-length: %d\r\n\r\n" % len(sent)
            self.launch(attempt, head + framing, sent)
            del sent
            while not attempt.is_over:
                await PAUSE
                self.check()
            if not self.should_try_next(attempt, replayable=True):
                break
        self.settle()

    async def pause(self) -> None:
        """Waits for the next callback; raises as `check`."""
        self.check()
        await PAUSE
        self.check()

    def check(self) -> None:
        """Looks whether there is still something to do.

        Raises:
            GatewayError: Why it was ended, or why the rest of the request will never come.
        """
        if self._stopped is not None:
            raise GatewayError(*self._stopped)
        if self.request.failure is not None:
            raise self.request.failure

    # --- the steps, shared with uploads ------------------------------------------------------

    def admit(self, snapshot: Snapshot, limit_bytes: int) -> None:
        """Lets the request in, by its head alone: nothing of its body is read before.

        Raises:
            GatewayError: `invalid_api_key`, `loop_detected` or `body_too_large`.
        """
        request = self.request
        head = request.head
        check_key(head.credential, api_key=snapshot.api_key)
        if head.origin is not None and snapshot.api_key is None:
            check_page(head.origin, host=head.host, bound=snapshot.bound)
        if head.hops >= MAX_HOPS:
            raise GatewayError(
                "loop_detected",
                "The request went in a circle: an endpoint of this gateway leads back to it. Check its --url.",
            )
        request.limit_bytes = limit_bytes
        if request.received_bytes > limit_bytes or (request.length or 0) > limit_bytes:
            request.failure = too_large(limit_bytes)
            raise request.failure

    def open(self, target: Target, snapshot: Snapshot) -> Attempt:
        """Makes the next attempt."""
        if self.attempt is not None and self.attempt.error is not None:
            self._tried += (f"{self.attempt.endpoint}: {self.attempt.error.kind}",)
        self._attempts += 1
        endpoint = target.endpoint
        endpoint.state.requests += 1
        timeouts = endpoint.timeouts or snapshot.timeouts
        self.attempt = Attempt(self.caller, self.server.pool, endpoint, timeouts)
        return self.attempt

    def launch(self, attempt: Attempt, head: bytes, body: bytes | None) -> None:
        """Starts an attempt."""
        attempt.start(
            head, body, dialect=self.operation.dialect, exchange_id=self.id, on_over=self.wake
        )

    def should_try_next(self, attempt: Attempt, *, replayable: bool) -> bool:
        """Takes note of an attempt that is over, and says whether the next target may be tried."""
        state, error = attempt.target_endpoint.state, attempt.error
        if attempt.is_committed:
            state.on_answer((attempt.first_byte_at - self.request.started) * 1000)
            if attempt.status >= 400:
                state.on_status(attempt.status, at=self.request.at)
        if error is None:
            return False
        state.on_failure(error.text, at=self.request.at, reached=error.failure.has_reached)
        return may_try_next(error, committed=attempt.is_committed, replayable=replayable)

    def settle(self) -> None:
        """After the last attempt: raises its failure, if it has one."""
        if self.attempt is not None and self.attempt.error is not None:
            raise self.attempt.error

    # --- the end -----------------------------------------------------------------------------

    def _finish(self, error: GatewayError | None) -> None:
        """Answers a failure that nobody has answered, then writes the one record."""
        attempt = self.attempt
        if attempt is not None:
            if not attempt.is_over:
                if attempt.is_committed and error is not None and error.kind != "client_gone":
                    attempt.break_off(error)
                attempt.cancel()
            if attempt.is_committed:
                if error is not None and error.kind == "client_gone":
                    error = None if says_it_is_over(b"".join(attempt.ending)) else error
                self._record(error, attempt)
                self.caller.on_exchange_over(must_close=attempt.must_close)
                return
        body = b""
        status = 499
        if error is not None and error.kind != "client_gone":
            status = error.status
            body = error_body(error, self.operation.dialect)
            lines = b"x-request-id: %b\r\n" % self.id.encode()
            lines += _LINES.get(error.kind, b"")
            self.caller.answer(status, body, lines)
        self._record(error, None, status=status, own_bytes=len(body))
        self.body = b""
        self.caller.on_exchange_over(must_close=False)

    def _record(
        self,
        error: GatewayError | None,
        answered: Attempt | None,
        *,
        status: int = 0,
        own_bytes: int = 0,
    ) -> None:
        """Writes the record; `answered` is the attempt whose answer the client got, if any."""
        request, model, attempt = self.request, self.model, self.attempt
        started = request.started
        record = Record(
            id=self.id,
            at=request.at,
            operation=self.operation.name,
            method="POST",
            path=request.head.path.decode("latin-1"),
            # Cut: a name may be as long as a body, and records are kept.
            model=None if model is None else model[:MAX_SHOWN_NAME],
            endpoint=None if attempt is None else attempt.endpoint,
            status=status,
            outcome="ok",
            stream=self.stream,
            # Whole microseconds, which read well in the log: 44 ns a figure, where `round` takes 170.
            total_ms=int((self.server.now() - started) * 1e6) / 1000,
            request_bytes=request.received_bytes,
            response_bytes=own_bytes,
            attempts=self._attempts,
            tried=self._tried,
        )
        if answered is not None:
            usage = read_usage(answered.opening, b"".join(answered.ending))
            into, out = usage.input_tokens, usage.output_tokens
            answered.target_endpoint.state.on_usage(into, out)
            record.input_tokens, record.output_tokens = into, out
            record.first_byte_ms = int((answered.first_byte_at - started) * 1e6) / 1000
            record.status = answered.status
            record.response_bytes = answered.answer_bytes
            record.stream = self.stream or answered.is_event_stream
        if error is not None:
            record.outcome = outcome_of(error, committed=answered is not None)
            record.error, record.error_text = error.kind, error.text
        self.server.on_record(record)


def outcome_of(error: GatewayError, *, committed: bool) -> Outcome:
    """Sorts a failure into the record's outcomes; `committed` when the client has some of an answer."""
    origin = error.failure.origin
    if error.kind == "client_gone" or (committed and origin is Origin.CLIENT):
        return "cancelled"
    if committed:
        return "truncated"
    return "failed" if origin is Origin.ENDPOINT else "refused"
