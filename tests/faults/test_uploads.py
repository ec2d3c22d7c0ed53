"""Uploads are streamed on, so what fails in them cannot be asked for again."""

import asyncio

import pytest

from multillama.config.routing import RoutingSetting
from multillama.config.schema import EndpointSetting
from multillama.testing.behaviours import HANG, Behaviour
from multillama.testing.server import ScriptedServer
from tests.faults.client import ask, connected, post
from tests.faults.gateway import Running, running

FIELDS = b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nm1\r\n--b\r\n' + (
    b'content-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
)


def upload(size: int) -> bytes:
    body = FIELDS + b"x" * size + b"\r\n--b--\r\n"
    return post("/v1/audio/transcriptions", body, "content-type: multipart/form-data; boundary=b")


async def test_an_upload_arrives_as_it_was_sent(gateway: Running, server: ScriptedServer) -> None:
    request = upload(3_000_000)

    answer = await ask(gateway.port, request)

    assert answer.status == 200
    assert bytes(server.calls[0].body) == request.partition(b"\r\n\r\n")[2]


async def test_an_upload_that_nobody_takes_goes_to_the_next_endpoint(
    pair: Running, server: ScriptedServer, second: ScriptedServer
) -> None:
    server.go_down()

    answer = await ask(pair.port, upload(1000))

    assert (answer.status, len(second.calls)) == (200, 1)


@pytest.mark.parametrize("end", ["fin", "reset"])
async def test_an_upload_that_was_begun_is_not_begun_elsewhere(
    pair: Running, server: ScriptedServer, second: ScriptedServer, end: str
) -> None:
    server.next(Behaviour(early=True, cut="before-head", end=end))  # type: ignore[arg-type]

    answer = await ask(pair.port, upload(5_000_000))

    assert (answer.status, answer.error["code"]) == (502, "endpoint_closed")
    assert second.calls == []
    assert (await pair.record()).outcome == "failed"


async def test_an_early_refusal_reaches_the_client_and_ends_the_upload(
    server: ScriptedServer,
) -> None:
    server.next(Behaviour(early=True, status="413 Too Large", body=b'{"error":{}}'))
    async with running(server.url) as gateway, connected(gateway.port) as client:
        request = upload(20_000_000)
        client.send(request[:1_000_000])

        answer = await client.answer()

        assert (answer.status, answer.body, answer.end) == (413, b'{"error":{}}', "whole")
        await server.until(lambda s: s.calls[0].connection.closed_by is not None)
        assert not server.calls[0].complete
        assert (await gateway.record()).status == 413


async def test_an_upload_meets_no_kept_connection_that_may_be_dead(
    gateway: Running, server: ScriptedServer
) -> None:
    server.next(Behaviour(end="reset-on-reuse"))
    await ask(gateway.port, upload(1000))

    answer = await ask(gateway.port, upload(1000))

    assert answer.status == 200


async def test_uploads_wait_for_a_place_at_whichever_endpoint_is_free_first(
    server: ScriptedServer, second: ScriptedServer
) -> None:
    rows = tuple(EndpointSetting(url=row.url, max_concurrency=1) for row in (server, second))
    server.next(Behaviour(held=True))
    second.next(Behaviour(held=True))
    patient = {"first_byte_timeout_s": 5.0, "routing": RoutingSetting(strategy="ordered")}
    async with running(endpoints=rows, **patient) as gateway, asyncio.TaskGroup() as group:
        first = group.create_task(ask(gateway.port, upload(1000)))
        await server.until(lambda s: len(s.calls) == 1)
        group.create_task(ask(gateway.port, upload(1000)))
        await second.until(lambda s: len(s.calls) == 1)
        request = upload(2_000_000)
        third = group.create_task(ask(gateway.port, request))
        await gateway.until(lambda g: any(row.state.queue for row in g.listener.snapshot.endpoints))

        await second.step()
        answer = await third
        is_first_over = first.done()
        await server.step()

    assert (answer.status, is_first_over) == (200, False)
    assert answer.header("x-multillama-queue-position") == "0"
    assert bytes(second.calls[1].body) == request.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize(
    ("routing", "code"),
    [
        (RoutingSetting(first_token_s=0.1), "first_token_timeout"),
        (RoutingSetting(deadline_s=0.1), "deadline_exceeded"),
    ],
)
async def test_an_upload_that_nobody_answers_in_time_is_not_begun_elsewhere(
    server: ScriptedServer, second: ScriptedServer, routing: RoutingSetting, code: str
) -> None:
    server.next(HANG)
    async with running(server.url, second.url, routing=routing) as gateway:
        answer = await ask(gateway.port, upload(1_000_000))

    assert (answer.status, answer.error["code"]) == (504, code)
    assert (len(server.calls), second.calls) == (1, [])
