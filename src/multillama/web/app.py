"""The page as one ASGI application, put together here and nowhere else.

It serves people and strays: whoever asks for an operation by a wrong name is told the right one.
"""

from typing import Final, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ExceptionHandler

from multillama.core.missing import Missing, missing, wrong_method
from multillama.core.refusal import error_body
from multillama.errors import GatewayError
from multillama.web.headers import ALWAYS, SafeHeaders
from multillama.web.live import Live
from multillama.web.pages import LOGIN, Pages
from multillama.web.panels import Panels
from multillama.web.stories import Stories
from multillama.web.view import View

_JSON: Final = "application/json"


def build(view: View, *, version: str) -> Starlette:
    """Makes the application.

    `app.state.live.close()` ends the streams of all open pages; call it first on the way down, for
    they last as long as the pages are open.
    `app.state.log_all_out()` ends all sessions; call it when the key has changed.
    """
    panels = Panels(view)
    live = Live(view, panels)
    pages = Pages(view, panels, live, version=version)
    app = Starlette(
        routes=_routes(pages, Stories(view, pages)),
        middleware=[Middleware(SafeHeaders)],
        exception_handlers=_exception_handlers(pages),
    )
    # A redirect to the same path with or without its slash would be written with the client's own
    # `Host`.
    app.router.redirect_slashes = False
    app.state.live = live
    app.state.log_all_out = pages.log_all_out
    return app


def _routes(pages: Pages, stories: Stories) -> list[Route]:
    return [
        Route("/", pages.home),
        Route("/multillama/live", pages.live),
        Route("/multillama/status.json", pages.status),
        Route("/multillama/snippets.json", pages.examples),
        Route("/multillama/exchanges", stories.listing),
        Route("/multillama/exchanges/{id}.json", stories.json),
        Route("/multillama/exchanges/{id}", stories.story),
        Route("/multillama/plan", stories.plan),
        Route(LOGIN, pages.login, methods=["GET", "POST"]),
        Route("/multillama/logout", pages.logout, methods=["POST"]),
        Route("/multillama/static/{name}", pages.asset),
        Route("/favicon.ico", pages.asset),
        Route("/robots.txt", pages.robots),
    ]


def _exception_handlers(pages: Pages) -> dict[int | type[Exception], ExceptionHandler]:
    async def on_refusal(request: Request, error: Exception) -> Response:
        return pages.refuse(request, cast(GatewayError, error))

    async def on_no_page(request: Request, _error: Exception) -> Response:
        # As sent: a path that only its percent-encoding tells from an operation is another path.
        path = request.scope["raw_path"].decode("latin-1")
        return _stray(missing(request.method, path))

    async def on_wrong_method(request: Request, error: Exception) -> Response:
        headers = cast(HTTPException, error).headers or {}
        allow = tuple(sorted(headers["Allow"].split(", ")))
        return _stray(wrong_method(request.method, request.url.path, allow))

    return {
        GatewayError: on_refusal,
        404: on_no_page,
        405: on_wrong_method,
        ClientDisconnect: _on_gone,
        Exception: _on_crash,
    }


async def _on_gone(_request: Request, _error: Exception) -> Response:
    # Nobody reads this; it keeps a closed window from being reported as our failure.
    return Response(status_code=499)


async def _on_crash(_request: Request, _error: Exception) -> Response:
    """Answers for a bug; the server that runs us logs it."""
    error = GatewayError("internal_error", "MultiLlama failed at this. Its log says more.")
    # This answer is made outside of `SafeHeaders`.
    return Response(error_body(error), error.status, media_type=_JSON, headers=ALWAYS)


def _stray(found: Missing) -> Response:
    headers = {"allow": ", ".join(found.allow)} if found.allow else None
    body = error_body(found.error)
    return Response(body, found.error.status, media_type=_JSON, headers=headers)
