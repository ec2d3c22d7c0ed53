"""One small request of our own to an endpoint, answered whole: how models are listed.

It uses the same connections, deadlines and parser as the clients' requests.
"""

import asyncio
from typing import Final

from multillama.core.snapshot import Endpoint, Timeouts
from multillama.dataplane.pool import Connecting, Origin, Pool
from multillama.dataplane.upstream import Upstream
from multillama.errors import GatewayError
from multillama.wire.answers import AnswerHead

MAX_BYTES: Final = 32 * 1024 * 1024
"""The largest known list of models, OpenRouter's, is under 2 MB."""

Fields = tuple[tuple[bytes, bytes], ...]


async def fetch(
    pool: Pool, endpoint: Endpoint, target: str, fields: Fields, *, timeouts: Timeouts
) -> tuple[int, Fields, bytes]:
    """Sends `GET target` and returns status, header fields (names in lower case) and body.

    Raises:
        GatewayError: There is no whole answer, or it is larger than 32 MiB.
    """
    exchange = _Fetch(pool, endpoint, timeouts)
    sent = {name for name, _ in fields}
    defaults = tuple(pair for pair in endpoint.defaults if pair[0] not in sent)
    lines = b"".join(b"%b: %b\r\n" % field for field in (*fields, *defaults))
    head = b"GET %b HTTP/1.1\r\n%b%b\r\n" % (target.encode(), endpoint.fixed_head, lines)
    try:
        return await exchange.run(head)
    finally:
        exchange.cancel()


class _Fetch:
    """An answer on its way."""

    def __init__(self, pool: Pool, endpoint: Endpoint, timeouts: Timeouts) -> None:
        self.endpoint = endpoint.name
        self._pool = pool
        self._target = endpoint
        self._origin: Origin = pool.origin_of(endpoint, timeouts)
        self._upstream: Upstream | None = None
        self._connecting: Connecting | None = None
        self._request = b""
        self._head: AnswerHead | None = None
        self._parts: list[bytes] = []
        self._bytes = 0
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, request: bytes) -> tuple[int, Fields, bytes]:
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
        return (
            head.status,
            tuple((name.lower(), value.strip()) for name, value in pairs),
            b"".join(self._parts),
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

    def on_data(self, parts: list[bytes], *, is_last: bool) -> None:
        self._bytes += sum(len(part) for part in parts)
        self._parts += parts
        parts.clear()
        if self._bytes > MAX_BYTES:
            text = f"The endpoint {self.endpoint} sent more than {MAX_BYTES} bytes."
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
