"""Bad networks between client, gateway and endpoint: whatever arrives is right, or is told to be broken."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from multillama.testing.behaviours import Behaviour
from multillama.testing.server import ScriptedServer
from tests.faults.client import Answer, ask, chat
from tests.faults.gateway import Running, running
from tests.faults.toxic import ToxicProxy

TEXT = b"".join(b"%06d " % number for number in range(1000))
OFFSETS = [0, 1, 17, 60, 120, 125, 130, 200, 400, 700, 1100]
"""Where a connection ends: in the head of the answer, at its end, in chunk sizes and in events."""


@pytest.fixture
async def far(server: ScriptedServer) -> AsyncIterator[ToxicProxy]:
    """What lies between the gateway and its endpoint."""
    async with ToxicProxy(server.port) as proxy:
        yield proxy


@pytest.fixture
async def behind(far: ToxicProxy) -> AsyncIterator[Running]:
    """A gateway whose endpoint is far."""
    async with running(far.url) as gateway:
        yield gateway


def is_error_of_ours(answer: Answer) -> bool:
    return answer.status in (502, 504) and answer.end == "whole" and "origin" in answer.error


@pytest.mark.parametrize("stream", [False, True])
async def test_latency_delays_and_changes_nothing(
    behind: Running, far: ToxicProxy, server: ScriptedServer, stream: bool
) -> None:
    whole = await ask(server.port, chat(stream=stream))
    far.up.latency_s = far.down.latency_s = 0.05

    answer = await ask(behind.port, chat(stream=stream))

    assert (answer.body, answer.end) == (whole.body, "whole")
    assert ((await behind.record()).first_byte_ms or 0) >= 95


async def test_a_narrow_line_delivers_everything(
    behind: Running, far: ToxicProxy, server: ScriptedServer
) -> None:
    server.next(Behaviour(body=TEXT * 20))
    far.down.bandwidth_bytes_per_s, far.down.slicer_bytes = 1_000_000, 10_000

    answer = await ask(behind.port, chat())

    assert (answer.body, answer.end) == (TEXT * 20, "whole")


@pytest.mark.parametrize("size", [1, 2, 7])
@pytest.mark.parametrize("stream", [False, True])
async def test_slices_of_any_size_make_the_same_answer(
    behind: Running, far: ToxicProxy, server: ScriptedServer, size: int, stream: bool
) -> None:
    whole = await ask(server.port, chat(stream=stream))
    far.up.slicer_bytes = far.down.slicer_bytes = size

    answer = await ask(behind.port, chat(stream=stream))

    assert (answer.body, answer.end) == (whole.body, "whole")
    assert server.calls[1].body == server.calls[0].body


@pytest.mark.parametrize(
    "toxic", ["reset_peer_after_bytes", "limit_data_bytes", "half_close_after_bytes"]
)
@pytest.mark.parametrize("after", OFFSETS)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_line_cut_anywhere_never_looks_like_a_whole_answer(
    behind: Running, far: ToxicProxy, server: ScriptedServer, stream: bool, after: int, toxic: str
) -> None:
    server.default = Behaviour(body=None if stream else TEXT)
    setattr(far.down, toxic, after)

    answer = await ask(behind.port, chat(stream=stream))

    if answer.status != 200:
        assert is_error_of_ours(answer)
    elif stream:
        assert answer.end == "whole"
        assert '"code":"endpoint_truncated"' in answer.events[-1]
        assert b"[DONE]" not in answer.body
    else:
        assert answer.end in ("cut", "reset")
        assert TEXT.startswith(answer.body)
    assert (await behind.record()).outcome in ("failed", "truncated")


@pytest.mark.parametrize("after", [0, 60])
async def test_a_line_gone_dead_before_the_answer_is_given_up(
    behind: Running, far: ToxicProxy, after: int
) -> None:
    far.down.timeout_after_bytes = after

    answer = await ask(behind.port, chat())

    assert (answer.status, answer.error["code"]) == (504, "first_byte_timeout")


async def test_a_line_gone_dead_in_a_stream_is_told_inside_it(
    behind: Running, far: ToxicProxy
) -> None:
    far.down.timeout_after_bytes = 700

    answer = await ask(behind.port, chat(stream=True))

    assert answer.end == "whole"
    assert '"code":"idle_timeout"' in answer.events[-1]


async def test_a_close_that_is_late_delays_no_answer(
    behind: Running, far: ToxicProxy, server: ScriptedServer
) -> None:
    far.down.slow_close_s = 5.0
    server.next(Behaviour(end="fin"))
    before = asyncio.get_running_loop().time()

    answer = await ask(behind.port, chat())

    assert (answer.status, answer.end) == (200, "whole")
    assert asyncio.get_running_loop().time() - before < 1.0


async def test_a_client_behind_a_slow_line_gets_its_stream(server: ScriptedServer) -> None:
    async with running(server.url) as gateway, ToxicProxy(gateway.port) as near:
        near.up.slicer_bytes = near.down.slicer_bytes = 3
        near.down.latency_s = 0.01

        answer = await ask(near.port, chat(stream=True))

        assert (answer.end, answer.events[-1]) == ("whole", "data: [DONE]")
        assert (await gateway.record()).outcome == "ok"


@pytest.mark.parametrize("toxic", ["reset_peer_after_bytes", "limit_data_bytes"])
async def test_a_client_whose_line_is_cut_cancels_its_stream(
    server: ScriptedServer, toxic: str
) -> None:
    server.next(Behaviour(events=1000, every_s=0.005))
    async with running(server.url) as gateway, ToxicProxy(gateway.port) as near:
        setattr(near.down, toxic, 1000)

        answer = await ask(near.port, chat(stream=True))

        assert answer.end in ("cut", "reset")
        assert (await gateway.record()).outcome == "cancelled"
        await server.until(lambda s: s.disconnects == 1)
