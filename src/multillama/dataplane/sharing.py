"""Equal embeddings requests that are in flight at one time share one call, where the route allows it (`Policy.share`).

The call belongs to nobody: all who ask wait for it, the first like the others, so whoever leaves harms nobody, and it
ends when the last has left. Its answer is kept until it is whole, and then each gets it with a head of its own. One too
long to be kept goes to the first of them as it comes; the others then ask for themselves. A failure is everybody's,
as it has been tried again already, as the policy has it: a hundred clients would not have more luck, but be a storm.

Attempts and tokens are counted once, for the first of those who are still there at the end.
"""

from copy import copy
from typing import Final

from multillama.core.plan import Plan
from multillama.core.snapshot import Snapshot
from multillama.dataplane.exchange import Exchange
from multillama.dataplane.relay import Relay
from multillama.dataplane.request import Request
from multillama.dataplane.serving import serve_plan
from multillama.errors import GatewayError
from multillama.wire.answer_memo import AnswerHead
from multillama.wire.heads import Head

MAX_BODY_BYTES: Final = 1024 * 1024
"""A longer request is not compared with others."""
MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
"""A longer answer is not kept."""
SHARED: Final = b"x-multillama-shared: 1"

_TELLS_NOTHING: Final = frozenset(
    (b"user-agent", b"traceparent", b"tracestate", b"baggage", b"x-request-id", b"x-client-request-id")
)  # fmt: skip
_TELLS_NOTHING_PREFIX: Final = b"x-stainless-"
"""Of headers that name the program that asks, or this one request of it; all others may change the answer."""


async def serve_shared(exchange: Exchange, plan: Plan, snapshot: Snapshot) -> None:
    """Serves an exchange together with those that ask the same, or alone.

    Raises:
        GatewayError: The failure that the client must be told.
    """
    if len(exchange.body) <= MAX_BODY_BYTES and not exchange.stream:
        key = _key(exchange, snapshot)
        calls = exchange.server.calls
        call = calls.get(key)
        if call is None:
            call = calls[key] = Call(exchange, key)
            call.join(exchange)
            call.start(plan, snapshot)
        else:
            call.join(exchange)
        if await call.wait(exchange, plan):
            return
    await serve_plan(exchange, plan, snapshot)


def _key(exchange: Exchange, snapshot: Snapshot) -> tuple[object, ...]:
    """Returns what must be equal.

    The client's key is part of it: that an answer is shared tells that somebody else asks the same at this moment.
    """
    head = exchange.request.head
    # The snapshot by its identity: the call holds it, so that no other one can have the same.
    wishes = tuple(sorted(head.wishes.items()))
    return (
        id(snapshot),
        head.path,
        head.query,
        wishes,
        head.credential,
        _telling(head),
        exchange.body,
    )


def _telling(head: Head) -> tuple[tuple[bytes, bytes], ...]:
    """Returns the headers that travel on and may change the answer."""
    pairs = zip(head.forward[::4], head.forward[2::4], strict=True)
    named = ((name.lower(), value) for name, value in pairs)
    return tuple(
        sorted(
            (name, value)
            for name, value in named
            if name not in _TELLS_NOTHING and not name.startswith(_TELLS_NOTHING_PREFIX)
        )
    )


