"""The gateway as its page sees it: facts from memory, and one counter that tells when they have changed."""

import time
from collections.abc import Mapping, Sequence
from hmac import compare_digest
from typing import Final

import msgspec

from multillama.config.schema import Settings
from multillama.control.endpoints import provider_of
from multillama.core.decision import Choice, Decision
from multillama.core.dry_run import dry_run
from multillama.core.endpoints_state import EndpointState
from multillama.core.record import Record
from multillama.core.snapshot import Endpoint, Snapshot
from multillama.core.strategies import Live
from multillama.core.unserved import unserved_texts
from multillama.dataplane.story import Story
from multillama.errors import GatewayError
from multillama.observe.explain import UNASKED, Explanations
from multillama.providers.listing import context_length
from multillama.web.view import EndpointView, ModelView

RECENT: Final = 50
"""Exchanges that the page shows."""

_ROWS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_STATES: Final = {True: "up", False: "down", None: "unknown"}


class GatewayView:
    """Implements `web.view.View`."""

    def __init__(self, settings: Settings) -> None:
        self._host = settings.host
        self._api_key = settings.api_key
        self._snapshot = Snapshot()
        self.explanations = Explanations(Story())
        self.live: Live | None = None
        """What moves from one plan to the next; set when there is a data plane."""
        self._models: tuple[ModelView, ...] | None = None
        self._changes = 0

    def on_settings(self, settings: Settings) -> None:
        """Takes note of other settings."""
        self._api_key = settings.api_key
        self._changes += 1

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """Takes note of a new snapshot."""
        self._snapshot = snapshot
        self._models = None
        self._changes += 1

    def on_record(self, record: Record) -> None:
        """Takes note of a finished exchange."""
        self.explanations.on_record(record)
        if record.operation not in UNASKED:
            self._changes += 1

    def on_state(self) -> None:
        """Takes note that the state of an endpoint has changed without an exchange."""
        self._changes += 1

    def endpoints(self) -> Sequence[EndpointView]:
        now = time.time()
        return [_endpoint_view(endpoint, now) for endpoint in self._snapshot.endpoints]

    def models(self) -> Sequence[ModelView]:
        if self._models is None:
            rows = self._snapshot.rows.get("openai", {})
            self._models = tuple(
                ModelView(
                    id=model,
                    endpoints=tuple(target.endpoint.name for target in route.targets),
                    context=_context(rows.get(model)),
                )
                for model, route in self._snapshot.routes.items()
                if model not in self._snapshot.aliases
            )
        return self._models

    def warnings(self) -> Sequence[str]:
        return tuple(unserved_texts(self._snapshot).values())

    def recent(self) -> Sequence[Record]:
        return self.explanations.newest(RECENT)

    def exchanges(self, limit: int) -> Sequence[Record]:
        return self.explanations.newest(limit)

    def decision(self, id: str) -> Decision | None:
        return self.explanations.find(id)

    def capacity(self) -> int:
        return self.explanations.capacity

    def dry_run(self, model: str, wishes: Mapping[str, bytes]) -> Choice:
        redactor = self.explanations.redactor
        try:
            choice = dry_run(self._snapshot, model, self.live, wishes=wishes)
        except GatewayError as error:
            raise GatewayError(
                error.kind, redactor.clean_text(error.text), param=error.param
            ) from None
        return msgspec.convert(redactor.clean(msgspec.to_builtins(choice)), Choice)

    def needs_key(self) -> bool:
        return self._api_key is not None

    def is_key(self, candidate: str) -> bool:
        return self._api_key is not None and compare_digest(
            candidate.encode(), self._api_key.encode()
        )

    def host(self) -> str:
        return self._host

    def changed(self) -> int:
        # A request that begins, or begins to wait, changes what is shown before it has a record.
        states = [endpoint.state for endpoint in self._snapshot.endpoints]
        arrivals = sum(state.queue.arrivals for state in states if state.queue is not None)
        return self._changes + arrivals + sum(state.requests for state in states)


def _endpoint_view(endpoint: Endpoint, now: float) -> EndpointView:
    state = endpoint.state
    limits = [limit for limit in (endpoint.max_concurrency, state.slots) if limit is not None]
    age_s = now - state.last_error_at if state.last_error_at is not None else None
    return EndpointView(
        name=endpoint.name,
        url=endpoint.url,
        provider=provider_of(endpoint).title,
        key="given" if endpoint.has_key else "none",
        state=_STATES[state.is_up],  # type: ignore[arg-type]  # the three values of the table
        first_byte_ms=state.first_byte_ms,
        models=state.models,
        requests=state.requests,
        failures=state.failures,
        in_flight=state.in_flight,
        waiting=len(state.queue) if state.queue is not None else 0,
        limit=min(limits, default=None),
        tier=endpoint.tier,
        is_local=endpoint.is_local,
        local_only=endpoint.local_only,
        tags=tuple(sorted(endpoint.tags)),
        tokens=state.tokens,
        last_error=state.last_error,
        last_error_age_s=age_s,
        slots=state.slots,
        busy=state.busy_slots,
        loaded=None if state.loaded is None else tuple(sorted(state.loaded)),
        paused=_paused(state),
    )


def _paused(state: EndpointState) -> tuple[str, ...]:
    """Tells what the breaker leaves alone."""
    if state.breaker is None:
        return ()
    return tuple(
        f"{condition.model or 'All models'}: {condition.text}"
        for condition in state.breaker.open_conditions(time.monotonic())
    )


def _context(row: bytes | None) -> int | None:
    """Reads the context length out of a model's row."""
    return None if row is None else context_length(_ROWS.decode(row))
