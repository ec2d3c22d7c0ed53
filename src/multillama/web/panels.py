"""The view's facts as the words of the page: one row of texts for each row that is shown.

The first paint and the live updates are made from the same rows, so they cannot differ. A new
column is a member here and a cell in `templates/rows.html`.
"""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

import msgspec

from multillama.core.record import Record
from multillama.web.figures import UNKNOWN, age_text, count_text, duration_text, plural
from multillama.web.view import EndpointView, ModelView, View
from multillama.wire.hosts import is_own_name, parse_host

RECENT: Final = 50
"""Exchanges shown at most."""
WARNINGS: Final = 5
"""Sentences shown at most; the log has all."""
LOADED: Final = 3
"""Models in memory that are named."""

_STATES: Final = {"up": "Up", "down": "Down", "unknown": "Not tried yet"}
TONES: Final = {"refused": "warn", "failed": "bad", "truncated": "bad", "cancelled": "quiet"}
_REFUSED: Final = re.compile(r"\b(401|403|api[ _-]key|unauthori[sz]ed|forbidden)\b", re.IGNORECASE)
"""An endpoint's words for a key it does not take."""


class EndpointRow(msgspec.Struct, frozen=True):
    """One endpoint. Without arguments it is the empty row that the page's script copies."""

    id: str = ""
    tone: str = ""
    state: str = ""
    name: str = ""
    url: str = ""
    provider: str = ""
    traits: str = ""
    """What configuration says of its place: `local · tier 1 · gpu`."""
    key: str = ""
    models: str = ""
    latency: str = ""
    in_flight: str = ""
    """With how many it is given at one time, where there is a limit: `2 of 4`."""
    waiting: str = ""
    requests: str = ""
    failures: str = ""
    tokens: str = ""
    trouble: str = ""
    """The newest failure and how long ago it was; empty without one."""
    warmth: str = ""
    """What it holds in memory and how busy it is; empty where it does not tell."""
    paused: str = ""
    """What is not tried for the moment."""
    advice: str = ""
    """What to do about an endpoint that is down."""


class ModelRow(msgspec.Struct, frozen=True):
    """One model."""

    id: str = ""
    endpoints: str = ""
    context: str = ""


class ExchangeRow(msgspec.Struct, frozen=True):
    """One finished exchange."""

    id: str = ""
    tone: str = ""
    at: str = ""
    """ISO 8601, UTC."""
    time: str = ""
    model: str = ""
    operation: str = ""
    endpoint: str = ""
    status: str = ""
    note: str = ""
    """What went wrong; empty where nothing did."""
    first_byte: str = ""
    total: str = ""
    tokens: str = ""


class Summary(msgspec.Struct, frozen=True):
    """The line at the top, and the title of the window."""

    title: str = ""
    tone: str = ""
    endpoints: str = ""
    models: str = ""
    requests: str = ""
    in_flight: str = ""
    warnings: str = ""
    """What is the matter beyond single endpoints; empty where nothing is."""


class Overview(msgspec.Struct, frozen=True):
    """Everything on the page but the models."""

    summary: Summary
    endpoints: list[EndpointRow]
    recent: list[ExchangeRow]


class Models(msgspec.Struct, frozen=True):
    """All models, and a digest that tells one list from another."""

    digest: str
    rows: list[ModelRow]
    json: bytes
    """`rows` as JSON."""


class Panels:
    """Makes rows from the view, and keeps those of the models until the view has others."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._made_from: Sequence[ModelView] | None = None
        self._models = _model_rows(())
        self._near: dict[str, bool] = {}
        """Whether a base URL leads to a machine of the user's own; one entry for each endpoint."""

    def overview(self) -> Overview:
        endpoints = self._view.endpoints()
        return Overview(
            _summary(endpoints, len(self._view.models()), self._view.warnings()),
            [self._endpoint_row(endpoint) for endpoint in endpoints],
            [_exchange_row(record) for record in self._view.recent()[:RECENT]],
        )

    def models(self) -> Models:
        """Returns all models. Ten thousand take a while to encode: once for each list is enough."""
        models = self._view.models()
        if models is not self._made_from:
            self._made_from, self._models = models, _model_rows(models)
        return self._models

    def _endpoint_row(self, endpoint: EndpointView) -> EndpointRow:
        return EndpointRow(
            id=endpoint.name,
            tone=endpoint.state,
            state=_STATES[endpoint.state],
            name=endpoint.name,
            url=endpoint.url,
            provider=endpoint.provider,
            traits=_traits(endpoint),
            key=endpoint.key,
            models=count_text(endpoint.models),
            latency=duration_text(endpoint.first_byte_ms),
            in_flight=_running(endpoint),
            waiting=count_text(endpoint.waiting),
            requests=count_text(endpoint.requests),
            failures=count_text(endpoint.failures),
            tokens=count_text(endpoint.tokens),
            trouble=_trouble(endpoint),
            warmth=_warmth(endpoint),
            paused=" ".join(f"{text.rstrip('.')}." for text in endpoint.paused),
            advice=_advice(endpoint, is_near=self._is_near(endpoint.url)),
        )

    def _is_near(self, url: str) -> bool:
        if url not in self._near:
            host = parse_host(urlsplit(url).netloc)
            self._near[url] = host is not None and is_own_name(host, "")
        return self._near[url]


def search(rows: Sequence[ModelRow], query: str) -> list[ModelRow]:
    """Returns the rows that hold every word of the query, as `static/page.js` does."""
    words = query.lower().split()
    return [row for row in rows if _has_all(words, f"{row.id} {row.endpoints}".lower())]


def _has_all(words: list[str], text: str) -> bool:
    return all(word in text for word in words)


