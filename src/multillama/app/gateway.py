"""The gateway: builds every part, connects them, and closes them in reverse order.

Two arrows cross between the planes: a snapshot goes down, a record comes up (architecture law 1). Both are wired
here and nowhere else.
"""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, NamedTuple

import msgspec

from multillama import __version__
from multillama.app.calling import Calling
from multillama.app.compiled import (
    compiler_of,
    secrets_of,
    selection_of,
    store_limits_of,
    timeouts_of,
)
from multillama.app.listing import Detected, Listed, detect, list_models, look_at
from multillama.app.processes import StartError, bind, is_everywhere, on_reload, on_stop, run
from multillama.app.view import GatewayView
from multillama.config.schema import Settings
from multillama.config.sources import Source
from multillama.control.diff import Changes, changes, kept_at_the_start
from multillama.control.discovery import Clock, Discovery, EndpointReport
from multillama.control.endpoints import make_endpoints, with_own_states
from multillama.control.lister import HEADERS, life_question
from multillama.control.prices import unpriced
from multillama.control.reload import Reloader
from multillama.control.unserved import UnservedAliases
from multillama.control.warmth import Prober
from multillama.core.endpoints_state import EndpointState
from multillama.core.record import Record
from multillama.core.snapshot import Endpoint, Snapshot
from multillama.core.stored_responses import ResponseStore
from multillama.dataplane.fetch import Question
from multillama.dataplane.handoff import Handoff
from multillama.dataplane.listener import Listener
from multillama.dataplane.watch import Watch
from multillama.observe.lines import Redactor
from multillama.observe.log import Log

__all__ = [
    "Detected",
    "Gateway",
    "Listed",
    "StartError",
    "Started",
    "detect",
    "list_models",
    "look_at",
    "serve",
]

FIRST_ROUND_S = 5.0
"""How long the start-up table waits for slow endpoints."""
HURRIED_LOG_S = 0.3
"""How long the log may take when a second signal has come."""


class Started(NamedTuple):
    """What is told when the first round of discovery is over."""

    url: str
    endpoints: tuple[EndpointReport, ...]
    notes: tuple[str, ...] = ()
    """What the operator may want to mend."""


