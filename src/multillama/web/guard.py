"""Who may see the page: who has shown the key; without one, who names a host no stranger owns."""

import time
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from multillama.errors import GatewayError
from multillama.web.sessions import LIFETIME_S, Sessions
from multillama.web.tries import Tries
from multillama.web.view import View
from multillama.wire.hosts import Host, is_own_name, parse_host

Handler = Callable[[Request], Awaitable[Response]]

_KEY_HEADERS: Final = ("x-api-key", "api-key", "x-goog-api-key")


class Site(NamedTuple):
    """This server as the browser names it."""

    scheme: str
    host: Host

    @property
    def base(self) -> str:
        return f"{self.scheme}://{self.host}/v1"


def site_of(request: Request) -> Site:
    """Returns how the browser reached us.

    A malformed `Host` is replaced by the address of the socket: what is returned is safe to show
    and to copy. `X-Forwarded-Proto` may be anybody's word; it only chooses between two texts and
    tightens a cookie.
    """
    forwarded = request.headers.get("x-forwarded-proto", "")
    scheme = "https" if "https" in (request.url.scheme, forwarded) else "http"
    host = parse_host(request.headers.get("host", ""))
    if host is None:
        name, port = request.scope.get("server") or ("localhost", None)
        host = Host(name, port)
    return Site(scheme, host)


class Guard:
    """Lets requests through, opens sessions and closes them."""

    def __init__(self, view: View, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._view = view
        self._sessions = Sessions(clock)
        self._form_tries = Tries(clock)
        self._header_tries = Tries(clock)
        """Apart from the form's, so that a program with an old key locks nobody out of the page."""

    def check_site(self, request: Request) -> None:
        """Lets a request pass whose `Host` cannot be a stranger's.

        Raises:
            GatewayError: `host_not_allowed`, where no key guards the page and the name could be
                rebound.
        """
        if self._view.needs_key():
            return
        host = parse_host(request.headers.get("host", ""))
        if host is None or not is_own_name(host, self._view.host()):
            raise GatewayError(
                "host_not_allowed",
                "MultiLlama was not told to answer to this name, and without --api-key a "
                "stranger's web page could use it to read this one. Open it by its IP address or "
                "as localhost, or start MultiLlama with this name as --host, or with --api-key.",
            )

    def check(self, request: Request) -> None:
        """Lets a request pass that may see what the page shows.

        Raises:
            GatewayError: `host_not_allowed`; `invalid_api_key` without session and key;
                `too_many_tries`.
        """
        self.check_site(request)
        if not self.is_known(request):
            self._check_header_key(request)

    def is_known(self, request: Request) -> bool:
        """Says whether the page is open to all, or this browser has a session."""
        return not self._view.needs_key() or self._sessions.is_open(_session_of(request))

    def log_in(self, request: Request, candidate: str) -> str:
        """Opens a session for the right key.

        Raises:
            GatewayError: `invalid_api_key`, `too_many_tries`.
        """
        self._try_key(request, candidate, self._form_tries)
        return self._sessions.open()

    def log_out(self, request: Request) -> None:
        self._sessions.close(_session_of(request))

    def log_all_out(self) -> None:
        """Ends all sessions: they were opened with a key that is no longer the right one."""
        self._sessions.close_all()

    def _check_header_key(self, request: Request) -> None:
        candidate = _credential(request)
        if candidate is None:
            raise GatewayError(
                "invalid_api_key",
                "This page asks for the gateway's key: sign in at /multillama/login, or send it as "
                "'Authorization: Bearer <key>'.",
            )
        self._try_key(request, candidate, self._header_tries)

    def _try_key(self, request: Request, candidate: str, tries: Tries) -> None:
        address = request.client.host if request.client else ""
        wait_s = tries.wait_s(address)
        if wait_s > 0:
            raise GatewayError(
                "too_many_tries",
                f"Too many wrong keys. Wait {int(wait_s) + 1} seconds, then try again.",
            )
        if not self._view.is_key(candidate):
            tries.on_bad(address)
            raise GatewayError(
                "invalid_api_key", "This is not the gateway's key (the one given with --api-key)."
            )


def check_same_site(request: Request) -> None:
    """Lets a change pass that comes from our own page, or from no page at all.

    Raises:
        GatewayError: `cross_site_request`.

    Browsers send `Sec-Fetch-Site` to https and loopback, and `Origin` with every POST; both are out
    of a page's reach. Only the host of `Origin` is compared: a proxy in front may speak another
    scheme than we do.
    """
    fetch_site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if fetch_site not in (None, "same-origin", "none") or (
        origin is not None
        and origin.lower().partition("://")[2] != request.headers.get("host", "").lower()
    ):
        raise GatewayError(
            "cross_site_request",
            "This request came from another site's page, so it was not carried out.",
        )


def set_session(request: Request, response: Response, session: str) -> None:
    """Hands the session to the browser, out of reach of scripts and of other sites."""
    response.set_cookie(
        _cookie_name(request),
        session,
        max_age=LIFETIME_S,
        httponly=True,
        samesite="strict",
        secure=site_of(request).scheme == "https",
    )


def clear_session(request: Request, response: Response) -> None:
    """Tells the browser to forget its session."""
    response.delete_cookie(_cookie_name(request), httponly=True, samesite="strict")


def _session_of(request: Request) -> str:
    return request.cookies.get(_cookie_name(request), "")


def _cookie_name(request: Request) -> str:
    # Cookies know no port: two gateways on one machine would log each other out under one name.
    return f"multillama_session_{site_of(request).host.port or 'default'}"


def _credential(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return _as_text(token.strip())
    return next(
        (_as_text(value) for name in _KEY_HEADERS if (value := request.headers.get(name))), None
    )


def _as_text(header: str) -> str:
    # Headers are bytes, read as Latin-1; a key with other letters was sent as UTF-8.
    return header.encode("latin-1").decode("utf-8", "replace")
