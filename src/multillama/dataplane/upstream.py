"""One connection to an endpoint: a request goes out, its answer comes in as callbacks on the attempt.

It decides nothing: whether to try again is the exchange's business. How an answer is read stands in `wire/answers.py`.

HOT: `data_received` runs once for every segment of every answer.
"""

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from multillama.dataplane.fast_lane import FastLane
from multillama.dataplane.relay import Relay
from multillama.dataplane.timers import NEVER
from multillama.errors import GatewayError
from multillama.wire.answer_memo import AnswerHead
from multillama.wire.answers import AnswerReader
from multillama.wire.chunks import ends_with_chunk
from multillama.wire.events import WholeEvents, WholeLines
from multillama.wire.rows import WholeRows

if TYPE_CHECKING:
    from multillama.dataplane.pool import Origin

STALE_S: Final = 0.5
"""How soon after a request an idle connection that was closed meanwhile shows it."""
JOIN_BELOW_BYTES: Final = 16 * 1024
"""A body up to this size is joined with its head; copying a larger one costs more than a write of two pieces."""


class Answering(Protocol):
    """Who receives an answer: an attempt of an exchange, or a listing."""

    endpoint: str
    """Name of the endpoint, for the words of a failure."""

    def on_head(self, head: AnswerHead) -> None: ...
    def on_data(self, parts: list[bytes], is_last: bool) -> None:
        """Takes body parts, maybe none, and empties the list; the answer is complete with `is_last`."""

    def on_lost(self, error: GatewayError, *, reusable_socket_died: bool) -> None:
        """The answer will not (fully) come. With `reusable_socket_died` an idle connection was closed under us."""

    def on_writable(self) -> None:
        """The endpoint takes bytes again after `Upstream.is_paused`."""


