"""Uploads: multipart operations, whose body is streamed on and never held whole.

The exchange's coroutine calls `serve_upload`; its steps are the same, but the request's body follows its head piece by
piece, at the pace of the slower side.
"""

from typing import TYPE_CHECKING

import msgspec

from multillama.core.causes import cause_of_error, cause_of_status
from multillama.core.plan import Plan
from multillama.core.policy import QueuePolicy
from multillama.core.retry import may_try_next
from multillama.core.routing import make_plan
from multillama.core.snapshot import Snapshot, Target
from multillama.dataplane.attempt import Attempt
from multillama.dataplane.attempts import on_failure, on_success
from multillama.dataplane.outgoing import opening_lines
from multillama.dataplane.places import give_back, has_place, wait_for_place
from multillama.dataplane.relay import LAST_CHUNK
from multillama.dataplane.story import tried
from multillama.dataplane.timers import NEVER
from multillama.errors import GatewayError
from multillama.wire.multipart import ModelFinder, boundary_of, replace_model

if TYPE_CHECKING:
    from multillama.dataplane.exchange import Exchange


async def serve_upload(exchange: "Exchange") -> None:
    """Serves one upload.

    Raises:
        GatewayError: The failure that the client must be told.
    """
    server = exchange.server
    snapshot = server.snapshot
    exchange.admit(snapshot, snapshot.limits.upload_bytes)
    boundary = boundary_of(exchange.request.head.content_type)
    if boundary is None:
        raise GatewayError(
            "unsupported_media_type", "Send this operation's fields as multipart/form-data."
        )
    opening = [await _read_until_model(exchange, boundary, snapshot.limits.body_bytes)]
    wishes = exchange.request.head.wishes
    plan = make_plan(snapshot, exchange.model or "", server.live, wishes=wishes)
    if plan.strategy is not None:
        exchange.story.plan = plan
    attempt: Attempt | None = None
    for target in plan.targets + plan.paused:
        attempt = await _try(exchange, target, snapshot, plan.policy.queue, opening)
        if _learn(exchange, attempt, plan):
            return
        row = tried(attempt, started=exchange.request.started, now=server.now())
        exchange.story.attempts.append(row)
        if (
            attempt.is_sent
            or attempt.error is None
            or not may_try_next(attempt.error, committed=attempt.has_begun, replayable=True)
        ):
            break
    if attempt is not None and attempt.error is not None:
        raise attempt.error


async def _try(
    exchange: "Exchange",
    target: Target,
    snapshot: Snapshot,
    queue: QueuePolicy,
    opening: list[bytes],
) -> Attempt:
    """Makes one attempt with what was read and what follows, and waits for its end.

    Once bytes have left it cannot be repeated, so the opening is let go.
    """
    if not has_place(target.endpoint):
        await wait_for_place(exchange, [target], queue, until=NEVER)
        give_back(target.endpoint)  # the attempt counts itself
    attempt = exchange.open(target, snapshot)
    attempt.role = "first" if exchange.attempts == 1 else "next"
    attempt.is_judged = False
    first = opening[0]
    if target.rename is not None:
        boundary = boundary_of(exchange.request.head.content_type) or b""
        name = msgspec.json.decode(target.rename, type=str).encode()
        first = replace_model(first, boundary, name)
        exchange.story.on_edit("model")
    head = _head(exchange, target, len(first) - len(opening[0]))
    attempt.start(head, None, on_over=exchange.wake)
    while not (attempt.is_over or attempt.is_sent):
        await exchange.pause()
    if attempt.is_sent:
        opening.clear()
        sent, first = first, b""
        await _send(exchange, attempt, sent)
    while not attempt.is_over:
        await exchange.pause()
    return attempt


def _learn(exchange: "Exchange", attempt: Attempt, plan: Plan) -> bool:
    """Takes note of an attempt that is over; says whether the client has an answer."""
    exchange.note(attempt)
    error = attempt.error
    cause = cause_of_error(error) if error is not None else cause_of_status(attempt.status, b"")
    if cause is None:
        on_success(exchange, attempt, plan)
    else:
        on_failure(exchange, attempt, cause, plan.policy)
    return error is None


async def _read_until_model(exchange: "Exchange", boundary: bytes, limit_bytes: int) -> bytes:
    """Reads until the form field `model` is known; returns all that was read."""
    request, caller = exchange.request, exchange.caller
    finder = ModelFinder(boundary, limit_bytes=limit_bytes)
    pieces: list[bytes] = []
    request.wants_pieces = True
    caller.want_body()
    while True:
        piece = caller.take_body()
        if piece:
            pieces.append(piece)
            finder.feed(piece)
        if finder.is_done or request.is_complete:
            break
        await exchange.pause()
    if not finder.model:
        raise GatewayError(
            "model_missing", "The form names no model: add a field 'model'.", param="model"
        )
    exchange.model = finder.model
    return b"".join(pieces)


def _head(exchange: "Exchange", target: Target, grown_bytes: int) -> bytes:
    request = exchange.request
    lines = opening_lines(request.head, exchange.operation, target.endpoint)
    if request.length is None:
        return lines + b"transfer-encoding: chunked\r\n\r\n"
    return lines + b"content-length: %d\r\n\r\n" % (request.length + grown_bytes)


async def _send(exchange: "Exchange", attempt: Attempt, first: bytes) -> None:
    """Sends the body as it comes; stops when the endpoint has answered early or is gone."""
    request, upstream = exchange.request, attempt.upstream
    is_chunked = request.length is None
    piece = first
    while upstream is not None and not attempt.is_over:
        if upstream.is_paused:
            await exchange.pause()
            continue
        is_last = request.is_complete and not request.waiting_bytes
        if piece or is_last:
            upstream.send_body(
                _frame(piece, is_last=is_last) if is_chunked else piece, is_last=is_last
            )
        if is_last:
            return
        if not request.waiting_bytes and not request.is_complete:
            await exchange.pause()
        piece = exchange.caller.take_body()


def _frame(piece: bytes, *, is_last: bool) -> bytes:
    chunk = b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
    return chunk + LAST_CHUNK if is_last else chunk