class Gateway:
    """One running gateway. `async with` builds and closes it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.view = GatewayView(settings)
        self.url = ""
        self._states: dict[str, EndpointState] = {}
        self._secrets = set(secrets_of(settings))
        """Those of former settings, too: what was recorded under them is shown for a while."""
        self._redactor = self.view.explanations.redactor = Redactor(self._secrets)
        self._stack = AsyncExitStack()
        self._close_pages: Callable[[], None] = _no_pages
        self._log_all_out: Callable[[], None] = _no_pages

    async def __aenter__(self) -> "Gateway":
        settings = self.settings
        timeouts = timeouts_of(settings)
        self._endpoints = make_endpoints(settings.endpoints, self._states, timeouts=timeouts)
        sockets = bind(settings.host, settings.port)
        self.url = f"http://{_shown(settings.host)}:{sockets[0].getsockname()[1]}"
        async with AsyncExitStack() as stack:
            for sock in sockets:
                stack.callback(sock.close)
            self.log = Log(
                sys.stdout,
                format=settings.log_format,
                is_terminal=sys.stdout.isatty(),
                secrets=secrets_of(settings),
            )
            self.log.start()
            stack.callback(self.log.close)
            self._aliases = UnservedAliases(self.log)
            self._calling = calling = Calling(timeouts, self._on_task_failure)
            self.tasks = calling.tasks
            stack.push_async_callback(calling.close)
            self._handoff = Handoff(self._build_pages, calling.tasks, calling.timers, timeouts)
            stack.callback(self._handoff.close)
            self.listener = Listener(
                snapshot=Snapshot(),
                pool=calling.pool,
                timers=calling.timers,
                id_prefix=f"{os.urandom(4).hex()}-",
                on_record=self._on_record,
                hand_over=self._handoff.take,
            )
            self._set_store(settings)
            self.listener.on_crash = partial(self._on_task_failure, "exchange")
            self.listener.on_story = self.view.explanations.on_story
            self.view.live = self.listener.live
            stack.callback(self.listener.abort)
            watch = Watch(self.listener, _life_question)
            stack.callback(watch.close)
            clock = Clock(time.monotonic, time.time, asyncio.sleep)
            self.prober = Prober(calling.probe, clock=clock, on_news=self.view.on_state)
            self.discovery = Discovery(
                self._endpoints,
                fetch=calling.fetch,
                compile=compiler_of(settings, timeouts),
                publish=self._publish,
                clock=clock,
                refresh_s=settings.refresh_s,
            )
            self.discovery.send = calling.send
            self.discovery.beside = asyncio.to_thread
            self.discovery.select = selection_of(settings, self._endpoints)
            self.discovery.on_change = self._on_endpoint
            self.discovery.start(calling.tasks)
            self.tasks.spawn(self._settle(), name="aliases")
            self.prober.start(calling.tasks)
            watch.look()
            await self.listener.listen(sockets)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def compare(self, settings: Settings) -> Changes:
        """Says what other settings would change.

        Raises:
            BadSetting: An endpoint's URL or key cannot be used.
        """
        names = [endpoint.name for endpoint in make_endpoints(settings.endpoints, {})]
        known = [endpoint.name for endpoint in self._endpoints]
        return changes(self.settings, settings, known, names)

    async def apply(self, settings: Settings) -> None:
        """Goes over to other settings, in one assignment; what runs ends under the old ones.

        It returns when new requests obey them.

        Raises:
            BadSetting: As `compare`, and then nothing has changed.
        """
        old, settings = self.settings, kept_at_the_start(self.settings, settings)
        timeouts = timeouts_of(settings)
        if timeouts == self._calling.timeouts:  # the same object keeps connections as they are
            timeouts = self._calling.timeouts
        endpoints = make_endpoints(settings.endpoints, self._states, timeouts=timeouts)
        self._endpoints = with_own_states(endpoints, self._endpoints, self._states)
        self.settings = settings
        self._aliases.on_start()
        self.log.hide(secrets_of(settings))
        self._secrets.update(secrets_of(settings))
        self._redactor = self.view.explanations.redactor = Redactor(self._secrets)
        self._calling.timeouts = self._handoff.timeouts = timeouts
        self.view.on_settings(settings)
        self._set_store(settings)
        if old.api_key != settings.api_key:
            self._log_all_out()
        self.discovery.reconfigure(
            self._endpoints,
            compile=compiler_of(settings, timeouts),
            select=selection_of(settings, self._endpoints),
            refresh_s=settings.refresh_s,
        )
        self.tasks.spawn(self._settle(), name="aliases")
        await self.discovery.published()

    def _set_store(self, settings: Settings) -> None:
        """Lets the data plane store as many responses as the settings say, and keeps those that it has."""
        limits, listener = store_limits_of(settings), self.listener
        if not limits.responses:
            listener.responses = None
        elif listener.responses is None:
            listener.responses = ResponseStore(limits)
        else:
            listener.responses.resize(limits)

    async def _settle(self) -> None:
        """Waits until the endpoints have answered, before anything is said of what they do not list."""
        await self.discovery.first_round(FIRST_ROUND_S)
        self._aliases.on_settled()

    def follow(self, source: Source) -> Reloader:
        """Begins to watch the files of its settings, and to obey SIGHUP."""
        reloader = Reloader(source, look=_look, read=asyncio.to_thread, gateway=self, log=self.log)
        clock = Clock(time.monotonic, time.time, asyncio.sleep)
        self.tasks.spawn(reloader.run(clock), name="reload")
        on_reload(lambda: self.tasks.spawn(reloader.reload(), name="reload"))
        return reloader

    async def drain(self) -> None:
        """Stops accepting and lets what runs finish, bounded."""
        self._close_pages()
        running, seconds = self.listener.running, self.settings.drain_s
        if running:
            text = f"draining: {_exchanges(running)} running, at most {seconds:g} s"
            self.log.event("draining", text, running=running, drain_s=seconds)
        cut = await self.listener.drain(seconds)
        if running or cut:
            text = f"drained: {_exchanges(cut)} cut off"
            self.log.event("drained", text, is_warning=cut > 0, cut=cut)

    def _publish(self, snapshot: Snapshot) -> None:
        snapshot = msgspec.structs.replace(snapshot, bound=self.settings.host)
        self.listener.publish(snapshot)
        self.prober.on_snapshot(snapshot)
        self.view.on_snapshot(snapshot)
        self._aliases.on_snapshot(snapshot)

    def _on_endpoint(self, report: EndpointReport, models: Sequence[str]) -> None:
        self.view.on_state()
        if report.error is not None:
            self.log.endpoint_down(report.name, reason=report.error)
        else:
            self.log.endpoint_up(report.name, models=models, took_ms=report.took_ms or 0.0)

    def _on_record(self, record: Record) -> None:
        self.log.record(record)
        # A client may send a key where a model's name belongs; the page shows no more of it than the log.
        self.view.on_record(self._redactor.clean_record(record))
        if record.error is not None:
            self.discovery.on_record(record)

    def _on_task_failure(self, name: str, error: BaseException) -> None:
        import traceback

        lines = "".join(traceback.format_exception(error))
        self.log.event("crash", f"{name} failed: {lines}", is_warning=True)

    def _build_pages(self) -> Any:
        from multillama.web.app import build

        # What uvicorn has to say goes the way of everything else: stderr may be a pipe that nobody reads.
        uvicorn = logging.getLogger("uvicorn.error")
        uvicorn.handlers, uvicorn.propagate = [_PageLog(self.log)], False
        pages = build(self.view, version=__version__)
        self._close_pages = pages.state.live.close
        self._log_all_out = pages.state.log_all_out
        return pages


class _PageLog(logging.Handler):
    """Passes what the pages' server reports on to the console log."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.event("page", self.format(record), is_warning=True)