class Upstream(asyncio.Protocol):
    """A connection of an origin's pool."""

    __slots__ = (
        "_endpoint", "_has_said_goodbye", "_is_announced", "_is_sent", "_lane", "_origin", "_reader", "_sent_at",
        "_timers", "_unsent_bytes", "answering", "deadline", "is_closed", "is_paused", "is_reused", "transport",
        "watched",
    )  # fmt: skip

    def __init__(self, origin: "Origin") -> None:
        self._origin = origin
        self._timers = origin.timers
        self._reader = AnswerReader(origin.answer_lines, origin.answer_memo)
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set when connected
        self.watched = NEVER
        self.deadline = NEVER
        self.is_closed = False
        self.is_reused = False
        """True once an answer has come over it."""
        self.is_paused = False
        """True while the endpoint does not take bytes."""
        self._has_said_goodbye = False
        # per answer
        self.answering: Answering | None = None
        self._lane: FastLane | None = None
        """What takes the bytes first, once nothing need be decided about the stream any more."""
        self._endpoint = ""
        self._is_announced = False
        self._is_sent = False
        self._sent_at = 0.0
        self._unsent_bytes = 0

    # --- what the exchange does ------------------------------------------------------------

    def send(self, head: bytes, body: bytes | None, answering: Answering) -> None:
        """Sends a request; a body of None follows by `send_body`."""
        self.answering = answering
        self._endpoint = answering.endpoint
        self._is_sent = body is not None
        self._sent_at = self._timers.now()
        outbox = self._origin.outbox
        if body and len(body) > JOIN_BELOW_BYTES:
            outbox.write_pieces(self.transport, (head, body))
        else:
            outbox.write(self.transport, head + body if body else head)
        if body is not None and not self.is_paused:
            self._timers.arm(self, self._origin.timeouts.first_byte_s)

    def send_body(self, data: bytes, *, is_last: bool) -> None:
        """Sends a piece of a streamed body, framed by the caller."""
        if data:
            self._origin.outbox.write(self.transport, data)
        if is_last:
            self._is_sent = True
            self._sent_at = self._timers.now()
            if not self.is_paused:
                self._timers.arm(self, self._origin.timeouts.first_byte_s)

    def pause(self) -> None:
        """Stops reading, because the client does not keep up; the client's deadline runs meanwhile.

        Not once the answer is whole: then the connection is the next exchange's.
        """
        if self.answering is not None and not self.is_closed:
            self.transport.pause_reading()
            self.deadline = NEVER

    def resume(self) -> None:
        """Reads again."""
        if self.answering is not None and not self.is_closed:
            self.transport.resume_reading()
            self._timers.arm(self, self._origin.timeouts.idle_s)

    def hasten(self, relay: Relay, events: WholeEvents | WholeLines | WholeRows) -> None:
        """Lets chunks of whole events go straight to a client; while half an event is held back, not the next."""
        if self._lane is None and relay.may_run and not self.is_closed:
            timeouts = self._origin.timeouts
            self._lane = FastLane(self, relay, self._timers.now, timeouts.idle_s, events.ends)
            self.transport.set_protocol(self._lane)
        if self._lane is not None:
            self._lane.is_clear = not events.half

    def _leave_lane(self) -> None:
        if self._lane is not None:
            self._lane = None
            if not self.is_closed:
                self.transport.set_protocol(self)

    @property
    def waits_since(self) -> float | None:
        """When the request was sent of whose answer no byte has come; None where none is waited for."""
        is_silent = self._is_sent and not self.is_paused and not self._reader.has_begun
        return self._sent_at if is_silent and self.answering is not None else None

    def has_spoken_since(self, at: float) -> bool:
        """Says whether bytes of an answer that is not whole yet have come since then, or wait for a slow client."""
        if self.answering is None or not self._is_announced:
            return False
        return self.deadline == NEVER or self.deadline - self._origin.timeouts.idle_s >= at

    def give_up(self, error: GatewayError) -> None:
        """Ends an answer that is not to be waited for any longer."""
        self._lose(error)

    def abort(self) -> None:
        """Ends the connection at once, which tells the endpoint to stop generating."""
        self.answering = None
        self._close()

    # --- what the loop does ----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def pause_writing(self) -> None:
        self.is_paused = True
        self._unsent_bytes = self.transport.get_write_buffer_size()
        self._timers.arm(self, self._origin.timeouts.send_s)

    def resume_writing(self) -> None:
        self.is_paused = False
        if self.answering is not None:
            self._timers.arm(self, self._origin.timeouts.first_byte_s)
            self.answering.on_writable()

    def data_received(self, data: bytes) -> None:
        answering, reader = self.answering, self._reader
        if answering is None:
            self._close()  # bytes that nobody asked for: not to be taken for the next answer
            return
        if not reader.has_begun and self._is_sent:
            known = self._origin.answer_memo.find(data)
            if known is not None:
                self._origin.answers += 1
                self._take_whole(answering, *known)
                return
        try:
            reader.feed(data)
        except GatewayError as error:
            self._fail_parse(answering, error)
            return
        if not self._is_announced:
            if reader.head is None:
                return
            self._announce(answering, reader.head)
        if reader.is_complete:
            self._finish(answering)
            return
        last = reader.parts[-1] if reader.parts else b""
        answering.on_data(reader.parts, False)
        if self._lane is not None and not ends_with_chunk(data, last):
            self._lane.is_clear = False
        # Not while paused by the client: then its deadline runs, not the endpoint's.
        if self.deadline != NEVER:
            self.deadline = (
                self._timers.now() + self._origin.timeouts.idle_s
            )  # later: no need to arm

    def _announce(self, answering: Answering, head: AnswerHead) -> None:
        self._is_announced = True
        self._origin.answers += 1
        answering.on_head(head)
        if self.deadline != NEVER and not self._reader.is_complete:
            self._timers.arm(self, self._origin.timeouts.idle_s)

    def eof_received(self) -> bool:
        self._has_said_goodbye = True
        return False

    def connection_lost(self, error: Exception | None) -> None:
        was_closed = self.is_closed
        self.is_closed = True
        self._timers.forget(self)
        self._origin.on_closed(self)
        answering, reader = self.answering, self._reader
        if answering is None:
            return
        if error is None and self._is_announced and not self._is_cut() and reader.end():
            self._finish(answering)
            return
        if self._is_announced:
            lost = self._error("endpoint_truncated", "broke off its answer")
        elif reader.has_begun:
            lost = self._error("endpoint_truncated", "broke off in the head of its answer")
        else:
            lost = self._error("endpoint_closed", "closed the connection without an answer")
        # One that was closed under us is found dead at once. One that dies later has read the request.
        is_stale = self.is_reused and self._timers.now() - self._sent_at < STALE_S
        self._lose(lost, reusable_socket_died=is_stale and not was_closed)

    def _is_cut(self) -> bool:
        """Says whether TLS ended without its close_notify: anybody on the way can send that FIN (RFC 9112 §9.8).

        Only uvloop tells; asyncio's own loop reports a bare FIN like an orderly end.
        """
        return not self._has_said_goodbye and bool(self.transport.get_extra_info("ssl_object"))

    def on_deadline(self) -> None:
        if self.answering is None:
            self._close()
            return
        timeouts = self._origin.timeouts
        if self.is_paused:
            left = self.transport.get_write_buffer_size()
            if left < self._unsent_bytes:  # slow, but not silent
                self._unsent_bytes = left
                self._timers.arm(self, timeouts.send_s)
                return
            lost = self._error("send_timeout", f"took no bytes for {timeouts.send_s:g} s")
        elif not self._is_announced:
            text = f"did not begin to answer within {timeouts.first_byte_s:g} s"
            lost = self._error("first_byte_timeout", text)
        else:
            lost = self._error("idle_timeout", f"sent nothing for {timeouts.idle_s:g} s")
        self._lose(lost)

    # --- the ends --------------------------------------------------------------------------

    def _finish(self, answering: Answering) -> None:
        """The answer is complete: back to the pool first, so that the next exchange finds it."""
        self.answering = None
        self._leave_lane()
        reader = self._reader
        parts = reader.parts
        # An answer that came before the request was sent whole leaves the connection in an unknown state.
        if reader.may_stay and self._is_sent and not self.is_closed and not reader.has_extra:
            self.is_reused = True
            self._is_announced = False
            parts = reader.reset()
            self._origin.put(self)
        else:
            self._close()
        answering.on_data(parts, True)

    def _take_whole(self, answering: Answering, head: AnswerHead, body: bytes) -> None:
        """Takes an answer that the reader need not see; as it is known to be whole, the reader is as it was before."""
        answering.on_head(head)
        self.answering = None
        if not self.is_closed:
            self.is_reused = True
            self._origin.put(self)
        answering.on_data([body], True)

    def _fail_parse(self, answering: Answering, error: GatewayError) -> None:
        """The answer cannot be read on; what came before is forwarded first."""
        reader = self._reader
        if not self._is_announced:
            self._lose(self._error(error.kind, error.text))
            return
        if reader.parts:
            answering.on_data(reader.parts, False)
        self._lose(self._error("endpoint_truncated", f"broke off its answer: it {error.text}"))

    def _lose(self, error: GatewayError, *, reusable_socket_died: bool = False) -> None:
        answering, self.answering = self.answering, None
        self._close()
        if answering is not None:
            answering.on_lost(error, reusable_socket_died=reusable_socket_died)

    def _close(self) -> None:
        self.is_closed = True
        self._leave_lane()
        self._timers.forget(self)
        self.transport.abort()

    def _error(self, kind: str, what: str) -> GatewayError:
        name = self._endpoint
        return GatewayError(kind, f"The endpoint {name} {what}.", endpoint=name)
