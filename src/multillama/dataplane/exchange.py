"""One coroutine per exchange, read from top to bottom: authenticate, peek, plan, attempt, relay, record.

Its decisions are calls into `core`. It awaits nothing of asyncio: callbacks of the two connections wake it, and it
looks whether what it waits for has come. So it costs no task and no turn of the loop, and runs without one in tests.
"""

from collections.abc import Coroutine, Generator
from types import coroutine
from typing import TYPE_CHECKING, Any, Final, Protocol

from multillama.core.auth import check_key, check_page
from multillama.core.budget import RetryBudget
from multillama.core.causes import CAUSES, cause_of_error
from multillama.core.operations import Body, Operation
from multillama.core.plan import Plan
from multillama.core.record import Record, outcome_of
from multillama.core.refusal import error_body
from multillama.core.retry import SHOULD_NOT_RETRY
from multillama.core.routing import MAX_SHOWN_NAME
from multillama.core.snapshot import Snapshot, Target
from multillama.core.stored_responses import ResponseStore
from multillama.core.strategies import Live
from multillama.core.usage import says_it_is_over
from multillama.dataplane.attempt import Attempt
from multillama.dataplane.layout import learns_names
from multillama.dataplane.pool import Pool
from multillama.dataplane.relay import Client, Relay
from multillama.dataplane.request import Request, too_large
from multillama.dataplane.serving import serve_json
from multillama.dataplane.story import Story, header_lines
from multillama.dataplane.timers import NEVER, Timers
from multillama.errors import GatewayError

if TYPE_CHECKING:
    from multillama.dataplane.sharing import Call

MAX_HOPS: Final = 5
"""Gateways of our kind in a row; one more is a loop."""


class Server(Protocol):
    """What an exchange needs of the gateway around it."""

    snapshot: Snapshot
    pool: Pool
    timers: Timers
    live: Live
    budget: RetryBudget
    calls: "dict[object, Call]"
    """Calls in flight that others may share, by all that must be equal."""
    responses: ResponseStore | None
    """Kept for endpoints that keep none; None where that is not wanted."""

    def now(self) -> float:
        """The monotonic clock, in seconds."""

    def random(self) -> float:
        """Returns a number from 0 up to 1, exclusive."""

    def new_id(self) -> str: ...
    def on_record(self, record: Record) -> None: ...
    def on_story(self, record: Record, story: Story | Plan) -> None:
        """Comes before the record of an exchange of which there is more to tell; its plan may be all."""

    def on_crash(self, error: BaseException) -> None: ...


class Caller(Client, Protocol):
    """The client's connection, as an exchange needs it."""

    def want_body(self) -> None:
        """The body will be read: says `100 Continue` to a client that waits for it."""

    @property
    def peer(self) -> str:
        """The client's address."""

    def take_body(self) -> bytes:
        """Returns body bytes that have come, and reads on if that was paused."""

    def answer(self, status: int, body: bytes, lines: bytes) -> None:
        """Sends an answer of ours: JSON with these extra header lines."""

    def on_exchange_over(self, *, must_close: bool) -> None: ...


_LINES: Final = {
    "invalid_api_key": b"www-authenticate: Bearer\r\n",
    "shutting_down": b"retry-after: 1\r\n",
}
"""Header lines of our error answers."""


