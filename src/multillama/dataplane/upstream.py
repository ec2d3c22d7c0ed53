"""One connection to an endpoint: a request goes out, its answer comes in as callbacks on the attempt.

It parses (llhttp, strict) and adds what the parser leaves open: the answer's end without a length, interim answers,
extra bytes, limits. It decides nothing: whether to try again is the exchange's business.

HOT: `data_received` runs once per segment of every answer.
"""

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

import httptools

from multillama.dataplane.timers import NEVER
from multillama.errors import GatewayError
from multillama.wire.answers import AnswerHead, Field, read_answer

if TYPE_CHECKING:
    from multillama.dataplane.pool import Origin

MAX_HEAD_BYTES: Final = 256 * 1024
MAX_INTERIM: Final = 10
JOIN_BELOW_BYTES: Final = 16 * 1024
"""A body up to this size leaves in one write with its head; copying a larger one costs more than a second write."""


class Answering(Protocol):
    """Who receives an answer: an attempt of an exchange, or a listing."""

    endpoint: str
    """Name of the endpoint, for the words of a failure."""

    def on_head(self, head: AnswerHead) -> None: ...
    def on_body(self, data: bytes) -> None: ...
    def on_flush(self, *, is_last: bool) -> None:
        """Comes after each segment; the answer is complete with `is_last`."""

    def on_lost(self, error: GatewayError, *, reusable_socket_died: bool) -> None:
        """The answer will not (fully) come. With `reusable_socket_died` an idle connection was closed under us."""

    def on_writable(self) -> None:
        """The endpoint takes bytes again after `Upstream.is_paused`."""


