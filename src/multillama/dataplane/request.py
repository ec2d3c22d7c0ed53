"""One client request while it arrives: the facts of its head, and its body.

The body is kept until somebody takes it: whole for an exchange that must read it, piece by piece for an upload.
"""

from typing import Final

from multillama.core.operations import Operation
from multillama.dataplane.layout import learns_names
from multillama.errors import GatewayError
from multillama.wire.chunked import ChunkedReader
from multillama.wire.heads import Head

MAX_WAITING_BYTES: Final = 256 * 1024
"""Bytes of an upload that wait for a slow endpoint; then the client is paused."""
MIN_BYTES_PER_S: Final = 500
SLOW_GRACE_S: Final = 10.0
"""How long a body may come slower than that."""


@learns_names()
class Request:
    """A request of one downstream connection."""

    model: str | None = None
    """Where the path names it."""
    received_bytes: int = 0
    limit_bytes: int = 0
    failure: GatewayError | None = None
    """Why the rest of the body will never come."""
    wants_pieces: bool = False
    """True for an upload: the exchange is woken for each piece, not only for the end."""
    has_paused: bool = False
    """True once we have kept the client waiting: then the time is not its own."""
    waiting_bytes: int = 0
    """How much of the body waits in `parts`."""

    def __init__(
        self,
        head: Head,
        length: int | None,
        operation: Operation | None,
        at: float,
        started: float,
    ) -> None:
        """Takes the announced length (None for chunked or none), and now, in epoch and in loop time.

        HOT: these two may be given by position, as names would cost each request a dict: 0.1 µs.
        """
        self.head = head
        self.length = length
        self.operation = operation
        self.at = at
        self.started = started
        self.parts: list[bytes] = []
        """Body bytes not yet taken, unframed."""
        self.is_complete = not (length or head.chunked)
        self._chunks = ChunkedReader() if head.chunked else None

    def receive(self, data: bytes, now: float) -> bytes:
        """Takes bytes as they come from the client; returns what follows the body.

        Raises:
            GatewayError: `bad_request` for framing that is broken, `body_too_large`, or `request_timeout` for a body
                that drips: a byte now and then would hold its place for ever.
        """
        rest = self._receive(data)
        seconds = now - self.started - SLOW_GRACE_S
        if (
            self.received_bytes < seconds * MIN_BYTES_PER_S
            and not self.is_complete
            and not self.has_paused
        ):
            text = f"The request body comes too slowly: less than {MIN_BYTES_PER_S} bytes a second."
            raise GatewayError("request_timeout", text)
        return rest

    def _receive(self, data: bytes) -> bytes:
        chunks = self._chunks
        if chunks is None:
            left = (self.length or 0) - self.received_bytes
            piece = data if len(data) <= left else data[:left]
            self.feed(piece)
            self.is_complete = len(piece) == left
            return data[len(piece) :]
        for piece in chunks.feed(data):
            self.feed(piece)
        if chunks.announced_bytes > self.limit_bytes:
            raise too_large(self.limit_bytes)
        self.is_complete = chunks.is_done
        return chunks.rest

    def take_whole(self, body: bytes) -> None:
        """Takes a body that is here whole."""
        self.parts.append(body)
        self.received_bytes = self.waiting_bytes = len(body)
        self.is_complete = True

    def feed(self, data: bytes) -> None:
        """Takes a piece of the body, unframed."""
        self.parts.append(data)
        self.received_bytes += len(data)
        self.waiting_bytes += len(data)

    @property
    def is_full(self) -> bool:
        """True for an upload that waits for a slow endpoint."""
        return self.wants_pieces and self.waiting_bytes > MAX_WAITING_BYTES

    def take(self) -> bytes:
        """Returns the bytes that have come and are not yet taken."""
        parts = self.parts
        if not parts:
            return b""
        self.parts = []
        self.waiting_bytes = 0
        return parts[0] if len(parts) == 1 else b"".join(parts)


def too_large(limit_bytes: int) -> GatewayError:
    """Returns the failure of a body beyond its limit."""
    return GatewayError(
        "body_too_large",
        f"The request body is larger than {limit_bytes} bytes, the limit of this gateway.",
    )
