"""Streams that bend the rules of server-sent events or of their dialect pass as they are, and break nothing."""

import pytest

from multillama.testing.behaviours import Behaviour
from multillama.testing.server import ScriptedServer
from tests.faults.client import ask, chat, connected
from tests.faults.gateway import Running

HEADERS = (("content-type", "text/event-stream"),)
DONE = b"data: [DONE]\n\n"


def usage(text: bytes) -> bytes:
    return b'data: {"choices":[],"usage":' + text + b"}\n\n" + DONE


ODD = {
    "CRLF": b'data: {"a":1}\r\n\r\ndata: [DONE]\r\n\r\n',
    "CR": b'data: {"a":1}\r\rdata: [DONE]\r\r',
    "a BOM": b"\xef\xbb\xbf" + DONE,
    "comments": b": OPENROUTER PROCESSING\n\n: ping\n\n" + DONE,
    "no blank after the colon": b'data:{"a":1}\n\n' + DONE,
    "a field without colon": b"data\n\n" + DONE,
    "data in many lines": b"data: {\ndata: }\n\n" + DONE,
    "an id with NUL": b"id: 1\x002\ndata: {}\n\n" + DONE,
    "no blank line at the end": b'data: {"a":1}\n\ndata: [DONE]',
    "two ends": DONE + DONE,
    "data after the end": DONE + b'data: {"late":true}\n\n',
    "no end": b'data: {"a":1}\n\n',
    "blanks before the last brace": b'data: {"a":1              }\n\n' + DONE,
    "half a character": b'data: {"a":"\xe2\x82"}\n\n' + DONE,
    "one event of 3 MB": b'data: {"a":"' + b"x" * 3_000_000 + b'"}\n\n' + DONE,
    "an error in it": b'data: {"a":1}\n\ndata: {"error":{"message":"overloaded","code":529}}\n\n',
    "an error of the request's own": b'data: {"error":{"message":"no","code":400}}\n\n',
    "no JSON": b"data: hello\n\n" + DONE,
}
USAGE = {
    "null": b"null",
    "no object": b"7",
    "a list": b"[]",
    "empty": b"{}",
    "negative": b'{"prompt_tokens":-1,"completion_tokens":-2}',
    "fractions": b'{"prompt_tokens":1.5,"completion_tokens":2.5}',
    "texts": b'{"prompt_tokens":"1","completion_tokens":"2"}',
    "huge": b'{"prompt_tokens":1e300,"completion_tokens":' + b"9" * 400 + b"}",
    "unfinished": b'{"prompt_tokens":1,',
    "deep": b'{"a":' + b"[" * 500 + b"]" * 500 + b"}",
}


@pytest.mark.parametrize("framing", ["chunked", "close"])
@pytest.mark.parametrize("name", ODD)
async def test_an_odd_stream_passes_byte_for_byte(
    gateway: Running, server: ScriptedServer, name: str, framing: str
) -> None:
    end = "fin" if framing == "close" else "keep"
    server.next(Behaviour(headers=HEADERS, body=ODD[name], framing=framing, end=end))  # type: ignore[arg-type]

    answer = await ask(gateway.port, chat(stream=True))

    assert (answer.body == ODD[name], answer.end) == (True, "whole")
    assert len(gateway.records) == 1


@pytest.mark.parametrize("name", USAGE)
@pytest.mark.parametrize("stream", [False, True])
async def test_odd_usage_costs_nobody_the_answer(
    gateway: Running, server: ScriptedServer, name: str, stream: bool
) -> None:
    body = usage(USAGE[name]) if stream else b'{"choices":[],"usage":' + USAGE[name] + b"}"
    headers = HEADERS if stream else ()
    server.next(Behaviour(headers=headers, body=body))

    async with connected(gateway.port) as client:
        answer = await client.ask(chat(stream=stream))
        after = await client.ask(chat())

    assert (answer.body, answer.end, after.status) == (body, "whole", 200)
    tokens = (gateway.records[0].input_tokens, gateway.records[0].output_tokens)
    assert all(count is None or 0 <= count < 2**63 for count in tokens)
    assert gateway.records[1].output_tokens == 5


async def test_the_last_usage_of_a_stream_counts(gateway: Running, server: ScriptedServer) -> None:
    early = b'data: {"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\n'
    late = b'data: {"usage":{"prompt_tokens":8,"completion_tokens":9}}\n\n'
    server.next(Behaviour(headers=HEADERS, body=early + b"data: {}\n\n" * 500 + late + DONE))

    await ask(gateway.port, chat(stream=True))

    record = await gateway.record()
    assert (record.input_tokens, record.output_tokens) == (8, 9)
