"""The gateway: builds every part, connects them, and closes them in reverse order.

Two arrows cross between the planes: a snapshot goes down, a record comes up (architecture law 1). Both are wired
here and nowhere else.
"""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, NamedTuple

import msgspec

from multillama import __version__
from multillama.app.calling import Calling
from multillama.app.processes import StartError, bind, is_everywhere, on_stop, run
from multillama.app.view import GatewayView
from multillama.config.schema import EndpointSetting, Settings
from multillama.control.compile import compile_snapshot
from multillama.control.detect import keys_in, local_runtimes
from multillama.control.discovery import LISTING_S, Clock, Discovery, EndpointReport
from multillama.control.endpoints import make_endpoints
from multillama.control.warmth import Prober
from multillama.core.endpoints_state import EndpointState
from multillama.core.record import Record
from multillama.core.snapshot import Limits, Snapshot, Timeouts
from multillama.dataplane.handoff import Handoff
from multillama.dataplane.listener import Listener
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
    "serve",
]

FIRST_ROUND_S = 5.0
"""How long the start-up table waits for slow endpoints."""
HURRIED_LOG_S = 0.3
"""How long the log may take when a second signal has come."""
SILENT_ROUND_S = 2.0
"""How long somebody looks at an empty terminal before we say what is waited for."""
LISTING_SILENCE_S = 15.0
"""How long `multillama models` waits for an endpoint that says nothing at all."""
DETECT_TIMEOUTS = Timeouts(connect_s=0.5, first_byte_s=2.0, idle_s=2.0)


class Started(NamedTuple):
    """What is told when the first round of discovery is over."""

    url: str
    endpoints: tuple[EndpointReport, ...]


class Listed(NamedTuple):
    """All models, and where they are."""

    endpoints: tuple[EndpointReport, ...]
    models: tuple[tuple[str, tuple[str, ...]], ...]
    """Model and the names of its endpoints."""


class Detected(NamedTuple):
    """Endpoints found on this machine."""

    endpoints: tuple[EndpointSetting, ...]
    lines: tuple[str, ...]
    """One for each, for people."""


class Gateway:
    """One running gateway. `async with` builds and closes it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.view = GatewayView(settings)
        self.url = ""
        self._states: dict[str, EndpointState] = {}
        self._redactor = Redactor(_secrets(settings))
        self._stack = AsyncExitStack()
        self._close_pages: Callable[[], None] = _no_pages

    async def __aenter__(self) -> "Gateway":
        settings = self.settings
        endpoints = make_endpoints(settings.endpoints, self._states)
        sockets = bind(settings.host, settings.port)
        self.url = f"http://{_shown(settings.host)}:{sockets[0].getsockname()[1]}"
        async with AsyncExitStack() as stack:
            for sock in sockets:
                stack.callback(sock.close)
            self.log = Log(
                sys.stdout,
                format=settings.log_format,
                is_terminal=sys.stdout.isatty(),
                secrets=_secrets(settings),
            )
            self.log.start()
            stack.callback(self.log.close)
            calling = Calling(timeouts_of(settings), self._on_task_failure)
            self.tasks = calling.tasks
            stack.push_async_callback(calling.close)
            handoff = Handoff(self._build_pages, calling.tasks, calling.timers, calling.timeouts)
            stack.callback(handoff.close)
            self.listener = Listener(
                snapshot=Snapshot(),
                pool=calling.pool,
                timers=calling.timers,
                id_prefix=f"{os.urandom(4).hex()}-",
                on_record=self._on_record,
                hand_over=handoff.take,
            )
            self.listener.on_crash = partial(self._on_task_failure, "exchange")
            stack.callback(self.listener.abort)
            clock = Clock(time.monotonic, time.time, asyncio.sleep)
            self.prober = Prober(calling.probe, clock=clock, on_news=self.view.on_state)
            self.discovery = Discovery(
                endpoints,
                fetch=calling.fetch,
                compile=partial(
                    compile_snapshot,
                    api_key=settings.api_key.encode() if settings.api_key else None,
                    timeouts=calling.timeouts,
                    limits=limits_of(settings),
                ),
                publish=self._publish,
                clock=clock,
                refresh_s=settings.refresh_s,
            )
            self.discovery.on_change = self._on_endpoint
            self.discovery.start(calling.tasks)
            self.prober.start(calling.tasks)
            await self.listener.listen(sockets)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

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
        self.listener.snapshot = snapshot
        self.prober.on_snapshot(snapshot)
        self.view.on_snapshot(snapshot)

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
        return pages


class _PageLog(logging.Handler):
    """Passes what the pages' server reports on to the console log."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.event("page", self.format(record), is_warning=True)


def timeouts_of(settings: Settings) -> Timeouts:
    """Returns the data plane's timeouts."""
    return Timeouts(
        connect_s=settings.connect_timeout_s,
        first_byte_s=settings.first_byte_timeout_s,
        idle_s=settings.idle_timeout_s,
        send_s=settings.send_timeout_s,
        header_s=settings.header_timeout_s,
        body_s=settings.body_timeout_s,
        keep_alive_s=settings.keep_alive_s,
        pool_idle_s=settings.pool_idle_s,
        write_s=settings.write_timeout_s,
        drain_s=settings.drain_s,
    )


