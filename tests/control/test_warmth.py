"""Local servers are asked what they hold, as seldom as will do, and nobody else is."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from multillama.control.lister import Answer
from multillama.control.warmth import LEARNING_S, LONGEST_S, PERIOD_S, SILENT_S, SKIPS, Prober
from multillama.core.learning import FORGET_S, LEAST_AHEAD
from multillama.core.snapshot import Endpoint, Route, Snapshot, Target
from multillama.errors import GatewayError
from multillama.providers.catalog import BY_NAME
from multillama.tasks import Tasks
from tests.control.scripted import (
    Servers,
    VirtualClock,
    as_json,
    endpoint,
    listing,
    settle,
    status,
)

OLLAMA, BOX = "http://localhost:11434", "http://box:8080"
PS = {"models": [{"name": "m:latest"}]}
SLOTS = [{"id": 0, "is_processing": True}, {"id": 1, "is_processing": False}]


def metrics(*, running: int, waiting: int) -> Answer:
    text = f"vllm:num_requests_running {running}.0\nvllm:num_requests_waiting {waiting}.0\n"
    return as_json(0)._replace(body=text.encode())


class World:
    """A prober with its servers, time and snapshot."""

    def __init__(self) -> None:
        self.servers = Servers()
        self.time = VirtualClock()
        self.failures: list[tuple[str, BaseException]] = []
        self.tasks = Tasks(lambda name, error: self.failures.append((name, error)))
        self.news = 0
        self.told_twice = asyncio.Event()
        self.prober = Prober(self.servers, clock=self.time.clock, on_news=self._on_news)

    def _on_news(self) -> None:
        self.news += 1
        if self.news == 2:
            self.told_twice.set()

    def serve(self, *endpoints: Endpoint, shared: bool = True) -> None:
        """One model on all of them, or one for each."""
        routes = {"m": Route(tuple(Target(one) for one in endpoints))}
        if not shared:
            routes = {one.name: Route((Target(one),)) for one in endpoints}
        self.prober.on_snapshot(Snapshot(endpoints=endpoints, routes=routes))

    async def start(self) -> None:
        self.prober.start(self.tasks)
        await self.time.advance(0)

    def count(self, url: str) -> int:
        return self.servers.calls.count(url)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.tasks.close()
    assert world.failures == []


def listed(url: str, provider: str = "", **facts: Any) -> Endpoint:
    """An endpoint whose models are known."""
    one = endpoint(url)
    one.state.on_listing(models=1, at=0.0, took_ms=1.0)
    facts["provider"] = BY_NAME[provider].name if provider else one.provider
    return msgspec.structs.replace(one, **facts)


def told(one: Endpoint) -> tuple[frozenset[str] | None, int | None, int | None]:
    return one.state.loaded, one.state.slots, one.state.busy_slots


async def test_ollama_tells_which_models_it_holds(world: World) -> None:
    ollama = listed(OLLAMA)
    world.servers.replies[f"{OLLAMA}/api/ps"] = as_json(PS)
    world.serve(ollama, listed("http://other:11434/"))

    await world.start()

    assert told(ollama) == (frozenset({"m:latest"}), None, None)
    assert ollama.state.probed_at == 1000.0


async def test_llama_cpp_tells_its_slots_and_its_model(world: World) -> None:
    box = listed(BOX)
    world.servers.replies |= {f"{BOX}/slots": as_json(SLOTS), f"{BOX}/v1/models": listing("m")}
    world.serve(box)

    await world.start()

    assert told(box) == (frozenset({"m"}), 2, 1)
    assert world.count(f"{BOX}/props") == 0


@pytest.mark.parametrize("code", [404, 501])
async def test_where_slots_are_not_shown_their_number_is_asked_for(world: World, code: int) -> None:
    box = listed(BOX)
    world.servers.replies |= {
        f"{BOX}/slots": status(code),
        f"{BOX}/props": as_json({"total_slots": 3}),
        f"{BOX}/v1/models": listing("m"),
    }
    world.serve(box)

    await world.start()
    await world.time.advance(PERIOD_S)

    assert told(box) == (frozenset({"m"}), 3, None)
    assert (world.count(f"{BOX}/slots"), world.count(f"{BOX}/props")) == (1, 2)


async def test_a_server_that_is_loading_holds_nothing(world: World) -> None:
    box = listed(BOX)
    world.servers.replies[f"{BOX}/slots"] = status(503)
    world.serve(box)

    await world.start()

    assert told(box) == (frozenset(), None, None)


async def test_lm_studio_of_an_older_version_is_understood(world: World) -> None:
    url = "http://localhost:1234"
    studio = listed(url)
    world.servers.replies |= {
        f"{url}/api/v1/models": as_json({"error": "Unexpected endpoint or method."}),
        f"{url}/api/v0/models": as_json({"data": [{"id": "m", "state": "loaded"}]}),
    }
    world.serve(studio, listed(OLLAMA))

    await world.start()
    await world.time.advance(PERIOD_S)

    assert told(studio) == (frozenset({"m"}), None, None)
    assert world.count(f"{url}/api/v1/models") == 1


async def test_vllm_tells_how_much_runs_and_waits(world: World) -> None:
    url = "http://gpu:8000"
    metrics = (
        b'vllm:num_requests_running{engine="0"} 3.0\nvllm:num_requests_waiting{engine="0"} 2.0\n'
    )
    world.servers.replies |= {
        f"{url}/metrics": as_json(0)._replace(body=metrics),
        f"{url}/v1/models": listing("m"),
    }
    vllm = listed(url, "vllm")
    world.serve(vllm)

    await world.start()

    assert told(vllm) == (frozenset({"m"}), 3 + LEAST_AHEAD, 5)
    assert vllm.state.is_limit_learnt


async def test_what_was_learnt_is_looked_at_again_whatever_our_own_traffic(world: World) -> None:
    url = "http://gpu:8000"
    vllm = listed(url, "vllm")
    world.servers.replies[f"{url}/metrics"] = metrics(running=3, waiting=2)
    world.serve(vllm, listed(OLLAMA))
    await world.start()
    limits = [vllm.state.slots]

    for running, waiting in [(8, 1), (2, 0)]:
        world.servers.replies[f"{url}/metrics"] = metrics(running=running, waiting=waiting)
        vllm.state.requests += 1
        await world.time.advance(PERIOD_S)
        limits.append(vllm.state.slots)
    await world.time.advance(FORGET_S)

    assert limits == [5, 10, 10]
    assert vllm.state.slots is None


async def test_sglang_tells_how_many_it_admits_and_is_asked_that_once(world: World) -> None:
    url = "http://localhost:30000"
    sglang = listed(url)
    world.servers.replies |= {
        f"{url}/get_server_info": as_json(
            {"internal_states": [{"effective_max_running_requests_per_dp": 48}] * 2}
        ),
        f"{url}/v1/models": listing("m"),
    }
    world.serve(sglang)

    await world.start()
    await world.time.advance(2 * PERIOD_S)

    assert told(sglang) == (frozenset({"m"}), 96, None)
    assert not sglang.state.is_limit_learnt
    assert (world.count(f"{url}/get_server_info"), world.count(f"{url}/v1/models")) == (1, 3)


async def test_one_that_has_failed_is_asked_for_its_settings_again(world: World) -> None:
    url = "http://localhost:30000"
    info = {"internal_states": [{"effective_max_running_requests_per_dp": 8}]}
    world.servers.replies |= {
        f"{url}/get_server_info": as_json(info),
        f"{url}/v1/models": listing("m"),
    }
    world.serve(listed(url))
    await world.start()

    world.servers.replies[f"{url}/v1/models"] = status(500)
    await world.time.advance(PERIOD_S)
    world.servers.replies[f"{url}/v1/models"] = listing("m")
    await world.time.advance(LONGEST_S)

    assert world.count(f"{url}/get_server_info") > 1


async def test_a_full_queue_of_ollama_is_forgotten_where_it_tells_nothing_else(
    world: World,
) -> None:
    ollama = listed(OLLAMA)
    world.servers.replies[f"{OLLAMA}/v1/models"] = listing("m")
    world.serve(ollama, shared=False)
    await world.start()

    ollama.state.in_flight = 9
    ollama.state.on_refused()
    before = ollama.state.slots
    await world.time.advance(2 * SILENT_S)

    assert (before, ollama.state.slots) == (9, None)


async def test_an_endpoint_that_nobody_looks_at_learns_nothing(world: World) -> None:
    ollama = listed(OLLAMA)
    world.serve(ollama)
    ollama.state.in_flight = 9
    ollama.state.on_refused()
    before = ollama.state.slots

    world.serve(msgspec.structs.replace(ollama, is_local=False))

    assert (before, ollama.state.slots) == (9, None)


async def test_a_base_path_stands_before_the_probes(world: World) -> None:
    ollama = listed(f"{OLLAMA}/proxy/v1")
    world.servers.replies[f"{OLLAMA}/proxy/api/ps"] = as_json(PS)
    world.serve(ollama)

    await world.start()

    assert ollama.state.loaded == {"m:latest"}


@pytest.mark.parametrize(
    "one",
    [
        listed("https://api.openai.com/", "vllm"),
        listed("https://llm.example.com/", "llama.cpp"),
        listed("http://localhost:4891/"),
        endpoint(OLLAMA),  # nothing listed yet: it may be something else
    ],
)
async def test_who_must_not_or_cannot_tell_is_never_asked(world: World, one: Endpoint) -> None:
    world.serve(one)

    await world.start()
    await world.time.advance(LEARNING_S)

    assert world.servers.calls == []


async def test_one_that_is_down_is_left_to_discovery(world: World) -> None:
    box = listed(BOX)
    box.state.on_failure("refused", at=0.0, reached=False)
    world.serve(box)

    await world.start()

    assert world.servers.calls == []


async def test_siblings_are_asked_every_period(world: World) -> None:
    world.servers.replies[f"{OLLAMA}/api/ps"] = as_json(PS)
    world.serve(listed(OLLAMA), listed("http://other:11434/"))

    await world.start()
    await world.time.advance(4 * PERIOD_S)

    assert world.count(f"{OLLAMA}/api/ps") == 5


async def test_an_only_endpoint_without_a_queue_is_asked_seldom(world: World) -> None:
    world.servers.replies[f"{OLLAMA}/api/ps"] = as_json(PS)
    world.serve(listed(OLLAMA), shared=False)

    await world.start()
    await world.time.advance(LEARNING_S)

    assert world.count(f"{OLLAMA}/api/ps") == 2


async def test_learnt_slots_make_a_queue_and_so_the_period_short(world: World) -> None:
    world.servers.replies |= {f"{BOX}/slots": as_json(SLOTS), f"{BOX}/v1/models": listing("m")}
    world.serve(listed(BOX), shared=False)

    await world.start()
    await world.time.advance(2 * PERIOD_S)

    assert world.count(f"{BOX}/slots") == 3


async def test_our_own_traffic_spares_some_rounds_but_not_all(world: World) -> None:
    ollama = listed(OLLAMA)
    world.servers.replies[f"{OLLAMA}/api/ps"] = as_json(PS)
    world.serve(ollama, listed("http://other:11434/"))
    await world.start()

    for _ in range(2 * (SKIPS + 1)):
        ollama.state.requests += 1
        await world.time.advance(PERIOD_S)

    assert world.count(f"{OLLAMA}/api/ps") == 1 + 2


@pytest.mark.parametrize(
    "reply", [GatewayError("idle_timeout", "no answer"), status(500), status(429)]
)
async def test_a_server_in_trouble_is_asked_less_and_less(world: World, reply: Any) -> None:
    ollama = listed(OLLAMA)
    ollama.state.on_probe(loaded=frozenset({"m"}), slots=2, busy=1, at=0.0)
    world.servers.replies[f"{OLLAMA}/api/ps"] = reply
    world.serve(ollama, listed("http://other:11434/"))

    await world.start()
    await world.time.advance(10 + 20 + 40 + 60 + 60)

    assert world.count(f"{OLLAMA}/api/ps") == 6
    assert told(ollama) == (None, 2, None)


async def test_one_that_recovers_is_asked_as_before(world: World) -> None:
    ollama = listed(OLLAMA)
    world.servers.replies[f"{OLLAMA}/api/ps"] = status(500)
    world.serve(ollama, listed("http://other:11434/"))
    await world.start()
    world.servers.replies[f"{OLLAMA}/api/ps"] = as_json(PS)

    await world.time.advance(2 * PERIOD_S + PERIOD_S)

    assert ollama.state.loaded == {"m:latest"}
    assert world.count(f"{OLLAMA}/api/ps") == 3


async def test_a_server_that_tells_nothing_is_left_alone_for_long(world: World) -> None:
    world.servers.replies[f"{OLLAMA}/v1/models"] = listing("m")
    world.serve(listed(OLLAMA), listed("http://other:11434/"))

    await world.start()
    await world.time.advance(SILENT_S - 1)
    before = world.count(f"{OLLAMA}/api/ps")
    await world.time.advance(1)

    assert (before, world.count(f"{OLLAMA}/api/ps")) == (1, 2)


async def test_a_server_that_hangs_is_given_up_and_holds_up_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("multillama.control.warmth.ROUND_S", 0.01)
    slow, quick = listed(BOX), listed(OLLAMA)
    slow.state.on_probe(loaded=frozenset({"m"}), slots=None, busy=None, at=0.0)
    world.servers.gates[slow.name] = asyncio.Event()
    world.servers.replies[f"{OLLAMA}/api/ps"] = as_json(PS)
    world.serve(slow, quick)

    await world.start()
    async with asyncio.timeout(5):
        await world.told_twice.wait()

    assert told(slow) == (None, None, None)
    assert (slow.state.is_doubted, quick.state.is_doubted) == (True, False)
    assert quick.state.loaded == {"m:latest"}


async def test_only_a_change_is_news(world: World) -> None:
    world.servers.replies[f"{OLLAMA}/api/ps"] = as_json(PS)
    world.serve(listed(OLLAMA))
    await world.start()
    await world.time.advance(LEARNING_S)
    before = world.news

    world.servers.replies[f"{OLLAMA}/api/ps"] = as_json({"models": []})
    await world.time.advance(LEARNING_S)

    assert (before, world.news) == (1, 2)


async def test_a_new_snapshot_keeps_the_pace_and_drops_who_is_gone(world: World) -> None:
    ollama = listed(OLLAMA)
    world.servers.replies |= {f"{OLLAMA}/api/ps": as_json(PS), f"{BOX}/slots": as_json(SLOTS)}
    world.serve(ollama, listed(BOX))
    await world.start()

    world.serve(ollama)
    await world.time.advance(PERIOD_S)

    assert (world.count(f"{OLLAMA}/api/ps"), world.count(f"{BOX}/slots")) == (1, 1)


async def test_one_that_is_found_to_be_another_kind_is_asked_anew(world: World) -> None:
    url = "http://gpu:8080"
    world.servers.replies |= {f"{url}/slots": as_json(SLOTS), f"{url}/metrics": status(404)}
    guess = listed(url)
    world.serve(guess)
    await world.start()

    world.serve(msgspec.structs.replace(guess, provider="vllm"))
    await world.time.advance(1)
    await settle()

    assert world.count(f"{url}/metrics") == 1


def test_the_wait_is_bounded() -> None:
    assert PERIOD_S < LEARNING_S <= LONGEST_S < SILENT_S
