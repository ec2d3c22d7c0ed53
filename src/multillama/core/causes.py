"""Why an attempt fails, as one table: may the same target be tried again, may the next, what does the breaker learn.

A new cause is a new row. Everything here is asked only after a failure, but for `cause_of_first_event` and
`is_keep_alive`, which look at the first events of every stream.
"""

import re
from enum import Enum, StrEnum
from typing import Any, Final, NamedTuple

import msgspec

from multillama.errors import GatewayError


class Scope(StrEnum):
    """What a failure says something about."""

    ENDPOINT = "endpoint"
    MODEL = "model"
    NONE = "none"


class Cooldown(Enum):
    """Which member of `BreakerPolicy` says how long a target is left alone the first time."""

    TROUBLE = "cooldown_s"
    LIMIT = "rate_limit_s"
    KEY = "key_s"


class BreakerRow(NamedTuple):
    """A class of causes that a breaker remembers together."""

    name: str
    scope: Scope
    opens_at_once: bool
    """False: it opens after `failures` within the window without a success between."""
    cooldown: Cooldown
    text: str
    """For people: what follows `left alone for 12 s: `."""


UNREACHABLE: Final = BreakerRow(
    "unreachable", Scope.ENDPOINT, True, Cooldown.TROUBLE, "it could not be reached"
)
KEY: Final = BreakerRow("key", Scope.ENDPOINT, True, Cooldown.KEY, "its key or account was refused")
LIMIT: Final = BreakerRow(
    "limit", Scope.MODEL, True, Cooldown.LIMIT, "a limit of its account is reached"
)
GONE: Final = BreakerRow(
    "gone", Scope.MODEL, True, Cooldown.TROUBLE, "it says that it does not have the model"
)
TROUBLE: Final = BreakerRow(
    "trouble", Scope.MODEL, False, Cooldown.TROUBLE, "it failed several times in a row"
)
_UNHARMED: Final = BreakerRow("none", Scope.NONE, False, Cooldown.TROUBLE, "")


class Cause(NamedTuple):
    """One row of the table."""

    name: str
    meaning: str
    """For the docs, and for people who read why an exchange went where it went."""
    same: bool
    """May the same target be tried again, after a wait."""
    next: bool
    """May the next target be tried."""
    condition: BreakerRow = _UNHARMED
    """What the breaker remembers it as."""
    reached: bool = True
    """False when the endpoint cannot have seen the request, or is frozen: trying elsewhere is then no extra load."""


# The next target may be tried where the endpoint cannot have generated (not reached, not taken whole, refused), or has
# stopped and delivered nothing. After a timeout it may still be at it, so only `first_token_s` asks for that. The same
# target is asked again only where it was not reached or says "later". See docs/decisions/what-is-tried-again.md.
_ROWS: Final = (
    # no connection
    Cause("unreachable", "no connection: name, refusal, TLS", True, True, UNREACHABLE, reached=False),
    Cause("connect_timeout", "no connection in time", False, True, UNREACHABLE, reached=False),
    Cause("frozen", "no byte, and no answer to a question of ours either", False, True, UNREACHABLE, reached=False),
    Cause(
        "untranslatable", "its dialect cannot say all of the request (`untranslatable: reject`)",
        False, True, reached=False,
    ),
    # no answer
    Cause("send_timeout", "it stopped taking the request", False, True, TROUBLE),
    Cause("closed", "it closed the connection without an answer", False, True, TROUBLE),
    Cause("first_token_timeout", "no first event within `first_token_s`", False, True, TROUBLE),
    Cause("first_byte_timeout", "no first byte in time, and no `first_token_s` is set", False, False, TROUBLE),
    # half an answer, of which the client has nothing yet
    Cause("truncated", "the answer broke off before its first event", False, True, TROUBLE),
    Cause("malformed", "what came is not HTTP", False, True, TROUBLE),
    Cause("empty", "200 with nothing in it", False, True, TROUBLE),
    Cause("idle_timeout", "it fell silent inside its answer", False, False, TROUBLE),
    # a status, or the same as the first event of a stream
    Cause("key", "401, 402, 403 or a used-up quota: its key or account", False, True, KEY),
    Cause("model_gone", "404 or 403 for this model", False, True, GONE),
    Cause("unsupported", "404 for the path, 405, 501: it lacks the operation", False, True),
    Cause("request_timeout", "408", True, True, TROUBLE),
    Cause("conflict", "409", True, True),
    Cause("too_early", "425", True, True),
    Cause("rate_limited", "429", True, True, LIMIT),
    Cause("server_error", "500, and every 5xx not named here; it may be the request's doing", False, True, TROUBLE),
    Cause("bad_gateway", "502", True, True, TROUBLE),
    Cause("unavailable", "503", True, True, TROUBLE),
    Cause("gateway_timeout", "504; somebody behind it may still be generating", False, True, TROUBLE),
    Cause("overloaded", "529", True, True, TROUBLE),
    Cause("error_event", "an error of another kind as the first event", False, True, TROUBLE),
    # nobody's to survive
    Cause("deadline", "`deadline_s` has passed", False, False, TROUBLE),
    Cause("internal", "a failure of the client or of the gateway itself", False, False),
)  # fmt: skip
CAUSES: Final[dict[str, Cause]] = {row.name: row for row in _ROWS}

