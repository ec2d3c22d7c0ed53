"""One attempt: a request goes to one target, and its answer goes to the client as it comes.

Bytes are forwarded in callbacks, with the framing made anew and a copy of the edges kept for counting. The first byte
commits the exchange to this target; after it a failure can only be told inside the stream, or by breaking off.

HOT: `on_data` runs for every segment of every answer.
"""

from collections.abc import Callable
from time import monotonic
from typing import Final, Protocol

from multillama.core.refusal import error_event
from multillama.core.snapshot import Endpoint, Timeouts
from multillama.dataplane.pool import Connecting, Pool
from multillama.dataplane.upstream import Upstream
from multillama.errors import GatewayError
from multillama.wire.answers import AnswerHead, status_line
from multillama.wire.events import BLANK_LINES, WholeEvents

EDGE_BYTES: Final = 2048
"""How much of an answer's beginning and end is kept, to read its usage."""

LAST_CHUNK: Final = b"0\r\n\r\n"
CHUNKED: Final = b"transfer-encoding: chunked"
UNBUFFERED: Final = b"x-accel-buffering: no"
"""Tells an nginx in front of us to pass events on as they come."""

MAX_PIECES: Final = 16
"""In which an answer's end is kept."""

_OUR_ID: Final = "x-request-id: %s\r\nx-multillama-endpoint: %s"
_BESIDE_ITS_ID: Final = "x-multillama-id: %s\r\nx-multillama-endpoint: %s"


class Client(Protocol):
    """The client's side, as an attempt needs it."""

    has_http_11: bool

    def may_keep_alive(self) -> bool: ...
    def date(self) -> bytes:
        """Returns the value of a `date` of now."""

    def on_commit(self) -> None:
        """Comes once, before the first byte of the answer: no other target will be tried."""

    def write(self, data: bytes) -> None: ...
    def hang_up(self, *, hard: bool) -> None:
        """Ends the connection; `hard` so that the client cannot take it for the end of the answer."""


