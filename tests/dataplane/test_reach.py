"""The way to an endpoint is gone step by step, and the first that fails is the last."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from multillama.core.snapshot import Endpoint
from multillama.dataplane.connect import Connector
from multillama.dataplane.reach import Step, reach
from multillama.testing.behaviours import Behaviour
from multillama.testing.server import ScriptedServer
from tests.core.samples import endpoint
from tests.dataplane.certificates import Authority


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as server:
        yield server


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def over_tls(authority: Authority, host: str, connector: Connector) -> tuple[Step, ...]:
    """The steps to a server on `localhost` that has a certificate for `host`."""
    closed = asyncio.Event()

    def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()
        closed.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=authority.server_context(host))
    async with server:
        port = server.sockets[0].getsockname()[1]
        return await reach(connector, endpoint(scheme="https", host="localhost", port=port))


def names(steps: tuple[Step, ...]) -> list[tuple[str, bool]]:
    return [(step.name, step.is_ok) for step in steps]


async def test_a_name_is_looked_up_before_it_is_connected_to(server: ScriptedServer) -> None:
    steps = await reach(Connector({}), endpoint(host="localhost", port=server.port))

    assert names(steps) == [("dns", True), ("tcp", True)]
    assert "127.0.0.1" in steps[0].told
    assert all(step.took_ms >= 0 for step in steps)


async def test_an_address_needs_no_look_up(server: ScriptedServer) -> None:
    assert names(await reach(Connector({}), endpoint(port=server.port))) == [("tcp", True)]


async def test_a_name_that_nobody_has_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def look_up(self: Connector, host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(Connector, "look_up", look_up)

    steps = await reach(Connector({}), endpoint(host="nobody.example"))

    assert names(steps) == [("dns", False)]
    assert steps[0].told == "its name cannot be resolved."


async def test_a_refusal_is_told(server: ScriptedServer) -> None:
    server.go_down()

    steps = await reach(Connector({}), endpoint(port=server.port))

    assert names(steps) == [("tcp", False)]
    assert "connection refused" in steps[0].told


async def test_silence_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def dial(self: Connector, endpoint: Endpoint) -> socket.socket:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(Connector, "dial", dial)
    monkeypatch.setattr("multillama.dataplane.reach.STEP_S", 0.01)

    steps = await reach(Connector({}), endpoint())

    assert names(steps) == [("tcp", False)]
    assert steps[0].told == "no answer within 0.01 s."


async def test_a_proxy_is_asked_to_look_up_names(server: ScriptedServer) -> None:
    connector = Connector({"http_proxy": f"http://127.0.0.1:{server.port}"})

    steps = await reach(connector, endpoint(host="far.example", port=80))

    assert [step.name for step in steps] == ["tcp"]
    assert server.requests[0].method == "CONNECT"


async def test_a_trusted_certificate_tells_when_it_ends(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))

    steps = await over_tls(authority, "localhost", Connector({}))

    assert names(steps) == [("dns", True), ("tcp", True), ("tls", True)]
    ends_at = steps[-1].ends_at
    assert ends_at is not None
    assert 0 < ends_at - time.time() < 2 * 86_400


async def test_a_certificate_that_nobody_trusts_is_told(authority: Authority) -> None:
    steps = await over_tls(authority, "localhost", Connector({}))

    assert names(steps)[-1] == ("tls", False)
    assert "unable to get local issuer certificate" in steps[-1].told


async def test_a_certificate_of_another_name_is_told(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))

    steps = await over_tls(authority, "other.example", Connector({}))

    assert names(steps)[-1] == ("tls", False)
    assert steps[-1].told.endswith("mismatch, certificate is not valid for 'localhost'.")


async def test_tls_with_a_server_of_plain_http_is_told(server: ScriptedServer) -> None:
    server.on_accept = Behaviour(raw=b"HTTP/1.1 400 Bad Request\r\n\r\n", end="fin")

    steps = await reach(Connector({}), endpoint(scheme="https", port=server.port))

    assert names(steps) == [("tcp", True), ("tls", False)]
    assert "WRONG_VERSION" in steps[-1].told