def _model_rows(models: Sequence[ModelView]) -> Models:
    rows = [
        ModelRow(
            model.id,
            ", ".join(model.endpoints),
            "" if model.context is None else count_text(model.context),
        )
        for model in models
    ]
    body = msgspec.json.encode(rows)
    return Models(sha256(body).hexdigest()[:16], rows, body)


def _summary(endpoints: Sequence[EndpointView], models: int, warnings: Sequence[str]) -> Summary:
    up = sum(endpoint.state == "up" for endpoint in endpoints)
    down = sum(endpoint.state == "down" for endpoint in endpoints)
    return Summary(
        title=f"{down} down · MultiLlama" if down else "MultiLlama",
        tone="bad" if down else "ok" if up else "quiet",
        endpoints=f"{up} of {plural(len(endpoints), 'endpoint')} up"
        if endpoints
        else "No endpoint",
        models=plural(models, "model"),
        requests=plural(sum(endpoint.requests for endpoint in endpoints), "request"),
        in_flight=f"{count_text(sum(endpoint.in_flight for endpoint in endpoints))} running",
        warnings=_warnings(warnings),
    )


def _running(endpoint: EndpointView) -> str:
    running = count_text(endpoint.in_flight)
    return running if endpoint.limit is None else f"{running} of {count_text(endpoint.limit)}"


def _traits(endpoint: EndpointView) -> str:
    place = "local" if endpoint.is_local else "cloud"
    parts = [
        "local only" if endpoint.local_only else place,
        f"tier {endpoint.tier}" if endpoint.tier else "",
        *(tag for tag in endpoint.tags if tag not in ("local", "cloud")),
    ]
    return " · ".join(part for part in parts if part)


def _warnings(warnings: Sequence[str]) -> str:
    more = len(warnings) - WARNINGS
    return " ".join([*warnings[:WARNINGS], *([f"And {more} more."] if more > 0 else [])])


def _warmth(endpoint: EndpointView) -> str:
    parts: list[str] = []
    if endpoint.state == "down":  # what it held, it may have lost
        return ""
    if endpoint.slots is not None:
        busy = UNKNOWN if endpoint.busy is None else count_text(endpoint.busy)
        parts.append(f"{busy} of {plural(endpoint.slots, 'slot')} busy")
    elif endpoint.busy is not None:
        parts.append(f"{count_text(endpoint.busy)} at work")
    if endpoint.loaded is not None:
        shown = ", ".join(endpoint.loaded[:LOADED])
        more = len(endpoint.loaded) - LOADED
        parts.append(f"holds {shown or 'no model'}{f' and {more} more' if more > 0 else ''}")
    return " · ".join(parts)


def _trouble(endpoint: EndpointView) -> str:
    if not endpoint.last_error:
        return ""
    age = endpoint.last_error_age_s
    lead = "" if endpoint.state == "down" else "Last error"
    when = "" if age is None else age_text(age)
    about = ", ".join(part for part in (lead, when) if part)
    return (
        f"{about[:1].upper()}{about[1:]}: {endpoint.last_error}" if about else endpoint.last_error
    )


def _advice(endpoint: EndpointView, *, is_near: bool) -> str:
    if endpoint.state == "unknown":
        return "It has not answered yet. Its models appear as soon as it does."
    if endpoint.state != "down":
        return ""
    if _REFUSED.search(endpoint.last_error or ""):
        check = "Check the key given for it" if endpoint.key == "given" else "Give it a key"
        return f"{check}: --key, or key in the file. Flags count after a restart, the file at once."
    if is_near:
        return "Start this server, or check the port in its URL; MultiLlama keeps trying."
    return "Check its URL and this machine's way to it; MultiLlama keeps trying."


def _exchange_row(record: Record) -> ExchangeRow:
    at = datetime.fromtimestamp(record.at, UTC)
    return ExchangeRow(
        id=record.id,
        tone="warn" if _is_own_error(record) else TONES.get(record.outcome, "ok"),
        at=at.isoformat(timespec="milliseconds"),
        time=at.strftime("%H:%M:%S"),
        model=record.model or UNKNOWN,
        operation=f"{record.operation}, stream" if record.stream else record.operation,
        endpoint=record.endpoint or UNKNOWN,
        status=str(record.status),
        note=_note(record),
        first_byte=duration_text(record.first_byte_ms),
        total=duration_text(record.total_ms),
        tokens=_tokens(record),
    )


def _is_own_error(record: Record) -> bool:
    """Says whether the endpoint itself answered with an error, which we only passed on."""
    return record.outcome == "ok" and record.status >= 400


def _note(record: Record) -> str:
    waited = record.queue_ms is not None and f"waited {duration_text(record.queue_ms)} for a place"
    parts = [_what_went_wrong(record), waited or ""]
    if record.tried:
        counts = Counter(record.tried)
        tried = (
            f"{text}{f' ({count} times)' if count > 1 else ''}" for text, count in counts.items()
        )
        parts.append(f"tried before: {', '.join(tried)}")
    return " · ".join(part for part in parts if part)


def _what_went_wrong(record: Record) -> str:
    if record.outcome == "cancelled":
        return "the client left"
    if _is_own_error(record):
        return record.error_text or "the endpoint's own answer"
    if record.outcome == "truncated":
        return record.error_text or "the endpoint broke off"
    return record.error_text or record.error or ""


def _tokens(record: Record) -> str:
    taken, given = record.input_tokens, record.output_tokens
    if taken is not None and given is not None:
        return f"{taken:,} → {given:,}"
    if taken is not None:
        return f"{taken:,} in"
    return UNKNOWN if given is None else f"{given:,} out"
