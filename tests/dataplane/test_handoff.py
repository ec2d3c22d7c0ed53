import asyncio
import subprocess
import sys

import pytest

from multillama.core.snapshot import Timeouts
from multillama.dataplane.handoff import Handoff, closing
from multillama.dataplane.timers import Timers
from multillama.tasks import Tasks
from tests.dataplane.parts import FakeLoop, FakeTransport
from tests.dataplane.stage import get


async def application(scope, receive, send):
    """Tells back what it was asked."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    text = f"{scope['method']} {scope['raw_path'].decode()} ".encode() + body
    length = str(len(text)).encode()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]}
    )
    await send({"type": "http.response.body", "body": text})


class Port:
    """Hands over every connection once its head is there."""

    def __init__(self, handoff):
        self.handoff = handoff
        self.taken = 0

    def protocol(self):
        port = self

        class First(asyncio.Protocol):
            def connection_made(self, transport):
                self.transport = transport
                self.data = b""

            def data_received(self, data):
                self.data += data
                if b"\r\n\r\n" in self.data:
                    port.taken += 1
                    port.handoff.take(self.transport, self.data)

        return First()


@pytest.fixture
def reports():
    return []


@pytest.fixture
def made():
    return []


@pytest.fixture
async def handoff(reports, made):
    def build():
        made.append(1)
        return application

    tasks = Tasks(lambda name, error: reports.append((name, str(error))))
    timers = Timers(asyncio.get_running_loop())
    handoff = Handoff(build, tasks, timers, Timeouts(body_s=0.1, write_s=0.1))
    yield handoff
    handoff.close()
    timers.close()
    await tasks.close()
    await asyncio.sleep(0)


@pytest.fixture
async def port(handoff):
    port = Port(handoff)
    server = await asyncio.get_running_loop().create_server(port.protocol, "127.0.0.1", 0)
    port.number = server.sockets[0].getsockname()[1]
    yield port
    server.close()


@pytest.fixture
async def ask(port):
    """Sends a request, and reads until the connection ends."""
    writers = []

    async def one(*pieces):
        reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
        writers.append(writer)
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            return await reader.read()

    yield one
    for writer in writers:
        writer.transport.abort()
    await asyncio.sleep(0)


async def test_the_pages_answer_and_the_connection_ends(ask):
    answer = await ask(get(b"/some/page"))

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nGET /some/page ")
    assert b"connection: close\r\n" in answer
    assert b"server:" not in answer


async def test_a_body_that_comes_with_the_head_or_after_it_is_read(ask):
    head = b"POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"

    together = await ask(head + b"0123456789")
    apart = await ask(head, b"01234", b"56789")

    assert together.endswith(b"POST /form 0123456789")
    assert apart.endswith(b"POST /form 0123456789")


async def test_the_pages_are_made_by_the_first_who_asks_and_once(ask, made):
    before = len(made)

    answers = await asyncio.gather(*(ask(get(b"/%d" % at)) for at in range(5)))

    assert (before, len(made)) == (0, 1)
    assert sorted(answer[-3:] for answer in answers) == [b"/%d " % at for at in range(5)]


async def test_a_request_is_the_last_of_its_connection(ask):
    answer = await ask(get(b"/a", b"Connection: keep-alive\r\n") + get(b"/b"))

    assert answer.count(b"HTTP/1.1") == 1
    assert answer.endswith(b"GET /a ")


async def test_an_offer_to_upgrade_is_not_passed_on(ask):
    answer = await ask(get(b"/a", b"Connection: Upgrade\r\nUpgrade: websocket\r\n"))

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_who_leaves_while_the_pages_are_made_is_forgotten(handoff, port, ask, reports):
    _, writer = await asyncio.open_connection("127.0.0.1", port.number)
    writer.write(get(b"/a"))
    while not handoff._waiting:  # noqa: ASYNC110 - a fact of an object that tells nobody
        await asyncio.sleep(0)
    handoff._waiting[0][0].abort()
    writer.transport.abort()

    answer = await ask(get(b"/b"))

    assert answer.endswith(b"GET /b ")
    assert reports == []


async def test_pages_that_cannot_be_made_end_the_connections_and_are_tried_again(
    handoff, ask, reports
):
    build, handoff._build = handoff._build, lambda: 1 / 0
    answers = await asyncio.gather(ask(get(b"/a")), ask(get(b"/b")))
    handoff._build = build

    assert answers == [b"", b""]
    assert reports[0] == ("make the pages", "division by zero")
    assert (await ask(get(b"/c"))).endswith(b"GET /c ")


async def test_closing_ends_those_that_were_taken_and_those_that_wait(handoff, port, ask):
    await ask(get(b"/a"))
    head = b"POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"
    waits = asyncio.create_task(ask(head))  # noqa: TID251 - awaited below
    while port.taken < 2:  # noqa: ASYNC110 - a fact of an object that tells nobody
        await asyncio.sleep(0)

    handoff.close()

    assert await waits == b""


async def test_closing_while_the_pages_are_made_ends_those_that_wait(handoff, port, ask):
    waits = asyncio.create_task(ask(get(b"/a")))  # noqa: TID251 - awaited below
    while not handoff._waiting:  # noqa: ASYNC110 - a fact of an object that tells nobody
        await asyncio.sleep(0)

    handoff.close()

    assert await waits == b""


@pytest.mark.parametrize(
    ("data", "last"),
    [
        (
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nconnection: close\r\n\r\n",
        ),
        (
            b"GET / HTTP/1.1\r\nCONNECTION:Upgrade\r\nupgrade: h2c\r\nHTTP2-Settings: x\r\nHost: a\r\n"
            b"Keep-Alive: 5\r\nProxy-Connection: x\r\n\r\nconnection: body",
            b"GET / HTTP/1.1\r\nHost: a\r\nconnection: close\r\n\r\nconnection: body",
        ),
        (b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.0\r\nconnection: close\r\n\r\n"),
    ],
)
def test_what_is_said_of_the_connection_is_said_by_us(data, last):
    assert closing(data) == last


def test_a_gateway_nobody_looks_at_does_not_import_uvicorn():
    code = "import sys, multillama.dataplane.listener, multillama.dataplane.handoff as h;"
    code += "h.Handoff(*[None] * 4); sys.exit('uvicorn' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_a_body_for_the_pages_that_stops_coming_ends_the_connection(ask):
    answer = await ask(b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\nab")

    assert answer == b""


async def test_a_reader_of_the_pages_that_does_not_read_is_let_go(port, monkeypatch):
    ended = asyncio.Event()

    async def endless(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not ended.is_set():
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
            await asyncio.sleep(0)

    monkeypatch.setattr(port.handoff, "_build", lambda: endless)
    _, writer = await asyncio.open_connection("127.0.0.1", port.number, limit=1024)
    writer.write(get(b"/multillama/live"))

    async with asyncio.timeout(10):
        while not port.taken or port.handoff._serve is None or port.handoff._connections:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)

    ended.set()
    writer.transport.abort()
    await asyncio.sleep(0)


class Cycle:
    """Where uvicorn stands with a request."""

    def __init__(self, *, more_body):
        self.more_body = more_body


class Protocol(asyncio.Protocol):
    """As much of uvicorn's as is looked at."""

    def __init__(self, cycle):
        self.cycle = cycle


