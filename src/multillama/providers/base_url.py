"""Base URLs: what people paste, made into the address and the path that operations are called at.

People paste what they have at hand: the host, the documented base, the URL of one operation out of
a curl line, or the base of another dialect. All of them mean the same endpoint.
"""

import re
from typing import Final, NamedTuple
from urllib.parse import SplitResult, quote, urlsplit

from multillama.core.operations import OPERATIONS, V1
from multillama.providers.catalog import GENERIC, Provider, recognise

DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_TAILS: Final = (
    *sorted((row.path for row in OPERATIONS if row.prefixes is V1), key=len, reverse=True),
    "/models",
)
_KEY_IN_QUERY: Final = re.compile(
    r"(?:^|&)(?:[a-z-]*key|api_key|(?:access[_-]?)?token)=", re.IGNORECASE
)
_SLASHES: Final = re.compile(r"/+")
_HOST: Final = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+(%[a-z0-9._-]+)?")
_VERSION: Final = re.compile(r"(v\d+[a-z0-9]*|beta|openapi)$")
"""What ends a base path; `openapi` is Vertex AI's."""


class BaseUrl(NamedTuple):
    """Where an endpoint is."""

    scheme: str
    host: str
    """ASCII, lower case, an IPv6 address without its brackets."""
    port: int
    path: str
    """Of the OpenAI operations: starts with `/` and does not end with one, or is empty."""
    provider: Provider
    shown: str
    """As it was given, without its query, which may be nobody's business."""
    query: str = ""
    """What every request to it needs behind its path, e.g. `api-version=preview`; ASCII."""

    @property
    def authority(self) -> str:
        """Host, and port where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def read_base_url(url: str, *, provider: Provider | None = None) -> BaseUrl:
    """Read a base URL in any of the forms people paste.

    A query is kept, unless it stood behind a path that a better one replaces.

    Args:
        url: As it was given.
        provider: What it is, where somebody knows better than its host and port tell.

    Raises:
        ValueError: It cannot be a base URL. The text says why and what to give, and repeats neither
            user, password nor query.
    """
    parts, port = _split(url)
    host = _ascii_host(parts.hostname or "")
    if provider is None:
        provider = recognise(f"{parts.scheme}://{_bracketed(host)}:{port}")
    path = _SLASHES.sub("/", parts.path).rstrip("/")
    given = quote(path, safe="/%:@!$&'()*+,;=~-._")
    shown = f"{parts.scheme}://{parts.netloc}{parts.path}"
    base = _without_tail(given)
    path = _base_path(base, provider)
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?") if path.startswith(base) else ""
    return BaseUrl(parts.scheme, host, port, path, provider, shown, query)


def _split(url: str) -> tuple[SplitResult, int]:
    # urlsplit would silently drop line breaks and tabs
    if any(character <= " " or character == "\x7f" for character in url.strip()):
        raise ValueError("a URL holds a blank or a line break; put quotes around it and none in it")
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise ValueError(
            "a URL is malformed; give it like https://api.openai.com/ or http://localhost:11434/"
        ) from error
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise ValueError("a URL must start with http:// or https:// and a host name")
    if "@" in parts.netloc:
        raise ValueError(
            f"the URL of {parts.hostname} holds a user or a password; leave them out and give the "
            "key with --key"
        )
    if _KEY_IN_QUERY.search(parts.query):
        raise ValueError(
            f"the URL of {parts.hostname} holds a key in its query; leave it out and give the key "
            "with --key"
        )
    if "#" in url:
        raise ValueError(
            f"the URL of {parts.hostname} holds a #, and what follows is never sent to a server; "
            "leave it out, or write %23 if it belongs to the path"
        )
    return parts, port or DEFAULT_PORTS[parts.scheme]


def _ascii_host(host: str) -> str:
    try:
        name = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    if not _HOST.fullmatch(name):
        raise ValueError(f"{host!r} is not a host name; check the spelling of the URL")
    return name


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _without_tail(given: str) -> str:
    return given.removesuffix(next((tail for tail in _TAILS if given.endswith(tail)), ""))


def _base_path(given: str, provider: Provider) -> str:
    own, others = provider.path, tuple(provider.bases.values())
    if given in ("", "/v1", own, *others) or own.startswith(given + "/"):
        return own
    if (own and given.endswith(own)) or any(map(_VERSION.fullmatch, given.split("/")[-2:])):
        return given
    known = provider is not GENERIC
    if known and any(_first(given) == _first(path) for path in (own, *others) if path):
        return own
    return given + "/v1"


def _first(path: str) -> str:
    return path.split("/", 2)[1]
