"""The record: the facts of one finished exchange, the only thing that travels up from the data plane.

It never holds a secret, a prompt or an answer.
"""

from typing import Literal

import msgspec

from multillama.errors import GatewayError, Origin

Outcome = Literal["ok", "refused", "failed", "cancelled", "truncated"]
"""How an exchange ended.

`ok`: the endpoint's whole answer, whatever its status, reached the client. `refused`: we answered with an
error that is the client's or ours. `failed`: an endpoint failed before the client had a byte. `truncated`: it
failed after, or we did. `cancelled`: the client left first, or did not send its request to the end.
"""


class Record(msgspec.Struct, kw_only=True):
    """The facts of one finished exchange."""

    id: str
    """Our request id, also sent as `x-request-id`."""
    at: float
    """When the request's head was complete, seconds since 1970."""
    operation: str
    """Name of the operation's row, or `-` where none was recognised."""
    method: str = "-"
    path: str = "-"
    """Without the query, which may hold a secret."""
    model: str | None = None
    endpoint: str | None = None
    status: int
    outcome: Outcome
    stream: bool = False
    error: str | None = None
    """Kind of the failure: a key of `errors.FAILURES`."""
    error_text: str | None = None
    first_byte_ms: float | None = None
    """From the complete head of the request to the first byte of the answer."""
    total_ms: float
    request_bytes: int = 0
    """Body bytes received from the client, unframed."""
    response_bytes: int = 0
    """Body bytes sent to the client, unframed."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    attempts: int = 0
    tried: tuple[str, ...] = ()
    """Endpoints tried before the one that answered, in order, as `name: kind of failure`."""
    queue_ms: float | None = None
    """How long it waited for a busy endpoint; None where it had not to."""


def outcome_of(error: GatewayError, *, committed: bool) -> Outcome:
    """Sorts a failure into the record's outcomes; `committed` when the client has some of an answer."""
    origin = error.failure.origin
    if error.kind == "client_gone" or (committed and origin is Origin.CLIENT):
        return "cancelled"
    if committed:
        return "truncated"
    return "failed" if origin is Origin.ENDPOINT else "refused"