def _life_question(endpoint: Endpoint) -> tuple[Question, bool]:
    """Is the `Ask` of the watch."""
    target, is_sure = life_question(endpoint)
    return Question(target, HEADERS), is_sure


def _look(path: str) -> tuple[int, ...] | None:
    """Is the `Look` of reloads; follows links, so an exchanged one is a different file."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino, stat.st_dev)


def _shown(host: str) -> str:
    if is_everywhere(host):
        return "localhost"
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def serve(
    settings: Settings,
    *,
    on_listening: Callable[[str], None],
    on_started: Callable[[Started], None],
    source: Source | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT, then lets what runs finish; a second one ends that at once.

    Args:
        settings: All of them.
        on_listening: Called with the URL once the port is open.
        on_started: Called when every endpoint has answered or failed, at most 5 s later.
        source: Where the settings come from, if that may change while they are in use.

    Raises:
        StartError: The port or the host cannot be had.
        BadSetting: An endpoint's URL or key cannot be used.
    """
    run(_serve(settings, on_listening, on_started, source))


async def _serve(
    settings: Settings,
    on_listening: Callable[[str], None],
    on_started: Callable[[Started], None],
    source: Source | None,
) -> None:
    stopped = asyncio.Event()

    def stop() -> None:
        if not stopped.is_set():
            stopped.set()
        elif not gateway.listener.hurry():
            os._exit(1)  # now, whatever hangs

    async with Gateway(settings) as gateway:
        on_stop(stop)
        if source is not None:
            gateway.follow(source)
        on_listening(gateway.url)
        gateway.tasks.spawn(_tell(gateway, on_started), name="start-up table")
        await stopped.wait()
        await gateway.drain()
        if gateway.listener.is_hurried:
            gateway.log.flush(HURRIED_LOG_S)
            os._exit(1)  # not even a name that is being looked up is waited for


async def _tell(gateway: Gateway, on_started: Callable[[Started], None]) -> None:
    await gateway.discovery.first_round(FIRST_ROUND_S)
    note = unpriced(gateway.listener.snapshot)
    on_started(Started(gateway.url, gateway.discovery.reports(), (note,) if note else ()))


def _no_pages() -> None:
    """Is called where nobody has looked at the page."""


def _exchanges(count: int) -> str:
    return "1 exchange is" if count == 1 else f"{count} exchanges are"