class Call:
    """One call for all who ask the same while it is in flight."""

    def __init__(self, first: Exchange, key: tuple[object, ...]) -> None:
        self._key = key
        self._calls = first.server.calls
        self._waiting: dict[Exchange, None] = {}
        """In the order in which they came."""
        self._is_over = False
        self._error: GatewayError | None = None
        self._counts: Exchange | None = None
        """Whose record has the attempts and the tokens, once it is over."""
        self._asking = _twin(first)
        """Makes the attempts: an exchange without a client and without a record."""
        self._answer = self._asking.relay = _Answer(self)

    def join(self, exchange: Exchange) -> None:
        """Lets an exchange wait for the answer, too."""
        self._waiting[exchange] = None

    def start(self, plan: Plan, snapshot: Snapshot) -> None:
        """Asks."""
        self._asking.start(self._ask(plan, snapshot))

    async def _ask(self, plan: Plan, snapshot: Snapshot) -> None:
        try:
            await serve_plan(self._asking, plan, snapshot)
        except GatewayError as error:
            self._error = error
        except (
            Exception
        ) as crash:  # as in `Exchange`: a bug of ours must cost answers, not leave clients waiting
            self._asking.server.on_crash(crash)
            text = "The gateway failed. Its log has the reason."
            self._error = GatewayError("internal_error", text)
        self._close()
        self._is_over = True
        self._asking.stop_attempts()
        self._counts = next(iter(self._waiting), None)
        for exchange in list(self._waiting):
            exchange.wake()

    async def wait(self, exchange: Exchange, plan: Plan) -> bool:
        """Waits for the answer and passes it on; returns False for an exchange that must ask for itself.

        Raises:
            GatewayError: The call's failure, or why the exchange has ended before.
        """
        try:
            while not self._is_over and exchange in self._waiting:
                await exchange.pause()
        except GatewayError:
            self._leave(exchange)
            raise
        if exchange not in self._waiting:
            return False
        is_counted = exchange is self._counts
        if is_counted:
            exchange.adopt(self._asking)
        else:
            exchange.attempt, exchange.attempts = self._asking.attempt, self._asking.attempts
            exchange.story.plan, exchange.story.is_shared = plan, True
        if self._error is not None:
            error = self._error
            raise GatewayError(error.kind, error.text, endpoint=error.endpoint, param=error.param)
        self._answer.give(exchange, b"" if is_counted else SHARED)
        if not is_counted:
            exchange.relay.forget_edges()
        return True

    def _leave(self, exchange: Exchange) -> None:
        """Lets one go that has ended before; with the last, the call ends."""
        self._waiting.pop(exchange, None)
        if not self._waiting and not self._is_over:
            self._close()
            self._asking.cancel()
            exchange.adopt(self._asking)

    def _close(self) -> None:
        """Lets nobody join any more."""
        if self._calls.get(self._key) is self:
            del self._calls[self._key]

    def give_to_first(self) -> Exchange:
        """Leaves the answer to the first that waits; the others have to ask for themselves."""
        self._close()
        first, *others = self._waiting
        self._waiting = {first: None}
        # Now it is its own, and its client's pace counts.
        first.attempt = self._asking.attempt
        for exchange in others:
            # Not at once: this is the middle of somebody's answer.
            exchange.server.timers.call_soon(exchange.wake)
        return first


class _Answer(Relay):
    """The answer of a call: it is kept, and given to each client when it is whole."""

    runs = False

    def __init__(self, call: Call) -> None:
        self._call = call
        self._head = AnswerHead(0)
        self._endpoint = ""
        self._notes = b""
        self._parts: list[bytes] = []
        self._taker: Relay | None = None
        """Who gets it as it comes, as it is too long to be kept."""

    def begin(self, head: AnswerHead, endpoint: str, *, at: float, notes: bytes = b"") -> None:
        self.is_begun = True
        self.first_byte_at = at
        self._head, self._endpoint, self._notes = head, endpoint, notes
        if head.length is not None and head.length > MAX_ANSWER_BYTES:
            self._pass_through()

    def pass_on(self, data: bytes, is_last: bool) -> None:
        if self._taker is None:
            self._parts.append(data)
            self.answer_bytes += len(data)
            if self.answer_bytes <= MAX_ANSWER_BYTES:
                return
            self._pass_through()
            data = b"".join(self._parts)
            self._parts.clear()
        if self._taker is not None:
            self._taker.pass_on(data, is_last)

    def _pass_through(self) -> None:
        taker = self._call.give_to_first().relay
        taker.begin(self._head, self._endpoint, at=self.first_byte_at, notes=self._notes)
        self._taker = taker

    def give(self, exchange: Exchange, note: bytes) -> None:
        """Gives the whole answer to one client, unless it has it already."""
        relay = exchange.relay
        if self._taker is not None:
            return
        if len(self._parts) != 1:
            self._parts = [b"".join(self._parts)]
        body = self._parts[0]
        head = copy(self._head)
        head.lines = list(head.lines)
        if head.may_have_body:
            head.length = len(body)
        at = max(self.first_byte_at, exchange.request.started)
        notes = b"\r\n".join(filter(None, (self._notes, note)))
        relay.begin(head, self._endpoint, at=at, notes=notes)
        if body:
            relay.pass_on(b"", False)  # the head alone, so that the body is not copied for each
        relay.pass_on(body, True)


def _twin(first: Exchange) -> Exchange:
    """Returns an exchange that asks the same; `first` lends it its client for nothing but to be named in a queue."""
    asked = first.request
    request = Request(
        asked.head, len(first.body), asked.operation, at=asked.at, started=asked.started
    )
    request.is_complete = True
    twin = Exchange(first.server, first.caller, request, first.operation)
    twin.model, twin.body = first.model, first.body
    return twin
