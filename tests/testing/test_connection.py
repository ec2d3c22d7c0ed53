import asyncio
import json
import socket
import time

import pytest

from multillama.testing.behaviours import ENDLESS, HANG, Behaviour, End, Place
from multillama.testing.connection import LINGER_NOT
from multillama.testing.server import ScriptedServer
from tests.testing.wire import answer_of, ask, connected, request

STREAM = request(body={"model": "m1", "stream": True})


async def test_a_request_is_recorded_as_it_came() -> None:
    async with ScriptedServer() as server:
        await ask(server, request("POST", "/v1/embeddings", b'{"input": 1}', "X-A: 1", "X-A: 2"))

        call = server.calls[0]

        assert (call.method, call.target, call.json()) == ("POST", "/v1/embeddings", {"input": 1})
        assert [value for name, value in call.headers if name == "x-a"] == ["1", "2"]
        assert (call.complete, call.answered, call.abandoned_at) == (True, True, None)


async def test_a_chunked_request_with_trailers_is_read() -> None:
    head = b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with ScriptedServer() as server, connected(server) as (reader, writer):
        writer.write(
            head + b"3;x=1\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n" + request("GET", "/b")
        )
        first = await answer_of(reader)
        await answer_of(reader)

        assert json.loads(first[1])["body"] == "abcde"
        assert [call.target for call in server.calls] == ["/echo", "/b"]


async def test_a_connection_serves_one_request_after_another() -> None:
    async with ScriptedServer() as server, connected(server) as (reader, writer):
        writer.write(request() * 3)
        for _ in range(3):
            await answer_of(reader)

        assert (len(server.calls), len(server.connections)) == (3, 1)


async def test_connection_close_is_obeyed() -> None:
    async with ScriptedServer() as server, connected(server) as (reader, writer):
        writer.write(request("GET", "/a", b"", "Connection: close"))
        await answer_of(reader)

        assert await reader.read() == b""


async def test_expect_is_answered_before_the_body() -> None:
    async with ScriptedServer() as server, connected(server) as (reader, writer):
        head, body = request("POST", "/a", b"abc", "Expect: 100-continue").split(b"\r\n\r\n")
        writer.write(head + b"\r\n\r\n")
        interim = await reader.readuntil(b"\r\n\r\n")
        writer.write(body)

        assert interim == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert json.loads((await answer_of(reader))[1])["body"] == "abc"


async def test_head_gets_no_body() -> None:
    async with ScriptedServer() as server, connected(server) as (reader, writer):
        writer.write(request("HEAD", "/a") + request("GET", "/b"))
        head, _ = await answer_of(reader, is_head=True)
        _, body = await answer_of(reader)

        assert b"content-length: " in head
        assert json.loads(body)["target"] == "/b"


@pytest.mark.parametrize("end", ["fin", "reset"])
@pytest.mark.parametrize("cut", ["before-head", "mid-head", "after-head", "mid-chunk", 10])
async def test_an_answer_breaks_off_with_what_was_sent_delivered(end: End, cut: Place) -> None:
    behaviour = Behaviour(cut=cut, end=end)
    async with ScriptedServer() as server, connected(server) as (reader, writer):
        server.next(behaviour)
        writer.write(STREAM)
        await server.until(lambda s: s.connections[0].closed_by == "us")
        received, seen_end = await drain(reader)

        sent = b"".join(behaviour.pieces(server.answer(server.calls[0], behaviour)))
        assert (received, seen_end) == (sent, end)
        assert (server.calls[0].answered, server.disconnects) == (True, 0)


async def drain(reader: asyncio.StreamReader) -> tuple[bytes, str]:
    """Reads to the end; says by what it ended."""
    received = b""
    try:
        while data := await reader.read(1000):
            received += data
    except ConnectionResetError:
        return received, "reset"
    return received, "fin"


