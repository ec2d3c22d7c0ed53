"""One small request of our own to an endpoint, answered whole: how models are listed, and servers probed.

It uses the same connections, deadlines and parser as the clients' requests.
"""

import asyncio
from typing import Final, NamedTuple

from multillama.core.snapshot import Endpoint, Timeouts
from multillama.dataplane.pool import Connecting, Origin, Pool
from multillama.dataplane.upstream import Upstream
from multillama.errors import GatewayError
from multillama.wire.answer_memo import AnswerHead

MAX_BYTES: Final = 32 * 1024 * 1024
"""The largest known list of models, OpenRouter's, is under 2 MB."""

Fields = tuple[tuple[bytes, bytes], ...]


class Question(NamedTuple):
    """What is asked."""

    target: str
    """Path and query."""
    fields: Fields = ()
    """Further header fields, names in lower case."""
    body: bytes | None = None
    """JSON to `POST`, small enough for one write; None for `GET`."""
    max_bytes: int = MAX_BYTES
    """The largest body that is taken."""


class Reply(NamedTuple):
    """The whole answer."""

    status: int
    fields: Fields
    """Names in lower case."""
    body: bytes
    first_byte_ms: float
    """From the request, a new connection included, to the first byte of the body, or its end."""


async def fetch(pool: Pool, endpoint: Endpoint, question: Question, *, timeouts: Timeouts) -> Reply:
    """Sends one request and returns its answer.

    Raises:
        GatewayError: There is no whole answer, or it is larger than allowed.
    """
    exchange = _Fetch(pool, endpoint, question.max_bytes, timeouts)
    try:
        return await exchange.run(request_of(endpoint, question))
    finally:
        exchange.cancel()


def request_of(endpoint: Endpoint, question: Question) -> bytes:
    """Returns the bytes of a question."""
    fields, body = question.fields, question.body
    if body is not None:
        length = str(len(body)).encode()
        fields = (*fields, (b"content-type", b"application/json"), (b"content-length", length))
    sent = {name for name, _ in fields}
    defaults = tuple(pair for pair in endpoint.defaults if pair[0] not in sent)
    lines = b"".join(b"%b: %b\r\n" % field for field in (*fields, *defaults))
    opening = b"%b %b HTTP/1.1\r\n" % (
        b"GET" if body is None else b"POST",
        question.target.encode(),
    )
    return b"%b%b%b\r\n%b" % (opening, endpoint.fixed_head, lines, body or b"")


class _Fetch:
    """An answer on its way."""

    def __init__(self, pool: Pool, endpoint: Endpoint, max_bytes: int, timeouts: Timeouts) -> None:
        self.endpoint = endpoint.name
        self._max_bytes = max_bytes
        self._pool = pool
        self._target = endpoint
        self._origin: Origin = pool.origin_of(endpoint, timeouts)
        self._upstream: Upstream | None = None
        self._connecting: Connecting | None = None
        self._request = b""
        self._head: AnswerHead | None = None
        self._parts: list[bytes] = []
        self._bytes = 0
        self._loop = asyncio.get_running_loop()
        self._begun_at = self._loop.time()
        self._first_byte_at: float | None = None
        self._done: asyncio.Future[None] = self._loop.create_future()

    async def run(self, request: bytes) -> Reply:
        self._request = request
        upstream = self._origin.take()
        if upstream is not None:
            self._send(upstream)
        else:
            self._connect()
        await self._done
        head = self._head
        assert head is not None  # noqa: S101 - the future is resolved without failure only after a head
        pairs = [line.partition(b":")[::2] for line in head.lines]
        first_byte_at = self._first_byte_at or self._loop.time()
        return Reply(
            head.status,
            tuple((name.lower(), value.strip()) for name, value in pairs),
            b"".join(self._parts),
            (first_byte_at - self._begun_at) * 1000,
        )

    def _connect(self) -> None:
        self._connecting = self._pool.connect(self._origin, self._target, self._send, self._fail)

    def _send(self, upstream: Upstream) -> None:
        self._connecting = None
        self._upstream = upstream
        upstream.send(self._request, b"", self)

    def cancel(self) -> None:
        """Stops it, if it still runs."""
        if self._connecting is not None:
            self._connecting.cancel()
        if self._upstream is not None:
            self._upstream.abort()

    def _fail(self, error: GatewayError) -> None:
        self._connecting = None
        if not self._done.done():
            self._done.set_exception(error)

    # --- the answer --------------------------------------------------------------------------

    def on_head(self, head: AnswerHead) -> None:
        self._head = head

    def on_data(self, parts: list[bytes], is_last: bool) -> None:
        self._bytes += sum(len(part) for part in parts)
        if self._bytes and self._first_byte_at is None:
            self._first_byte_at = self._loop.time()
        self._parts += parts
        parts.clear()
        if self._bytes > self._max_bytes:
            text = f"The endpoint {self.endpoint} sent more than {self._max_bytes} bytes."
            self._fail(GatewayError("endpoint_malformed", text, endpoint=self.endpoint))
        elif is_last:
            self._upstream = None
            if not self._done.done():
                self._done.set_result(None)

    def on_lost(self, error: GatewayError, *, reusable_socket_died: bool) -> None:
        self._upstream = None
        if reusable_socket_died and error.kind == "endpoint_closed":
            self._connect()
        else:
            self._fail(error)

    def on_writable(self) -> None:
        """Is never waited for: the request fits into one write."""
