"""The pages: the overview, the login, and the same facts as JSON."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from multillama.core.refusal import error_body
from multillama.errors import GatewayError
from multillama.web.assets import FOLDER, Assets
from multillama.web.guard import (
    Guard,
    check_same_site,
    clear_session,
    set_session,
    site_of,
)
from multillama.web.live import Live
from multillama.web.panels import EndpointRow, ExchangeRow, ModelRow, Panels, search
from multillama.web.snippets import NO_MODEL, Snippet, pick_model, snippets
from multillama.web.view import View

FIRST_PAINT: Final = 100
"""Models in the page as it is sent; the script has all of them a moment later."""

LOGIN: Final = "/multillama/login"
ICON: Final = "icon.svg"

_FORM_BYTES: Final = 8192
_QUERY_CHARS: Final = 200

# A form's POST carries `Origin: null` under `no-referrer`, which would take away the proof that it
# is our own page's. `same-origin` tells other sites just as little.
_PAGE_HEADERS: Final = {"referrer-policy": "same-origin"}

_BESIDE: Final[Mapping[int, Mapping[str, str]]] = {
    401: {"www-authenticate": "Bearer"},
    429: {"retry-after": "60"},
    503: {"retry-after": "5"},
}


class Pages:
    """Answers for people."""

    def __init__(self, view: View, panels: Panels, live: Live, *, version: str) -> None:
        self._view = view
        self._panels = panels
        self._live = live
        self._version = version
        self.guard = Guard(view)
        self.log_all_out = self.guard.log_all_out
        self._assets = Assets()
        self._templates = Environment(
            loader=FileSystemLoader(FOLDER.parent / "templates"),
            autoescape=True,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )
        self._templates.globals["asset"] = self._assets.url

    async def home(self, request: Request) -> Response:
        """The overview; a browser without a session is sent to the login."""
        self.guard.check_site(request)
        if not self.guard.is_known(request) and "text/html" in request.headers.get("accept", ""):
            return RedirectResponse(LOGIN, 303)
        self.guard.check(request)
        return self.page("page.html", 200, **self._home_facts(request))

    async def status(self, request: Request) -> Response:
        """The same facts as numbers."""
        self.guard.check(request)
        facts = {
            "version": self._version,
            "needs_key": self._view.needs_key(),
            "endpoints": self._view.endpoints(),
            "models": self._view.models(),
            "recent": self._view.recent(),
        }
        return Response(msgspec.json.encode(facts), media_type="application/json")

    async def examples(self, request: Request) -> Response:
        """The snippets for `?model=…`, as the script wants them."""
        self.guard.check(request)
        model, made = self._snippets(request)
        facts = {"model": model, "texts": {snippet.id: snippet.text for snippet in made}}
        return Response(msgspec.json.encode(facts), media_type="application/json")

    async def live(self, request: Request) -> Response:
        """The stream of changes; it ends with the session that began it."""
        self.guard.check(request)
        has_session = self.guard.is_known(request)
        return self._live.respond(request, lambda: not has_session or self.guard.is_known(request))

    async def login(self, request: Request) -> Response:
        """Shows the form, or takes the key from it."""
        if request.method == "POST":
            check_same_site(request)
        self.guard.check_site(request)
        if self.guard.is_known(request):
            return RedirectResponse("/", 303)
        if request.method == "POST":
            return await self._open_session(request)
        return self.page("login.html", 200, error="")

    async def logout(self, request: Request) -> Response:
        check_same_site(request)
        self.guard.log_out(request)
        answer = RedirectResponse(LOGIN if self._view.needs_key() else "/", 303)
        clear_session(request, answer)
        return answer

    async def asset(self, request: Request) -> Response:
        """A file of `static/`; the icon also under the name that browsers ask for unasked."""
        found = self._assets.respond(request, request.path_params.get("name", ICON))
        if found is None:
            raise GatewayError("path_not_found", "There is no such file.")
        return found

    async def robots(self, _request: Request) -> Response:
        return Response("User-agent: *\nDisallow: /\n", media_type="text/plain")

    def refuse(self, request: Request, error: GatewayError) -> Response:
        """Answers with an error: in words to a browser that opens a page, else as JSON."""
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            answer: Response = self.page("refused.html", error.status, error=error.text)
        else:
            answer = Response(error_body(error), error.status, media_type="application/json")
        answer.headers.update(refusal_headers(error))
        return answer

    async def _open_session(self, request: Request) -> Response:
        """Answers with a session, or with the form that says itself what is wrong."""
        try:
            session = self.guard.log_in(request, await _form_value(request, "key"))
        except GatewayError as error:
            answer: Response = self.page("login.html", error.status, error=error.text)
            answer.headers.update(refusal_headers(error))
            return answer
        answer = RedirectResponse("/", 303)
        set_session(request, answer, session)
        return answer

    def _snippets(self, request: Request) -> tuple[str | None, tuple[Snippet, ...]]:
        model = pick_model(self._view.models(), request.query_params.get("model"))
        needs_key = self._view.needs_key()
        return model, snippets(site_of(request).base, model, needs_key=needs_key)

    def _home_facts(self, request: Request) -> dict[str, object]:
        query = request.query_params.get("q", "")[:_QUERY_CHARS]
        models = self._panels.models()
        found = search(models.rows, query)
        overview = self._panels.overview()
        model, made = self._snippets(request)
        return {
            "version": self._version,
            "base": site_of(request).base,
            "needs_key": self._view.needs_key(),
            "may_log_out": self._view.needs_key() and self.guard.is_known(request),
            "summary": overview.summary,
            "endpoints": overview.endpoints,
            "recent": overview.recent,
            "query": query,
            "found": len(found),
            "known": len(models.rows),
            "models": found[:FIRST_PAINT],
            "first_paint": FIRST_PAINT,
            "model": model,
            "no_model": NO_MODEL,
            "snippets": made,
            "blank": (EndpointRow(), ModelRow(), ExchangeRow()),
        }

    def page(self, name: str, status: int, **facts: object) -> HTMLResponse:
        """Renders a template."""
        text = self._templates.get_template(name).render(**facts)
        return HTMLResponse(text, status, headers=_PAGE_HEADERS)


def refusal_headers(error: GatewayError) -> Mapping[str, str]:
    """Returns what HTTP wants beside certain statuses.

    Source: RFC 9110 §11.6.1 (401), §10.2.3 (429, 503).
    """
    return _BESIDE.get(error.status, {})


async def _form_value(request: Request, name: str) -> str:
    """Returns one field of a form, empty where it is missing.

    Raises:
        GatewayError: `unsupported_media_type`, `body_too_large`, `bad_request` for more fields than
            a form of ours has.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise GatewayError(
            "unsupported_media_type", "Send the form as application/x-www-form-urlencoded."
        )
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _FORM_BYTES:
            raise GatewayError("body_too_large", f"This form takes at most {_FORM_BYTES} bytes.")
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=4)
    except ValueError as error:
        raise GatewayError("bad_request", "This form has one field: key.") from error
    return fields.get(name, [""])[0].strip()
