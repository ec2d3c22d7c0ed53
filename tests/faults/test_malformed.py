"""An endpoint that does not speak HTTP, or speaks it wrongly, is told as such and never passed on."""

import pytest

from multillama.testing.behaviours import Behaviour
from multillama.testing.server import ScriptedServer
from tests.faults.client import ask, chat, connected
from tests.faults.gateway import Running
from tests.faults.malformed import MALFORMED, malformed

LF_ALONE = b"HTTP/1.1 200 OK\ncontent-length: 2\n\n{}"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_no_answer_becomes_an_error_of_ours(
    gateway: Running, server: ScriptedServer, name: str
) -> None:
    server.next(malformed(MALFORMED[name]))

    async with connected(gateway.port) as client:
        answer = await client.ask(chat())
        after = await client.ask(chat())

    assert (answer.status, answer.end) == (502, "whole")
    assert answer.error["code"] == "endpoint_malformed"
    assert answer.error["origin"] == f"endpoint:127.0.0.1:{server.port}"
    assert after.status == 200
    assert server.calls[1].connection is not server.calls[0].connection
    assert [record.outcome for record in gateway.records] == ["failed", "ok"]


@pytest.mark.parametrize("size", [1, 5])
@pytest.mark.parametrize("name", ["SSH banner", "NUL in a field", "two lengths", "101"])
async def test_what_is_no_answer_is_found_out_in_small_pieces_too(
    gateway: Running, server: ScriptedServer, name: str, size: int
) -> None:
    server.next(Behaviour(raw=MALFORMED[name], sizes=(size,)))

    answer = await ask(gateway.port, chat())

    assert (answer.status, answer.error["code"]) == (502, "endpoint_malformed")


async def test_lines_that_end_in_lf_alone_are_no_head(
    gateway: Running, server: ScriptedServer
) -> None:
    server.next(Behaviour(raw=LF_ALONE, end="fin"))

    answer = await ask(gateway.port, chat())

    assert (answer.status, answer.end) == (502, "whole")
    assert answer.error["origin"] == f"endpoint:127.0.0.1:{server.port}"


@pytest.mark.parametrize("name", MALFORMED)
async def test_after_what_is_no_answer_the_next_endpoint_answers(
    pair: Running, server: ScriptedServer, second: ScriptedServer, name: str
) -> None:
    server.next(malformed(MALFORMED[name]))

    answer = await ask(pair.port, chat())

    assert answer.json()["choices"][0]["message"]["content"] == "From the second."
    assert (len(server.calls), len(second.calls)) == (1, 1)
    assert (await pair.record()).tried == (f"127.0.0.1:{server.port}: endpoint_malformed",)


@pytest.mark.parametrize("end", ["fin", "reset"])
async def test_a_head_that_breaks_off_is_told(
    gateway: Running, server: ScriptedServer, end: str
) -> None:
    server.next(Behaviour(cut="mid-head", end=end))  # type: ignore[arg-type]

    answer = await ask(gateway.port, chat())

    assert (answer.status, answer.end) == (502, "whole")
    assert answer.error["origin"] == f"endpoint:127.0.0.1:{server.port}"
    assert (await gateway.record()).outcome == "failed"


@pytest.mark.parametrize(
    "interim",
    [
        INTERIM,
        INTERIM * 10,
        b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n",
        b"HTTP/1.1 102 P\r\n\r\n",
    ],
    ids=["100", "ten times 100", "103", "102"],
)
async def test_interim_answers_are_left_out(
    gateway: Running, server: ScriptedServer, interim: bytes
) -> None:
    server.next(Behaviour(first=interim))

    answer = await ask(gateway.port, chat())

    assert (answer.status, answer.end, answer.interim) == (200, "whole", ())
    assert answer.header("link") is None


@pytest.mark.parametrize("size", range(1, 60))
async def test_an_interim_answer_may_be_split_anywhere(
    gateway: Running, server: ScriptedServer, size: int
) -> None:
    server.next(Behaviour(first=INTERIM, sizes=(size, 10_000), every_s=0.001))

    answer = await ask(gateway.port, chat())

    assert (answer.status, answer.end) == (200, "whole")


async def test_interim_answers_of_one_request_do_not_count_for_the_next(
    gateway: Running, server: ScriptedServer
) -> None:
    server.next(*[Behaviour(first=INTERIM * 6) for _ in range(3)])

    async with connected(gateway.port) as client:
        statuses = [(await client.ask(chat())).status for _ in range(3)]

    assert statuses == [200, 200, 200]
    assert len({id(call.connection) for call in server.calls}) == 1
