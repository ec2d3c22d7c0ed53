"""An answer that breaks off: before its first event it has not begun; later streams end in an error event,
and anything else breaks off for the client too."""

import json
from dataclasses import replace
from typing import Any

import openai
import pytest

from multillama.testing.behaviours import Behaviour, End, Place
from multillama.testing.server import ScriptedServer
from tests.faults.client import Answer, ask, chat, connected, post
from tests.faults.gateway import Running

ENDS: list[End] = ["fin", "reset"]
DIALECTS = ["chat/completions", "completions", "messages", "responses"]
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def streaming(path: str) -> bytes:
    return post(f"/v1/{path}", {"model": "m1", "stream": True})


def delivered(server: ScriptedServer, behaviour: Behaviour) -> bytes:
    """What the first call was sent of its body, whole chunks and broken ones."""
    pieces = behaviour.pieces(server.answer(server.calls[0], behaviour))
    rest = b"".join(pieces).partition(b"\r\n\r\n")[2]
    body = b""
    while b"\r\n" in rest:
        line, _, rest = rest.partition(b"\r\n")
        size = int(line, 16)
        body, rest = body + rest[:size], rest[size + 2 :]
    return body


def error_event(answer: Answer) -> tuple[str | None, dict[str, Any]]:
    """Name and data of the event that ends a stream."""
    lines = dict(line.split(": ", 1) for line in answer.events[-1].splitlines() if line)
    return lines.get("event"), json.loads(lines["data"])


@pytest.mark.parametrize("path", DIALECTS)
async def test_a_stream_that_could_be_continued_and_need_not_be_ends_as_it_is(
    pair: Running, server: ScriptedServer, path: str
) -> None:
    server.next(Behaviour(events=800))

    answer = await ask(pair.port, streaming(path))

    whole = b"".join(server.answer(server.calls[0], Behaviour(events=800)).parts)
    assert (answer.body == whole, answer.end) == (True, "whole")
    assert (await pair.record()).outcome == "ok"


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("path", DIALECTS)
async def test_a_stream_that_breaks_off_before_its_first_event_is_an_error_status(
    gateway: Running, server: ScriptedServer, path: str, end: End
) -> None:
    server.next(Behaviour(events=30, cut="after-head", end=end))

    async with connected(gateway.port) as client:
        answer = await client.ask(streaming(path))
        after = await client.ask(chat())

    assert (answer.status, answer.end) == (502, "whole")
    assert answer.header("content-type") == "application/json"
    assert answer.error["code"] == "endpoint_truncated"
    assert answer.error["origin"] == f"endpoint:127.0.0.1:{server.port}"
    assert (after.status, len(server.calls)) == (200, 2)
    first = gateway.records[0]
    assert (first.status, first.outcome, first.error) == (502, "failed", "endpoint_truncated")


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("cut", ["after-head", "within the first event"])
@pytest.mark.parametrize("path", DIALECTS)
async def test_a_stream_that_breaks_off_before_its_first_event_comes_from_the_next_endpoint(
    pair: Running, server: ScriptedServer, second: ScriptedServer, path: str, cut: str, end: End
) -> None:
    half = HEAD + b'b\r\ndata: {"a":\r\n'
    behaviour = Behaviour(cut="after-head") if cut == "after-head" else Behaviour(raw=half)
    server.next(replace(behaviour, end=end))

    answer = await ask(pair.port, streaming(path))

    whole = b"".join(second.answer(second.calls[0], Behaviour()).parts)
    assert (answer.status, answer.body, answer.end) == (200, whole, "whole")
    assert answer.header("x-multillama-endpoint") == f"127.0.0.1:{second.port}"
    assert (await pair.record()).tried == (f"127.0.0.1:{server.port}: endpoint_truncated",)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("place", ["mid-body", "mid-chunk-size", "mid-chunk"])
@pytest.mark.parametrize("path", DIALECTS)
async def test_a_broken_stream_ends_in_an_error_event_of_its_dialect(
    gateway: Running, server: ScriptedServer, path: str, place: Place, end: End
) -> None:
    behaviour = Behaviour(events=30, cut=place, end=end)
    server.next(behaviour)

    async with connected(gateway.port) as client:
        answer = await client.ask(streaming(path))
        after = await client.ask(chat())

    before = b"".join(delivered(server, behaviour).rpartition(b"\n\n")[:2])
    name, data = error_event(answer)
    kind = "error" if path in ("messages", "responses") else None
    assert (answer.status, answer.end, answer.body[: len(before)]) == (200, "whole", before)
    assert answer.body[len(before) :].startswith(b"\n\n")
    assert (name, data.get("type")) == (kind, kind)
    assert data["error"]["code"] == "endpoint_truncated"
    assert data["error"]["origin"] == f"endpoint:127.0.0.1:{server.port}"
    assert b"[DONE]" not in answer.body
    assert b'"finish_reason":"stop"' not in answer.body
    assert after.status == 200
    first = gateway.records[0]
    assert (first.status, first.outcome, first.error) == (200, "truncated", "endpoint_truncated")


