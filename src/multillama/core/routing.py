"""Which targets may serve a request, and in which order.

HOT: one plan for each exchange. A route of one target costs 0.2 µs, one of two to five equals 0.8 to 4 µs, by
strategy (`balanced` 1.0 to 1.4, measured); `affinity` 15 to 25 µs and about 1 µs for each kB, as it reads the
conversation.
"""

import difflib
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from multillama.core.key_like import hide_keys
from multillama.core.needs import Reading
from multillama.core.operations import Operation
from multillama.core.plan import Plan, are_alike
from multillama.core.snapshot import NO_FACTS, Route, Snapshot, Target
from multillama.core.strategies import (
    STRATEGIES,
    Allows,
    Asked,
    Live,
    arrange,
    balanced,
    draw_two,
)
from multillama.core.unserved import unserved_text
from multillama.core.wishes import read_wishes
from multillama.errors import GatewayError

MAX_CLOSE_MATCHES: Final = 3
MAX_SHOWN_NAME: Final = 200
MAX_COMPARED: Final = 200
"""Names that are compared letter by letter: some milliseconds."""
NOTHING: Final[Mapping[str, bytes]] = {}
MAX_NAMED: Final = 20
"""Targets whose reasons an error tells."""


def make_plan(
    snapshot: Snapshot,
    model: str,
    live: Live | None = None,
    *,
    body: bytes = b"",
    operation: Operation | None = None,
    wishes: Mapping[str, bytes] = NOTHING,
) -> Plan:
    """Chooses the targets of one exchange, in the order in which they are to be tried.

    Who may not serve it is left out: by locality, by the client's wish, by what is known of the target, by a breaker.
    Breakers alone never leave nobody: then they are passed over, as trying beats refusing. The other reasons stand.

    Args:
        snapshot: The routes, and the endpoints that wishes may name.
        model: The public name, or `endpoint-name/model` for one endpoint of it.
        live: What moves; None for the order of the configuration, those known to be down last.
        body: The request's body, read only where a target's facts or the strategy make a difference.
        operation: What is asked for; None where nobody has asked yet.
        wishes: The client's headers, raw, as `Head.wishes` has them.

    Raises:
        GatewayError: `no_endpoint` when no endpoint is configured or none has ever listed a model;
            `model_not_found` with close matches; `bad_wish`; `no_target` or `not_capable` with each target's reason.
    """
    route = snapshot.routes.get(model) or _pinned(snapshot, model)
    policy = route.policy
    targets = route.targets
    if route.lacks and operation is not None and operation.name in route.lacks:
        return _arranged(snapshot, route, Asked(model, Reading(body, operation)), live, wishes)
    # no choice, as on most routes, and no wish: nothing but a need can leave it out
    if len(targets) == 1 and not wishes and not policy.local_only:
        facts = targets[0].facts
        if facts is NO_FACTS or Reading(body, operation).lack(facts) is None:
            return Plan(targets, policy)
    if live is not None and not wishes and are_alike(route.peers):
        row = STRATEGIES[policy.strategy]
        if route.is_even and row.order is balanced:
            chosen, loads = draw_two(targets, live)
            return Plan(chosen, policy, row.name, loads)
        asked = Asked(model, Reading(body, operation))
        kept, scores = row.order(list(targets), asked, live)
        return Plan(tuple(kept), policy, row.name, scores, (), (), asked.blocks, asked.remembered)
    return _arranged(snapshot, route, Asked(model, Reading(body, operation)), live, wishes)


def _arranged(
    snapshot: Snapshot,
    route: Route,
    asked: Asked,
    live: Live | None,
    wishes: Mapping[str, bytes],
) -> Plan:
    """Makes the plan of an exchange that not every target may serve."""
    policy = route.policy
    if wishes:
        asked.wishes = read_wishes(wishes, [row.name for row in snapshot.endpoints])
    kept, excluded, paused = _sift(route, asked, None if live is None else live.allows)
    if live is None:
        kept.sort(key=lambda target: target.endpoint.state.is_up is False)
        return Plan(tuple(kept), policy, "ordered", (), excluded, paused)
    row = STRATEGIES["affinity" if asked.wishes.session is not None else policy.strategy]
    kept, scores = arrange(kept, row, asked, live)
    return Plan(
        tuple(kept), policy, row.name, scores, excluded, paused, asked.blocks, asked.remembered
    )


def _pinned(snapshot: Snapshot, model: str) -> Route:
    """Returns the part of a route that is on the endpoint named before a slash; its policy stays."""
    for endpoint in snapshot.endpoints:
        own = model.removeprefix(f"{endpoint.name}/")
        if own == model or (route := snapshot.routes.get(own)) is None:
            continue
        targets = tuple(
            _renamed(target, own) for target in route.targets if target.endpoint is endpoint
        )
        if targets:
            return Route(targets, route.policy)
    raise _unknown(snapshot, model)


def _renamed(target: Target, name: str) -> Target:
    return msgspec.structs.replace(
        target, rename=target.rename or msgspec.json.encode(target.model or name)
    )


