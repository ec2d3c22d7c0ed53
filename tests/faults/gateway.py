"""The whole gateway inside the test's own event loop: quick to start, and its records can be looked at."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from multillama.app.gateway import Gateway
from multillama.config.schema import EndpointSetting, Settings
from multillama.core.record import Record
from multillama.core.strategies import Live

QUICK: dict[str, Any] = {
    "connect_timeout_s": 0.3,
    "first_byte_timeout_s": 0.4,
    "idle_timeout_s": 0.3,
    "send_timeout_s": 0.4,
    "header_timeout_s": 1.0,
    "body_timeout_s": 1.0,
    "write_timeout_s": 1.0,
    "drain_s": 2.0,
}
"""Time limits that let a test end soon; a test that must not meet one sets it higher."""


class InOrder(Live):
    """Draws always lead to the first endpoint, so that a test knows which one is asked first."""

    __slots__ = ()

    def even(self) -> float:
        return 0.0


def _lowest() -> float:
    """Dice that make every random wait as short as it may be: nothing, or what the endpoint asked for."""
    return 0.0


class Running:
    """A gateway that runs."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.port = int(gateway.url.rpartition(":")[2])
        self.records: list[Record] = []
        """Of exchanges only, not of listings and health checks."""
        self._recorded = asyncio.Event()
        self._pass_on = gateway.listener.on_record
        gateway.listener.on_record = self._on_record

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def record(self, number: int = 1) -> Record:
        """Waits for the record of that exchange; there must be no more records than exchanges."""
        async with asyncio.timeout(5):
            while len(self.records) < number:
                self._recorded.clear()
                await self._recorded.wait()
        assert len(self.records) == number
        return self.records[-1]

    async def until(self, fact: Callable[[Gateway], bool]) -> None:
        """Waits until a fact of the gateway holds that it tells nobody."""
        async with asyncio.timeout(5):
            while not fact(self.gateway):  # noqa: ASYNC110 - see above
                await asyncio.sleep(0.005)

    def later(self, seconds: float) -> None:
        """Lets the gateway's clock be so much later: for what was left alone, not for what waits now."""
        listener = self.gateway.listener
        now = listener.now
        listener.now = lambda: now() + seconds

    def _on_record(self, record: Record) -> None:
        self._pass_on(record)
        if record.operation not in ("health", "ready", "models"):
            self.records.append(record)
        self._recorded.set()


@asynccontextmanager
async def running(*urls: str, by_chance: bool = False, **settings: Any) -> AsyncIterator[Running]:
    """Runs a gateway in front of these endpoints once it knows their models.

    Args:
        urls: They are asked in this order, those that are free and not left alone.
        by_chance: Chooses and waits at random, as it does for users.
        settings: In place of `QUICK` and the defaults.
    """
    endpoints = tuple(EndpointSetting(url=url) for url in urls)
    whole = Settings(port=0, host="127.0.0.1", endpoints=endpoints)
    async with Gateway(msgspec.structs.replace(whole, **(QUICK | settings))) as gateway:
        crashes: list[BaseException] = []
        listener = gateway.listener
        listener.on_crash = crashes.append
        if not by_chance:
            listener.random, listener.live = _lowest, InOrder(_lowest, listener.live.allows)
        await gateway.discovery.first_round(5.0)
        try:
            yield Running(gateway)
        finally:
            await listener.drain(0.0)
        assert crashes == []
