"""Settings in the words of the planes: what the data plane, discovery and the log take of them."""

from collections.abc import Sequence
from functools import partial

from multillama.config.schema import Settings
from multillama.control.compile import compile_snapshot
from multillama.control.discovery import Compile
from multillama.control.routes import Select, routing_of, selection
from multillama.core.snapshot import Endpoint, Limits, Timeouts
from multillama.core.stored_responses import StoreLimits


def timeouts_of(settings: Settings) -> Timeouts:
    """Returns the data plane's timeouts."""
    return Timeouts(
        connect_s=settings.connect_timeout_s,
        first_byte_s=settings.first_byte_timeout_s,
        probe_after_s=settings.probe_after_s,
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


def store_limits_of(settings: Settings) -> StoreLimits:
    """Returns how many responses are stored."""
    return StoreLimits(
        settings.responses_store, settings.responses_store_bytes, settings.responses_store_s
    )


def compiler_of(settings: Settings, timeouts: Timeouts) -> Compile:
    """Returns what makes snapshots under these settings."""
    return partial(
        compile_snapshot,
        api_key=settings.api_key.encode() if settings.api_key else None,
        timeouts=timeouts,
        limits=limits_of(settings),
        routing=routing_of(settings),
    )


def selection_of(settings: Settings, endpoints: Sequence[Endpoint]) -> Select:
    """Returns which models of the endpoints are served; both come in the same order."""
    names = (endpoint.name for endpoint in endpoints)
    return selection(dict(zip(names, settings.endpoints, strict=True)))


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """Returns every text that no log may hold."""
    keys = [endpoint.key for endpoint in settings.endpoints] + [settings.api_key]
    keys += [value for endpoint in settings.endpoints for value in endpoint.headers.values()]
    return tuple(key for key in keys if key)
