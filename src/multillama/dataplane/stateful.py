"""Responses that go on from earlier ones, and responses that are kept for it.

Where the gateway has a store, what its client refers to (`previous_response_id`, `item_reference`) is put into the
request, and the answer of an endpoint that keeps none is stored: the client gets it byte for byte as ever. What the
store does not have is the affair of endpoints that keep responses themselves, and those are asked with the request as
it came. Where nobody has it, the client is told so: most servers would answer as if nothing had been said before.
"""

from collections.abc import Callable, Coroutine
from copy import copy
from typing import Any, Final

from multillama.core.conversation import Turn, read_turn, response_in, stored_from
from multillama.core.plan import Plan
from multillama.core.routing import make_plan
from multillama.core.snapshot import Snapshot, Target
from multillama.core.stored_responses import ResponseStore
from multillama.dataplane.attempt import Attempt
from multillama.dataplane.attempts import Attempts
from multillama.dataplane.exchange import Exchange
from multillama.dataplane.relay import Relay
from multillama.dataplane.serving import serve_plan
from multillama.errors import GatewayError
from multillama.wire.answer_memo import AnswerHead
from multillama.wire.events import BLANK_LINES
from multillama.wire.peek import edit_members
from multillama.wire.sse import data_of, events_in

MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
"""A longer answer is not stored."""
_NOBODY: Final = "-"
"""The relay's word for an answer that has begun before there was an endpoint."""


def is_stateful(exchange: Exchange) -> bool:
    """Says whether there is anything to store, or to look up."""
    return exchange.server.responses is not None or b"previous_response_id" in exchange.body


def serve_stateful(exchange: Exchange, snapshot: Snapshot) -> Coroutine[Any, Any, None]:
    """Plans an exchange, and returns how it is served: to be awaited.

    Raises:
        GatewayError: `previous_response_not_found`, or as for any other exchange.
    """
    server, owner = exchange.server, exchange.request.head.credential
    server.budget.on_request(exchange.request.started)
    store = server.responses
    turn = read_turn(exchange.body, store, owner, now=server.now())
    exchange.body = turn.body
    plan = _plan(exchange, snapshot)
    if turn.missing is not None:
        _ask_keepers_only(exchange, plan, turn.missing, has_store=store is not None)
        plan = _plan(exchange, snapshot)
    if turn.previous is not None:
        exchange.plan = plan
        exchange.story.on_edit("previous_response_id")
    may_store = turn.is_to_store and turn.missing is None and exchange.operation.name == "responses"
    if store is None or not may_store:
        return serve_plan(exchange, plan, snapshot)
    keepers = frozenset(row.name for row in snapshot.endpoints if row.keeps_responses)
    exchange.relay = _KeepingRelay(exchange, keepers, _keep(store, owner, turn, server.now))
    if turn.says_store:
        return _StoredAttempts(exchange, plan, snapshot).run(None)
    return serve_plan(exchange, plan, snapshot)


def _plan(exchange: Exchange, snapshot: Snapshot) -> Plan:
    return make_plan(
        snapshot,
        exchange.model or "",
        exchange.server.live,
        body=exchange.body,
        operation=exchange.operation,
        wishes=exchange.request.head.wishes,
    )


def _ask_keepers_only(exchange: Exchange, plan: Plan, missing: str, *, has_store: bool) -> None:
    """Lets the request go to endpoints that keep responses themselves, as if its client had wished so.

    Raises:
        GatewayError: `previous_response_not_found`, as there is none.
    """
    targets = plan.targets + plan.paused
    names = [target.endpoint.name for target in targets if target.endpoint.keeps_responses]
    if not names:
        if has_store:
            why = "is not stored here for this key, or not any more"
            cure = ""
        else:
            why = "is not known: this gateway stores no responses"
            cure = ", or let it store them: --responses-store 1000"
        raise GatewayError(
            "previous_response_not_found",
            f"{missing[:1].upper()}{missing[1:200]} {why}, and no endpoint of this model keeps any. Send the whole"
            f" conversation as `input`{cure}.",
            param="previous_response_id" if missing.startswith("previous") else "input",
        )
    head = exchange.request.head = copy(exchange.request.head)  # its like is known by others
    head.wishes = {**head.wishes, "only": ",".join(dict.fromkeys(names)).encode()}


def _keep(
    store: ResponseStore, owner: bytes | None, turn: Turn, now: Callable[[], float]
) -> Callable[[bytes], None]:
    """Returns what takes a whole response into the store."""

    def keep(response: bytes) -> None:
        stored = stored_from(response, turn)
        if stored is not None:
            store.put(owner, stored, now=now())

    return keep


class _StoredAttempts(Attempts):
    """Attempts of a request that says `store`: the gateway does so, an endpoint of another dialect need not know."""

    def launch(self, attempt: Attempt, target: Target, body: bytes) -> None:
        if self.exchange.operation.name in target.endpoint.ways:
            body = edit_members(body, {"store": None})
        super().launch(attempt, target, body)


class _KeepingRelay(Relay):
    """Passes an answer on, and keeps a copy of the response in it."""

    runs = False

    def __init__(
        self, exchange: Exchange, keepers: frozenset[str], keep: Callable[[bytes], None]
    ) -> None:
        """Takes the names of the endpoints that keep their responses, and what takes those of others."""
        super().__init__(exchange.caller, exchange.operation.dialect, exchange.id)
        self._keepers = keepers
        self._keep = keep
        self._parts: list[bytes] = []
        self._bytes = 0
        self._is_wanted = False

    def begin(self, head: AnswerHead, endpoint: str, *, at: float, notes: bytes = b"") -> None:
        is_own = bool(self._keepers) if endpoint == _NOBODY else endpoint in self._keepers
        self._is_wanted = head.status == 200 and not head.is_coded and not is_own
        super().begin(head, endpoint, at=at, notes=notes)

    def pass_on(self, data: bytes, is_last: bool) -> None:
        super().pass_on(data, is_last)
        if self._is_wanted:
            self._take(data, is_last=is_last)

    def _take(self, data: bytes, *, is_last: bool) -> None:
        self._parts.append(data)
        self._bytes += len(data)
        if self._bytes > MAX_ANSWER_BYTES:
            self._is_wanted = False
            self._parts.clear()
        elif self.is_event_stream:
            if is_last or data.endswith(BLANK_LINES):
                self._look()
        elif is_last:
            self._keep(self._joined())

    def _look(self) -> None:
        """Looks whether the stream has told the whole response."""
        data = self._joined()
        if b'"response.completed"' not in data and b'"response.incomplete"' not in data:
            return
        for event in events_in(data):
            said = data_of(event)
            response = None if said is None else response_in(said)
            if response is not None:
                self._is_wanted = False
                self._keep(response)
                return

    def _joined(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        self._bytes = 0
        return data