class Upstream(asyncio.Protocol):
    """A connection of an origin's pool."""

    __slots__ = (
        "_endpoint", "_fields", "_head", "_interim", "_is_complete", "_is_sent", "_may_stay", "_origin",
        "_parser", "_partial", "_timers", "answering", "deadline", "is_closed", "is_paused", "is_reused", "watched",
        "transport",
    )  # fmt: skip

    def __init__(self, origin: "Origin") -> None:
        self._origin = origin
        self._timers = origin.timers
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set when connected
        self.watched = NEVER
        self.deadline = NEVER
        self.is_closed = False
        self.is_reused = False
        """True once an answer has come over it."""
        self.is_paused = False
        """True while the endpoint does not take bytes."""
        self._parser = httptools.HttpResponseParser(self)
        # per answer
        self.answering: Answering | None = None
        self._endpoint = ""
        self._is_sent = False
        self._fields: list[Field] = []
        self._head: AnswerHead | None = None
        self._is_complete = False
        self._may_stay = False
        self._partial = b""
        self._interim = 0

    # --- what the exchange does ------------------------------------------------------------

    def send(self, head: bytes, body: bytes | None, answering: Answering) -> None:
        """Sends a request; a body of None follows by `send_body`."""
        self.answering = answering
        self._endpoint = answering.endpoint
        self._head = None
        self._is_complete = False
        self._is_sent = body is not None
        write = self.transport.write
        if not body:
            write(head)
        elif len(body) <= JOIN_BELOW_BYTES:
            write(head + body)
        else:
            write(head)
            write(body)
        if body is not None:
            self._timers.arm(self, self._origin.timeouts.first_byte_s)

    def send_body(self, data: bytes, *, is_last: bool) -> None:
        """Sends a piece of a streamed body, framed by the caller."""
        if data:
            self.transport.write(data)
        if is_last:
            self._is_sent = True
            self._timers.arm(self, self._origin.timeouts.first_byte_s)

    def pause(self) -> None:
        """Stops reading, because the client does not keep up; the client's deadline runs meanwhile."""
        if not self.is_closed:
            self.transport.pause_reading()
            self.deadline = NEVER

    def resume(self) -> None:
        """Reads again."""
        if not self.is_closed:
            self.transport.resume_reading()
            self._timers.arm(self, self._origin.timeouts.idle_s)

    def abort(self) -> None:
        """Ends the connection at once, which tells the endpoint to stop generating."""
        self.answering = None
        self._close()

    # --- what the loop does ----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def pause_writing(self) -> None:
        self.is_paused = True
        self._timers.arm(self, self._origin.timeouts.send_s)

    def resume_writing(self) -> None:
        self.is_paused = False
        if self.answering is not None:
            self._timers.arm(self, self._origin.timeouts.first_byte_s)
            self.answering.on_writable()

    def data_received(self, data: bytes) -> None:
        answering = self.answering
        if answering is None:
            self._close()  # bytes that nobody asked for: not to be taken for the next answer
            return
        if self._head is None:
            data = self._collect_head(data)
            if not data:
                return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if not self._is_complete:
                self._fail_parse(error)
                return
            self.is_closed = True  # extra bytes: the answer is good, the connection is not
        if self.answering is None:
            return  # the answer's head was refused, or the exchange has let go
        if self._is_complete:
            self._finish()
            return
        answering.on_flush(is_last=False)
        # Not while paused by the flush just made: then the client's deadline runs, not the endpoint's.
        if self._head is not None and self.deadline != NEVER:
            self._timers.arm(self, self._origin.timeouts.idle_s)

    def _collect_head(self, data: bytes) -> bytes:
        """Holds bytes back until they end a head: a field fed byte by byte costs llhttp the square of its length."""
        if self._partial:
            data = self._partial + data
            self._partial = b""
        if not b"HTTP/1.".startswith(data[:7]) and data[:7] != b"HTTP/1.":
            self._lose(self._error("endpoint_malformed", "did not answer in HTTP/1.x"))
            return b""
        end = data.find(b"\r\n\r\n")
        if (len(data) if end < 0 else end) > MAX_HEAD_BYTES:
            self._lose(self._error("endpoint_malformed", "sent an over-long head"))
            return b""
        if end < 0:
            self._partial = data
            return b""
        return data

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        was_closed = self.is_closed
        self.is_closed = True
        self._timers.forget(self)
        self._origin.on_closed(self)
        if self.answering is None:
            return
        if self._head is not None and self._head.ends_with_connection and error is None:
            self._is_complete = True
            self._may_stay = False
            self._finish()
            return
        if self._head is not None:
            lost = self._error("endpoint_truncated", "broke off its answer")
        elif self._partial or self._interim:
            lost = self._error("endpoint_truncated", "broke off in the head of its answer")
        else:
            lost = self._error("endpoint_closed", "closed the connection without an answer")
        self._lose(lost, reusable_socket_died=self.is_reused and not was_closed)

    def on_deadline(self) -> None:
        if self.answering is None:
            self._close()
            return
        timeouts = self._origin.timeouts
        if self.is_paused:
            lost = self._error("send_timeout", f"took no bytes for {timeouts.send_s:g} s")
        elif self._head is None:
            text = f"did not begin to answer within {timeouts.first_byte_s:g} s"
            lost = self._error("first_byte_timeout", text)
        else:
            lost = self._error("idle_timeout", f"sent nothing for {timeouts.idle_s:g} s")
        self._lose(lost)

    # --- what the parser does --------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._fields = []
        if self._is_complete:
            self.is_closed = True  # bytes after the answer: never the next one's

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_complete and self._head is None:  # else it is a trailer, which ends here
            self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        if self._is_complete:
            return  # a second answer in one segment: for nobody
        status = self._parser.get_status_code()
        if status < 200:
            self._interim += 1
            if status == 101 or self._interim > MAX_INTERIM:
                self._lose(
                    self._error("endpoint_malformed", "sent interim answers we did not ask for")
                )
            return
        answering = self.answering
        if answering is None:
            return
        try:
            head = read_answer(status, self._fields)
        except GatewayError as error:
            error.endpoint = self._endpoint
            self._lose(error)
            return
        self._head = head
        answering.on_head(head)

    def on_body(self, data: bytes) -> None:
        if self.answering is not None and not self._is_complete:
            self.answering.on_body(data)

    def on_message_complete(self) -> None:
        if self._head is not None and not self._is_complete:
            self._is_complete = True
            # Only here: between messages llhttp has forgotten the answer's Connection field.
            self._may_stay = self._parser.should_keep_alive()

    # --- the ends --------------------------------------------------------------------------

    def _finish(self) -> None:
        """The answer is complete: back to the pool first, so that the next exchange finds it."""
        answering, head = self.answering, self._head
        self.answering = None
        if answering is None or head is None:
            return
        # An answer that came before the request was sent whole leaves the connection in an unknown state.
        if self._may_stay and self._is_sent and not self.is_closed:
            self.is_reused = True
            self._fields = []
            self._interim = 0
            self._head = None
            self._origin.put(self)
        else:
            self._close()
        answering.on_flush(is_last=True)

    def _fail_parse(self, error: Exception) -> None:
        lost = self._error("endpoint_malformed", f"sent bytes that are not HTTP ({error})")
        if self._head is not None:
            lost = self._error("endpoint_truncated", "broke the framing of its answer")
            if self.answering is not None:
                self.answering.on_flush(is_last=False)
        self._lose(lost)

    def _lose(self, error: GatewayError, *, reusable_socket_died: bool = False) -> None:
        answering, self.answering = self.answering, None
        self._close()
        if answering is not None:
            answering.on_lost(error, reusable_socket_died=reusable_socket_died)

    def _close(self) -> None:
        self.is_closed = True
        self._timers.forget(self)
        self.transport.abort()

    def _error(self, kind: str, what: str) -> GatewayError:
        name = self._endpoint
        return GatewayError(kind, f"The endpoint {name} {what}.", endpoint=name)
