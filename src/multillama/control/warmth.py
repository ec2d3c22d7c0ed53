"""Warmth: asks local servers in the background which models they hold and how busy they are.

A router that knows sends a request to where its model is in memory and a slot is free. Only what
traffic cannot tell is asked for: never of a cloud endpoint, seldom where nothing is chosen by it, and
not while our own requests are answered. A server that does not tell is soon left alone.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from multillama.control.discovery import Clock
from multillama.control.endpoints import base_path
from multillama.control.lister import HEADERS, Answer, Fetch, with_query
from multillama.core.endpoints_state import EndpointState
from multillama.core.learning import LearntLimit
from multillama.core.snapshot import Endpoint, Snapshot
from multillama.errors import GatewayError
from multillama.providers.probes import NOT_READY, PROBES, UNKNOWN, Probe, Warmth
from multillama.tasks import Tasks

TICK_S: Final = 1.0
PERIOD_S: Final = 5.0
"""Between two rounds where something is chosen by them: a sibling has the model, or there is a queue."""
LEARNING_S: Final = 60.0
"""Between two rounds where nothing is, to learn how many slots there are."""
LONGEST_S: Final = 60.0
"""Between two rounds of a server that fails; the wait doubles up to it."""
SILENT_S: Final = 600.0
"""Until a server that tells nothing is asked again: it may have been updated."""
ROUND_S: Final = 2.0
"""All questions to one server. One that takes longer is too busy to be asked."""
SKIPS: Final = 2
"""Rounds in a row that our own traffic makes needless; then the traffic of others is asked for."""
AT_ONCE: Final = 16

_REFUSED: Final = frozenset({400, 401, 403, 404, 405, 501})
"""Statuses of a server that does not answer this question, today or tomorrow."""


class _Failed(Exception):
    """The server is in trouble: what it told is old."""


class _Probed:
    """What is known of the probing of one endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.has_choice = False
        """Something is chosen by what it tells."""
        self.asked_at = float("-inf")
        self.wait_s: float | None = None
        """After the last round, where that is not the usual period."""
        self.failures = 0
        """In a row."""
        self.requests = 0
        """Of the endpoint's state, when they were last looked at."""
        self.skips = 0
        self.is_busy = False
        self.silent: set[Probe] = set()
        """Probes that tell nothing here."""
        self.settled: set[Probe] = set()
        """Probes that need not be asked again."""

    def is_due(self, now: float) -> bool:
        """Tell whether the wait after the last round is over."""
        state = self.endpoint.state
        # Before it has listed its models its provider is a guess; one that is down, discovery asks.
        if self.is_busy or state.listed_at is None or state.is_up is False:
            return False
        has_queue = self.endpoint.max_concurrency is not None or state.slots is not None
        period_s = PERIOD_S if self.has_choice or has_queue else LEARNING_S
        return now - self.asked_at >= (self.wait_s or period_s)

    def may_skip(self) -> bool:
        """Tell whether our own traffic has told enough since the last look."""
        state = self.endpoint.state
        if state.is_limit_learnt:  # our traffic does not tell whether it still holds
            return False
        is_fresh = state.requests > self.requests and state.probed_at is not None
        self.requests = state.requests
        self.skips = self.skips + 1 if is_fresh and self.skips < SKIPS else 0
        return self.skips > 0


class Prober:
    """The background work of one gateway."""

    def __init__(self, fetch: Fetch, *, clock: Clock, on_news: Callable[[], None]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._on_news = on_news
        self._probed: dict[str, _Probed] = {}
        self._at_once = asyncio.Semaphore(AT_ONCE)

    def start(self, tasks: Tasks) -> None:
        """Begin; closing `tasks` ends it."""
        tasks.spawn(self._run(tasks), name="probes")

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """Take over which endpoints there are, and which of them share a model."""
        shared = {
            target.endpoint.name
            for route in snapshot.routes.values()
            if len(route.targets) > 1
            for target in route.targets
        }
        old, self._probed = self._probed, {}
        for endpoint in snapshot.endpoints:
            if endpoint.is_local and endpoint.provider in PROBES:
                probed = old.get(endpoint.name)
                if probed is None or probed.endpoint.provider != endpoint.provider:
                    probed = _Probed(endpoint)
                probed.endpoint = endpoint
                if endpoint.state.learnt is None:
                    endpoint.state.learnt = LearntLimit()
                probed.has_choice = endpoint.name in shared
                self._probed[endpoint.name] = probed
            else:
                endpoint.state.forget_limit()

    async def _run(self, tasks: Tasks) -> None:
        while True:
            now = self._clock.now()
            for probed in self._probed.values():
                if not probed.is_due(now):
                    continue
                probed.asked_at = now
                if not probed.may_skip():
                    probed.is_busy = True
                    tasks.spawn(self._round(probed), name=f"probe {probed.endpoint.name}")
            await self._clock.sleep(TICK_S)

    async def _round(self, probed: _Probed) -> None:
        try:
            async with self._at_once, asyncio.timeout(ROUND_S):
                warmth = await self._asked(probed)
            tells = warmth != UNKNOWN or probed.endpoint.state.is_limit_learnt
            probed.failures, probed.wait_s = 0, None if tells else SILENT_S
        except (_Failed, GatewayError, TimeoutError) as error:
            warmth = UNKNOWN
            if isinstance(error, TimeoutError):
                probed.endpoint.state.is_doubted = True  # busy, or frozen: others find out
            probed.failures += 1
            probed.wait_s = min(PERIOD_S * 2**probed.failures, LONGEST_S)
            probed.silent.clear()  # it may come back as another version
            probed.settled.clear()
        finally:
            probed.is_busy = False
        self._tell(probed.endpoint.state, warmth)

    def _tell(self, state: EndpointState, warmth: Warmth) -> None:
        known = (state.loaded, state.slots, state.busy_slots)
        now = self._clock.now()
        state.on_probe(loaded=warmth.loaded, slots=warmth.slots, busy=warmth.busy, at=now)
        state.on_look(now, running=warmth.running, is_short=warmth.is_short)
        if known != (state.loaded, state.slots, state.busy_slots):
            self._on_news()

    async def _asked(self, probed: _Probed) -> Warmth:
        told = last = UNKNOWN
        if len(probed.silent) == len(PROBES[probed.endpoint.provider]):
            probed.silent.clear()
        root = base_path(probed.endpoint).rpartition("/")[0]
        for probe in PROBES[probed.endpoint.provider]:
            if probe in probed.silent or probe in probed.settled:
                continue
            if probe.instead and last != UNKNOWN:
                continue
            answer = await self._fetch(
                probed.endpoint, with_query(root + probe.path, probed.endpoint), HEADERS
            )
            last = _read(probe, answer)
            if last == UNKNOWN:
                probed.silent.add(probe)
            elif probe.once and last is not NOT_READY:
                probed.settled.add(probe)
            told = _joined(told, last)
            if last is NOT_READY:
                break
        return told


def _read(probe: Probe, answer: Answer) -> Warmth:
    if answer.status == 200:
        return probe.read(answer.body)
    if answer.status == 503:
        return NOT_READY
    if answer.status in _REFUSED:
        return UNKNOWN
    raise _Failed


def _joined(one: Warmth, other: Warmth) -> Warmth:
    """Puts two answers together; the first one that tells a thing counts."""
    told = {name: value for name, value in one._asdict().items() if value is not None}
    return other._replace(**told)
