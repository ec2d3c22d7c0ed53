"""A client that leaves takes its endpoint's work with it, at once and in every phase."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from multillama.app.gateway import Gateway
from multillama.dataplane.presence import LOOK_S
from multillama.testing.behaviours import ENDLESS, HANG, Behaviour
from multillama.testing.server import ScriptedServer
from tests.faults.client import Client, chat, connected, post
from tests.faults.gateway import Running, running
from tests.faults.test_before_the_answer import deaf

AT_ONCE_S = 0.1
PATIENT = {"first_byte_timeout_s": 5.0, "idle_timeout_s": 5.0, "write_timeout_s": 5.0}
HOW = ["fin", "reset"]
FORM = b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nm1\r\n--b\r\n' + (
    b'content-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
)


def upload(size: int) -> bytes:
    """The head and the beginning of an upload whose file has so many bytes."""
    body = FORM + b"x" * size + b"\r\n--b--\r\n"
    return post("/v1/audio/transcriptions", body, "content-type: multipart/form-data; boundary=b")


async def leave(client: Client, server: ScriptedServer, how: str) -> float:
    """Leaves; says how long it took until the endpoint knew."""
    before = asyncio.get_running_loop().time()
    client.close(how)
    await server.until(lambda s: s.disconnects == 1)
    abandoned_at = server.calls[-1].abandoned_at
    assert abandoned_at is not None
    assert abandoned_at >= before, "the gateway had given up by itself"
    return abandoned_at - before


@pytest.fixture
async def patient(server: ScriptedServer) -> AsyncIterator[Running]:
    """A gateway that gives nobody up by itself."""
    async with running(server.url, **PATIENT) as gateway:
        yield gateway


async def assert_cancelled(gateway: Running) -> None:
    record = await gateway.record()
    assert (record.outcome, record.error) == ("cancelled", "client_gone")
    assert record.endpoint is not None
    assert gateway.gateway.listener.connections == set()


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("stream", [False, True])
async def test_while_the_answer_is_awaited(
    patient: Running, server: ScriptedServer, stream: bool, how: str
) -> None:
    server.next(HANG)

    async with connected(patient.port) as client:
        client.send(chat(stream=stream))
        await server.until(lambda s: bool(s.calls) and s.calls[0].complete)
        took_s = await leave(client, server, how)

    assert took_s < AT_ONCE_S
    await assert_cancelled(patient)


@pytest.mark.parametrize("how", HOW)
async def test_in_the_middle_of_a_stream(
    patient: Running, server: ScriptedServer, how: str
) -> None:
    server.next(Behaviour(events=ENDLESS, every_s=0.005))

    async with connected(patient.port) as client:
        client.send(chat(stream=True))
        await client.read_until(b'"word "')
        took_s = await leave(client, server, how)

    assert took_s < AT_ONCE_S
    await assert_cancelled(patient)


@pytest.mark.parametrize("how", HOW)
async def test_while_a_stream_is_silent(patient: Running, server: ScriptedServer, how: str) -> None:
    server.next(Behaviour(events=ENDLESS, stepwise=True))

    async with connected(patient.port) as client:
        client.send(chat(stream=True))
        await server.step()
        await client.read_until(b'"word "')
        took_s = await leave(client, server, how)

    assert took_s < AT_ONCE_S
    await assert_cancelled(patient)


def has_a_head(gateway: Gateway) -> bool:
    """Says whether the head of an answer is here, which the client sees with the first event only."""
    running = [connection.running for connection in gateway.listener.connections]
    return any(
        one is not None and one.attempt is not None and one.attempt.held_head is not None
        for one in running
    )


@pytest.mark.parametrize("how", HOW)
async def test_after_the_head_of_a_stream(
    patient: Running, server: ScriptedServer, how: str
) -> None:
    server.next(Behaviour(cut="after-head", end="hang"))

    async with connected(patient.port) as client:
        client.send(chat(stream=True))
        await patient.until(has_a_head)
        took_s = await leave(client, server, how)

    assert took_s < AT_ONCE_S
    await assert_cancelled(patient)


@pytest.mark.parametrize("how", HOW)
async def test_in_the_middle_of_a_whole_body(
    patient: Running, server: ScriptedServer, how: str
) -> None:
    server.next(Behaviour(body=b"x" * 5000, cut="mid-body", end="hang"))

    async with connected(patient.port) as client:
        client.send(chat())
        await client.read_until(b"xxx")
        took_s = await leave(client, server, how)

    assert took_s < AT_ONCE_S
    await assert_cancelled(patient)


@pytest.mark.parametrize("how", HOW)
async def test_in_the_middle_of_its_upload(
    patient: Running, server: ScriptedServer, how: str
) -> None:
    async with connected(patient.port) as client:
        client.send(upload(1_000_000)[:-500_000])
        await server.until(lambda s: bool(s.calls) and len(s.calls[0].body) > 400_000)
        took_s = await leave(client, server, how)

    assert took_s < AT_ONCE_S
    assert not server.calls[0].complete
    await assert_cancelled(patient)


@pytest.mark.parametrize("how", HOW)
async def test_after_its_upload(patient: Running, server: ScriptedServer, how: str) -> None:
    server.next(HANG)

    async with connected(patient.port) as client:
        client.send(upload(1000))
        await server.until(lambda s: bool(s.calls) and s.calls[0].complete)
        took_s = await leave(client, server, how)

    assert took_s < AT_ONCE_S
    await assert_cancelled(patient)


async def test_while_it_does_not_read(patient: Running, server: ScriptedServer) -> None:
    server.next(Behaviour(events=ENDLESS))

    async with connected(patient.port) as client:
        client.send(chat(stream=True))
        await server.until(lambda s: s.calls != [] and s.calls[0].connection.stalled_at is not None)
        took_s = await leave(client, server, "reset")

    assert took_s < AT_ONCE_S
    await assert_cancelled(patient)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("stream", [False, True])
async def test_with_unread_requests_behind(
    patient: Running, server: ScriptedServer, stream: bool, how: str
) -> None:
    server.next(Behaviour(events=ENDLESS, stepwise=True) if stream else HANG)

    async with connected(patient.port) as client:
        client.send(chat(stream=stream) + b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n" * 3000)
        await server.until(lambda s: bool(s.calls) and s.calls[0].complete)
        if stream:
            await server.step()
            await client.read_until(b'"word "')
        await patient.until(lambda g: all(c.is_read_paused for c in g.listener.connections))
        took_s = await leave(client, server, how)

    assert took_s < AT_ONCE_S + 3 * LOOK_S
    await assert_cancelled(patient)


async def test_in_an_upload_that_its_endpoint_does_not_take(server: ScriptedServer) -> None:
    server.next(Behaviour(early=True, held=True))
    settings = PATIENT | {"send_timeout_s": 5.0}
    async with running(server.url, **settings) as gateway, connected(gateway.port) as client:
        client.send(upload(20_000_000))
        await gateway.until(lambda g: any(c.is_read_paused for c in g.listener.connections))
        client.close("reset")
        record = await gateway.record()

    assert (record.outcome, record.error) == ("cancelled", "client_gone")
    assert record.total_ms < 3000


async def test_in_the_middle_of_its_request(patient: Running, server: ScriptedServer) -> None:
    async with connected(patient.port) as client:
        client.send(chat()[:-5])
        client.close()
        record = await patient.record()

    assert record.outcome == "cancelled"
    assert server.calls == []


def connecting() -> list[str]:
    names = [task.get_name() for task in asyncio.all_tasks()]
    return [name for name in names if name.startswith("connect to")]


async def test_while_the_endpoint_is_being_connected(server: ScriptedServer) -> None:
    async with running(server.url, **PATIENT | {"connect_timeout_s": 60.0}) as gateway:
        server.go_down()
        with deaf(server.port):
            async with connected(gateway.port) as client:
                client.send(chat())
                await gateway.until(lambda g: g.listener.snapshot.endpoints[0].state.in_flight == 1)
                before = asyncio.get_running_loop().time()
                client.close("reset")
                record = await gateway.record()
                await gateway.until(lambda _: not connecting())

        assert asyncio.get_running_loop().time() - before < AT_ONCE_S
        assert (record.outcome, record.attempts) == ("cancelled", 1)


async def test_a_client_that_only_stops_sending_gets_its_answer(
    patient: Running, server: ScriptedServer
) -> None:
    server.next(Behaviour(held=True))

    async with connected(patient.port) as client:
        client.send(chat())
        await server.until(lambda s: bool(s.calls) and s.calls[0].complete)
        client.writer.write_eof()
        await asyncio.sleep(0.15)  # the gateway must not take it for gone in this time
        await server.step()
        answer = await client.answer()

    assert (answer.status, answer.end) == (200, "whole")
    assert set(answer.interim) <= {100}
    assert (await patient.record()).outcome == "ok"


async def test_a_hundred_clients_that_leave_leave_nothing_behind(
    patient: Running, server: ScriptedServer
) -> None:
    server.default = Behaviour(events=ENDLESS, cut=20_000, end="hang", sizes=(500,), every_s=0.01)

    async def come_and_go(number: int) -> None:
        async with connected(patient.port) as client:
            client.send(chat(stream=number % 2 == 0))
            await server.until(lambda s: len(s.calls) > number)
            client.close(HOW[number % 3 % 2])

    await asyncio.gather(*map(come_and_go, range(100)))
    await patient.record(100)

    await server.until(lambda s: all(c.connection.closed_by or c.answered for c in s.calls))
    assert patient.gateway.listener.connections == set()
    assert patient.gateway.listener.snapshot.endpoints[0].state.in_flight == 0
