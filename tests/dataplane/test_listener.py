import asyncio
import json
import re
import socket

import msgspec
import pytest

from multillama.app.view import GatewayView
from multillama.config.schema import Settings
from multillama.dataplane.builtin import is_page
from multillama.dataplane.downstream import Downstream
from multillama.web.app import build
from tests.core.samples import endpoint, serving
from tests.dataplane.stage import BEGUN, OK, Stage, get, post

ROWS = {"openai": {"m1": b'{"id":"m1"}'}}


@pytest.fixture
def stage():
    stage = Stage()
    stage.listener.snapshot = msgspec.structs.replace(
        serving(*stage.endpoints), lists={"openai": b'{"data":[]}'}, rows=ROWS
    )
    return stage


@pytest.fixture
def client(stage):
    return stage.client()


# what is no exchange


@pytest.mark.parametrize(
    ("target", "status", "operation"),
    [
        (b"/health", 200, "health"),
        (b"/ready", 503, "ready"),
        (b"/v1/models", 200, "models"),
        (b"/v1/models/m1", 200, "model"),
    ],
)
@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_what_is_in_memory_is_answered_and_recorded(
    stage, client, target, status, operation, method
):
    client.send(get(target, method=method))

    ((answered, body),) = client.answers(method.decode())
    (record,) = stage.records
    assert answered == status
    assert (body == b"") is (method == b"HEAD")
    assert b"\r\ncontent-length: " in client.received
    assert b"\r\nx-request-id: r1\r\n" in client.received
    assert (record.id, record.operation, record.method) == ("r1", operation, method.decode())
    assert (record.path, record.status, record.outcome) == (target.decode(), status, "ok")
    assert client.transport.ended is None


@pytest.mark.parametrize(
    ("method", "target", "allowed"),
    [
        (b"GET", b"/v1/chat/completions", b"POST, OPTIONS"),
        (b"DELETE", b"/v1/embeddings", b"POST, OPTIONS"),
        (b"HEAD", b"/v1/messages", b"POST, OPTIONS"),
        (b"POST", b"/v1/models", b"GET, HEAD, OPTIONS"),
        (b"DELETE", b"/v1/models/m1", b"GET, HEAD, OPTIONS"),
        (b"PUT", b"/health", b"GET, HEAD, OPTIONS"),
    ],
)
def test_another_method_is_told_which_ones_there_are(stage, client, method, target, allowed):
    client.send(get(target, method=method))

    assert client.answers(method.decode())[0][0] == 405
    assert b"\r\nallow: %b\r\n" % allowed in client.received
    assert (stage.records[0].outcome, stage.records[0].error) == ("refused", "method_not_allowed")
    if method != b"HEAD":
        path, name = target.decode(), method.decode()
        takes = " or ".join(allowed.decode().rsplit(", ", 1))
        assert client.error["message"] == f"{path} does not take {name}; it takes {takes}."


@pytest.mark.parametrize(
    ("target", "allowed"),
    [
        (b"*", b"GET, HEAD, OPTIONS"),
        (b"/v1/models", b"GET, HEAD, OPTIONS"),
        (b"/v1/chat/completions", b"POST, OPTIONS"),
    ],
)
def test_options_are_told(stage, client, target, allowed):
    client.send(get(target, method=b"OPTIONS"))

    assert client.answers() == [(204, b"")]
    assert b"\r\nallow: %b\r\n" % allowed in client.received
    assert b"content-length" not in client.received
    assert stage.records[0].operation == "options"


@pytest.mark.parametrize("method", [b"TRACE", b"CONNECT"])
def test_what_would_mirror_or_tunnel_ends_the_connection(stage, client, method):
    client.send(get(b"/health" if method == b"TRACE" else b"a:443", method=method))

    assert client.statuses == [405]
    assert b"\r\nallow: GET, HEAD, POST, OPTIONS\r\n" in client.received
    assert client.transport.is_finished
    assert [record.operation for record in stage.records] == ["-"]


def test_a_model_that_is_not_there_is_refused_and_the_connection_stays(stage, client):
    client.send(get(b"/v1/models/m2"))

    assert (client.statuses, client.error["code"]) == ([404], "model_not_found")
    assert (client.transport.ended, client.transport.is_finished) == (None, False)
    assert stage.records[0].error == "model_not_found"