_OF_KIND: Final = {
    "endpoint_unreachable": "unreachable",
    "endpoint_tls_failed": "unreachable",
    "endpoint_frozen": "frozen",
    "not_translatable": "untranslatable",
    "endpoint_closed": "closed",
    "endpoint_malformed": "malformed",
    "endpoint_truncated": "truncated",
    "endpoint_empty": "empty",
    "endpoint_failed": "error_event",
    "deadline_exceeded": "deadline",
    **{name: name for name in (
        "connect_timeout", "first_byte_timeout", "first_token_timeout", "idle_timeout", "send_timeout",
    )},
}  # fmt: skip
_OF_STATUS: Final = {
    401: "key", 402: "key", 405: "unsupported", 408: "request_timeout", 409: "conflict", 425: "too_early",
    501: "unsupported", 502: "bad_gateway", 503: "unavailable", 504: "gateway_timeout", 529: "overloaded",
}  # fmt: skip
_OF_CODE: Final[dict[str, str | None]] = {
    **dict.fromkeys((
        "authentication_error", "permission_error", "billing_error", "insufficient_quota", "invalid_api_key",
        "enforced_spend_limit_reached", "billing_hard_limit_reached", "UNAUTHENTICATED", "PERMISSION_DENIED",
    ), "key"),
    **dict.fromkeys((
        "rate_limit_error", "rate_limit_exceeded", "requests", "tokens", "RESOURCE_EXHAUSTED",
    ), "rate_limited"),
    **dict.fromkeys(("model_not_found", "not_found_error", "NOT_FOUND", "DeploymentNotFound"), "model_gone"),
    **dict.fromkeys(("overloaded_error", "overloaded"), "overloaded"),
    **dict.fromkeys(("timeout_error", "timeout", "DEADLINE_EXCEEDED"), "gateway_timeout"),
    **dict.fromkeys(("api_error", "server_error", "internal_error", "INTERNAL"), "server_error"),
    "UNAVAILABLE": "unavailable",
    # the request's own: every endpoint would say the same
    **dict.fromkeys((
        "invalid_request_error", "request_too_large", "context_length_exceeded", "content_filter",
        "INVALID_ARGUMENT", "FAILED_PRECONDITION",
    )),
}  # fmt: skip

_STATUS: Final = re.compile("[45][0-9][0-9]")
SEEN_BYTES: Final = 16 * 1024
"""How much of an error's body is looked at."""
_QUOTA: Final = re.compile(
    rb"insufficient_quota|enforced_spend_limit_reached|billing_hard_limit_reached"
)
_MODEL: Final = re.compile(rb"\bmodels?\b|model_not_found|DeploymentNotFound", re.I)
_FLAGGED: Final = re.compile(rb"flagged|moderation|content_policy|content policy", re.I)
_QUEUE_FULL: Final = re.compile(rb"maximum pending requests exceeded")
_NO_PATH: Final = re.compile(
    rb'\s*$|\s*(404 page not found|Not Found|<)|.*"(File Not Found|Not Found)"', re.I | re.S
)
_ERROR: Final = re.compile(rb'"error"\s*:\s*[{"]|"type"\s*:\s*"error"')
_BESIDE: Final = frozenset(("error", "user_id", "request_id"))
"""What may stand in a body that is only an error."""
_QUIET: Final = frozenset({b":", b"e", b"\r", b"\n"})
"""How a keep-alive may begin."""
_PING: Final = re.compile(rb"event: ?ping|data: ?\{ {0,4}\"type\": ?\"ping\" {0,4}\}")


