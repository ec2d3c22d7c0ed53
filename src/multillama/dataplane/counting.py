"""Streams whose usage is asked for though the client has not, where the route has `count_usage`.

The endpoint's bytes go on as they come but for the one chunk that it sends for our asking. Where the endpoint speaks
another dialect, the translation asks by itself.
"""

from functools import partial

from multillama.core.asked_usage import MEMBER, UsageTaker, with_usage
from multillama.core.plan import Plan, may_resume
from multillama.core.snapshot import Snapshot, Target
from multillama.core.stitch import Stitch
from multillama.dataplane.attempt import Attempt
from multillama.dataplane.attempts import Attempts
from multillama.dataplane.exchange import Exchange
from multillama.dataplane.launch import launch
from multillama.dataplane.relay import Relay
from multillama.errors import GatewayError
from multillama.wire.answer_memo import AnswerHead
from multillama.wire.events import WholeEvents


async def serve_counted(exchange: Exchange, plan: Plan, snapshot: Snapshot) -> None:
    """Serves a stream, and counts its tokens.

    Raises:
        GatewayError: The failure that the client must be told.
    """
    if may_resume(plan):
        exchange.relay.kept = []
        exchange.keeps_body = True
    await _CountedAttempts(exchange, plan, snapshot).run(None)


class _CountedAttempts(Attempts):
    """Attempts that ask for usage."""

    def launch(self, attempt: Attempt, target: Target, body: bytes) -> None:
        exchange = self.exchange
        is_translated = exchange.operation.name in target.endpoint.ways
        asking = None if is_translated else with_usage(body)
        if asking is not None:
            body = asking
            self.story.on_edit(MEMBER)
            taker = UsageTaker()
            if attempt.stitch is None:
                attempt.answering = _Hider(attempt, taker, exchange.relay)
            else:  # what a continuation took is added up by its stitch
                attempt.stitch = partial(_stitched, attempt.stitch, taker, exchange.relay)
        launch(exchange, attempt, target, body)


def _stitched(
    stitch: Stitch, taker: UsageTaker, relay: Relay, data: bytes, *, is_last: bool
) -> bytes:
    return _taken(taker, relay, stitch(data, is_last=is_last))


def _taken(taker: UsageTaker, relay: Relay, data: bytes) -> bytes:
    data = taker.feed(data)
    if taker.usage is not None:
        relay.told = taker.usage.input_tokens, taker.usage.output_tokens
    return data


class _Hider:
    """Stands between an endpoint's connection and an attempt; is its `Answering`."""

    def __init__(self, attempt: Attempt, taker: UsageTaker, relay: Relay) -> None:
        self.endpoint = attempt.endpoint
        self._attempt = attempt
        self._taker = taker
        self._relay = relay
        self._events: WholeEvents | None = None

    def on_head(self, head: AnswerHead) -> None:
        if head.is_event_stream and not head.has_lines and not head.is_coded:
            head.length = None  # it may become shorter
            self._events = WholeEvents()
        self._attempt.on_head(head)

    def on_data(self, parts: list[bytes], is_last: bool) -> None:
        events = self._events
        if events is not None:
            data = events.take(b"".join(parts))
            data = _taken(self._taker, self._relay, data + events.rest() if is_last else data)
            parts[:] = (data,)
            if not data and not is_last:
                parts.clear()
                return
        self._attempt.on_data(parts, is_last)

    def on_lost(self, error: GatewayError, *, reusable_socket_died: bool) -> None:
        self._attempt.on_lost(error, reusable_socket_died=reusable_socket_died)

    def on_writable(self) -> None:
        self._attempt.on_writable()
