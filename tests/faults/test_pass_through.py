"""Every answer of an endpoint that is HTTP reaches the client as it is, however odd, if no other comes."""

import gzip
from dataclasses import replace
from typing import Any

import pytest

from multillama.testing.behaviours import OVERLOADED, RATE_LIMITED, Behaviour, End
from multillama.testing.server import ScriptedServer
from tests.faults.client import Answer, ask, chat, connected, post
from tests.faults.gateway import Running

STATUSES = [
    "400 Bad Request", "401 Unauthorized", "402 Payment Required", "403 Forbidden", "404 Not Found",
    "405 Method Not Allowed", "408 Request Timeout", "409 Conflict", "413 Content Too Large",
    "422 Unprocessable Content", "424 Failed Dependency", "425 Too Early", "429 Too Many Requests",
    "451 Unavailable For Legal Reasons", "500 Internal Server Error", "501 Not Implemented",
    "502 Bad Gateway", "503 Service Unavailable",
    "504 Gateway Timeout", "508 Loop Detected", "520 Web Server Returned an Unknown Error",
    "529 Overloaded", "599 Odd",
]  # fmt: skip
REQUESTS_OWN = (400, 404, 413, 422, 424, 451)
"""Statuses that every endpoint would answer."""
SAYS_LATER = (408, 409, 425, 429, 502, 503, 529)
"""Statuses after which the same endpoint is asked again."""
BODY = b'{"error" : {"message":"no",  "code":42}}\n'
FIELDS = (
    ("content-type", "application/problem+json"),
    ("retry-after", "99999999"),
    ("x-ratelimit-remaining-tokens", "0"),
    ("anthropic-ratelimit-requests-reset", "2026-11-23T12:00:00Z"),
    ("x-request-id", "req_of_the_endpoint"),
    ("openai-processing-ms", "12"),
    ("x-odd", "caf\xe9; \xff"),
)


@pytest.mark.parametrize("status", STATUSES)
async def test_every_status_passes_with_its_fields_and_body(
    gateway: Running, server: ScriptedServer, status: str
) -> None:
    server.default = Behaviour(status=status, headers=FIELDS, body=BODY)

    answer = await ask(gateway.port, chat())

    assert (answer.status, answer.body, answer.end) == (int(status[:3]), BODY, "whole")
    assert [(name, answer.header(name)) for name, _ in FIELDS] == list(FIELDS)
    assert answer.header("x-multillama-endpoint") == f"127.0.0.1:{server.port}"
    assert answer.header("x-should-retry") is None
    assert len(server.calls) == 1
    record = await gateway.record()
    assert (record.status, record.outcome, record.attempts) == (int(status[:3]), "ok", 1)


@pytest.mark.parametrize("status", STATUSES)
async def test_every_status_is_repeated_as_its_row_says_and_then_passes(
    gateway: Running, server: ScriptedServer, status: str
) -> None:
    code, fields = int(status[:3]), (("retry-after", "0"), *FIELDS[2:])
    server.default = Behaviour(status=status, headers=fields, body=BODY)

    answer = await ask(gateway.port, chat())

    attempts = 3 if code in SAYS_LATER else 1
    told = (str(attempts), "false") if attempts > 1 else (None, None)
    assert (answer.status, answer.body, answer.end) == (code, BODY, "whole")
    assert [(name, answer.header(name)) for name, _ in fields] == list(fields)
    assert (answer.header("x-multillama-attempts"), answer.header("x-should-retry")) == told
    assert (len(server.calls), (await gateway.record()).attempts) == (attempts, attempts)
    assert {bytes(call.body) for call in server.calls} == {bytes(server.calls[0].body)}


@pytest.mark.parametrize("status", STATUSES)
async def test_after_a_status_that_is_the_endpoints_own_the_next_one_answers(
    pair: Running, server: ScriptedServer, second: ScriptedServer, status: str
) -> None:
    code = int(status[:3])
    server.next(Behaviour(status=status, headers=FIELDS, body=BODY))

    answer = await ask(pair.port, chat())

    if code in REQUESTS_OWN:
        assert (answer.status, answer.body, second.calls) == (code, BODY, [])
    else:
        assert answer.json()["choices"][0]["message"]["content"] == "From the second."
        assert answer.header("x-multillama-attempts") == "2"
        assert {answer.header(name) for name in ("x-should-retry", "x-odd", "retry-after")} == {
            None
        }
    assert len(server.calls) == 1


@pytest.mark.parametrize("code", [300, 301, 302, 303, 307, 308])
async def test_a_redirect_passes_and_is_not_followed(
    gateway: Running, server: ScriptedServer, second: ScriptedServer, code: int
) -> None:
    to = (("location", f"{second.url}/v1/chat/completions"),)
    server.next(Behaviour(status=f"{code} Elsewhere", headers=to, body=b""))

    answer = await ask(gateway.port, chat())

    assert (answer.status, answer.header("location")) == (code, to[0][1])
    assert second.requests == []


