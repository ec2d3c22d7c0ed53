"""What calls endpoints beside the exchanges uses the same connections, and takes no more than it needs."""

from collections.abc import AsyncIterator

import pytest

from multillama.app.calling import MAX_PROBE_BYTES, Calling
from multillama.config.schema import EndpointSetting
from multillama.control.endpoints import make_endpoints
from multillama.core.snapshot import Endpoint, Timeouts
from multillama.errors import GatewayError
from multillama.testing.behaviours import Behaviour
from multillama.testing.server import ScriptedServer


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(["m1"]) as server:
        yield server


@pytest.fixture
async def calling() -> AsyncIterator[Calling]:
    failures: list[BaseException] = []
    calling = Calling(
        Timeouts(connect_s=1, first_byte_s=1), lambda _, error: failures.append(error)
    )
    yield calling
    await calling.close()
    assert failures == []


def endpoint_of(server: ScriptedServer) -> Endpoint:
    return make_endpoints([EndpointSetting(url=server.url)], {})[0]


async def test_a_list_and_a_probe_share_a_connection(
    server: ScriptedServer, calling: Calling
) -> None:
    endpoint = endpoint_of(server)

    listed = await calling.fetch(endpoint, "/v1/models", ())
    probed = await calling.probe(endpoint, "/v1/models", ())

    assert listed.body == probed.body
    assert len(server.connections) == 1


async def test_a_probe_takes_no_more_than_it_needs(
    server: ScriptedServer, calling: Calling
) -> None:
    server.listing = Behaviour(body=b" " * (MAX_PROBE_BYTES + 1))
    endpoint = endpoint_of(server)

    assert (await calling.fetch(endpoint, "/v1/models", ())).status == 200
    with pytest.raises(GatewayError, match="sent more than 1048576 bytes"):
        await calling.probe(endpoint, "/v1/models", ())
