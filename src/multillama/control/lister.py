"""The lister: asks one endpoint for its models, page by page, with second guesses.

It talks through an injected `Fetch` only. A failure is put in words that tell a person what to do,
and never repeats a key or the endpoint's own words, which may.
"""

from collections.abc import Awaitable, Callable, Iterator
from typing import Final, NamedTuple
from urllib.parse import urljoin, urlsplit

from multillama import __version__
from multillama.control.endpoints import base_path, corrected, provider_of
from multillama.core.snapshot import Endpoint
from multillama.errors import GatewayError
from multillama.providers.catalog import BY_NAME, GENERIC, LOCALS, Provider, identify
from multillama.providers.listing import OLLAMA, OPENAI, Row, Shape, read_listing, text_of

Headers = tuple[tuple[bytes, bytes], ...]


class Answer(NamedTuple):
    """An endpoint's whole answer."""

    status: int
    headers: Headers
    """Names in lower case."""
    body: bytes
    first_byte_ms: float = 0.0
    """From the question to the first byte of the body; 0 where nobody looked."""


Fetch = Callable[[Endpoint, str, Headers], Awaitable[Answer]]
"""Sends `GET` with the endpoint's own head, the path and query given, and further headers.

Raises `GatewayError` where there is no whole answer; it must end within deadlines of its own.
"""


class Listed(NamedTuple):
    """What an endpoint has told about itself."""

    endpoint: Endpoint
    """Itself, or a copy corrected by what its answers have shown."""
    rows: tuple[Row, ...]
    note: str | None
    """For people: what was done other than expected."""


class ListingFailed(Exception):
    """There is no list. The text is for people: what happened, and what to do."""

    def __init__(
        self,
        text: str,
        *,
        reached: bool = True,
        elsewhere: bool = False,
        lasting: bool = False,
        wants_key: bool = False,
    ) -> None:
        super().__init__(text)
        self.text = text
        self.reached = reached
        """The endpoint was there, whatever it said."""
        self.elsewhere = elsewhere
        """The list may be at another path."""
        self.lasting = lasting
        """It will say the same again until someone changes something."""
        self.wants_key = wants_key
        """It refused the key, or that there was none."""


class _Place(NamedTuple):
    """Where a list may be, and what the endpoint is if it is there."""

    path: str
    shape: Shape
    provider: Provider
    base: str


MAX_PAGES: Final = 100
MAX_MODELS: Final = 20_000
"""Of one endpoint; the largest known list has 1,000. More would hold up the event loop at every refresh."""
HEADERS: Final = (
    (b"accept", b"application/json"),
    (b"user-agent", f"multillama/{__version__}".encode()),
)
_UNREACHED: Final = {
    "endpoint_unreachable": "",
    "connect_timeout": " Check the address, and any firewall between.",
    "endpoint_tls_failed": " Check that https:// is right, and its certificate.",
}
"""Kinds of failure of an endpoint that was not even reached, with what to add to their text."""
_SILENT: Final = frozenset(("first_byte_timeout", "endpoint_frozen"))
"""Kinds of failure of one that takes requests and answers nothing."""


async def list_models(endpoint: Endpoint, fetch: Fetch) -> Listed:
    """Ask an endpoint for all its models.

    Raises:
        ListingFailed: It has no list that can be read, here or at the places where others have one.
    """
    provider, base = provider_of(endpoint), base_path(endpoint)
    place = _Place(
        urljoin(base + "/", provider.listing.path), provider.listing.shape, provider, base
    )
    try:
        return _listed(endpoint, place, await _pages(endpoint, place, fetch))
    except ListingFailed as failure:
        if failure.elsewhere and (listed := await _elsewhere(endpoint, provider, fetch)):
            return listed
        raise


async def _elsewhere(endpoint: Endpoint, provider: Provider, fetch: Fetch) -> Listed | None:
    if provider.models:
        rows = tuple(Row(name, {}) for name in provider.models)
        return Listed(endpoint, rows, "has no list of models; well-known names are used")
    if provider is not GENERIC and provider.port is None:
        return None
    for place in _other_places(endpoint, provider):
        try:
            rows = await _pages(endpoint, place, fetch)
        except ListingFailed:
            continue
        return _listed(endpoint, place, rows)._replace(note=f"listed through {place.path}")
    return None


