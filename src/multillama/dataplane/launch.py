"""How an attempt begins: the client's own bytes with another name of the model, or a translation of them.

HOT: once per attempt.
"""

from typing import TYPE_CHECKING, Final

from multillama.core.carrier import holds_foreign
from multillama.core.operations import Body, Operation
from multillama.core.snapshot import Endpoint, Target
from multillama.core.translate import AnyWay
from multillama.dataplane.attempt import Attempt
from multillama.dataplane.outgoing import opening_lines
from multillama.errors import GatewayError
from multillama.wire.peek import replace_member

FRAMING: Final = b"content-length: %d\r\n\r\n"

if TYPE_CHECKING:
    from multillama.dataplane.exchange import Exchange


def way_to(endpoint: Endpoint, operation: Operation, body: bytes) -> AnyWay | None:
    """Returns how a request is translated for an endpoint, None where it goes as it is."""
    name = operation.name
    way = endpoint.ways.get(name)
    if way is not None:
        return way
    detour = endpoint.detours.get(name)
    if detour is not None and detour.asks(body):
        return detour.way
    if name in endpoint.cleaning and holds_foreign(body, endpoint.provider):
        return endpoint.cleaning[name]
    return None


def launch(exchange: "Exchange", attempt: Attempt, target: Target, body: bytes) -> None:
    """Sends the request on its way; where not all of it may be told, the attempt has failed.

    Raises:
        GatewayError: It cannot be read.
    """
    operation, endpoint = exchange.operation, target.endpoint
    if operation.name in endpoint.untouched:  # as most
        if target.rename is not None:
            body = replace_member(body, "model", target.rename)
            exchange.story.on_edit("model")
        head = opening_lines(exchange.request.head, operation, endpoint)
        attempt.start(head + FRAMING % len(body), body, on_over=exchange.wake)
        return
    way = way_to(endpoint, operation, body)
    if way is None:
        _launch_tidied(exchange, attempt, target, body)
        return
    from multillama.dataplane.translating import launch_translated  # start-up is watched

    try:
        launch_translated(exchange, attempt, target, body, way)
    except GatewayError as error:
        if error.kind != "not_translatable":  # nobody could read it
            raise
        attempt.fail(error)  # another endpoint may be told it whole


def wants_rows(exchange: "Exchange") -> bool:
    """Says whether the client wants a stream as one JSON array: Gemini's, without `alt=sse`."""
    name, query = exchange.operation.name, exchange.request.head.query
    return name == "stream_generate_content" and b"alt=sse" not in query


def _launch_tidied(exchange: "Exchange", attempt: Attempt, target: Target, body: bytes) -> None:
    """Sends a request that goes as it is, but for one thing that is taken out, or whose path names the model."""
    operation, endpoint = exchange.operation, target.endpoint
    model = None
    if operation.body is Body.PATH:
        model = target.model or exchange.model
    elif target.rename is not None:
        body = replace_member(body, "model", target.rename)
        exchange.story.on_edit("model")
    tidy = endpoint.tidying.get(operation.name)
    if tidy is not None and (tidied := tidy(body)) is not body:
        body = tidied
        exchange.story.on_edit("system")
    if wants_rows(exchange):
        attempt.expect_rows()
    head = opening_lines(exchange.request.head, operation, endpoint, model=model)
    attempt.start(head + FRAMING % len(body), body, on_over=exchange.wake)