class Attempt:
    """One try of one target."""

    # Defaults stand on the class: 30 attributes set one by one would cost every exchange a microsecond.
    upstream: Upstream | None = None
    status: int = 0
    is_sent: bool = False
    """True once bytes of the request may have reached the endpoint."""
    is_committed: bool = False
    """True once the client has, or is about to have, the first byte."""
    is_over: bool = False
    error: GatewayError | None = None
    must_close: bool = False
    """True when the client's connection cannot carry another exchange."""
    first_byte_at: float = 0.0
    """On the monotonic clock, once committed."""
    answer_bytes: int = 0
    opening: bytes = b""
    """The first bytes of a stream, and of an answer too long for `ending`."""
    _connecting: Connecting | None = None
    _is_retry: bool = False
    _is_started: bool = False
    _head_bytes: bytes = b""
    _is_chunked: bool = False
    _is_framed: bool = False
    _is_opening: bool = False
    """True while a stream's first bytes are kept."""
    is_event_stream: bool = False
    """True once an answer of server-sent events has begun."""
    _events: WholeEvents | None = None
    """Of an answer that an event of ours can end: its length is not told and it is not compressed."""

    def __init__(self, client: Client, pool: Pool, endpoint: Endpoint, timeouts: Timeouts) -> None:
        self._client = client
        self._pool = pool
        self._origin = pool.origin_of(endpoint, timeouts)
        self.target_endpoint = endpoint
        self.endpoint = endpoint.name
        self.ending: list[bytes] = []
        """The last bytes of the answer, in pieces."""
        self._on_over: Callable[[], None] = _nothing

    # --- the exchange ------------------------------------------------------------------------

    def start(
        self,
        head: bytes,
        body: bytes | None,
        *,
        dialect: str,
        exchange_id: str,
        on_over: Callable[[], None],
    ) -> None:
        """Begins.

        Args:
            head: The whole request head for the endpoint.
            body: The whole body; None when it follows by `send_body` after `is_sent`.
            dialect: The client's, for an error inside the stream.
            exchange_id: Sent to the client as `x-request-id`, or as `x-multillama-id` where the endpoint has its own.
            on_over: Called when the attempt is over, or for an upload when `is_sent` has changed.
        """
        self._request_head = head
        self._request_body = body
        self._dialect = dialect
        self._exchange_id = exchange_id
        self._on_over = on_over
        self._is_started = True
        self.target_endpoint.state.in_flight += 1
        # An upload cannot be repeated, so it never meets a connection that might have died in the pool.
        upstream = self._origin.take() if body is not None else None
        if upstream is None:
            self._connect()
        else:
            self._send(upstream)

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
        upstream.send(self._request_head, self._request_body, self)
        if self._request_body is None:
            self._on_over()

    def cancel(self) -> None:
        """Stops it: the client is gone, or another try has won."""
        if self._connecting is not None:
            self._connecting.cancel()
        if self.upstream is not None:
            self.upstream.abort()
        self._end()

    def pause(self) -> None:
        """Stops reading the answer."""
        if self.upstream is not None and self.is_committed:
            self.upstream.pause()

    def resume(self) -> None:
        """Goes on reading the answer."""
        if self.upstream is not None and self.is_committed and not self.is_over:
            self.upstream.resume()

    # --- the answer --------------------------------------------------------------------------

    def on_head(self, head: AnswerHead) -> None:
        """Commits: from here the client sees this answer."""
        self.is_committed = True
        self._request_head = self._request_body = b""  # a long stream need not hold its prompt
        self.first_byte_at = monotonic()
        self.status = head.status
        self.is_event_stream = self._is_opening = head.is_event_stream
        client, lines, length = self._client, head.lines, head.length
        if not head.has_date:  # RFC 9110 §6.6.1
            lines.append(b"date: " + client.date())
        # The endpoint's own request id is the one its support asks for, so it keeps that name.
        own = _BESIDE_ITS_ID if head.has_request_id else _OUR_ID
        lines.append((own % (self._exchange_id, self.endpoint)).encode("latin-1"))
        if length is not None:
            self._is_framed = True
            # 204 has no framing line at all (RFC 9110 §8.6); a 304's length describes what is not sent.
            if head.status != 204:
                lines.append(b"content-length: %d" % length)
        elif head.may_have_body:
            self._is_chunked = self._is_framed = client.has_http_11
            if self._is_chunked:
                lines.append(CHUNKED)
            else:
                self.must_close = True
        if head.is_event_stream:
            is_coded = any(line[:17].lower() == b"content-encoding:" for line in lines)
            if length is None and not is_coded:
                self._events = WholeEvents()
            lines.append(UNBUFFERED)
        if self.must_close or not client.may_keep_alive():
            self.must_close = True
            lines.append(b"connection: close")
        elif not client.has_http_11:
            lines.append(b"connection: keep-alive")
        self._head_bytes = b"%b%b\r\n\r\n" % (status_line(head.status), b"\r\n".join(lines))
        client.on_commit()

    def on_data(self, parts: list[bytes], *, is_last: bool) -> None:
        data = b""
        if parts:
            data = parts.pop() if len(parts) == 1 else _take_all(parts)
        events = self._events
        if events is not None and (events.half or not data.endswith(BLANK_LINES)):
            data = events.rest() + data if is_last else events.take(data)
        if data:
            size = len(data)
            self.answer_bytes += size
            ending = self.ending
            ending.append(data)
            if len(ending) > MAX_PIECES or size > EDGE_BYTES or self._is_opening:
                self._trim()
            if self._is_chunked:
                data = b"%x\r\n%b\r\n" % (size, data)
                if is_last:
                    data += LAST_CHUNK
            if self._head_bytes:
                data = self._head_bytes + data
                self._head_bytes = b""
            self._client.write(data)
        elif self._head_bytes or (is_last and self._is_chunked):
            last = LAST_CHUNK if is_last and self._is_chunked else b""
            data, self._head_bytes = self._head_bytes + last, b""
            self._client.write(data)
        if is_last:
            self._end()

    def _trim(self) -> None:
        """Keeps the edges of the answer: its usage stands there."""
        ending = self.ending
        if self._is_opening:
            self.opening += ending[-1][: EDGE_BYTES - len(self.opening)]
            self._is_opening = len(self.opening) < EDGE_BYTES
            if len(ending) <= MAX_PIECES and len(ending[-1]) <= EDGE_BYTES:
                return
        if not self.opening:
            self.opening = b"".join(ending)[:EDGE_BYTES]
        tail = ending[-1] if len(ending[-1]) >= EDGE_BYTES else b"".join(ending)
        ending[:] = [tail[-EDGE_BYTES:]]

    def on_lost(self, error: GatewayError, *, reusable_socket_died: bool) -> None:
        if reusable_socket_died and not self._is_retry and error.kind == "endpoint_closed":
            # The endpoint closed an idle connection while our request was on its way: nothing was answered.
            self._is_retry = True
            self.upstream = None
            self._connect()
            return
        if self.is_committed:
            self.break_off(error)
        self.fail(error)

    def break_off(self, error: GatewayError) -> None:
        """Tells the client, which has the head and maybe more, that the answer is not whole.

        Half an event is held back and never sent, so that what is told stands alone.
        """
        client = self._client
        if self._events is not None and self._is_chunked:
            event = error_event(error, self._dialect)
            client.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(event), event))
        elif self._events is not None:
            client.write(error_event(error, self._dialect))
        else:
            self.must_close = True
            # Without framing, an orderly end would look like the end of the answer.
            client.hang_up(hard=not self._is_framed)

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
        if self._is_started:
            self.target_endpoint.state.in_flight -= 1
        # Letting go of the exchange here breaks the circle, so that it is freed without the garbage collector.
        on_over, self._on_over = self._on_over, _nothing
        on_over()


def _take_all(parts: list[bytes]) -> bytes:
    data = b"".join(parts)
    parts.clear()
    return data


def _nothing() -> None:
    """Is called before `start` has named anybody."""