async def test_limits_of_providers_pass(gateway: Running, server: ScriptedServer) -> None:
    server.next(replace(RATE_LIMITED, headers=(("retry-after", "60"),)))
    server.default = OVERLOADED

    limited = await ask(gateway.port, chat())
    overloaded = await ask(gateway.port, chat())

    assert (limited.status, limited.header("retry-after")) == (429, "60")
    assert limited.body == RATE_LIMITED.body
    assert (overloaded.status, overloaded.body) == (529, OVERLOADED.body)


@pytest.mark.parametrize(
    "retry_after", ["0", "-1", "0.25", "soon", "Fri, 31 Dec 1999 23:59:59 GMT"]
)
async def test_any_retry_after_passes(
    gateway: Running, server: ScriptedServer, retry_after: str
) -> None:
    fields = (("retry-after", retry_after),)
    server.default = Behaviour(status="429 Too Many Requests", headers=fields, body=b"{}")

    assert (await ask(gateway.port, chat())).header("retry-after") == retry_after


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/html", b"<html>Sign in to the network</html>"),
        ("application/json", b'{"error": {"message": "an error in a 200"}}'),
        ("application/json", b"\x00\xff no json"),
        ("text/event-stream", b": only a comment\n\n"),
    ],
)
async def test_a_200_that_says_something_passes_whatever_it_says(
    gateway: Running, server: ScriptedServer, content_type: str, body: bytes
) -> None:
    server.next(Behaviour(headers=(("content-type", content_type),), body=body))

    answer = await ask(gateway.port, chat())

    assert (answer.status, answer.body, answer.end) == (200, body, "whole")
    assert answer.header("content-type") == content_type
    assert (await gateway.record()).outcome == "ok"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_an_answer_without_content_has_no_body_and_keeps_the_connection(
    gateway: Running, server: ScriptedServer, status: str
) -> None:
    server.next(Behaviour(status=status))

    async with connected(gateway.port) as client:
        answer = await client.ask(chat())
        after = await client.ask(chat())

    assert (answer.status, answer.body, answer.end) == (int(status[:3]), b"", "whole")
    assert answer.header("transfer-encoding") is None
    assert after.status == 200
    assert server.calls[0].connection is server.calls[1].connection


async def test_a_304_may_tell_the_length_of_what_it_does_not_send(
    gateway: Running, server: ScriptedServer
) -> None:
    server.next(Behaviour(status="304 Not Modified", headers=(("content-length", "500"),)))

    async with connected(gateway.port) as client:
        answer = await client.ask(chat())
        after = await client.ask(chat())

    assert (answer.status, answer.body, after.status) == (304, b"", 200)


