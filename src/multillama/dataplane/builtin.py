"""What the gateway answers from memory: the model lists, `/health` and `/ready`.

A body is rendered when the snapshot is compiled, so an answer costs a look-up.
"""

from typing import NamedTuple
from urllib.parse import unquote

import msgspec

from multillama.core.auth import check_key, check_reader
from multillama.core.key_like import hide_keys
from multillama.core.routing import close_matches
from multillama.core.snapshot import Snapshot
from multillama.errors import GatewayError
from multillama.wire.heads import Head

MODEL_PATHS = (b"/v1/models", b"/models")
HEALTH_PATHS = (b"/health", b"/v1/health", b"/healthz")
READY_PATHS = (b"/ready", b"/readyz")
GEMINI_MODEL_PATHS = (b"/v1beta/models", b"/v1alpha/models")
OLLAMA_PATHS = (b"/api/tags", b"/api/ps", b"/api/version")
OLLAMA_VERSION = b"0.12.6"
"""The release of Ollama whose API we speak; some clients refuse to work with an older one."""
PAGE_PATHS = (b"/", b"/favicon.ico", b"/robots.txt")
PAGES_BELOW = b"/multillama/"
SUPPORTED = b"GET, HEAD, OPTIONS"
_READS = {"openai": "openai.chat", "anthropic": "anthropic.messages", "gemini": "gemini"}


class Answer(NamedTuple):
    """An answer of ours."""

    name: str
    """For the record."""
    status: int
    body: bytes
    error: GatewayError | None = None
    """Why it is a refusal."""


def is_builtin(path: bytes) -> bool:
    """Says whether a path is answered here."""
    return (
        path in MODEL_PATHS
        or path in HEALTH_PATHS
        or path in READY_PATHS
        or path in GEMINI_MODEL_PATHS
        or path in OLLAMA_PATHS
        or path.startswith((b"/v1/models/", b"/models/", b"/v1beta/models/", b"/v1alpha/models/"))
    )


def is_page(path: bytes) -> bool:
    """Says whether a path belongs to the pages, which a web framework serves."""
    return path in PAGE_PATHS or path.startswith(PAGES_BELOW)


def answer_builtin(head: Head, snapshot: Snapshot) -> Answer:
    """Answers a GET or HEAD of a built-in path.

    Raises:
        GatewayError: `invalid_api_key`, `cross_site_request`, `host_not_allowed` or `model_not_found`.
    """
    path = head.path
    if path in HEALTH_PATHS:
        return Answer("health", 200, b'{"status":"ok"}')
    if path in READY_PATHS:
        up = sum(endpoint.state.is_up is True for endpoint in snapshot.endpoints)
        body = b'{"status":"%b","endpoints_up":%d,"endpoints":%d}' % (
            b"ready" if up else b"no endpoint is up", up, len(snapshot.endpoints),
        )  # fmt: skip
        return Answer("ready", 200 if up else 503, body)
    check_key(head.credential, api_key=snapshot.api_key)
    if snapshot.api_key is None:
        check_reader(head.origin, host=head.host, hints=head.hints, bound=snapshot.bound)
    if path in OLLAMA_PATHS:
        return _answer_ollama(path, snapshot)
    dialect = listing_dialect(head.hints)
    if path.startswith((b"/v1beta/", b"/v1alpha/")):
        dialect = "gemini"
    if path in MODEL_PATHS or path in GEMINI_MODEL_PATHS:
        return Answer("models", 200, snapshot.lists.get(dialect, b'{"object":"list","data":[]}'))
    model = unquote(path.partition(b"/models/")[2].decode("latin-1"))
    row = snapshot.rows.get(dialect, {}).get(model)
    if row is None:
        close = close_matches(model, snapshot.routes)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        raise GatewayError(
            "model_not_found",
            f"The model '{hide_keys(model[:200])}' is not served by any endpoint.{hint}",
            param="model",
        )
    return Answer("model", 200, row)


def _answer_ollama(path: bytes, snapshot: Snapshot) -> Answer:
    if path == b"/api/version":
        return Answer("version", 200, b'{"version":"%b"}' % OLLAMA_VERSION)
    if path == b"/api/tags":
        return Answer("models", 200, snapshot.lists.get("ollama", b'{"models":[]}'))
    loaded = sorted({
        model
        for endpoint in snapshot.endpoints
        for model in endpoint.state.loaded or ()
        if model in snapshot.routes
    })  # fmt: skip
    rows = [{"name": name, "model": name, "size": 0, "size_vram": 0} for name in loaded]
    return Answer("loaded", 200, msgspec.json.encode({"models": rows}))


def is_ollama(head: Head) -> bool:
    """Says whether an Ollama client asks, by its user agent; it looks for an Ollama behind `/`."""
    forward = head.forward
    for at in range(0, len(forward), 4):
        if forward[at].lower() == b"user-agent":
            return forward[at + 2].lower().startswith(b"ollama")
    return False


def listing_dialect(hints: frozenset[bytes]) -> str:
    """Says whose shape of `/v1/models` a client reads: the SDKs of OpenAI, Anthropic and Google all call that path."""
    if b"anthropic-version" in hints:
        return "anthropic"
    if b"x-goog-api-key" in hints or b"x-goog-api-client" in hints:
        return "gemini"
    return "openai"


def reads(head: Head) -> str:
    """Says in which dialect whoever sent this head reads an error that is no operation's."""
    if head.path.startswith((b"/v1beta/", b"/v1alpha/")):
        return "gemini"
    if head.path.startswith(b"/api/"):
        return "ollama"
    return _READS[listing_dialect(head.hints)]