async def test_a_broken_stream_is_not_begun_again_elsewhere(
    pair: Running, server: ScriptedServer, second: ScriptedServer
) -> None:
    server.next(Behaviour(events=30, cut="mid-body", end="reset"))

    await ask(pair.port, chat(stream=True))

    assert second.calls == []
    assert (await pair.record()).attempts == 1


async def test_a_stream_with_broken_framing_ends_in_an_error_event(
    gateway: Running, server: ScriptedServer
) -> None:
    first = HEAD + b"9\r\ndata: 1\n\n\r\n"
    server.next(
        Behaviour(raw=first + b"not hexadecimal\r\n", sizes=(len(first), 100), every_s=0.02)
    )

    answer = await ask(gateway.port, chat(stream=True))

    assert answer.end == "whole"
    assert answer.events[0] == "data: 1"
    assert error_event(answer)[1]["error"]["origin"] == f"endpoint:127.0.0.1:{server.port}"
    assert (await gateway.record()).outcome == "truncated"


@pytest.mark.parametrize("end", ENDS)
async def test_a_stream_that_is_said_to_its_end_needs_no_last_chunk_to_be_heard(
    gateway: Running, server: ScriptedServer, end: End
) -> None:
    behaviour = Behaviour(cut="before-last-chunk", end=end)
    server.next(behaviour)

    answer = await ask(gateway.port, chat(stream=True))

    assert answer.body.startswith(delivered(server, behaviour))
    assert (answer.end, answer.body.count(b"[DONE]")) == ("whole", 1)


@pytest.mark.parametrize("end", ENDS)
async def test_a_broken_stream_of_a_known_length_breaks_off(
    gateway: Running, server: ScriptedServer, end: End
) -> None:
    server.next(Behaviour(framing="length", cut="mid-body", end=end))

    answer = await ask(gateway.port, chat(stream=True))

    assert answer.end in ("cut", "reset")
    assert (await gateway.record()).outcome == "truncated"


async def test_a_stream_that_ends_with_its_connection_ends_well_by_fin_only(
    gateway: Running, server: ScriptedServer
) -> None:
    server.next(
        Behaviour(framing="close", end="fin"), Behaviour(framing="close", cut=600, end="reset")
    )

    well = await ask(gateway.port, chat(stream=True))
    broken = await ask(gateway.port, chat(stream=True))

    assert (well.end, well.events[-1]) == ("whole", "data: [DONE]")
    assert (broken.end, error_event(broken)[1]["error"]["code"]) == ("whole", "endpoint_truncated")


@pytest.mark.parametrize("end", ENDS)
async def test_a_body_shorter_than_its_length_breaks_off(
    gateway: Running, server: ScriptedServer, end: End
) -> None:
    body = b"x" * 5000
    server.next(Behaviour(body=body, cut="mid-body", end=end))

    answer = await ask(gateway.port, chat())

    assert (answer.status, answer.header("content-length")) == (200, "5000")
    assert answer.end in ("cut", "reset")
    assert body.startswith(answer.body)
    record = await gateway.record()
    assert (record.status, record.outcome, record.error) == (200, "truncated", "endpoint_truncated")


@pytest.mark.parametrize(
    ("framing", "place", "end", "why"),
    [
        ("length", "after-head", "fin", "endpoint_truncated"),
        ("length", "after-head", "reset", "endpoint_truncated"),
        ("chunked", "after-head", "fin", "endpoint_truncated"),
        ("chunked", "after-head", "reset", "endpoint_truncated"),
        ("chunked", "mid-chunk-size", "fin", "endpoint_truncated"),
        ("chunked", "mid-chunk-size", "reset", "endpoint_truncated"),
        ("close", "after-head", "fin", "empty"),
        ("close", "after-head", "reset", "endpoint_truncated"),
    ],
)
async def test_a_body_that_ends_before_its_first_byte_comes_from_elsewhere(
    pair: Running, server: ScriptedServer, framing: Any, place: Place, end: End, why: str
) -> None:
    server.next(Behaviour(body=b"x" * 5000, framing=framing, cut=place, end=end))

    answer = await ask(pair.port, chat())

    assert answer.json()["choices"][0]["message"]["content"] == "From the second."
    assert (await pair.record()).tried == (f"127.0.0.1:{server.port}: {why}",)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("place", ["mid-body", "mid-chunk", "before-last-chunk"])
async def test_a_body_in_chunks_that_break_off_breaks_off(
    gateway: Running, server: ScriptedServer, place: Place, end: End
) -> None:
    body = b"x" * 5000
    server.next(Behaviour(body=body, framing="chunked", cut=place, end=end))

    answer = await ask(gateway.port, chat())

    assert (answer.status, answer.header("transfer-encoding")) == (200, "chunked")
    assert answer.end in ("cut", "reset")
    assert body.startswith(answer.body)
    assert (await gateway.record()).outcome == "truncated"


