"""Who may call: the client's key against ours, in constant time; and, where no key is asked for, which pages may."""

from hmac import compare_digest

from multillama.errors import GatewayError
from multillama.wire.hosts import is_own_name, parse_host


def check_key(credential: bytes | None, *, api_key: bytes | None) -> None:
    """Lets a client pass, or not.

    Args:
        credential: The key the client sent, whichever header carried it.
        api_key: The key we demand; None demands none.

    Raises:
        GatewayError: `invalid_api_key`.
    """
    if api_key is None:
        return
    if not credential:
        raise GatewayError(
            "invalid_api_key", "This gateway demands a key: send 'Authorization: Bearer <key>'."
        )
    if not compare_digest(credential, api_key):
        raise GatewayError(
            "invalid_api_key", "The key is wrong. It must be the gateway's own key (--api-key)."
        )


def check_page(origin: bytes | None, *, host: bytes | None, bound: str = "") -> None:
    """Keeps pages of strangers from spending the operator's keys through a visitor's browser.

    Only for a gateway without a key of its own: there any page could send a request that needs no preflight, or
    point its own name at this machine. Programs send no `Origin`, and apps name a scheme of their own.

    Args:
        origin: The `Origin` field, None from programs.
        host: The `Host` field.
        bound: What `--host` gave, the one name of ours that is neither an address nor `localhost`.

    Raises:
        GatewayError: `cross_site_request` or `host_not_allowed`.

    Source: Fetch standard §3.2 (`Origin` goes with every POST of a page).
    """
    if origin is None:
        return
    text = origin.decode("latin-1")
    scheme, _, rest = text.partition(":")
    if scheme.lower() not in ("http", "https") and text != "null":
        return
    authority = rest.removeprefix("//")
    from_host = parse_host(authority)
    if from_host is None or not (is_own_name(from_host, bound) or authority.encode() == host):
        raise GatewayError(
            "cross_site_request",
            "A page of another site may not use a gateway that asks for no key. Start it with --api-key.",
        )
    _check_host(host, bound)


def check_reader(
    origin: bytes | None, *, host: bytes | None, hints: frozenset[bytes], bound: str = ""
) -> None:
    """Keeps pages of strangers from reading what is answered to a plain GET.

    Like `check_page`, but a page whose name was pointed at this machine sends no `Origin` with a GET of its own
    site. So every browser must name a host of ours. Programs may name any: they know where they were sent.

    Args:
        origin: The `Origin` field.
        host: The `Host` field.
        hints: Names of the fields that tell who is calling.
        bound: See `check_page`.

    Raises:
        GatewayError: `cross_site_request` or `host_not_allowed`.
    """
    check_page(origin, host=host, bound=bound)
    if is_browser(hints):
        _check_host(host, bound)


def is_browser(hints: frozenset[bytes]) -> bool:
    """Says whether fields are there that browsers send and SDKs do not.

    A page can leave out `Referer`, and gets no `Sec-Fetch-…` on plain http, but it cannot take `Accept-Language`
    away. The `fetch` of Node sends that one too, and tells itself apart by a `Sec-Fetch-Mode` without a site, which
    no page can forge.

    Source: Fetch Metadata §2 (`Sec-Fetch-…` to trustworthy URLs only); Fetch standard §4.6 (`Accept-Language`).
    """
    if b"sec-fetch-site" in hints or b"referer" in hints:
        return True
    return b"accept-language" in hints and b"sec-fetch-mode" not in hints


def _check_host(host: bytes | None, bound: str) -> None:
    own = parse_host(host.decode("latin-1")) if host is not None else None
    if own is None or not is_own_name(own, bound):
        raise GatewayError(
            "host_not_allowed",
            "Pages may use a gateway without a key only by address, as localhost, or by the name --host gave.",
        )
