import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from multillama.testing.behaviours import Behaviour
from multillama.testing.server import ScriptedServer
from tests.faults.gateway import Running, running


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Everything here runs on the loop that the gateway runs on."""
    return {"uvloop": uvloop.new_event_loop}


ALONE = Behaviour(headers=(("connection", "close"),), end="fin")
"""A listing that leaves no idle connection behind, so that a test's first call opens one."""


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    """The one endpoint of `gateway`, the first of `pair`."""
    async with ScriptedServer(["m1"]) as server:
        server.listing = ALONE
        yield server


@pytest.fixture
async def second() -> AsyncIterator[ScriptedServer]:
    """The second endpoint of `pair`, with the same model."""
    async with ScriptedServer(["m1"], text="From the second.") as server:
        server.listing = ALONE
        yield server


@pytest.fixture
async def gateway(server: ScriptedServer) -> AsyncIterator[Running]:
    async with running(server.url) as gateway:
        yield gateway


@pytest.fixture
async def pair(server: ScriptedServer, second: ScriptedServer) -> AsyncIterator[Running]:
    """A gateway with two endpoints for its model."""
    async with running(server.url, second.url) as gateway:
        yield gateway
