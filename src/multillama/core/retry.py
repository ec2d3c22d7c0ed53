"""Whether another target may be tried."""

from multillama.errors import GatewayError, Retry


def may_try_next(error: GatewayError, *, committed: bool, replayable: bool) -> bool:
    """Says whether another target may be tried after this failure.

    Args:
        error: Why the attempt failed.
        committed: True once the client has one byte of an answer (architecture law 4).
        replayable: False when parts of the request's body are gone.

    Source: RFC 9110 §9.2.2. A generation is not idempotent to a bill, so only failures that left no answer
        count; a timeout may still be generating and is not repeated.
    """
    return replayable and not committed and error.failure.retry is Retry.NEXT
