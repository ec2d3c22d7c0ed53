"""One client connection: requests come in one after another, answers go out in the same order.

It owns framing, limits, deadlines and flow control of the client's side, and decides nothing about models or
endpoints. While an exchange runs, bytes of a following request wait unread, so one connection holds one exchange.

HOT: once per request.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from multillama.core.operations import BY_PATH, find_call
from multillama.dataplane.exchange import Exchange
from multillama.dataplane.presence import CONTINUE, Presence
from multillama.dataplane.relay import Ahead
from multillama.dataplane.request import Request
from multillama.dataplane.timers import NEVER
from multillama.errors import GatewayError
from multillama.wire.answers import own_head
from multillama.wire.heads import Head, HeadMemo
from multillama.wire.parse import parse_head
from multillama.wire.partial import PartialHead

if TYPE_CHECKING:
    from multillama.dataplane.listener import Listener

MAX_QUEUED_BYTES: Final = 64 * 1024
"""Bytes of following requests that wait while an exchange runs; then reading pauses."""
WRITE_BUFFER_BYTES: Final = 64 * 1024
LINGER_S: Final = 1.0
"""How long bytes of a refused request are read and dropped, so that its client can read the answer."""
RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER for zero seconds: closing sends a reset."""

# What the bytes that come in are. Plain numbers: an enum's members cost a look-up each, eight times a request.
HEAD: Final = 0
BODY: Final = 1
BUSY: Final = 2
"""They belong to a following request: they wait."""
LINGER: Final = 3
"""They belong to nobody: they are dropped until the connection ends."""


