"""What is asked of endpoints without serving them: their models, once, and which of them this machine has."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from multillama.app.calling import Calling
from multillama.app.compiled import compiler_of, selection_of, timeouts_of
from multillama.app.processes import run
from multillama.config.schema import EndpointSetting, Settings
from multillama.control.detect import keys_in, local_runtimes
from multillama.control.discovery import LISTING_S, Clock, Discovery, EndpointReport
from multillama.control.endpoints import make_endpoints
from multillama.control.first_look import FirstLook, first_look
from multillama.core.snapshot import Snapshot, Timeouts

SILENT_ROUND_S = 2.0
"""How long somebody looks at an empty terminal before we say what is waited for."""
LISTING_SILENCE_S = 15.0
"""How long `multillama models` waits for an endpoint that says nothing at all."""
LOOK_TIMEOUTS = Timeouts(connect_s=5.0, first_byte_s=10.0, idle_s=5.0)
LOOK_S = 30.0
"""How long somebody who has just named an endpoint waits for it."""
DETECT_TIMEOUTS = Timeouts(connect_s=0.5, first_byte_s=2.0, idle_s=2.0)


class Listed(NamedTuple):
    """All models, and where they are."""

    endpoints: tuple[EndpointReport, ...]
    models: tuple[tuple[str, tuple[str, ...]], ...]
    """Model and the names of its endpoints."""


def look_at(setting: EndpointSetting) -> FirstLook:
    """Looks whether an endpoint is there, and whether it asks for a key.

    Raises:
        BadSetting: Its URL or key cannot be used.
    """
    return run(_look_at(setting))


async def _look_at(setting: EndpointSetting) -> FirstLook:
    calling = Calling(LOOK_TIMEOUTS, _ignore)
    try:
        (endpoint,) = make_endpoints([setting], {}, timeouts=calling.timeouts)
        async with asyncio.timeout(LOOK_S):
            return await first_look(endpoint, calling.fetch, calling.send)
    except TimeoutError:
        return FirstLook(f"It did not list its models within {LOOK_S:.0f} s.", is_reached=False)
    finally:
        await calling.close()


class Detected(NamedTuple):
    """Endpoints found on this machine."""

    endpoints: tuple[EndpointSetting, ...]
    lines: tuple[str, ...]
    """One for each, for people."""


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
    endpoints = make_endpoints(settings.endpoints, {}, timeouts=calling.timeouts)
    discovery = Discovery(
        endpoints,
        fetch=calling.fetch,
        compile=compiler_of(settings, calling.timeouts),
        publish=snapshots.append,
        clock=Clock(time.monotonic, time.time, asyncio.sleep),
    )
    discovery.select = selection_of(settings, endpoints)
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


def _ignore(name: str, error: BaseException) -> None:
    """Lets a listing fail: its report tells of it."""