def test_who_lacks_the_key_is_told_how_to_authenticate(stage, client):
    stage.listener.snapshot = msgspec.structs.replace(
        stage.listener.snapshot, api_key=b"front-door"
    )

    client.send(get(b"/v1/models"))

    assert client.statuses == [401]
    assert b"\r\nwww-authenticate: Bearer\r\n" in client.received


@pytest.mark.parametrize(
    "lines", [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n"]
)
def test_a_body_that_nobody_reads_is_never_taken_for_a_request(stage, client, lines):
    client.send(get(b"/health", lines) + get(b"/health"))

    assert client.statuses == [200]
    assert b"connection: close\r\n" in client.received
    assert client.transport.is_finished


def test_an_empty_body_is_none(client):
    client.send(get(b"/health", b"Content-Length: 0\r\n") + get(b"/health"))

    assert client.statuses == [200, 200]


@pytest.mark.parametrize("target", [b"/", b"/multillama/static/page.css", b"/favicon.ico"])
@pytest.mark.parametrize("method", [b"GET", b"POST", b"HEAD", b"OPTIONS"])
def test_pages_are_for_the_web_framework(stage, client, target, method):
    client.send(get(target, method=method))

    assert stage.handed_over == [(client.transport, get(target, method=method))]
    assert (client.received, stage.records) == (b"", [])


@pytest.mark.parametrize("target", [b"/v1/files", b"/nothing", b"/v1/ch%61t/completions", b"//"])
@pytest.mark.parametrize("method", [b"GET", b"POST", b"OPTIONS"])
def test_everything_else_is_answered_and_recorded_here(stage, client, target, method):
    client.send(get(target, method=method))

    assert client.answers()[0][0] == 404
    assert client.error["code"] == "path_not_found"
    assert [(record.operation, record.status) for record in stage.records] == [("-", 404)]
    assert stage.handed_over == []


def test_a_stray_with_a_broken_body_is_answered_in_our_shape(stage, client):
    client.send(b"POST /nothing HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")

    assert client.error["code"] == "path_not_found"


def test_every_route_of_the_web_app_is_a_page():
    routes = build(GatewayView(Settings(port=3000)), version="0").routes

    assert all(is_page(route.path.replace("{name}", "x").encode()) for route in routes)


GOOGLE = b"x-goog-api-client: google-genai-sdk/3.4.0\r\n"


@pytest.mark.parametrize("version", [b"v1", b"v1beta"])
def test_a_call_of_google_genai_is_refused_in_its_own_shape(stage, client, version):
    target = b"/%b/models/m1:predict" % version

    client.send(get(target, GOOGLE, b"Content-Length: 0\r\n", method=b"POST"))

    assert (client.statuses, client.error["status"]) == ([501], "UNIMPLEMENTED")
    assert "/v1/chat/completions" in client.error["message"]
    assert (stage.records[0].error, stage.records[0].outcome) == ("not_implemented", "refused")


@pytest.mark.parametrize(
    ("line", "target", "error_type"),
    [(GOOGLE, b"/v1/models/m2", None), (b"anthropic-version: 1\r\n", b"/v1/models/m2", "error"),
     (b"", b"/v1beta/files", None)],
)  # fmt: skip
def test_each_sdk_reads_the_error_in_its_own_shape(client, line, target, error_type):
    client.send(get(target, line))

    body = json.loads(client.answers()[0][1])
    assert body.get("type") == error_type
    assert (body["error"]["code"] == 404) is (error_type is None)


# what all connections share


def test_ids_are_unique_and_begin_with_the_process(stage):
    ids = [stage.listener.new_id() for _ in range(20)]

    assert len(set(ids)) == 20
    assert all(re.fullmatch("r[0-9a-f]+", text) for text in ids)


def test_the_date_is_of_now():
    stage = Stage()
    del stage.listener.date  # the real one

    dates = [stage.listener.date(), stage.listener.date()]

    assert dates[0] is dates[1]
    assert re.fullmatch(rb"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", dates[0])


def test_a_crash_nobody_listens_for_is_not_swallowed():
    listener = Stage().listener
    del listener.on_crash
    listener.__init__(
        snapshot=listener.snapshot, pool=listener.pool, timers=listener.timers, id_prefix="r",
        on_record=print, hand_over=print,
    )  # fmt: skip

    with pytest.raises(ValueError, match="a bug"):
        listener.on_crash(ValueError("a bug"))


def test_a_snapshot_counts_from_the_next_request_on(stage, client):
    client.send(get(b"/v1/models"))
    stage.listener.snapshot = msgspec.structs.replace(
        stage.listener.snapshot, lists={"openai": b'{"data":[1]}'}
    )

    client.send(get(b"/v1/models"))

    assert [json.loads(body)["data"] for _, body in client.answers()] == [[], [1]]


# the port, for real


@pytest.fixture
async def port(stage):
    sock = socket.create_server(("127.0.0.1", 0))
    await stage.listener.listen([sock])
    yield sock.getsockname()[1]
    stage.listener.abort()
    await asyncio.sleep(0)


@pytest.fixture
async def connect(port):
    writers = []

    async def open_one(*sent):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writers.append(writer)
        writer.writelines(sent)
        return reader

    yield open_one
    for writer in writers:
        writer.transport.abort()
    await asyncio.sleep(0)


async def until(fact):
    async with asyncio.timeout(5):
        while not fact():  # noqa: ASYNC110 - a fact of objects that tell nobody
            await asyncio.sleep(0)


async def test_it_listens(connect):
    reader = await connect(get(b"/health"))

    assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"


async def test_a_drain_ends_idle_connections_and_lets_the_others_finish(stage, connect):
    idle = await connect()
    busy = await connect(post())
    await until(lambda: stage.pool.waiting)
    drain = asyncio.create_task(stage.listener.drain(5))  # noqa: TID251 - awaited below

    ended = await idle.read()
    with pytest.raises(ConnectionRefusedError):
        await connect()
    over = drain.done()
    stage.answer()
    answer = await busy.read()
    await drain

    assert (ended, over) == (b"", False)
    assert b"connection: close\r\n" in answer
    assert answer.endswith(b"ok")


async def test_a_drain_has_an_end(stage, connect):
    reader = await connect(post())
    await until(lambda: stage.pool.waiting)
    stage.answer(BEGUN)

    await stage.listener.drain(0)
    answer = await reader.read()

    assert b'"code":"shutting_down"' in answer
    assert answer.endswith(b"\r\n0\r\n\r\n")
    assert [(record.outcome, record.error) for record in stage.records] == [
        ("truncated", "shutting_down")
    ]


async def test_a_drain_ends_though_an_exchange_fails_at_its_own_end(stage, client):
    client.send(post())
    stage.connect()
    stage.listener.on_record = lambda _: 1 / 0

    cut = await stage.listener.drain(0)

    assert cut == 1
    assert [type(crash) for crash in stage.crashes] == [ZeroDivisionError]
    assert client.transport.ended == "abort"


async def test_a_drain_that_is_hurried_waits_no_more_and_only_once(stage, client):
    client.send(post())
    stage.connect()
    drain = asyncio.create_task(stage.listener.drain(60))  # noqa: TID251 - awaited below
    await asyncio.sleep(0)

    hurried = [stage.listener.hurry(), stage.listener.hurry()]
    cut = await asyncio.wait_for(drain, 5)

    assert (hurried, cut, stage.listener.is_hurried) == ([True, False], 1, True)
    assert client.statuses == [503]


async def test_what_is_over_cannot_be_hurried(stage):
    await stage.listener.drain(0)

    assert not stage.listener.hurry()


async def test_a_drain_lets_an_answer_of_the_same_turn_out():
    stage = Stage()
    client = stage.client()
    stage.loop.is_lazy = True
    client.send(get(b"/health"))

    await stage.listener.drain(0)

    assert client.statuses == [200]


async def test_a_drain_without_connections_is_over_at_once(stage):
    await stage.listener.drain(5)

    assert stage.listener.is_draining


def test_two_connections_share_nothing_but_the_listener(stage):
    first, second = stage.client(), stage.client()

    first.send(post())
    stage.answer(OK)

    assert (first.statuses, second.received) == ([200], b"")
    assert stage.listener.connections == {first.protocol, second.protocol}
    assert isinstance(first.protocol, Downstream)


def test_endpoints_of_one_snapshot_may_be_down_and_up():
    stage = Stage(endpoint("a", is_up=True), endpoint("b", is_up=False))
    client = stage.client()

    client.send(get(b"/ready"))

    assert json.loads(client.answers()[0][1])["endpoints_up"] == 1