def cause_of_error(error: GatewayError) -> str:
    """Names the cause of an attempt's failure; `internal` for what is not an endpoint's."""
    return _OF_KIND.get(error.kind, "internal")


def cause_of_status(status: int, body: bytes) -> str | None:
    """Names the cause that a status stands for; None where there is nothing to survive.

    Args:
        status: Of the endpoint's answer.
        body: What has come of it; a few statuses mean different things.

    Source: OpenAI, Anthropic, Gemini, Ollama, llama.cpp, vLLM and OpenRouter as they answer in November 2026.
    """
    if status < 400:
        return None
    body = body[:SEEN_BYTES]
    if status == 429:
        return "key" if _QUOTA.search(body) else "rate_limited"
    if status == 403:
        return _cause_of_403(body)
    if status == 404:
        if _NO_PATH.match(body):
            return "unsupported"
        return "model_gone" if _MODEL.search(body) else None
    return _OF_STATUS.get(status, "server_error" if status >= 500 else None)


def _cause_of_403(body: bytes) -> str | None:
    if _FLAGGED.search(body):
        return None  # one user's words must not take the endpoint from all others
    return "model_gone" if _MODEL.search(body) else "key"


def is_queue_full(cause: str, body: bytes) -> bool:
    """Says whether a failure is Ollama's word that its queue (`OLLAMA_MAX_QUEUE`) is full.

    Source: Ollama's `server/sched.go` (`ErrMaxQueue`), which is answered with 503.
    """
    return cause == "unavailable" and _QUEUE_FULL.search(body[:SEEN_BYTES]) is not None


def is_keep_alive(event: bytes) -> bool:
    """Says whether bytes of a stream are only comments, pings and blank lines: no news of the answer yet."""
    # Line by line: one pattern for all of them would try every way to part a long comment.
    return event[:1] in _QUIET and all(
        line[:1] in (b":", b"") or _PING.fullmatch(line) is not None for line in event.splitlines()
    )


def cause_of_first_event(event: bytes) -> str | None:
    """Names the cause that a stream's first event tells; None for a healthy one and for the request's own errors.

    Args:
        event: A whole event (SSE or a line of NDJSON).

    HOT: once per stream. A healthy event is searched once, and parsed never, but where it mentions `"error"`.
    """
    # `find`, because `in` asks bytes for a number first, which costs more than the search (0.6 against 0.2 µs).
    if event.find(b'"error"') < 0 or _ERROR.search(event) is None:
        return None
    facts = _error_of(event)
    return None if facts is None else _cause_of_facts(facts)


def cause_of_body(body: bytes) -> str | None:
    """Names the cause that the JSON body of a 200 tells which is an error and nothing else, as OpenRouter sends."""
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(said, list) and len(said) == 1:
        said = said[0]  # as Gemini may wrap it
    if not isinstance(said, dict) or said.keys() - _BESIDE:
        return None
    error = said.get("error")
    return _cause_of_facts(error) if isinstance(error, dict) else None


def _error_of(event: bytes) -> dict[str, Any] | None:
    """Finds the error object; None where the word belongs to something else, e.g. a tool's schema."""
    lines = [line[5:] for line in event.splitlines() if line.startswith(b"data:")]
    try:
        said = msgspec.json.decode(b"\n".join(lines) or event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(said, list) and said:
        said = said[0]
    if not isinstance(said, dict):
        return None
    if said.get("type") == "response.failed" and isinstance(said.get("response"), dict):
        said = said["response"]
    error = said.get("error")
    if isinstance(error, str) and error:
        return {"message": error}
    if isinstance(error, dict):
        return error
    return said if said.get("type") == "error" else None


def _cause_of_facts(facts: dict[str, Any]) -> str | None:
    """Sorts an error by its names, the closest first, then by the status it carries."""
    details = facts.get("details")
    closest = details.get("error_code") if isinstance(details, dict) else None
    for name in (closest, facts.get("code"), facts.get("status"), facts.get("type")):
        if isinstance(name, str) and name in _OF_CODE:
            return _OF_CODE[name]
    status = str(facts.get("code"))  # Azure's are strings
    if _STATUS.fullmatch(status):
        return cause_of_status(int(status), msgspec.json.encode(facts))
    return "error_event"