def _sift(
    route: Route, asked: Asked, allows: Allows | None
) -> tuple[list[Target], tuple[tuple[Target, str], ...], tuple[Target, ...]]:
    """Parts the targets of a route: who may serve a request, who may not and why, who of these but for a breaker."""
    only = asked.wishes.only
    local_only = route.policy.local_only or asked.wishes.local_only
    kept: list[Target] = []
    excluded: list[tuple[Target, str]] = []
    paused: list[tuple[Target, str]] = []
    lacking = 0
    for target in route.targets:
        endpoint = target.endpoint
        if local_only and not endpoint.is_local:
            excluded.append((target, "it is not local"))
        elif only and endpoint.name not in only:
            excluded.append((target, "x-multillama-only leaves it out"))
        elif lack := _lack(target, asked.reading):
            lacking += 1
            excluded.append((target, lack))
        elif allows is not None and (reason := allows(target)) is not None:
            paused.append((target, reason))
        else:
            kept.append(target)
    if kept:
        return kept, (*excluded, *paused), tuple(target for target, _ in paused)
    if not paused:
        raise _nobody(asked.model, excluded, lacking=lacking)
    return [target for target, _ in paused], tuple(excluded), ()


def _lack(target: Target, reading: Reading) -> str | None:
    """Says what a target is known to lack for a request: the operation, or what its facts tell."""
    endpoint, operation = target.endpoint, reading.operation
    if operation is not None and operation.name in endpoint.lacks:
        return f"it speaks {', '.join(endpoint.speaks)}, and that has no {operation.public_path}"
    return None if target.facts is NO_FACTS else reading.lack(target.facts)


def _nobody(model: str, excluded: Sequence[tuple[Target, str]], *, lacking: int) -> GatewayError:
    """Says why nobody may serve a request; what no target can ever do is the client's to change."""
    rows = [f"{target.endpoint.name}: {reason}" for target, reason in excluded[:MAX_NAMED]]
    if len(excluded) > MAX_NAMED:
        rows.append(f"and {len(excluded) - MAX_NAMED} more")
    return GatewayError(
        "not_capable" if lacking == len(excluded) else "no_target",
        f"No endpoint may serve this request for '{model[:MAX_SHOWN_NAME]}'. {'; '.join(rows)}.",
    )


def _unknown(snapshot: Snapshot, model: str) -> GatewayError:
    if not snapshot.routes:
        return GatewayError(
            "no_endpoint",
            "No endpoint has listed a model yet. See the start-up table or the web page for the reason.",
        )
    close = _other_places(snapshot, model) or close_matches(model, snapshot.routes)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    down = [row.name for row in snapshot.endpoints if row.state.is_up is False]
    if down:
        hint += f" If {down[0]} has it: make it reachable and check its key, it is down."
    if model in snapshot.unserved:
        return GatewayError("model_not_found", unserved_text(snapshot, model) + hint, param="model")
    shown = hide_keys(model[:MAX_SHOWN_NAME])
    return GatewayError(
        "model_not_found",
        f"The model '{shown}' is not served by any endpoint.{hint} GET /v1/models lists all models.",
        param="model",
    )


def _other_places(snapshot: Snapshot, model: str) -> list[str]:
    """Corrects one half of `endpoint/model`: names where the model is, or what the endpoint has; at most three."""
    name, slash, own = model.partition("/")
    if not slash or len(model) > MAX_SHOWN_NAME:
        return []
    if (route := snapshot.routes.get(own)) is None:
        there = {
            known: row
            for known, row in snapshot.routes.items()
            if any(target.endpoint.name == name for target in row.targets)
        }
        return [f"{name}/{known}" for known in close_matches(own, there)]
    names = list(dict.fromkeys(target.endpoint.name for target in route.targets))
    close = difflib.get_close_matches(name, names[:MAX_COMPARED], n=MAX_CLOSE_MATCHES, cutoff=0.6)
    return [f"{known}/{own}" for known in (close or names)[:MAX_CLOSE_MATCHES]]


def close_matches(model: str, known: Mapping[str, object]) -> list[str]:
    """Names the known models that look most like this one: at most three.

    Close by letters, or one name within the other (`llama3` and `llama3:8b`). A very long name has none, and of
    very many models only those of the same first letter and the nearest length are compared, so that nobody can buy
    much of our time with a wrong name.
    """
    if len(model) > MAX_SHOWN_NAME:
        return []
    wanted = model.lower()
    parts = [name for name in known if wanted in name.lower() or name.lower() in wanted]
    compared = list(known)
    if len(compared) > MAX_COMPARED:
        first, size = wanted[:1], len(wanted)
        alike = (name for name in known if name[:1].lower() == first)
        compared = sorted(alike, key=lambda name: abs(len(name) - size))[:MAX_COMPARED]
    parts += difflib.get_close_matches(model, compared, n=MAX_CLOSE_MATCHES, cutoff=0.6)
    return list(dict.fromkeys(parts))[:MAX_CLOSE_MATCHES]