async def test_head_gets_a_length_and_no_body(gateway: Running) -> None:
    async with connected(gateway.port) as client:
        listed = await client.ask(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await client.ask(b"HEAD /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
        after = await client.ask(chat())

    assert (head.status, head.body) == (200, b"")
    assert head.header("content-length") == str(len(listed.body))
    assert after.status == 200


async def same_by_every_framing(
    gateway: Running, server: ScriptedServer, request: bytes, **behaviour: object
) -> list[Answer]:
    server.next(
        Behaviour(framing="length", **behaviour),  # type: ignore[arg-type]
        Behaviour(framing="chunked", **behaviour),  # type: ignore[arg-type]
        Behaviour(framing="close", end="fin", **behaviour),  # type: ignore[arg-type]
    )
    async with connected(gateway.port) as client:
        return [await client.ask(request) for _ in range(3)]


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream"])
async def test_a_200_with_nothing_in_it_is_no_answer(
    gateway: Running, server: ScriptedServer, content_type: str, framing: Any
) -> None:
    fields = (("content-type", content_type),)
    end: End = "fin" if framing == "close" else "keep"
    server.next(Behaviour(headers=fields, body=b"", framing=framing, end=end))

    answer = await ask(gateway.port, chat(stream=content_type == "text/event-stream"))

    assert (answer.status, answer.end, answer.error["code"]) == (502, "whole", "endpoint_empty")
    record = await gateway.record()
    assert (record.outcome, record.error, record.attempts) == ("failed", "endpoint_empty", 1)
    assert len(server.calls) == 1


@pytest.mark.parametrize("size", [1, 5000, 300_000])
async def test_the_body_is_the_same_by_every_framing(
    gateway: Running, server: ScriptedServer, size: int
) -> None:
    body = bytes(index % 251 for index in range(size))

    answers = await same_by_every_framing(gateway, server, chat(), body=body)

    assert [(answer.body == body, answer.end) for answer in answers] == [(True, "whole")] * 3


@pytest.mark.parametrize("path", ["chat/completions", "completions", "messages", "responses"])
async def test_a_stream_is_the_same_by_every_framing(
    gateway: Running, server: ScriptedServer, path: str
) -> None:
    request = post(f"/v1/{path}", {"model": "m1", "stream": True})

    answers = await same_by_every_framing(gateway, server, request)

    sent = b"".join(server.answer(server.calls[0], Behaviour()).parts)
    assert [(answer.body == sent, answer.end) for answer in answers] == [(True, "whole")] * 3


@pytest.mark.parametrize("sizes", [(1,), (2, 3), (1, 7, 3), (13,), (500, 1), (4096,)])
@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_cut_anywhere_arrives_the_same(
    gateway: Running, server: ScriptedServer, sizes: tuple[int, ...], stream: bool
) -> None:
    server.next(Behaviour(), Behaviour(sizes=sizes))

    whole = await ask(gateway.port, chat(stream=stream))
    cut = await ask(gateway.port, chat(stream=stream))

    assert (cut.body, cut.end) == (whole.body, "whole")
    assert gateway.records[0].output_tokens == gateway.records[1].output_tokens


async def test_a_compressed_body_passes_untouched(gateway: Running, server: ScriptedServer) -> None:
    body = gzip.compress(b'{"a": 1}')
    server.next(Behaviour(headers=(("content-encoding", "gzip"),), body=body))

    answer = await ask(gateway.port, chat())

    assert (answer.header("content-encoding"), answer.body) == ("gzip", body)


async def test_trailers_end_at_the_gateway(gateway: Running, server: ScriptedServer) -> None:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    server.next(Behaviour(raw=head + b"2\r\n{}\r\n0\r\nx-late: 1\r\nx-request-id: late\r\n\r\n"))

    async with connected(gateway.port) as client:
        answer = await client.ask(chat())
        after = await client.ask(chat())

    assert (answer.body, answer.header("x-late"), answer.end) == (b"{}", None, "whole")
    assert answer.header("x-request-id") != "late"
    assert after.status == 200


@pytest.mark.parametrize("token", ["keep-alive, x-secret", "X-Secret"])
async def test_fields_that_belong_to_the_connection_end_at_the_gateway(
    gateway: Running, server: ScriptedServer, token: str
) -> None:
    fields = (
        ("connection", token),
        ("x-secret", "1"),
        ("keep-alive", "timeout=5"),
        ("proxy-authenticate", "Basic"),
        ("upgrade", "h2c"),
    )
    server.next(Behaviour(headers=fields))

    answer = await ask(gateway.port, chat())

    assert answer.status == 200
    assert {name for name, _ in fields if answer.header(name)} <= {"connection"}
    assert answer.header("connection") in (None, "keep-alive")


async def test_an_answer_before_the_whole_request_passes(
    gateway: Running, server: ScriptedServer
) -> None:
    server.next(Behaviour(status="401 Unauthorized", early=True, body=BODY))

    async with connected(gateway.port) as client:
        answer = await client.ask(chat(pad="x" * 1_000_000))
        after = await client.ask(chat())

    assert (answer.status, answer.body, answer.end, after.status) == (401, BODY, "whole", 200)


@pytest.mark.parametrize("end", ["keep", "fin", "reset"])
@pytest.mark.parametrize("stream", [False, True])
async def test_bytes_after_an_answer_are_nobodys(
    gateway: Running, server: ScriptedServer, stream: bool, end: str
) -> None:
    poison = b'HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n"poison"'
    server.next(Behaviour(extra=poison, end=end))  # type: ignore[arg-type]

    async with connected(gateway.port) as client:
        answer = await client.ask(chat(stream=stream))
        after = await client.ask(chat())

    assert (answer.status, answer.end) == (200, "whole")
    assert b"poison" not in answer.body + after.body
    assert after.json()["object"] == "chat.completion"
    assert server.calls[0].connection is not server.calls[1].connection
    assert [record.outcome for record in gateway.records] == ["ok", "ok"]


async def test_bytes_that_come_late_after_an_answer_are_nobodys(
    gateway: Running, server: ScriptedServer
) -> None:
    poison = b'HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n"poison"'
    server.next(Behaviour(extra=poison, stepwise=True))

    async with connected(gateway.port) as client:
        client.send(chat())
        await server.step()
        answer = await client.answer()
        await server.step()
        await server.until(lambda s: s.calls[0].connection.closed_by is not None)
        after = await client.ask(chat())

    assert answer.json() == after.json()
    assert server.calls[0].connection.closed_by in ("fin", "reset")


async def test_an_endpoint_that_wants_to_close_is_not_asked_again_on_that_connection(
    gateway: Running, server: ScriptedServer
) -> None:
    server.next(Behaviour(headers=(("connection", "Close"),)))

    async with connected(gateway.port) as client:
        answer = await client.ask(chat())
        after = await client.ask(chat())

    assert (answer.header("connection"), after.status) == (None, 200)
    assert server.calls[0].connection is not server.calls[1].connection
