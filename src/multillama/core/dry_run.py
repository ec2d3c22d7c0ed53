"""A plan that is only looked at: who would serve a model now, in which order, and who would not.

Nothing is sent, and nothing moves: no turn is taken, no breaker counts a try.
"""

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from multillama.core.decision import Choice, Considered
from multillama.core.routing import MAX_SHOWN_NAME, NOTHING, make_plan
from multillama.core.snapshot import Snapshot, Target
from multillama.core.strategies import Live, is_full


def dry_run(
    snapshot: Snapshot,
    model: str,
    live: Live | None = None,
    *,
    wishes: Mapping[str, bytes] = NOTHING,
) -> Choice:
    """Says what would be tried for a request with a short text, no images and no tools.

    Raises:
        GatewayError: As `make_plan`, in the words that the client would get.
    """
    plan = make_plan(snapshot, model, None if live is None else live.copy(), wishes=wishes)
    targets = [*plan.targets, *(target for target, _ in plan.excluded)]
    return Choice(
        model=model[:MAX_SHOWN_NAME],
        strategy=plan.strategy,
        remembered=None if plan.remembered is None else plan.remembered.endpoint.name,
        considered=tuple(
            _with_state(row, target) for row, target in zip(plan.considered, targets, strict=True)
        ),
    )


def _with_state(row: Considered, target: Target) -> Considered:
    return replace(row, now=tuple(_state(target)))


def _state(target: Target) -> Iterator[str]:
    """Says what else counts for a target's place."""
    endpoint, state = target.endpoint, target.endpoint.state
    if endpoint.is_local:
        yield "local"
    if target.tier:
        yield f"tier {target.tier}"
    if state.is_up is False:
        yield "known to be down"
    if is_full(endpoint):
        yield "full"
    if state.loaded and target.model in state.loaded:
        yield "holds the model"
    if state.in_flight:
        yield f"{state.in_flight} running"
    if state.first_byte_ms is not None:
        yield f"first byte {state.first_byte_ms:.0f} ms"
