"""Uploads: multipart operations, whose body is streamed on and never held whole.

The exchange's coroutine calls `serve_upload`; its steps are the same, but the request's body follows its head piece by
piece, at the pace of the slower side. Until the first piece has left, an upload is tried elsewhere like any other
request; from then on its body is gone, and whatever happens is the client's to know.
"""

from typing import TYPE_CHECKING

import msgspec

from multillama.core.causes import cause_of_status
from multillama.core.plan import Plan
from multillama.core.retry import out_of_time
from multillama.core.routing import make_plan
from multillama.core.snapshot import Snapshot, Target
from multillama.dataplane.attempt import Attempt
from multillama.dataplane.attempts import Attempts, last_notes, on_failure
from multillama.dataplane.outgoing import opening_lines
from multillama.dataplane.relay import LAST_CHUNK
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
    server, request = exchange.server, exchange.request
    snapshot = server.snapshot
    exchange.admit(snapshot, snapshot.limits.upload_bytes)
    boundary = boundary_of(request.head.content_type)
    if boundary is None:
        raise GatewayError(
            "unsupported_media_type", "Send this operation's fields as multipart/form-data."
        )
    exchange.body = await _read_until_model(exchange, boundary, snapshot.limits.body_bytes)
    server.budget.on_request(request.started)
    plan = make_plan(
        snapshot,
        exchange.model or "",
        server.live,
        operation=exchange.operation,
        wishes=request.head.wishes,
    )
    await Uploads(exchange, plan, snapshot, boundary).run(None)


class Uploads(Attempts):
    """The attempts of one upload: one after another, and none after the one that the body has gone to.

    The exchange's `body` is what was read to find the model; it is let go when it leaves.
    """

    def __init__(
        self, exchange: "Exchange", plan: Plan, snapshot: Snapshot, boundary: bytes
    ) -> None:
        super().__init__(exchange, plan, snapshot)
        if self._policy.hedge:  # two cannot be sent one stream, and its time is the client's
            self._policy = msgspec.structs.replace(self._policy, hedge=False)
        self._boundary = boundary
        self._first = b""
        """What was read, as the target gets it, until it has left."""
        self._is_whole = False
        """True once the last piece has left."""

    def launch(self, attempt: Attempt, target: Target, body: bytes) -> None:
        """Begins to send what was read; what follows it is sent by `watch`."""
        self._first = body
        if target.rename is not None:
            name = msgspec.json.decode(target.rename, type=str).encode()
            self._first = replace_model(body, self._boundary, name)
            self.story.on_edit("model")
        attempt.is_judged = False
        attempt.on_begun = None  # what begins may be a failure here
        attempt.failure_notes = last_notes(self.exchange)
        head = _head(self.exchange, target, len(self._first) - len(body))
        attempt.start(head, None, on_over=self.exchange.wake)

    async def watch(self, attempt: Attempt, *, resumes: bool = False) -> Attempt:
        """Sends the body as it comes, and waits until the attempt is over.

        `first_token_s` runs until the body begins to leave, and again from its last byte: between them the pace may
        be the client's, and `send_s` and `body_s` watch both sides.
        """
        deadline = NEVER if resumes else self._deadline
        first_s = self._policy.first_token_s or NEVER
        due = NEVER
        while True:
            self._send_on(attempt)
            if attempt.is_over:
                return attempt
            if attempt.has_begun:
                await self.exchange.pause()
                continue
            now = self._now()
            if now >= deadline:
                attempt.give_up(out_of_time(self._policy.deadline_s or 0.0, attempt.endpoint))
                continue
            if self._is_on_its_way(attempt):
                due = NEVER
            elif due == NEVER:
                due = now + first_s
            if now >= due:
                self._abandon(attempt)
                continue
            await self.exchange.pause_until(min(deadline, due))

    def succeed(self, attempt: Attempt) -> None:
        """Takes note of an answer that the client has, which may be a failure: nobody else could be asked."""
        cause = cause_of_status(attempt.status, b"")
        if cause is None:
            super().succeed(attempt)
            return
        row = self.story.attempts[-1]
        row.cause, row.then = cause, "gave up: the request's body is not kept"
        on_failure(self.exchange, attempt, cause, self._policy)

    def _send_on(self, attempt: Attempt) -> None:
        """Sends what has come, as far as the endpoint takes it; not to one that is gone or has answered."""
        exchange, request = self.exchange, self.exchange.request
        if attempt.is_sent:
            exchange.body = b""
        while (upstream := attempt.upstream) and not (self._is_whole or upstream.is_paused):
            piece, self._first = self._first or exchange.caller.take_body(), b""
            is_last = request.is_complete and not request.waiting_bytes
            if not (piece or is_last):
                return
            self._is_whole = is_last
            framed = piece if request.length is not None else _frame(piece, is_last=is_last)
            upstream.send_body(framed, is_last=is_last)

    def _is_on_its_way(self, attempt: Attempt) -> bool:
        """Says whether bytes of the body are still to be sent to an endpoint that is connected."""
        upstream = attempt.upstream
        return upstream is not None and (upstream.is_paused or not self._is_whole)


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


def _frame(piece: bytes, *, is_last: bool) -> bytes:
    chunk = b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
    return chunk + LAST_CHUNK if is_last else chunk
