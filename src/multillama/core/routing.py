"""Which targets may serve a request, and in which order."""

import difflib
from collections.abc import Mapping, Sequence

from multillama.core.snapshot import Snapshot, Target
from multillama.errors import GatewayError

MAX_CLOSE_MATCHES = 3
MAX_SHOWN_NAME = 200
MAX_COMPARED = 200
"""Names that are compared letter by letter: some milliseconds."""


def plan_targets(snapshot: Snapshot, model: str) -> Sequence[Target]:
    """Orders the targets of a model: as configured, those known to be down last.

    A target that is down stays in the plan: when all are down, trying beats refusing.

    Raises:
        GatewayError: `no_endpoint` when no endpoint is configured or none has ever listed a model;
            `model_not_found` with close matches.
    """
    route = snapshot.routes.get(model)
    if route is None:
        raise _unknown(snapshot, model)
    targets = route.targets
    if len(targets) == 1:
        return targets
    return sorted(targets, key=lambda target: target.endpoint.state.is_up is False)


def _unknown(snapshot: Snapshot, model: str) -> GatewayError:
    if not snapshot.routes:
        return GatewayError(
            "no_endpoint",
            "No endpoint has listed a model yet. See the start-up table or the web page for the reason.",
        )
    close = close_matches(model, snapshot.routes)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    down = [row.name for row in snapshot.endpoints if row.state.is_up is False]
    if down:
        hint += f" If {down[0]} has it: make it reachable and check its key, it is down."
    shown = model[:MAX_SHOWN_NAME]
    return GatewayError(
        "model_not_found",
        f"The model '{shown}' is not served by any endpoint.{hint} GET /v1/models lists all models.",
        param="model",
    )


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
