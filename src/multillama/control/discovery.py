"""Discovery: keeps the endpoints' lists of models fresh in the background and publishes snapshots.

It never waits for an endpoint before the gateway may start, and an endpoint that is down keeps its
last known models: a request for them then says that the endpoint is unreachable, not that the model
does not exist.

One ticker looks at every endpoint once a second, for that is all the timing there is: is its next
listing due, or has live traffic just found it down? Listings themselves run beside each other.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from multillama.control.endpoints import base_path, corrected, provider_of, with_dialects
from multillama.control.lister import Answer, Fetch, Listed, ListingFailed, list_models
from multillama.control.routes import Select, all_models
from multillama.control.spoken import Send, find_dialects
from multillama.core.record import Record
from multillama.core.snapshot import Endpoint, Snapshot
from multillama.providers.listing import Row
from multillama.tasks import Tasks

__all__ = ["Answer", "Clock", "Discovery", "EndpointReport", "Fetch"]

Compile = Callable[[Sequence[Endpoint], Mapping[str, Sequence[Row]]], Snapshot]
"""`compile_snapshot` with its settings filled in."""
Beside = Callable[[Callable[[], Snapshot]], Awaitable[Snapshot]]
"""Calls what compiles: 20,000 aliases take two seconds, for which no request may wait."""

TICK_S: Final = 1.0
PROBE_S: Final = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Waits after the first, second, … failed listing in a row; the last one repeats."""
UNKNOWN_MODEL_S: Final = 5.0
"""At most one refresh in this time because of requests for unknown models."""
LISTING_S: Final = 60.0
"""The whole listing of one endpoint, all pages and second guesses."""
AT_ONCE: Final = 64
"""Listings beside each other: enough to be quick, few enough for the limit of open files."""
GATHER_S: Final = 0.05
"""Changes that come closer together than this make one snapshot."""
COMPILE_SHARE: Final = 0.1
"""Most of the time that compiling may take."""


class Clock(NamedTuple):
    """Time, as discovery sees it."""

    now: Callable[[], float]
    """Seconds that never jump, for durations."""
    wall: Callable[[], float]
    """Seconds since 1970, for people."""
    sleep: Callable[[float], Awaitable[None]]


class EndpointReport(msgspec.Struct, frozen=True):
    """One line of the start-up table."""

    name: str
    url: str
    provider: str
    """For people."""
    has_key: bool
    models: int
    took_ms: float | None
    """How long the newest successful listing took."""
    error: str | None
    """Why the newest listing failed and what to do; None if it did not."""
    note: str | None = None
    """What was done other than expected."""


class _Watched:
    """What discovery knows of one endpoint."""

    def __init__(self, configured: Endpoint) -> None:
        self.configured = configured
        self.endpoint = configured
        """As its answers have corrected it."""
        self.spoken: frozenset[str] | None = None
        """Which of the dialects that depend on its version it speaks; None while nobody has asked."""
        self.rows: tuple[Row, ...] = ()
        self.due = 0.0
        self.failures = 0
        """In a row."""
        self.is_busy = False
        self.error: str | None = "It has not answered yet."
        self.note: str | None = None
        self.took_ms: float | None = None
        self.told: tuple[str | None, tuple[str, ...]] | None = None
        """Error and models as last told by `on_change`."""

    def report(self, models: int) -> EndpointReport:
        """Tell how it is doing, and how many models it serves."""
        return EndpointReport(
            name=self.endpoint.name,
            url=self.endpoint.url,
            provider=provider_of(self.endpoint).title,
            has_key=self.endpoint.has_key,
            models=models,
            took_ms=self.took_ms,
            error=self.error,
            note=self.note,
        )

    def reconfigure(self, configured: Endpoint) -> None:
        """Take the endpoint as it is configured now, and keep what is known of it.

        Where another server may answer, or the same one with another list, it is asked at once.
        """
        old = self.configured
        if msgspec.structs.astuple(old) == msgspec.structs.astuple(configured):
            return
        self.configured = configured
        if _identity(old) == _identity(configured):
            provider, path = provider_of(self.endpoint), base_path(self.endpoint)
            self.endpoint = self._speaking(corrected(configured, provider, path))
        else:
            self.endpoint, self.due, self.failures = configured, 0.0, 0
            self.spoken = None

    def _speaking(self, endpoint: Endpoint) -> Endpoint:
        return endpoint if self.spoken is None else with_dialects(endpoint, self.spoken)

    def take(self, listed: Listed) -> bool:
        """Take a listing over and tell whether it changes anything."""
        old, new = self.endpoint, self._speaking(listed.endpoint)
        is_same = (old.provider, old.paths, old.speaks) == (new.provider, new.paths, new.speaks)
        if not is_same:
            self.endpoint = new
        is_known = is_same and self.rows == listed.rows
        self.rows, self.note, self.error, self.failures = listed.rows, listed.note, None, 0
        return not is_known