async def test_a_body_that_ends_with_its_connection_breaks_off_by_reset(
    gateway: Running, server: ScriptedServer
) -> None:
    server.next(Behaviour(body=b"x" * 5000, framing="close", cut=3000, end="reset"))

    answer = await ask(gateway.port, chat())

    assert (answer.status, answer.end in ("cut", "reset")) == (200, True)
    assert (await gateway.record()).outcome == "truncated"


@pytest.mark.parametrize("end", ENDS)
async def test_a_client_of_http_10_cannot_take_a_broken_body_for_a_whole_one(
    gateway: Running, server: ScriptedServer, end: End
) -> None:
    server.next(Behaviour(body=b"x" * 5000, framing="chunked", cut="mid-chunk", end=end))

    answer = await ask(gateway.port, chat().replace(b"HTTP/1.1", b"HTTP/1.0", 1))

    assert (answer.header("transfer-encoding"), answer.end) == (None, "reset")


@pytest.mark.parametrize("end", ENDS)
async def test_a_client_of_http_10_gets_the_error_event_too(
    gateway: Running, server: ScriptedServer, end: End
) -> None:
    server.next(Behaviour(events=30, cut="mid-body", end=end))

    answer = await ask(gateway.port, chat(stream=True).replace(b"HTTP/1.1", b"HTTP/1.0", 1))

    assert (answer.header("transfer-encoding"), answer.end) == (None, "whole")
    assert error_event(answer)[1]["error"]["code"] == "endpoint_truncated"


async def test_a_stream_that_falls_silent_before_its_first_event_is_not_asked_for_elsewhere(
    pair: Running, server: ScriptedServer, second: ScriptedServer
) -> None:
    server.next(Behaviour(events=30, cut="after-head", end="hang"))

    answer = await ask(pair.port, chat(stream=True))

    assert (answer.status, answer.end, answer.error["code"]) == (504, "whole", "idle_timeout")
    record = await pair.record()
    assert (record.outcome, record.error, record.attempts) == ("failed", "idle_timeout", 1)
    assert (len(server.calls), second.calls) == (1, [])
    await server.until(lambda s: s.disconnects == 1)


async def test_a_stream_that_falls_silent_ends_in_an_error_event(
    gateway: Running, server: ScriptedServer
) -> None:
    server.next(Behaviour(events=30, cut="mid-chunk", end="hang"))

    answer = await ask(gateway.port, chat(stream=True))

    assert (answer.end, error_event(answer)[1]["error"]["code"]) == ("whole", "idle_timeout")
    assert (await gateway.record()).error == "idle_timeout"
    await server.until(lambda s: s.disconnects == 1)


async def test_a_body_that_falls_silent_breaks_off(
    gateway: Running, server: ScriptedServer
) -> None:
    server.next(Behaviour(cut="mid-body", end="hang"))

    answer = await ask(gateway.port, chat())

    assert (answer.status, answer.end in ("cut", "reset")) == (200, True)
    assert (await gateway.record()).error == "idle_timeout"
    await server.until(lambda s: s.disconnects == 1)


async def test_a_stream_with_pauses_below_the_limit_goes_on(
    gateway: Running, server: ScriptedServer
) -> None:
    server.next(Behaviour(events=4, every_s=0.15))

    answer = await ask(gateway.port, chat(stream=True))

    assert (answer.end, answer.events[-1]) == ("whole", "data: [DONE]")


async def test_the_openai_sdk_raises_on_a_chat_that_broke_off_before_its_first_event(
    gateway: Running, server: ScriptedServer
) -> None:
    server.next(Behaviour(events=30, cut="after-head", end="reset"))
    async with openai.AsyncOpenAI(
        base_url=f"{gateway.url}/v1", api_key="none", max_retries=0
    ) as sdk:
        with pytest.raises(openai.InternalServerError, match="broke off") as failure:
            await sdk.chat.completions.create(model="m1", messages=[], stream=True)

    assert failure.value.code == "endpoint_truncated"


@pytest.mark.parametrize("place", ["mid-chunk-size", "mid-chunk", "mid-body"])
async def test_the_openai_sdk_raises_on_a_broken_chat(
    gateway: Running, server: ScriptedServer, place: Place
) -> None:
    server.next(Behaviour(events=30, cut=place, end="reset"))
    async with openai.AsyncOpenAI(
        base_url=f"{gateway.url}/v1", api_key="none", max_retries=0
    ) as sdk:
        stream = await sdk.chat.completions.create(model="m1", messages=[], stream=True)

        with pytest.raises(openai.APIError, match="broke off"):
            [chunk async for chunk in stream]


@pytest.mark.parametrize("place", ["mid-chunk-size", "mid-chunk", "mid-body"])
async def test_the_openai_sdk_raises_on_a_broken_response(
    gateway: Running, server: ScriptedServer, place: Place
) -> None:
    server.next(Behaviour(events=30, cut=place, end="fin"))
    async with openai.AsyncOpenAI(
        base_url=f"{gateway.url}/v1", api_key="none", max_retries=0
    ) as sdk:
        stream = await sdk.responses.create(model="m1", input="Hi", stream=True)

        with pytest.raises(openai.APIError, match="broke off"):
            [event async for event in stream]