@pytest.fixture
def loop():
    return FakeLoop()


def handed(loop, cycle):
    """A connection that was handed over."""
    handoff = Handoff(None, None, loop.timers(), Timeouts(body_s=5, write_s=60))
    handoff._serve = lambda: Protocol(cycle)
    transport = FakeTransport(None)
    handoff.take(transport, get(b"/a"))
    return transport


@pytest.mark.parametrize("cycle", [None, Cycle(more_body=True)])
def test_a_request_that_does_not_come_whole_has_a_deadline(loop, cycle):
    transport = handed(loop, cycle)

    loop.advance(4.9)
    before = transport.ended
    loop.advance(0.3)

    assert (before, transport.ended) == (None, "abort")


def test_a_page_that_lives_may_stay_open(loop):
    transport = handed(loop, Cycle(more_body=False))

    loop.advance(10_000)

    assert transport.ended is None


def test_who_reads_slowly_may_and_who_reads_nothing_may_not(loop):
    transport = handed(loop, Cycle(more_body=False))
    for left in (9000, 8000, 7000):
        transport.unsent_bytes = left
        loop.advance(60.2)
    before = transport.ended

    loop.advance(60.2)

    assert (before, transport.ended) == (None, "abort")


def test_what_has_ended_is_not_watched_on(loop):
    transport = handed(loop, Cycle(more_body=False))
    transport.close()

    loop.advance(200)

    assert (transport.ended, loop.calls) == ("close", [])
