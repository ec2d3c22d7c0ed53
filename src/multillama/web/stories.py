"""Why exchanges went where they went, as pages and as JSON; and the dry run."""

from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from multillama.core.decision import Decision
from multillama.errors import GatewayError
from multillama.observe import telling
from multillama.web.figures import count_text
from multillama.web.pages import LOGIN, Pages
from multillama.web.panels import TONES
from multillama.web.view import View

LISTED: Final = 50
"""Exchanges that are listed where nobody says how many."""
_WISHES: Final = "x-multillama-"


class Stories:
    """Answers what happened to an exchange, and what would."""

    def __init__(self, view: View, pages: Pages) -> None:
        self._view = view
        self._pages = pages

    async def listing(self, request: Request) -> Response:
        """The newest exchanges, newest first: `?limit=…` of them."""
        self._pages.guard.check(request)
        exchanges = self._view.exchanges(_limit(request, self._view.capacity()))
        return _json({"exchanges": exchanges})

    async def json(self, request: Request) -> Response:
        """The decision record of one exchange."""
        self._pages.guard.check(request)
        return _json(self._find(request))

    async def story(self, request: Request) -> Response:
        """The same, as a page for a browser."""
        guard = self._pages.guard
        guard.check_site(request)
        wants_page = "text/html" in request.headers.get("accept", "")
        if wants_page and not guard.is_known(request):
            return RedirectResponse(LOGIN, 303)
        guard.check(request)
        decision = self._find(request)
        if not wants_page:
            return _json(decision)
        return self._pages.page("exchange.html", 200, **_facts(decision))

    async def plan(self, request: Request) -> Response:
        """The dry run of `?model=…`; the headers by which clients state wishes count as theirs do."""
        self._pages.guard.check(request)
        model = request.query_params.get("model", "")
        if not model:
            raise GatewayError("model_missing", "Name the model: ?model=….", param="model")
        wishes = {
            name.removeprefix(_WISHES): value.encode("latin-1")
            for name, value in request.headers.items()
            if name.startswith(_WISHES)
        }
        return _json(self._view.dry_run(model, wishes))

    def _find(self, request: Request) -> Decision:
        decision = self._view.decision(request.path_params["id"])
        if decision is None:
            kept = count_text(self._view.capacity())
            raise GatewayError(
                "exchange_not_found",
                f"No exchange with this id is known. The newest {kept} are kept, until the gateway "
                "stops: multillama explain lists them, as does GET /multillama/exchanges.",
            )
        return decision


def _limit(request: Request, most: int) -> int:
    asked = request.query_params.get("limit", str(LISTED))
    if not (asked.isascii() and asked.isdigit() and len(asked) < 9 and 1 <= int(asked) <= most):
        raise GatewayError(
            "bad_request", f"The limit must be a number from 1 to {most}.", param="limit"
        )
    return int(asked)


def _json(facts: object) -> Response:
    return Response(msgspec.json.encode(facts), media_type="application/json")


def _facts(decision: Decision) -> dict[str, object]:
    """Returns what the page shows."""
    at = datetime.fromtimestamp(decision.at, UTC)
    is_own_error = decision.outcome == "ok" and decision.status >= 400
    rows = telling.attempts(decision)
    return {
        "id": decision.id,
        "model": decision.model or decision.operation,
        "tone": "warn" if is_own_error else TONES.get(decision.outcome, "ok"),
        "at": at.isoformat(timespec="milliseconds"),
        "time": at.strftime("%Y-%m-%d %H:%M:%S"),
        "ending": telling.ending(decision),
        "facts": telling.facts(decision),
        "choice": telling.choice(decision.strategy, decision.remembered, decision.considered),
        "candidates": telling.candidates(decision.considered),
        "attempts": rows,
        "span_ms": max([decision.total_ms, *(row.begun_ms for row in rows), 0.001]),
        "json_url": f"/multillama/exchanges/{quote(decision.id, safe='')}.json",
    }
