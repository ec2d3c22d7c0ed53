"""One client request while it arrives: the facts of its head, and its body.

The body is kept until somebody takes it: whole for an exchange that must read it, piece by piece for an upload.
"""

from multillama.core.operations import Operation
from multillama.errors import GatewayError
from multillama.wire.heads import Head


class Request:
    """A request of one downstream connection."""

    received_bytes: int = 0
    limit_bytes: int = 0
    failure: GatewayError | None = None
    """Why the rest of the body will never come."""
    wants_pieces: bool = False
    """True for an upload: the exchange is woken for each piece, not only for the end."""
    waiting_bytes: int = 0
    """How much of the body waits in `parts`."""

    def __init__(
        self,
        head: Head,
        length: int | None,
        operation: Operation | None,
        *,
        at: float,
        started: float,
    ) -> None:
        """Takes the announced length (None for chunked or none), and now, in epoch and in loop time."""
        self.head = head
        self.length = length
        self.operation = operation
        self.at = at
        self.started = started
        self.parts: list[bytes] = []
        """Body bytes not yet taken, unframed."""
        self.is_complete = not (length or head.chunked)

    def feed(self, data: bytes) -> None:
        """Takes a piece of the body, unframed."""
        self.parts.append(data)
        self.received_bytes += len(data)
        self.waiting_bytes += len(data)

    def take(self) -> bytes:
        """Returns the bytes that have come and are not yet taken."""
        parts = self.parts
        if not parts:
            return b""
        self.parts = []
        self.waiting_bytes = 0
        return parts[0] if len(parts) == 1 else b"".join(parts)