@learns_names()
class Exchange:
    """One client request and its answer."""

    model: str | None = None
    stream: bool = False
    body: bytes = b""
    """The request's body while another target may need it."""
    has_waited: bool = False
    """True if the body came later than the head."""
    is_told: bool = False
    """True if the client has been told already why its stream is not whole."""
    keeps_body: bool = False
    """True where the body is needed after the answer has begun, to continue it elsewhere."""
    attempt: Attempt | None = None
    """The newest, or the one whose answer the client sees."""
    attempts: int = 0
    _tried: tuple[str, ...] = ()
    deadline: float = NEVER
    watched: float = NEVER
    """The wheel's, for waits that end by themselves."""
    plan: Plan | None = None
    """Once made, if there is anything to tell of it."""
    _story: Story | None = None
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
        self.relay = Relay(caller, operation.dialect, self.id)

    # --- the driver --------------------------------------------------------------------------

    def start(self, life: Coroutine[Any, Any, None] | None = None) -> None:
        """Runs until the first wait; another life than its own is led without an answer and a record."""
        self._coroutine = self._run() if life is None else life
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
        self.end("client_gone", "The client left before the answer was complete.")

    def end(self, kind: str, text: str) -> None:
        """Ends it with this failure, which the client is told as far as it still can be."""
        self._stopped = (kind, text)
        self.wake()

    @property
    def has_begun_to_answer(self) -> bool:
        return self.relay.is_begun

    def stop_attempts(self) -> None:
        """Ends what is under way."""
        attempt = self.attempt
        if attempt is not None and not attempt.is_over:
            for running in (attempt.rival, attempt):
                if running is not None:
                    running.stop()

    def adopt(self, other: "Exchange") -> None:
        """Takes the attempts that another has made for it as its own."""
        self.attempt, self.attempts = other.attempt, other.attempts
        self._tried, self._story, self.plan = other._tried, other._story, other.plan

    @property
    def story(self) -> Story:
        """What goes beyond a plain attempt; made when something does."""
        if self._story is None:
            self._story = Story(self.plan)
        return self._story

    @property
    def principal(self) -> tuple[bytes | None, str]:
        """Who asks, for fairness: the key and the address it came from."""
        return self.request.head.credential, self.caller.peer

    def on_deadline(self) -> None:
        self.wake()

    # --- the life ----------------------------------------------------------------------------

    async def _run(self) -> None:
        error: GatewayError | None = None
        try:
            if self.operation.body is not Body.MULTIPART:
                snapshot = self.server.snapshot
                self.admit(snapshot, snapshot.limits.body_bytes)
                if not self.request.is_complete:
                    await self._come()
                self.body = self.caller.take_body()
                await serve_json(self, snapshot)
            else:
                # Imported when the first upload comes: it is rare, and start-up is watched.
                from multillama.dataplane.upload import serve_upload

                await serve_upload(self)
        except GatewayError as failure:
            error = failure
        except Exception as crash:  # the last resort: a bug must cost one answer, not the process
            self.server.on_crash(crash)
            error = GatewayError("internal_error", "The gateway failed. Its log has the reason.")
        self._finish(error)

    async def _come(self) -> None:
        """Waits for the rest of the request."""
        self.caller.want_body()
        self.has_waited = True
        while not self.request.is_complete:
            await self.pause()

    # A generator, as a coroutine that awaits one would be a second object for each wait: 0.2 µs an exchange.
    @coroutine
    def pause(self) -> Generator[None, None, None]:
        """Waits for the next callback; raises as `check`."""
        request = self.request
        if self._stopped is None and request.failure is None:
            yield
        if self._stopped is not None or request.failure is not None:
            self.check()

    async def pause_until(self, at: float) -> None:
        """Waits for the next callback, at most until then; raises as `check`."""
        if at != NEVER:
            timers = self.server.timers
            timers.arm(self, max(at - timers.now(), 0.0))
        await self.pause()

    def notes(self) -> bytes:
        """Returns header lines for the client that tell what it took, without the last CRLF."""
        return header_lines(self.attempts, self._story)

    def check(self) -> None:
        """Raises what has ended it, or why the rest of the request will never come."""
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
        request, head = self.request, self.request.head
        api_key = snapshot.api_key
        if api_key is not None and head.accepted is not api_key:  # a repeated head is compared once
            check_key(head.credential, api_key=api_key)
            head.accepted = api_key
        if api_key is None and head.origin is not None:
            check_page(head.origin, host=head.host, bound=snapshot.bound)
        if head.hops >= MAX_HOPS:
            raise GatewayError(
                "loop_detected",
                "The request went in a circle: an endpoint of this gateway leads back to it. Check its URL.",
            )
        request.limit_bytes = limit_bytes
        if request.received_bytes > limit_bytes or (request.length or 0) > limit_bytes:
            request.failure = too_large(limit_bytes)
            raise request.failure

    def open(self, target: Target, snapshot: Snapshot) -> Attempt:
        """Makes the next attempt."""
        last = self.attempt
        begun = self.request.started
        # A wait for a place or for the body is no time of the endpoint's.
        if last is not None or self._story is not None or self.has_waited:
            begun = self.server.now()
            if last is not None and last.why is not None:
                self._tried += (f"{last.endpoint}: {last.why}",)
        self.attempts += 1
        endpoint = target.endpoint
        state = endpoint.state
        state.requests += 1
        timeouts = endpoint.timeouts or snapshot.timeouts
        attempt = self.attempt = Attempt(self.relay, self.server.pool, endpoint, timeouts)
        attempt.target = target
        attempt.begun_at = begun
        if state.breaker is not None:
            attempt.is_probe = state.breaker.begin_probe(target.model, begun)
        return attempt

    def note(self, attempt: Attempt) -> None:
        """Takes note of how an attempt went, for the state of its endpoint."""
        state, error, status = attempt.target_endpoint.state, attempt.error, attempt.status
        if status >= 400:
            # Not its time to the first byte: who refuses is quick, and would draw more.
            state.is_up = True
            state.on_status(status, at=self.request.at)
        elif status and error is None and attempt.cause is None:
            state.on_answer((attempt.first_byte_at - attempt.begun_at) * 1000)
        if error is not None and error.kind != "not_translatable":  # which is not its fault
            reached = CAUSES[cause_of_error(error)].reached
            state.on_failure(error.text, at=self.request.at, reached=reached)

    # --- the end -----------------------------------------------------------------------------

    def _finish(self, error: GatewayError | None) -> None:
        """Answers a failure that nobody has answered, then writes the one record."""
        attempt = self.attempt
        if attempt is not None and not attempt.is_over:
            self.stop_attempts()
        if self.watched != NEVER:
            self.server.timers.forget(self)
        relay = self.relay
        if relay.is_begun:
            if error is not None and error.kind == "client_gone":
                is_over = relay.has_all or says_it_is_over(b"".join(relay.ending))
                error = None if is_over else error
            elif error is not None and not self.is_told:
                relay.break_off(error, None if attempt is None else attempt.rows)
            self._record(error, relay)
            self.body = b""
            self.caller.on_exchange_over(must_close=relay.must_close)
            return
        body, status = b"", 499
        if error is not None and error.kind != "client_gone":
            status = error.status
            body = error_body(error, self.operation.dialect)
            lines = relay.id_lines()
            lines += _LINES.get(error.kind, b"")
            if error.failure.retry_after_s is not None:
                lines += b"retry-after: %d\r\n" % error.failure.retry_after_s
            if notes := self.notes():
                lines += notes + b"\r\n"
            if self.attempts > 1:
                lines += SHOULD_NOT_RETRY
            self.caller.answer(status, body, lines)
        self._record(error, None, status=status, own_bytes=len(body))
        self.body = b""
        self.caller.on_exchange_over(must_close=False)

    def _record(
        self,
        error: GatewayError | None,
        answered: Relay | None,
        *,
        status: int = 0,
        own_bytes: int = 0,
    ) -> None:
        """Writes the record; `answered` is what the client got of an answer, if any."""
        request, model, attempt = self.request, self.model, self.attempt
        started = request.started
        stream = self.stream
        if answered is not None:
            status, own_bytes = answered.status, answered.answer_bytes
            stream = stream or answered.is_event_stream
        record = Record(  # no more than fifteen at once: CPython would build a dict for them first
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
            stream=stream,
            # Whole microseconds, which read well in the log: 44 ns a figure, where `round` takes 170.
            total_ms=int((self.server.now() - started) * 1e6) / 1000,
            request_bytes=request.received_bytes,
            response_bytes=own_bytes,
            attempts=self.attempts,
            tried=self._tried,
        )
        if answered is not None:
            into, out = answered.tokens()
            if attempt is not None:
                attempt.target_endpoint.state.on_usage(into, out)
            record.input_tokens, record.output_tokens = into, out
            record.first_byte_ms = int((answered.first_byte_at - started) * 1e6) / 1000
        if error is not None:
            record.outcome = outcome_of(error, committed=answered is not None)
            record.error, record.error_text = error.kind, error.text
        if self._story is not None:
            self._story.on_end(attempt, record, started=started)
            self.server.on_story(record, self._story)
        elif self.plan is not None:
            self.server.on_story(record, self.plan)
        self.server.on_record(record)
