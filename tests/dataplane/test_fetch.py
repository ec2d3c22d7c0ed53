import asyncio

import pytest

from multillama.core.snapshot import Timeouts
from multillama.dataplane.connect import Connector
from multillama.dataplane.fetch import Question, fetch
from multillama.dataplane.pool import Pool
from multillama.dataplane.timers import Timers
from multillama.errors import GatewayError
from multillama.tasks import Tasks
from multillama.testing.behaviours import HANG, Behaviour
from multillama.testing.server import ScriptedServer
from tests.core.samples import endpoint
from tests.dataplane.parts import FakeLoop, FakePool

QUICK = Timeouts(connect_s=1, first_byte_s=0.1, idle_s=0.1)


@pytest.fixture
async def server():
    async with ScriptedServer(["m1"]) as server:
        yield server


@pytest.fixture
async def pool(server):
    crashes = []
    tasks = Tasks(lambda _, error: crashes.append(error))
    timers = Timers(asyncio.get_running_loop())
    pool = Pool(timers, tasks, Connector({}))
    yield pool
    pool.close()
    timers.close()
    await tasks.close()
    await asyncio.sleep(0)
    assert crashes == []


@pytest.fixture
def here(server):
    return endpoint(
        "here", port=server.port, fixed_head=b"host: here\r\nauthorization: Bearer k\r\n",
        defaults=((b"anthropic-version", b"2023-06-01"), (b"accept", b"*/*")),
    )  # fmt: skip


async def get(pool, here, target="/v1/models", fields=(), **more):
    return await fetch(pool, here, Question(target, fields, **more), timeouts=QUICK)


async def failure(pool, here, **more):
    with pytest.raises(GatewayError) as caught:
        await get(pool, here, **more)
    assert caught.value.origin == "endpoint:here"
    return caught.value.kind


async def test_a_list_is_fetched_whole(pool, here):
    status, fields, body, _ = await get(pool, here)

    assert status == 200
    assert (b"content-type", b"application/json") in fields
    assert b'"id": "m1"' in body


async def test_the_endpoint_gets_what_it_needs_and_what_we_add(pool, here, server):
    await get(pool, here, "/v1/models?limit=5", ((b"accept", b"application/json"),))

    request = server.requests[0]
    assert (request.method, request.target) == ("GET", "/v1/models?limit=5")
    assert request.headers == [
        ("host", "here"),
        ("authorization", "Bearer k"),
        ("accept", "application/json"),
        ("anthropic-version", "2023-06-01"),
    ]


async def test_a_body_is_posted_as_json(pool, here, server):
    await get(pool, here, "/v1/chat/completions", body=b'{"model":"m1","messages":[]}')

    request = server.requests[0]
    assert (request.method, request.json()) == ("POST", {"model": "m1", "messages": []})
    assert request.header("content-type") == "application/json"


async def test_the_first_byte_is_timed(pool, here, server):
    server.listing = Behaviour(delay_s=0.02)

    reply = await get(pool, here)

    assert 19 < reply.first_byte_ms < 1000


async def test_names_come_in_lower_case_and_values_without_blanks(pool, here, server):
    server.listing = Behaviour(headers=(("X-Next", "  page 2 "),))

    _, fields, _, _ = await get(pool, here)

    assert (b"x-next", b"page 2") in fields


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("sizes", [(), (7,)])
async def test_every_framing_is_read(pool, here, server, framing, sizes):
    end = "fin" if framing == "close" else "keep"
    server.listing = Behaviour(body=b"x" * 500, framing=framing, sizes=sizes, end=end)

    assert (await get(pool, here))[2] == b"x" * 500


async def test_a_status_is_an_answer(pool, here, server):
    server.listing = Behaviour(status="401 Unauthorized")

    assert (await get(pool, here))[0] == 401


async def test_a_connection_is_used_again(pool, here, server):
    await get(pool, here)
    await get(pool, here)

    assert len(server.connections) == 1


@pytest.mark.parametrize("end", ["fin-on-reuse", "reset-on-reuse"])
async def test_one_that_died_idle_is_made_anew(pool, here, server, end):
    server.listing = Behaviour(end=end)

    statuses = [(await get(pool, here))[0] for _ in range(3)]

    assert statuses == [200, 200, 200]
    assert len(server.connections) == 3


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (HANG, "first_byte_timeout"),
        (Behaviour(cut="mid-body", end="hang"), "idle_timeout"),
        (Behaviour(cut="mid-body", end="fin"), "endpoint_truncated"),
        (Behaviour(cut="mid-head", end="reset"), "endpoint_truncated"),
        (Behaviour(cut="before-head", end="fin"), "endpoint_closed"),
        (Behaviour(raw=b"SSH-2.0-x\r\n"), "endpoint_malformed"),
    ],
)
async def test_what_is_no_whole_answer_is_a_failure(pool, here, server, behaviour, kind):
    server.listing = behaviour

    assert await failure(pool, here) == kind


async def test_a_server_that_is_down_is_a_failure(pool, here, server):
    server.go_down()

    assert await failure(pool, here) == "endpoint_unreachable"


@pytest.mark.parametrize("cut", ["end", "mid-body"])
async def test_an_endless_list_is_a_failure(pool, here, server, cut):
    server.listing = Behaviour(body=b"x" * 5000, sizes=(400,), cut=cut)

    assert await failure(pool, here, max_bytes=1000) == "endpoint_malformed"
    await server.until(lambda server: server.connections[0].closed_by is not None)


@pytest.mark.parametrize("stage", ["connecting", "waiting"])
async def test_who_gives_up_leaves_nothing_open(pool, here, server, stage):
    server.listing = HANG
    task = asyncio.create_task(get(pool, here))  # noqa: TID251 - awaited below
    if stage == "waiting":
        await server.until(lambda server: server.requests)
    else:
        await asyncio.sleep(0)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    if stage == "waiting":
        await server.until(lambda server: server.connections[0].closed_by is not None)
    assert all(origin.take() is None for origin in pool._origins.values())


@pytest.mark.parametrize("event", ["answer", "loss"])
async def test_what_comes_in_the_moment_of_giving_up_harms_nobody(event):
    pool = FakePool(FakeLoop().timers())
    task = asyncio.create_task(get(pool, endpoint()))  # noqa: TID251 - awaited below
    await asyncio.sleep(0)
    transport = pool.waiting[0].come()

    task.cancel()
    if event == "answer":
        transport.protocol.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    else:
        transport.lose()

    with pytest.raises(asyncio.CancelledError):
        await task
