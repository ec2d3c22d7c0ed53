import asyncio

import pytest
import uvloop

from tests.core.samples import endpoint
from tests.dataplane.stage import Stage


def pytest_asyncio_loop_factories():
    """What touches sockets must hold on both loops."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
def stage():
    """A data plane without sockets."""
    return Stage()


@pytest.fixture
def client(stage):
    """A client's connection to it."""
    return stage.client()


@pytest.fixture
def pair():
    """A data plane with two endpoints for its model."""
    return Stage(endpoint("first"), endpoint("second"))