def _identity(endpoint: Endpoint) -> tuple[object, ...]:
    """Return what decides which models are there and who may see them."""
    return (
        endpoint.scheme, endpoint.host, endpoint.port, endpoint.paths, endpoint.query,
        endpoint.provider, endpoint.fixed_head, endpoint.state,
    )  # fmt: skip


class Discovery:
    """The background work of one gateway."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        *,
        fetch: Fetch,
        compile: Compile,
        publish: Callable[[Snapshot], None],
        clock: Clock,
        refresh_s: float = 300.0,
    ) -> None:
        self.send: Send | None = None
        """Asks endpoints which dialects they speak; without it they speak all that their provider may."""
        self.select: Select = all_models
        """Which of an endpoint's models are served."""
        self.beside: Beside = _here
        self._watched = [_Watched(endpoint) for endpoint in endpoints]
        self._fetch = fetch
        self._compile = compile
        self._publish = publish
        self._clock = clock
        self._refresh_s = refresh_s
        self._tasks: Tasks | None = None
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._untold = set(self._watched)
        self._all_told = asyncio.Event()
        self._is_changed = True
        self._is_gathering = False
        self._making: asyncio.Task[None] | None = None
        self._compile_s = 0.0
        self._is_asked = False
        self._is_refreshing = False
        self.on_change: Callable[[EndpointReport, Sequence[str]], None] = _ignore
        """Called with an endpoint and its models when a listing brings news of it."""

    def start(self, tasks: Tasks) -> None:
        """Publish a snapshot without models and begin; closing `tasks` ends it."""
        self._tasks = tasks
        self._is_changed = False
        self._publish(self._compiling()())
        if not self._untold:
            self._all_told.set()
        tasks.spawn(self._run(tasks), name="discovery")

    def reconfigure(
        self,
        endpoints: Sequence[Endpoint],
        *,
        compile: Compile,
        select: Select,
        refresh_s: float,
    ) -> None:
        """Go over to other endpoints and settings; `published` tells when requests do, in one assignment.

        An endpoint of the same name keeps its models until it has listed them anew, so no request
        finds a gap; one that is gone is forgotten, and what it still answers is ignored.
        """
        known = {watched.configured.name: watched for watched in self._watched}
        self._compile, self.select, self._refresh_s = compile, select, refresh_s
        watched_now = []
        for endpoint in endpoints:
            watched = known.get(endpoint.name)
            if watched is None:
                watched = _Watched(endpoint)
                self._untold.add(watched)
            else:
                watched.reconfigure(endpoint)
            watched.due = min(watched.due, self._clock.now() + refresh_s)
            watched.endpoint.state.models = len(self._served(watched))
            watched_now.append(watched)
        self._watched = watched_now
        self._untold.intersection_update(watched_now)
        if self._untold:
            self._all_told.clear()
        else:
            self._all_told.set()
        self._is_changed = True
        self._flush()
        for watched in self._watched:
            if self._tasks is not None and watched.due <= self._clock.now():
                self._begin(watched, self._tasks)

    async def first_round(self, timeout_s: float) -> None:
        """Return when every endpoint has answered or failed once, at the latest after `timeout_s`.

        What has been found by then is published.
        """
        with contextlib.suppress(TimeoutError):  # the slow ones appear when they answer
            async with asyncio.timeout(timeout_s):
                await self._all_told.wait()
        await self.published()

    async def published(self) -> None:
        """Return when all that is known is in the snapshot that is in use."""
        self._flush()
        while self._making is not None:
            await asyncio.wait((self._making,))

    def waiting(self) -> tuple[str, ...]:
        """Name the endpoints that have neither answered nor failed so far."""
        return tuple(watched.endpoint.name for watched in self._watched if watched in self._untold)

    def on_record(self, record: Record) -> None:
        """Take note of a finished exchange: an unknown model may be newer than the lists."""
        if record.error != "model_not_found" or self._tasks is None:
            return
        self._is_asked = True
        if not self._is_refreshing:
            self._is_refreshing = True
            self._tasks.spawn(self._refresh(self._tasks), name="discovery: unknown model")

    def reports(self) -> tuple[EndpointReport, ...]:
        """Tell how each endpoint is doing, in the order of their settings."""
        return tuple(watched.report(len(self._served(watched))) for watched in self._watched)

    def _served(self, watched: _Watched) -> tuple[Row, ...]:
        return self.select(watched.configured.name, watched.rows)

    async def _run(self, tasks: Tasks) -> None:
        while True:
            now = self._clock.now()
            for watched in self._watched:
                # found down by live traffic; one that failed to list is asked often enough already
                is_lost = watched.endpoint.state.is_up is False and watched.due - now > PROBE_S[-1]
                if now >= watched.due or is_lost:
                    self._begin(watched, tasks)
            await self._clock.sleep(TICK_S)

    async def _refresh(self, tasks: Tasks) -> None:
        """List all as long as unknown models are asked for, with a pause after each round."""
        while self._is_asked:
            self._is_asked = False
            for watched in self._watched:
                self._begin(watched, tasks)
            await self._clock.sleep(UNKNOWN_MODEL_S)
        self._is_refreshing = False

    def _begin(self, watched: _Watched, tasks: Tasks) -> None:
        if not watched.is_busy:
            watched.is_busy = True
            tasks.spawn(self._list(watched, tasks), name=f"list {watched.endpoint.name}")

    async def _list(self, watched: _Watched, tasks: Tasks) -> None:
        asked = watched.configured
        try:
            async with self._at_once:
                begun = self._clock.now()
                async with asyncio.timeout(LISTING_S):
                    listed = await list_models(asked, self._fetch)
                    if watched.spoken is None and self.send is not None:
                        watched.spoken = await find_dialects(listed.endpoint, self.send)
            if watched.configured is not asked:  # it is another endpoint by now
                watched.due = 0.0
                return
            self._on_listed(watched, listed, took_ms=round((self._clock.now() - begun) * 1000, 3))
            if watched.take(listed):
                self._is_changed = True
                self._gather(tasks)
        except ListingFailed as failure:
            self._on_failure(watched, failure)
        except TimeoutError:
            text = f"It did not list its models within {LISTING_S:.0f} s."
            self._on_failure(watched, ListingFailed(text, reached=False))
        finally:
            watched.is_busy = False
            self._tell(watched)
            self._untold.discard(watched)
            if not self._untold:
                self._all_told.set()

    def _tell(self, watched: _Watched) -> None:
        """Call `on_change` if there is news: up or down, other models, another reason."""
        if watched not in self._watched:
            return
        models = tuple(row.id for row in self._served(watched))
        if watched.told != (watched.error, models):
            watched.told = (watched.error, models)
            self.on_change(watched.report(len(models)), models)

    def _on_listed(self, watched: _Watched, listed: Listed, *, took_ms: float) -> None:
        watched.took_ms = took_ms
        watched.due = self._clock.now() + self._refresh_s
        state = watched.endpoint.state
        served = self.select(state.name, listed.rows)
        state.on_listing(models=len(served), at=self._clock.wall(), took_ms=took_ms)

    def _on_failure(self, watched: _Watched, failure: ListingFailed) -> None:
        watched.error = failure.text
        watched.failures += 1
        wait_s = PROBE_S[min(watched.failures, len(PROBE_S)) - 1]
        watched.due = self._clock.now() + (self._refresh_s if failure.lasting else wait_s)
        # not `on_failure`, which counts failed requests of clients
        state = watched.endpoint.state
        state.last_error, state.last_error_at = failure.text, self._clock.wall()
        if not failure.reached:
            state.is_up = False
        elif state.is_up is False:
            state.is_up = None

    def _gather(self, tasks: Tasks) -> None:
        if not self._is_gathering:
            self._is_gathering = True
            tasks.spawn(self._publish_soon(), name="discovery: publish")

    async def _publish_soon(self) -> None:
        # a share of the time, not a fixed wait: a thousand endpoints that answer one by one must
        # not make a thousand snapshots of all models
        await self._clock.sleep(max(GATHER_S, self._compile_s / COMPILE_SHARE))
        self._is_gathering = False
        self._flush()

    def _flush(self) -> None:
        """Begin to make a snapshot, if there is news; one that is being made is followed by the next."""
        if self._is_changed and self._making is None and self._tasks is not None:
            self._making = self._tasks.spawn(self._make(), name="discovery: compile")

    async def _make(self) -> None:
        try:
            while self._is_changed:
                self._is_changed = False
                compile, begun = self._compile, self._clock.now()
                snapshot = await self.beside(self._compiling())
                self._compile_s = self._clock.now() - begun
                if compile is self._compile:  # else it is made of settings that are given up
                    self._publish(snapshot)
        finally:
            self._making = None

    def _compiling(self) -> Callable[[], Snapshot]:
        """Return what compiles that which is known now, whatever changes meanwhile."""
        compile, select = self._compile, self.select
        known = [(one.endpoint, one.configured.name, one.rows) for one in self._watched]

        def compiled() -> Snapshot:
            listings = {endpoint.name: select(name, rows) for endpoint, name, rows in known}
            return compile([endpoint for endpoint, _, _ in known], listings)

        return compiled


async def _here(compiled: Callable[[], Snapshot]) -> Snapshot:
    """Is the `Beside` of those who serve nobody meanwhile."""
    return compiled()


def _ignore(report: EndpointReport, models: Sequence[str]) -> None:
    """Is what happens with news until somebody wants them."""
