"""Serving an exchange with a JSON body: the plan, and the plain case, which is one attempt that succeeds.

What goes beyond it is `dataplane/attempts.py`.

HOT: once per exchange.
"""

from collections.abc import Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from multillama.core.plan import Plan, is_plain, may_resume
from multillama.core.policy import DEFAULT_POLICY
from multillama.core.routing import make_plan
from multillama.core.snapshot import Snapshot
from multillama.dataplane.attempt import Attempt
from multillama.dataplane.attempts import Attempts, on_success
from multillama.dataplane.launch import launch
from multillama.dataplane.places import has_place
from multillama.dataplane.resuming import DIALECTS
from multillama.wire.peek import peek, with_model

if TYPE_CHECKING:
    from multillama.dataplane.exchange import Exchange

STATEFUL: Final = frozenset(("responses", "input_tokens"))
"""Operations whose requests may go on from an earlier answer."""
SHOW: Final = "ollama_show"


def serve_json(exchange: "Exchange", snapshot: Snapshot) -> Coroutine[Any, Any, None]:
    """Plans an exchange, and returns how it is served: to be awaited.

    Raises:
        GatewayError: It names no model, nobody may serve it, or a wish is not understood.
    """
    server, request, operation = exchange.server, exchange.request, exchange.operation
    name = operation.name
    if name == SHOW:
        exchange.body = with_model(exchange.body)
    if request.model is None:
        view = peek(exchange.body)
        exchange.model, stream = view.model, view.stream
        exchange.stream = operation.streams if stream is None else stream
    else:
        exchange.model, exchange.stream = request.model, operation.streams
    if name in STATEFUL:
        from multillama.dataplane.stateful import is_stateful, serve_stateful  # as below

        if is_stateful(exchange):
            return serve_stateful(exchange, snapshot)
    server.budget.on_request(request.started)
    plan = make_plan(
        snapshot,
        exchange.model or "",
        server.live,
        body=exchange.body,
        operation=operation,
        wishes=request.head.wishes,
    )
    if plan.policy is not DEFAULT_POLICY and (served := _opted_in(exchange, plan, snapshot)):
        return served
    return serve_plan(exchange, plan, snapshot)


def _opted_in(
    exchange: "Exchange", plan: Plan, snapshot: Snapshot
) -> Coroutine[Any, Any, None] | None:
    """Returns how an exchange is served that its policy has something more for; None for most."""
    policy, name = plan.policy, exchange.operation.name
    # Imported where they are wanted: start-up is watched.
    if policy.share and name == "embeddings":
        from multillama.dataplane.sharing import serve_shared

        return serve_shared(exchange, plan, snapshot)
    if policy.count_usage and exchange.stream and name in ("chat", "completions"):
        from multillama.dataplane.counting import serve_counted

        return serve_counted(exchange, plan, snapshot)
    return None


async def serve_plan(exchange: "Exchange", plan: Plan, snapshot: Snapshot) -> None:
    """Tries targets until the client has an answer.

    Raises:
        GatewayError: The failure that the client must be told.
    """
    policy, target = plan.policy, plan.targets[0]
    if plan.strategy is not None or target.rename is not None:
        exchange.plan = plan  # also where all but one were left out: somebody will ask why
    if exchange.stream and exchange.operation.dialect in DIALECTS and may_resume(plan):
        exchange.relay.kept = []
        exchange.keeps_body = True
    attempt: Attempt | None = None
    if (policy is DEFAULT_POLICY or is_plain(policy)) and has_place(target.endpoint):
        attempt = exchange.open(target, snapshot)
        attempt.has_others = len(plan.targets) > 1
        if attempt.is_probe or plan.blocks:
            attempt.on_begun = partial(on_success, exchange, plan)
        launch(exchange, attempt, target, exchange.body)
        while not attempt.is_over:
            await exchange.pause()
        if attempt.error is None and attempt.cause is None:
            exchange.note(attempt)
            if plan.blocks or target.endpoint.state.breaker is not None:
                on_success(exchange, plan, attempt)
            return
    await Attempts(exchange, plan, snapshot).run(attempt)