def _other_places(endpoint: Endpoint, provider: Provider) -> Iterator[_Place]:
    base = base_path(endpoint)
    root = base.rpartition("/")[0]
    yield _Place(f"{root}/models", OPENAI, provider, root)
    for row in LOCALS:
        if row.port == endpoint.port and row.path != base:
            yield _Place(f"{row.path}/models", OPENAI, row, row.path)
    yield _Place(f"{root}/api/tags", OLLAMA, BY_NAME["ollama"], base)


def _listed(endpoint: Endpoint, place: _Place, rows: tuple[Row, ...]) -> Listed:
    note = None
    if len(rows) > MAX_MODELS:
        rows, note = rows[:MAX_MODELS], f"lists more than {MAX_MODELS} models; these are the first"
    owners = {text_of(row.fields.get("owned_by")) for row in rows}
    provider = place.provider
    if not endpoint.is_provider_given:
        provider = identify(provider, owners.pop() if len(owners) == 1 else "")
    return Listed(corrected(endpoint, provider, place.base), rows, note)


async def _pages(endpoint: Endpoint, place: _Place, fetch: Fetch) -> tuple[Row, ...]:
    rows: dict[str, Row] = {}
    separator = "&" if "?" in place.path else "?"
    path = place.path
    for _ in range(MAX_PAGES):
        answer = await _get(endpoint, path, fetch)
        try:
            page = read_listing(answer.body, place.shape, id_prefix=place.provider.id_prefix)
        except GatewayError as error:
            raise ListingFailed(
                f"It answers at {_shown(path)}, but not with a list of models; is {endpoint.url} the"
                " base URL of an LLM server?",
                elsewhere=True,
                lasting=True,
            ) from error
        known = len(rows)
        for row in page.rows:
            rows.setdefault(row.id, row)
        if (
            page.next is None or len(rows) == known
        ):  # a page that adds nothing would repeat for ever
            break
        path = f"{place.path}{separator}{page.next}"
    return tuple(rows.values())


async def _get(endpoint: Endpoint, path: str, fetch: Fetch) -> Answer:
    try:
        answer = await fetch(endpoint, with_query(path, endpoint), HEADERS + endpoint.defaults)
    except GatewayError as error:
        # whoever tells it has named the endpoint
        said = error.text.replace(f"The endpoint {endpoint.name} ", "It ", 1)
        text = said + _UNREACHED.get(error.kind, "")
        is_reached = error.kind not in _UNREACHED and error.kind not in _SILENT
        raise ListingFailed(text, reached=is_reached) from error
    if answer.status == 200:
        return answer
    raise _refusal(endpoint, path, answer)


def life_question(endpoint: Endpoint) -> tuple[str, bool]:
    """Return what shows whether an endpoint lives, path and query, and whether its kind answers that at work.

    All kinds of the catalog list their models while they generate. What no row knows may have a single thread.
    """
    provider = provider_of(endpoint)
    path = urljoin(base_path(endpoint) + "/", provider.listing.path)
    return with_query(path, endpoint), provider is not GENERIC


def with_query(path: str, endpoint: Endpoint) -> str:
    """Return a path with the query that the endpoint wants on each request."""
    if not endpoint.query:
        return path
    return f"{path}{'&' if '?' in path else '?'}{endpoint.query.decode('ascii')}"


def _refusal(endpoint: Endpoint, path: str, answer: Answer) -> ListingFailed:
    status = answer.status
    if status in (401, 403):
        text = (
            f"The key was refused ({status}): check its key."
            if endpoint.has_key
            else f"It wants a key ({status}): give it one (--key, or key in the file)."
        )
        return ListingFailed(text, lasting=True, wants_key=True)
    if 300 <= status < 400:
        return ListingFailed(f"It redirects ({status}){_target(answer.headers)}.", lasting=True)
    if status in (404, 405, 501):
        text = f"It has no list of models at {_shown(path)} ({status}): check the path of its URL."
        return ListingFailed(text, elsewhere=True, lasting=True)
    if status in (408, 425, 429) or status >= 500:
        return ListingFailed(f"It is not ready to list its models ({status}).")
    return ListingFailed(
        f"It refused to list its models at {_shown(path)} ({status}).", lasting=True
    )


def _target(headers: Headers) -> str:
    location = dict(headers).get(b"location", b"").decode("latin-1")
    try:
        parts = urlsplit(location)
    except ValueError:
        return ""
    place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    if not parts.netloc or not place.isprintable():
        return ""
    return f" to {place}: give the URL it really has"


def _shown(path: str) -> str:
    return path.partition("?")[0]