def limits_of(settings: Settings) -> Limits:
    """Returns the data plane's limits."""
    return Limits(
        target_bytes=settings.max_target_bytes,
        head_bytes=settings.max_head_bytes,
        body_bytes=settings.max_body_bytes,
        upload_bytes=settings.max_upload_bytes,
    )


def _secrets(settings: Settings) -> tuple[str, ...]:
    keys = [endpoint.key for endpoint in settings.endpoints] + [settings.api_key]
    return tuple(key for key in keys if key)


def _shown(host: str) -> str:
    if is_everywhere(host):
        return "localhost"
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def serve(
    settings: Settings,
    *,
    on_listening: Callable[[str], None],
    on_started: Callable[[Started], None],
) -> None:
    """Serves until SIGTERM or SIGINT, then lets what runs finish; a second one ends that at once.

    Args:
        settings: All of them.
        on_listening: Called with the URL once the port is open.
        on_started: Called when every endpoint has answered or failed, at most 5 s later.

    Raises:
        StartError: The port or the host cannot be had.
        BadSetting: An endpoint's URL or key cannot be used.
    """
    run(_serve(settings, on_listening, on_started))


async def _serve(
    settings: Settings, on_listening: Callable[[str], None], on_started: Callable[[Started], None]
) -> None:
    stopped = asyncio.Event()

    def stop() -> None:
        if not stopped.is_set():
            stopped.set()
        elif not gateway.listener.hurry():
            os._exit(1)  # now, whatever hangs

    async with Gateway(settings) as gateway:
        on_stop(stop)
        on_listening(gateway.url)
        gateway.tasks.spawn(_tell(gateway, on_started), name="start-up table")
        await stopped.wait()
        await gateway.drain()
        if gateway.listener.is_hurried:
            gateway.log.flush(HURRIED_LOG_S)
            os._exit(1)  # not even a name that is being looked up is waited for


async def _tell(gateway: Gateway, on_started: Callable[[Started], None]) -> None:
    await gateway.discovery.first_round(FIRST_ROUND_S)
    on_started(Started(gateway.url, gateway.discovery.reports()))


def list_models(settings: Settings, *, on_waiting: Callable[[Sequence[str]], None]) -> Listed:
    """Lists the models of all endpoints once; one that says nothing for 15 s has failed.

    Args:
        settings: All of them.
        on_waiting: Called with the names of the endpoints that have not answered within 2 s, if any.

    Raises:
        BadSetting: An endpoint's URL or key cannot be used.
    """
    return run(_list_models(settings, on_waiting))


async def _list_models(settings: Settings, on_waiting: Callable[[Sequence[str]], None]) -> Listed:
    snapshots = [Snapshot()]
    calling = Calling(_hurried(timeouts_of(settings)), _ignore)
    discovery = Discovery(
        make_endpoints(settings.endpoints, {}),
        fetch=calling.fetch,
        compile=partial(
            compile_snapshot, api_key=None, timeouts=calling.timeouts, limits=limits_of(settings)
        ),
        publish=snapshots.append,
        clock=Clock(time.monotonic, time.time, asyncio.sleep),
    )
    try:
        discovery.start(calling.tasks)
        await discovery.first_round(SILENT_ROUND_S)
        if waiting := discovery.waiting():
            on_waiting(waiting)
            await discovery.first_round(LISTING_S)
        routes = snapshots[-1].routes
        models = tuple(
            (model, tuple(target.endpoint.name for target in route.targets))
            for model, route in routes.items()
            if model not in snapshots[-1].aliases
        )
        return Listed(discovery.reports(), models)
    finally:
        await calling.close()


def _hurried(timeouts: Timeouts) -> Timeouts:
    return msgspec.structs.replace(
        timeouts,
        first_byte_s=min(timeouts.first_byte_s, LISTING_SILENCE_S),
        idle_s=min(timeouts.idle_s, LISTING_SILENCE_S),
    )


def detect(environ: Mapping[str, str], *, own_port: int | None = None) -> Detected:
    """Finds endpoints: keys in well-known variables, and local runtimes on their usual ports.

    Raises:
        BadSetting: A variable that moves a key elsewhere holds no URL.
    """
    return run(_detect(environ, own_port))


async def _detect(environ: Mapping[str, str], own_port: int | None) -> Detected:
    calling = Calling(DETECT_TIMEOUTS, _ignore)
    try:
        found = (
            *keys_in(environ, own_port=own_port),
            *await local_runtimes(calling.fetch, own_port=own_port),
        )
    finally:
        await calling.close()
    return Detected(tuple(item.setting for item in found), tuple(item.line for item in found))


def _exchanges(count: int) -> str:
    return "1 exchange is" if count == 1 else f"{count} exchanges are"


def _no_pages() -> None:
    """Is called where nobody has looked at the page."""


def _ignore(name: str, error: BaseException) -> None:
    """Lets a listing fail: its report tells of it."""
