"""How an attempt begins: the client's own bytes with another name of the model, or a translation of them.

HOT: once per attempt.
"""

from typing import TYPE_CHECKING

from multillama.core.carrier import holds_foreign
from multillama.core.operations import Body, Operation
from multillama.core.snapshot import Endpoint, Target
from multillama.core.translate import AnyWay
from multillama.dataplane.attempt import Attempt
from multillama.dataplane.outgoing import opening_lines
from multillama.errors import GatewayError
from multillama.wire.peek import replace_member

if TYPE_CHECKING:
    from multillama.dataplane.exchange import Exchange


def way_to(endpoint: Endpoint, operation: Operation, body: bytes) -> AnyWay | None:
    """Returns how a request is translated for an endpoint, None where it goes as it is."""
    way = endpoint.ways.get(operation.name)
    if (
        way is None
        and operation.name in endpoint.cleaning
        and holds_foreign(body, endpoint.provider)
    ):
        return endpoint.cleaning[operation.name]
    return way


def launch(exchange: "Exchange", attempt: Attempt, target: Target, body: bytes) -> None:
    """Sends the request on its way; where not all of it may be told, the attempt has failed.

    Raises:
        GatewayError: It cannot be read.
    """
    operation, endpoint = exchange.operation, target.endpoint
    way = way_to(endpoint, operation, body)
    if way is not None:
        from multillama.dataplane.translating import launch_translated  # start-up is watched

        try:
            launch_translated(exchange, attempt, target, body, way)
        except GatewayError as error:
            if error.kind != "not_translatable":  # nobody could read it
                raise
            attempt.fail(error)  # another endpoint may be told it whole
        return
    if operation.body is Body.PATH:
        model = target.model or exchange.model
        head = opening_lines(exchange.request.head, operation, endpoint, model=model)
    else:
        if target.rename is not None:
            body = replace_member(body, "model", target.rename)
            exchange.story.on_edit("model")
        tidy = endpoint.tidying.get(operation.name)
        if tidy is not None and (tidied := tidy(body)) is not body:
            body = tidied
            exchange.story.on_edit("system")
        head = opening_lines(exchange.request.head, operation, endpoint)
    framing = b"content-length: %d\r\n\r\n" % len(body)
    attempt.start(head + framing, body, on_over=exchange.wake)