class Downstream(asyncio.Protocol):
    """A client's connection."""

    __slots__ = (
        "_exchange", "_is_half_closed", "_is_pumping", "_is_write_paused", "_listener", "_memo", "_mode", "_must_close",
        "_partial", "_presence", "_queued", "_request", "_timers", "deadline", "has_http_11", "is_head",
        "is_read_paused", "watched", "transport", "write",
    )  # fmt: skip

    write: Callable[[bytes], None]
    """Writes at the end of this turn, once there is a connection."""

    def __init__(self, listener: "Listener") -> None:
        self._listener = listener
        self._timers = listener.timers
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set when connected
        self.watched = NEVER
        self.deadline = NEVER
        # the connection
        self._mode = HEAD
        self._queued = b""
        self._partial: PartialHead | None = None
        self._memo = listener.memo
        self._is_pumping = False
        self.is_read_paused = False
        self._is_write_paused = False
        self._is_half_closed = False
        self._presence: Presence | None = None
        # the request
        self._request: Request | None = None
        self._exchange: Exchange | None = None
        self._must_close = False
        self.has_http_11, self.is_head = True, False

    # --- what the loop does ------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.write = partial(self._listener.outbox.write, self.transport)
        self.transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        self._listener.connections.add(self)
        self._timers.arm(self, self._listener.snapshot.timeouts.keep_alive_s)

    def connection_lost(self, error: Exception | None) -> None:
        self._listener.connections.discard(self)
        self._timers.forget(self)
        self._mode = LINGER
        self._queued = b""
        self._presence = None  # it knows this connection: a circle
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.cancel()

    def data_received(self, data: bytes) -> None:
        self._queued = self._queued + data if self._queued else data
        if self._mode != BUSY:
            self._pump()
        if self._queued and len(self._queued) > MAX_QUEUED_BYTES:
            self._pause_reading()

    def eof_received(self) -> bool:
        self._listener.outbox.flush()  # to answer False is to close
        exchange = self._exchange
        if exchange is None or self._mode != BUSY:
            return False  # between requests, or in the middle of one: nothing will follow
        self._is_half_closed = self._watch().on_fin()
        return self._is_half_closed

    def pause_writing(self) -> None:
        self._is_write_paused = True
        self._timers.arm(self, self._listener.snapshot.timeouts.write_s)
        if self._exchange is not None and self._exchange.attempt is not None:
            self._exchange.attempt.pause()

    def resume_writing(self) -> None:
        self._is_write_paused = False
        timeouts = self._listener.snapshot.timeouts
        self._wait((timeouts.keep_alive_s, timeouts.body_s, NEVER, LINGER_S)[self._mode])
        if self._mode == HEAD:
            self._pump()
        if self._exchange is not None and self._exchange.attempt is not None:
            self._exchange.attempt.resume()

    def on_deadline(self) -> None:
        if self._is_write_paused or self._mode == LINGER:
            self.transport.abort()
        elif self._mode == BODY and self._exchange is not None:
            seconds = self._listener.snapshot.timeouts.body_s
            text = f"The request body stopped coming: nothing for {seconds:g} s."
            self._fail_body(self._exchange, GatewayError("request_timeout", text))
        elif self._partial is not None and not self._partial.is_empty:
            seconds = self._listener.snapshot.timeouts.header_s
            text = f"The request's head did not come within {seconds:g} s."
            self._refuse(GatewayError("request_timeout", text))
        else:
            self.close()

    def _watch(self) -> Presence:
        if self._presence is None:
            self._presence = Presence(self, self._timers)
        return self._presence

    def _wait(self, seconds: float) -> None:
        """Sets the deadline; while the client takes no bytes, the one that `pause_writing` has set stays."""
        if not self._is_write_paused:
            self._timers.arm(self, seconds)

    # --- bytes to requests -------------------------------------------------------------------

    def _pump(self) -> None:
        """Reads what has come, request after request, until one must be waited for."""
        if self._is_pumping:
            return
        self._is_pumping = True
        try:
            while self._queued and self._mode != BUSY:
                if self._is_write_paused and self._mode == HEAD:
                    return  # a client that takes no answers gets no further requests served
                data, self._queued = self._queued, b""
                if self._mode == HEAD:
                    self._read_head(data)
                elif self._mode == BODY and self._exchange is not None:
                    self._read_body(self._exchange, data)
        except GatewayError as error:
            self._refuse(error)
        finally:
            self._is_pumping = False
        if not self._queued and self._mode in (HEAD, BODY):
            if self._is_half_closed:
                self.close()  # what would come next never will
            elif self.is_read_paused:
                self._resume_reading()

    def _read_head(self, data: bytes) -> None:
        partial = self._partial
        if partial is None:
            end = data.find(b"\r\n\r\n") + 4
            raw = data[:end]
            known = self._memo.find(raw)
            if known is not None:
                head, length = known
                self._begin(head, length, raw, data[end:])
                return
            limits = self._listener.snapshot.limits
            partial = PartialHead(target_limit=limits.target_bytes, head_limit=limits.head_bytes)
            self._partial = partial
        was_empty = partial.is_empty
        found = partial.add(data)
        if found is None:
            if was_empty and not partial.is_empty:
                self._wait(self._listener.snapshot.timeouts.header_s)
            return
        self._partial = None
        raw, rest = found
        head = parse_head(raw)
        # A client's next connection begins like this one, so it is given this memo.
        self._memo = self._listener.memo = HeadMemo()
        self._memo.keep(raw, head)
        self._begin(head, head.length, raw, rest)

    def _begin(self, head: Head, length: int | None, raw: bytes, rest: bytes) -> None:
        """Starts a request: its head is whole, `rest` follows it."""
        self.deadline = NEVER
        self.has_http_11 = head.has_http_11
        self.is_head = head.method == b"HEAD"
        listener = self._listener
        operation, model = BY_PATH.get(head.path), None
        if operation is None and (call := find_call(head.path)) is not None:
            operation, model = call
        if operation is None or head.method != b"POST":
            self._queued = rest
            self._wait(listener.snapshot.timeouts.keep_alive_s)
            listener.serve_other(self, head, length, raw)
            return
        request = Request(head, length, operation, listener.clock(), listener.now())
        self._request = request
        if model is not None:
            request.model = model
        if length and len(rest) >= length:  # as most
            request.take_whole(rest if len(rest) == length else rest[:length])
            rest = rest[length:]
        self._mode = BUSY if request.is_complete else BODY
        self._queued = rest
        self._exchange = exchange = Exchange(listener, self, request, operation)
        exchange.start()
        if self._mode == BODY and not self._queued:
            self._wait(listener.snapshot.timeouts.body_s)

    def _read_body(self, exchange: Exchange, data: bytes) -> None:
        request = exchange.request
        try:
            self._queued = request.receive(data, self._listener.now())
        except GatewayError as error:
            self._fail_body(exchange, error)
            return
        if request.is_complete:
            self._mode = BUSY
            self._wait(NEVER)
        elif request.is_full:
            request.has_paused = True
            self._pause_reading()
        else:
            self._wait(self._listener.snapshot.timeouts.body_s)
        if request.is_complete or request.wants_pieces:
            exchange.wake()

    def _fail_body(self, exchange: Exchange, error: GatewayError) -> None:
        """The rest of the body will never come, or may not."""
        self._queued = b""
        exchange.request.failure = error
        exchange.wake()

    def _refuse(self, error: GatewayError) -> None:
        """Answers what is not even a request, and ends the connection."""
        self._partial = None
        self._listener.answer_refused(self, error)
        self.hang_up(hard=False)

    def _pause_reading(self) -> None:
        if not self.is_read_paused and not self.transport.is_closing():
            self.is_read_paused = True
            self.transport.pause_reading()
            self._watch().on_read_paused()
            if self._mode == BODY:
                self._wait(NEVER)  # not the client is late now

    def _resume_reading(self) -> None:
        request = self._request
        if len(self._queued) > MAX_QUEUED_BYTES or (request is not None and request.is_full):
            return
        if self.is_read_paused and not self.transport.is_closing():
            self.is_read_paused = False
            self.transport.resume_reading()
            if self._mode == BODY:
                self._wait(self._listener.snapshot.timeouts.body_s)

    # --- what the exchange does --------------------------------------------------------------

    def want_body(self) -> None:
        request = self._request
        if request is not None and request.head.expects_continue and not request.received_bytes:
            self.write(CONTINUE)

    def take_body(self) -> bytes:
        request = self._request
        taken = request.take() if request is not None else b""
        if self.is_read_paused:
            self._resume_reading()
        return taken

    @property
    def ahead(self) -> Ahead:
        return Ahead(self.transport, self._listener.outbox)

    def may_keep_alive(self) -> bool:
        request = self._request
        return (
            request is not None
            and request.head.keep_alive
            and request.is_complete
            and request.failure is None
            and not (self._is_half_closed and not self._queued)
            and not self._listener.is_draining
        )

    def on_commit(self) -> None:
        exchange = self._exchange
        if exchange is not None and not exchange.keeps_body:
            exchange.body = b""  # a long answer need not hold its prompt

    def answer(self, status: int, body: bytes, lines: bytes) -> None:
        """Sends an answer of ours; see `send_answer` for its framing."""
        self._must_close = not self.may_keep_alive()
        self.send_answer(status, body, lines, may_stay=not self._must_close)

    @property
    def is_slow(self) -> bool:
        return self._is_write_paused

    @property
    def peer(self) -> str:
        address = self.transport.get_extra_info("peername")
        return str(address[0]) if address else ""

    def date(self) -> bytes:
        return self._listener.date()

    def send_answer(self, status: int, body: bytes, lines: bytes, *, may_stay: bool) -> None:
        lines += b"date: %b\r\n" % self.date()
        head = own_head(status, len(body), lines, may_stay=may_stay, has_http_11=self.has_http_11)
        self.write(head if self.is_head else head + body)

    def close(self) -> None:
        self._listener.outbox.flush()
        self.transport.close()

    def hang_up(self, *, hard: bool) -> None:
        self._mode = LINGER
        self._queued = b""
        if self.transport.is_closing():
            return
        self._listener.outbox.flush()
        if hard:
            reset = self.transport.get_extra_info("socket")
            reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.transport.abort()
            return
        self._resume_reading()
        is_taken = not self.transport.get_write_buffer_size()
        self.transport.write_eof()
        self._timers.arm(self, LINGER_S if is_taken else self._listener.snapshot.timeouts.write_s)

    def on_exchange_over(self, *, must_close: bool) -> None:
        request, self._request = self._request, None
        self._exchange = None
        if self._mode == LINGER or self.transport.is_closing():
            return
        if request is None or not request.is_complete or request.failure is not None:
            self.hang_up(hard=False)
        elif must_close or self._must_close:
            self._mode = LINGER
            self.close()
            # It closes when the client has taken everything; one that never does must not stay for ever.
            self._timers.arm(self, self._listener.snapshot.timeouts.write_s)
        else:
            self._mode = HEAD
            if not self._is_write_paused:  # `_wait`: once for each exchange
                self._timers.arm(self, self._listener.snapshot.timeouts.keep_alive_s)
            if self._queued or self._is_half_closed or self.is_read_paused:
                self._pump()

    @property
    def running(self) -> Exchange | None:
        return self._exchange

    # --- what the listener does --------------------------------------------------------------

    def leave(self) -> bytes:
        """Lets go of the transport, somebody else serves this connection; returns what has come and is not read."""
        self._listener.outbox.flush()
        self._timers.forget(self)
        self._listener.connections.discard(self)
        self._mode = LINGER
        queued, self._queued = self._queued, b""
        return queued

    @property
    def is_ending(self) -> bool:
        return self._mode == LINGER

    @property
    def is_idle(self) -> bool:
        return self._mode == HEAD and (self._partial is None or self._partial.is_empty)
