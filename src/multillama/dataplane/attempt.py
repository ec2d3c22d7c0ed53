"""One attempt: a request goes to one target, and its answer goes to the relay, unless it is a failure.

An answer is held back until it is clear what it is (`core/held.py`): then it begins, or it stays here as the cause why
another target may be tried. Whatever came last can be let go after all, as the endpoint sent it.

HOT: `on_data` runs for every segment of every answer.
"""

from collections.abc import Callable
from time import monotonic
from typing import Final

from multillama.core.causes import cause_of_status
from multillama.core.held import HELD_BYTES, STARTS, cause_of_held, is_clear, wait_s
from multillama.core.own_key import QUOTING, hide_own_key
from multillama.core.snapshot import Endpoint, Target, Timeouts
from multillama.core.sound import look_through
from multillama.core.stitch import Stitch
from multillama.dataplane.layout import learns_names
from multillama.dataplane.pool import Connecting, Pool
from multillama.dataplane.relay import Relay
from multillama.dataplane.timers import NEVER
from multillama.dataplane.upstream import Answering, Upstream
from multillama.errors import GatewayError
from multillama.wire.answer_memo import AnswerHead
from multillama.wire.events import WholeEvents, WholeLines
from multillama.wire.rows import WholeRows

DOUBT_S: Final = 1.0
"""Whoever has waited so long for a first byte, and leaves, makes others ask whether the endpoint lives."""