async def test_an_endless_stream_waits_for_its_reader() -> None:
    async with ScriptedServer() as server, connected(server) as (reader, writer):
        server.next(Behaviour(events=ENDLESS))
        writer.write(STREAM)
        await server.until(lambda s: any(c.stalled_at is not None for c in s.connections))
        before = server.connections[0].sent_bytes
        await reader.readexactly(before + 1_000_000)

        assert server.connections[0].sent_bytes > before


@pytest.mark.parametrize("by", ["fin", "reset"])
async def test_a_peer_that_leaves_is_noticed_while_it_waits(by: str) -> None:
    async with ScriptedServer() as server, connected(server) as (_, writer):
        server.next(HANG)
        writer.write(request())
        await server.until(lambda s: bool(s.calls) and s.calls[0].complete)
        before = asyncio.get_running_loop().time()
        if by == "fin":
            writer.close()
        else:
            reset(writer)
        await server.until(lambda s: s.disconnects == 1)

        assert server.connections[0].closed_by == by
        assert before <= (server.calls[0].abandoned_at or 0) < before + 1


def reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
    writer.transport.abort()


async def test_a_peer_that_leaves_mid_stream_is_noticed() -> None:
    async with ScriptedServer() as server, connected(server) as (reader, writer):
        server.next(Behaviour(events=ENDLESS))
        writer.write(STREAM)
        await reader.readexactly(1000)
        writer.transport.abort()
        await server.until(lambda s: s.disconnects == 1)

        assert not server.calls[0].answered


async def test_a_peer_that_leaves_during_its_upload_leaves_an_incomplete_request() -> None:
    async with ScriptedServer() as server, connected(server) as (_, writer):
        writer.write(request("POST", "/a", b"abcdef")[:-3])
        await server.until(lambda s: bool(s.calls) and s.calls[0].body == b"abc")
        writer.close()
        await server.until(lambda s: s.disconnects == 1)

        assert not server.calls[0].complete


async def test_a_peer_that_leaves_after_its_answer_gave_nothing_up() -> None:
    async with ScriptedServer() as server:
        await ask(server)
        await server.until(lambda s: s.connections[0].closed_by is not None)

        assert server.disconnects == 0


@pytest.mark.parametrize("end", ["fin-on-reuse", "reset-on-reuse"])
async def test_a_connection_may_be_closed_when_the_next_request_comes(end: End) -> None:
    async with ScriptedServer() as server, connected(server) as (reader, writer):
        server.next(Behaviour(end=end))
        writer.write(request())
        await answer_of(reader)
        still_open = server.connections[0].closed_by is None
        writer.write(request())
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await answer_of(reader)

        assert still_open
        assert len(server.calls) == 1


async def test_an_early_answer_comes_before_the_body() -> None:
    async with ScriptedServer() as server, connected(server) as (reader, writer):
        server.next(Behaviour(early=True, status="413 Too Large", body=b""))
        data = request("POST", "/a", b"abc")
        writer.write(data[:-3])
        head, _ = await answer_of(reader)
        was_complete = server.calls[0].complete
        writer.write(b"abc")
        await server.until(lambda s: s.calls[0].complete)

        assert head.startswith(b"HTTP/1.1 413 ")
        assert not was_complete


async def test_a_delayed_answer_takes_its_time() -> None:
    async with ScriptedServer() as server:
        server.next(Behaviour(delay_s=0.05))
        before = time.monotonic()
        await ask(server)

        assert time.monotonic() - before >= 0.05


async def test_events_may_come_at_a_pace() -> None:
    async with ScriptedServer() as server:
        server.next(Behaviour(events=4, every_s=0.01))
        before = time.monotonic()
        _, body = await ask(server, STREAM)

        assert body.count(b'"content":"word "') == 4
        assert time.monotonic() - before >= 0.04


async def test_a_server_may_speak_first() -> None:
    async with ScriptedServer() as server:
        server.on_accept = Behaviour(raw=b"SSH-2.0\r\n", end="fin")
        async with connected(server) as (reader, _):
            assert await reader.read() == b"SSH-2.0\r\n"
