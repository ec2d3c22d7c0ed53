"""What llama.cpp tells of itself: which model it holds, how many slots it has, and how many are busy."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from openai import AsyncOpenAI

from multillama.app.calling import Calling
from multillama.config.schema import EndpointSetting
from multillama.control.discovery import Clock
from multillama.control.endpoints import make_endpoints
from multillama.control.lister import list_models
from multillama.control.warmth import Prober
from multillama.core.endpoints_state import EndpointState
from multillama.core.snapshot import Snapshot, Timeouts
from tests.e2e.conftest import TIMEOUT_S, Models

pytestmark = pytest.mark.timeout(60)  # the first test loads the model


@pytest.fixture
async def calling() -> AsyncIterator[Calling]:
    failures: list[tuple[str, BaseException]] = []
    calling = Calling(Timeouts(), lambda name, error: failures.append((name, error)))
    yield calling
    await calling.close()
    assert failures == []


async def probed(url: str, calling: Calling) -> EndpointState:
    """The state of a server after one round of probes."""
    (endpoint,) = make_endpoints([EndpointSetting(url=url)], {})
    listed = await list_models(endpoint, calling.fetch)
    listed.endpoint.state.on_listing(models=len(listed.rows), at=0.0, took_ms=0.0)
    told = asyncio.Event()
    clock = Clock(time.monotonic, time.time, asyncio.sleep)
    prober = Prober(calling.probe, clock=clock, on_news=told.set)
    prober.on_snapshot(Snapshot(endpoints=(listed.endpoint,)))
    prober.start(calling.tasks)
    async with asyncio.timeout(TIMEOUT_S):
        await told.wait()
    return listed.endpoint.state


async def test_a_server_at_rest_tells_its_model_and_its_free_slot(
    models: Models, calling: Calling
) -> None:
    state = await probed(models.chat, calling)

    assert (state.loaded, state.slots, state.busy_slots) == (frozenset({"smollm2-135m"}), 1, 0)


async def test_a_server_at_work_tells_its_busy_slot(models: Models, calling: Calling) -> None:
    async with AsyncOpenAI(
        base_url=f"{models.chat}/v1", api_key="none", timeout=TIMEOUT_S
    ) as client:
        stream = await client.chat.completions.create(
            model="smollm2-135m",
            messages=[{"role": "user", "content": "Tell a very long story."}],
            max_tokens=400,
            stream=True,
            extra_body={"ignore_eos": True},
        )
        await anext(aiter(stream))

        state = await probed(models.chat, calling)
        await stream.close()

    assert (state.slots, state.busy_slots) == (1, 1)