@learns_names(
    "answering", "deadline", "error", "failure_notes", "is_judged", "is_probe", "needs_event", "rival", "role", "said",
    "stitch", "watched", "_had_bytes", "_is_retry",
)  # fmt: skip
class Attempt:
    """One try of one target."""

    # Defaults stand on the class: attributes set one by one would cost every exchange a microsecond.
    upstream: Upstream | None = None
    status: int = 0
    """The endpoint's, once its head is here."""
    is_sent: bool = False
    """True once bytes of the request may have reached the endpoint."""
    has_begun: bool = False
    """True once its answer is what the client sees."""
    is_over: bool = False
    error: GatewayError | None = None
    """Why there is no whole answer."""
    cause: str | None = None
    """Why the answer that is held back counts as a failure: a row of `core/causes.py`."""
    first_byte_at: float = 0.0
    """On the monotonic clock, once its head, or for a stream its first event, is here."""
    target: Target
    begun_at: float = 0.0
    is_probe: bool = False
    """True if others wait for its news."""
    role: str = "first"
    """Which try it is, for `Tried.role`."""
    notes: bytes = b""
    """Further header lines for the client."""
    failure_notes: bytes = b""
    """In place of them where an answer that is not judged is a failure."""
    is_judged: bool = True
    """False where nothing can be tried again, so that nothing need be held back."""
    has_others: bool = False
    """True if another target could be tried: then a failure too long to be held back need not be passed on."""
    needs_event: bool = False
    """True if comments never begin the answer, however long they go on: the time of its first event is watched."""
    rival: "Attempt | None" = None
    """Another attempt for the same answer: the first to begin ends the other."""
    stitch: Stitch | None = None
    on_begun: "Callable[[Attempt], None] | None" = None
    """Told when its answer is what the client sees: others need not wait for its end."""
    answering: Answering | None = None
    """Who takes the endpoint's bytes, where another than this puts them into the client's words first."""
    said: bytes = b""
    """The body of an error as the endpoint sent it, where the client gets it in other words."""
    held_head: AnswerHead | None = None
    held: bytes = b""
    deadline: float = NEVER
    """For what is held back; see `Timers`."""
    watched: float = NEVER
    _had_bytes: int = 0
    """What the client had when this began to go on."""
    _connecting: Connecting | None = None
    _is_retry: bool = False
    _is_started: bool = False
    _events: WholeEvents | WholeLines | WholeRows | None = None
    _plain: AnswerHead | None = None
    """Of a plain 200, until its first byte."""
    _is_watched: bool = False
    """True while bytes of the answer may be held back, or must be looked at first."""

    def __init__(self, relay: Relay, pool: Pool, endpoint: Endpoint, timeouts: Timeouts) -> None:
        self._relay = relay
        self._pool = pool
        self._origin = pool.origin_of(endpoint, timeouts)
        self.target_endpoint = endpoint
        self.endpoint = endpoint.name
        self._on_over: Callable[[], None] = _nothing

    @property
    def why(self) -> str | None:
        """Why it failed, in one word; None if it did not."""
        return self.error.kind if self.error is not None else self.cause

    # --- the exchange ------------------------------------------------------------------------

    def start(self, head: bytes, body: bytes | None, *, on_over: Callable[[], None]) -> None:
        """Begins.

        Args:
            head: The whole request head for the endpoint.
            body: The whole body; None when it follows by `send_body` after `is_sent`.
            on_over: Called when the attempt is over, or for an upload when `is_sent` has changed.
        """
        self._request_head = head
        self._request_body = body
        self._on_over = on_over
        self._is_started = True
        self.target_endpoint.state.in_flight += 1
        # An upload cannot be repeated, so it never meets a connection that might have died in the pool.
        upstream = self._origin.take() if body is not None else None
        if upstream is None:
            self._connect()
        else:
            self._send(upstream)

    def expect_rows(self) -> None:
        """Takes note that the answer is to be one JSON array: half a row of it is held back."""
        self._events = WholeRows()

    @property
    def rows(self) -> WholeRows | None:
        """Where an answer that is one JSON array has come to."""
        return self._events if isinstance(self._events, WholeRows) else None

    def _connect(self) -> None:
        self._connecting = self._pool.connect(
            self._origin, self.target_endpoint, self._on_connected, self.fail
        )

    def _on_connected(self, upstream: Upstream) -> None:
        self._connecting = None
        self._send(upstream)

    def _send(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.is_sent = True
        upstream.send(self._request_head, self._request_body, self.answering or self)
        if self._request_body is None:
            self._on_over()

    def cancel(self) -> None:
        """Stops it: the client is gone, or another try has won."""
        if self.is_sent and not self.status and monotonic() - self.begun_at >= DOUBT_S:
            self.target_endpoint.state.is_doubted = True
        if self._connecting is not None:
            self._connecting.cancel()
        if self.upstream is not None:
            self.upstream.abort()
        self._end()

    def stop(self) -> None:
        """Cancels it before it could tell how it went with its target."""
        breaker = self.target_endpoint.state.breaker
        if self.is_probe and breaker is not None:
            breaker.on_no_news(self.target.model)
        self.cancel()

    def give_up(self, error: GatewayError) -> None:
        """Stops it with a failure of its endpoint."""
        self.error = error
        self.held_head = None
        self.cancel()

    def pause(self) -> None:
        """Stops reading the answer."""
        if self.upstream is not None and self.has_begun:
            self.upstream.pause()

    def resume(self) -> None:
        """Goes on reading the answer."""
        if self.upstream is not None and self.has_begun and not self.is_over:
            self.upstream.resume()

    # --- the answer --------------------------------------------------------------------------

    def on_head(self, head: AnswerHead) -> None:
        self._request_head = self._request_body = b""  # a long stream need not hold its prompt
        status = self.status = head.status
        self.first_byte_at = monotonic()
        if (
            status == 200
            and not head.is_event_stream
            and self.is_judged
            and not self._relay.is_begun
        ):
            self._plain = head  # one attribute, as each costs this path 0.1 µs
        else:
            self._hold_back(head)

    def _hold_back(self, head: AnswerHead) -> None:
        """Lets an answer that may be a failure wait, unless that would change nothing."""
        if head.has_open_events:
            self._events = WholeLines() if head.has_lines else WholeEvents()
        if not self.is_judged and cause_of_status(head.status, b"") is not None:
            self.notes = self.failure_notes
        if self.is_judged or head.status in QUOTING:
            self.held_head = head
            self._is_watched = True
        else:
            self._begin(head)

    @property
    def answer_bytes(self) -> int:
        """How much of the client's answer came from here; of one held back, how much came."""
        return self._relay.answer_bytes - self._had_bytes if self.has_begun else len(self.held)

    def _begin(self, head: AnswerHead) -> None:
        self.has_begun = True
        if self.rival is not None:
            self._win(self.rival)
        if self.on_begun is not None:
            on_begun, self.on_begun = self.on_begun, None
            on_begun(self)
        relay = self._relay
        if not relay.is_begun:
            relay.begin(head, self.endpoint, at=self.first_byte_at, notes=self.notes)
            return
        self._had_bytes = relay.answer_bytes
        if relay.is_client_slow:
            self.pause()

    def _win(self, rival: "Attempt") -> None:
        self.rival = rival.rival = None
        rival.stop()

    def on_data(self, parts: list[bytes], is_last: bool) -> None:
        if len(parts) != 1:
            parts[:] = (b"".join(parts),)
        data = parts.pop()
        events = self._events
        if events is not None and (events.half or not data.endswith(events.ends)):
            data = events.rest() + data if is_last else events.take(data)
        if self._plain is not None:
            self._take_plain(self._plain, data, is_last)
        elif not self._is_watched:
            relay = self._relay
            relay.pass_on(data, is_last)
            if is_last:
                self._end()
            elif events is not None and self.upstream is not None and self.answering is None:
                self.upstream.hasten(relay, events)
        elif self.held_head is not None:
            self._weigh(self.held_head, data, is_last=is_last)
        else:
            self._forward(data, is_last=is_last)

    def _take_plain(self, head: AnswerHead, data: bytes, is_last: bool) -> None:
        """Begins a plain 200 at once that any look shows to be no error; a closer one would cost it 2 µs."""
        self._plain = None
        if data[:2] == b'{"' and data[2:8] not in STARTS:
            self._begin(head)
            self._relay.pass_on(data, is_last)
            if is_last:
                self._end()
        else:
            self.held_head = head
            self._is_watched = True
            self._weigh(head, data, is_last=is_last)

    def _forward(self, data: bytes, *, is_last: bool) -> None:
        """Passes on what has been looked at."""
        relay = self._relay
        if self._is_watched:
            data, self.held, fault = look_through(data, relay.kept, self.stitch, is_last=is_last)
            if fault is not None:
                if data:
                    relay.keep(data)
                    relay.pass_on(data, False)
                self.give_up(self._fault(*fault))
                return
            relay.keep(data)
            self._is_watched = self.stitch is not None or relay.kept is not None
        relay.pass_on(data, is_last)
        if is_last:
            self._end()

    def _fault(self, kind: str, what: str) -> GatewayError:
        text = f"The endpoint {self.endpoint} {what}."
        return GatewayError(kind, text, endpoint=self.endpoint)

    def _weigh(self, head: AnswerHead, data: bytes, *, is_last: bool) -> None:
        """Looks whether what is held back is a failure, or an answer after all."""
        held = self.held = self.held + data
        if head.is_coded and head.status < 400 and self._relay.is_begun:
            what = "compressed what the client reads as it is"
            self.give_up(self._fault("endpoint_malformed", what))
            return
        if is_last or is_clear(head, held, follows=self._relay.is_begun):
            self._settle(head, held, is_last=is_last)
        elif self.deadline == NEVER and not (self.needs_event and head.is_event_stream):
            seconds = wait_s(head, held)
            if seconds is not None:
                self._origin.timers.arm(self, seconds)

    def on_deadline(self) -> None:
        """What is held back is not waited for any longer."""
        if self.held_head is not None and not self.is_over:
            self._settle(self.held_head, self.held, is_last=False)

    def _settle(self, head: AnswerHead, held: bytes, *, is_last: bool) -> None:
        """Lets an answer begin, or ends the attempt if it is a failure."""
        if head.status in QUOTING:
            held = self.held = hide_own_key(held, self.target_endpoint.fixed_head)
        if self._may_fail(head, len(held), is_last=is_last):
            said = self.said or held
            self.cause = cause_of_held(head, said, follows=self._relay.is_begun, is_whole=is_last)
        if self.cause is None:
            self.held_head, self.held = None, b""
            self.first_byte_at = monotonic()
            self._begin(head)
            relay = self._relay
            is_kept = relay.kept is not None and relay.can_tell
            self._is_watched = self.stitch is not None or is_kept
            self._forward(held, is_last=is_last)
            return
        if not is_last and self.upstream is not None:
            self.upstream.abort()
            if head.status >= 400:
                self.held_head = None  # only a part of it is here: nothing to let go
        self._end()

    def _may_fail(self, head: AnswerHead, size: int, *, is_last: bool) -> bool:
        """Says whether it matters that an answer is a failure: of the only target, what is long goes on as it comes."""
        if not self.is_judged:
            return False
        if self._relay.is_begun or (head.status >= 400 and self.has_others):
            return True
        return size <= HELD_BYTES and (is_last or head.status < 400)

    def let_go(self) -> None:
        """Gives the client what was held back: nothing better will come."""
        head = self.held_head
        if head is None or self._relay.is_begun:
            return
        self.held_head = None
        self.first_byte_at = monotonic()  # for the client, it is only now
        self._begin(head)
        self._relay.pass_on(self.held, True)

    def on_lost(self, error: GatewayError, *, reusable_socket_died: bool) -> None:
        if reusable_socket_died and not self._is_retry and error.kind == "endpoint_closed":
            # The endpoint closed an idle connection while our request was on its way: nothing was answered.
            self._is_retry = True
            self.upstream = None
            self._connect()
            return
        # It had said enough before it broke off.
        if self.held_head is not None and self.status >= 400:
            self.cause = cause_of_status(self.status, self.held)
        self.held_head = None
        self.fail(error)

    def on_writable(self) -> None:
        self._on_over()

    def fail(self, error: GatewayError) -> None:
        """Ends it with a failure."""
        self.error = error
        self._connecting = None
        self._end()

    def _end(self) -> None:
        if self.is_over:
            return
        self.is_over = True
        self.upstream = None
        if self.watched != NEVER:
            self._origin.timers.forget(self)
        self.answering = None
        if self._is_started:
            state = self.target_endpoint.state
            state.in_flight -= 1
            if state.on_free is not None:
                state.on_free()
        # Letting go of the exchange here breaks the circle, so that it is freed without the garbage collector.
        if self.on_begun is not None:
            self.on_begun = None
        on_over, self._on_over = self._on_over, _nothing
        on_over()


def _nothing() -> None:
    """Is called before `start` has named anybody."""
