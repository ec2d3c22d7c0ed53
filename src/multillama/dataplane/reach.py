"""Reaching an endpoint step by step, for people who want to know where it fails: name, TCP, TLS.

It goes the way that requests go: the same resolver, proxy, addresses and trust store.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from multillama.core.snapshot import Endpoint
from multillama.dataplane.connect import Connector, reason_of
from multillama.wire.hosts import is_address

STEP_S: Final = 10.0
"""One step."""


class Step(NamedTuple):
    """One step of the way."""

    name: str
    """`dns`, `tcp` or `tls`."""
    took_ms: float
    told: str
    """What was found, or why it failed; ends with a full stop or question mark if it failed."""
    is_ok: bool = True
    ends_at: float | None = None
    """When the certificate ends, seconds since 1970."""


class _Way:
    """One endpoint being reached."""

    def __init__(self, connector: Connector, endpoint: Endpoint) -> None:
        self._connector = connector
        self._endpoint = endpoint
        self._proxy = connector.proxy_of(endpoint)

    def steps(self) -> list[tuple[str, Callable[[], Awaitable[Step]]]]:
        steps: list[tuple[str, Callable[[], Awaitable[Step]]]] = [("tcp", self._tcp)]
        if self._proxy is None and not is_address(self._endpoint.host):
            steps.insert(0, ("dns", self._dns))
        if self._endpoint.scheme == "https":
            steps.append(("tls", self._tls))
        return steps

    async def _dns(self) -> Step:
        found = await self._connector.look_up(self._endpoint.host, self._endpoint.port)
        return Step("dns", 0.0, ", ".join(found))

    async def _tcp(self) -> Step:
        (await self._connector.dial(self._endpoint)).close()
        return Step("tcp", 0.0, "" if self._proxy is None else f"through {self._proxy.hostname}")

    async def _tls(self) -> Step:
        sock = await self._connector.dial(self._endpoint)
        try:
            transport, _ = await asyncio.get_running_loop().create_connection(
                asyncio.Protocol,
                sock=sock,
                ssl=self._connector.tls(),
                server_hostname=self._endpoint.host,
            )
        except BaseException:
            sock.close()
            raise
        certificate = transport.get_extra_info("peercert") or {}
        version = transport.get_extra_info("ssl_object").version() or "TLS"
        transport.abort()
        ends = certificate.get("notAfter")
        ends_at = ssl.cert_time_to_seconds(ends) if isinstance(ends, str) else None
        return Step("tls", 0.0, version, ends_at=ends_at)


async def reach(connector: Connector, endpoint: Endpoint) -> tuple[Step, ...]:
    """Goes the way to an endpoint and returns the steps, the last of which may have failed."""
    clock = asyncio.get_running_loop().time
    steps: list[Step] = []
    for name, go in _Way(connector, endpoint).steps():
        begun_at = clock()
        try:
            async with asyncio.timeout(STEP_S):
                step = await go()
        except TimeoutError:
            step = Step(name, 0.0, f"no answer within {STEP_S:g} s.", is_ok=False)
        except (OSError, ValueError) as error:  # the second for a name that cannot be one
            step = Step(name, 0.0, _reason(error), is_ok=False)
        steps.append(step._replace(took_ms=(clock() - begun_at) * 1000))
        if not step.is_ok:
            break
    return tuple(steps)


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        reason = getattr(error, "verify_message", "") or error.reason or "handshake failed"
        return f"{reason.rstrip('.')}."
    return reason_of(error)
