"""Lists stay fresh in the background: who answers appears, who is down keeps its models and is asked again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest

from multillama.config.schema import EndpointSetting
from multillama.control import discovery as module
from multillama.control.compile import compile_snapshot
from multillama.control.discovery import Discovery
from multillama.control.endpoints import make_endpoints
from multillama.control.routes import all_models, selection
from multillama.core.record import Record
from multillama.core.snapshot import Endpoint, Limits, Snapshot, Timeouts
from multillama.errors import GatewayError
from multillama.tasks import Tasks
from tests.control.scripted import (
    REFUSED,
    Servers,
    VirtualClock,
    as_json,
    listing,
    settle,
    status,
)

CANARY = "sk-CANARY-0123456789"
UNKNOWN = Record(id="r", at=0, operation="chat", status=404, outcome="refused", error="model_not_found",
                 total_ms=1)  # fmt: skip
SERVED = Record(id="r", at=0, operation="chat", status=200, outcome="ok", total_ms=1)


class World:
    """Endpoints, their servers, the clock, and what has been published."""

    def __init__(self) -> None:
        self.servers = Servers()
        self.time = VirtualClock()
        self.published: list[Snapshot] = []
        self.reported: list[tuple[str, BaseException]] = []
        self.tasks = Tasks(lambda name, error: self.reported.append((name, error)))
        self.endpoints: tuple[Endpoint, ...] = ()

    def discover(self, *urls: str, refresh_s: float = 300.0, key: str | None = None) -> Discovery:
        settings = [EndpointSetting(url=url, key=key) for url in urls]
        self.endpoints = make_endpoints(settings, {})
        discovery = Discovery(
            self.endpoints,
            fetch=self.servers,
            compile=partial(compile_snapshot, api_key=b"k", timeouts=Timeouts(), limits=Limits()),
            publish=self.published.append,
            clock=self.time.clock,
            refresh_s=refresh_s,
        )
        discovery.start(self.tasks)
        return discovery

    def models(self) -> list[str]:
        return sorted(self.published[-1].routes)

    def asked(self) -> int:
        """How often a list was asked for since the last time this was told."""
        count = len(self.servers.calls)
        self.servers.calls.clear()
        return count


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.tasks.close()
    assert world.reported == []


async def test_the_seeds_three_endpoints_list_side_by_side(world: World) -> None:
    world.servers.replies = {
        "https://api.openai.com/v1/models": listing("gpt-4o"),
        "https://api.anthropic.com/v1/models?limit=1000": as_json(
            {"data": [{"type": "model", "id": "claude", "display_name": "C"}], "has_more": False}
        ),
        "http://localhost:11434/v1/models": listing("llama3:8b", owned_by="library"),
    }
    discovery = world.discover(
        "https://api.openai.com/", "https://api.anthropic.com/", "http://localhost:11434/"
    )

    await discovery.first_round(10)

    assert world.models() == ["claude", "gpt-4o", "llama3:8b"]
    assert [(r.name, r.provider, r.models, r.error) for r in discovery.reports()] == [
        ("api.openai.com", "OpenAI", 1, None),
        ("api.anthropic.com", "Anthropic", 1, None),
        ("localhost:11434", "Ollama", 1, None),
    ]


async def test_the_endpoints_are_published_before_any_has_answered(world: World) -> None:
    world.discover("http://h/")

    assert [snapshot.endpoints for snapshot in world.published] == [world.endpoints]
    assert (world.published[0].routes, world.published[0].api_key) == ({}, b"k")


async def test_all_endpoints_are_asked_at_once(world: World) -> None:
    for name in ("a", "b", "c"):
        world.servers.gates[name] = asyncio.Event()
    world.discover("http://a/", "http://b/", "http://c/")

    await settle()

    assert sorted(world.servers.calls) == [
        "http://a/v1/models",
        "http://b/v1/models",
        "http://c/v1/models",
    ]


async def test_a_thousand_endpoints_are_not_asked_in_one_breath(world: World) -> None:
    names = [f"h{n}" for n in range(module.AT_ONCE + 10)]
    gate = asyncio.Event()
    world.servers.gates = dict.fromkeys(names, gate)
    discovery = world.discover(*(f"http://{name}/" for name in names))
    await settle()
    begun = world.asked()

    gate.set()
    await discovery.first_round(10)

    assert (begun, world.asked()) == (module.AT_ONCE, 10)


async def test_a_slow_endpoint_holds_up_neither_the_start_nor_the_others(world: World) -> None:
    world.servers.replies = {
        "http://quick/v1/models": listing("a"),
        "http://slow/v1/models": listing("b"),
    }
    gate = world.servers.gates["slow"] = asyncio.Event()
    discovery = world.discover("http://quick/", "http://slow/")
    await settle()

    await discovery.first_round(0)
    before = (world.models(), [r.error for r in discovery.reports()], discovery.waiting())
    gate.set()
    await world.time.advance(1)

    assert before == (["a"], [None, "It has not answered yet."], ("slow",))
    assert discovery.waiting() == ()
    assert world.models() == ["a", "b"]


async def test_without_endpoints_the_first_round_is_over(world: World) -> None:
    discovery = world.discover()

    await discovery.first_round(10)

    assert (world.models(), discovery.reports()) == ([], ())


async def test_lists_are_refreshed_when_their_time_is_over(world: World) -> None:
    world.servers.replies = {"http://h/v1/models": listing("a")}
    await world.discover("http://h/", refresh_s=60).first_round(10)
    world.servers.replies = {"http://h/v1/models": listing("a", "b")}
    world.asked()

    await world.time.advance(59)
    early = world.asked()
    await world.time.advance(2)

    assert (early, world.asked()) == (0, 1)
    assert world.models() == ["a", "b"]


async def test_a_list_that_has_not_changed_makes_no_snapshot(world: World) -> None:
    world.servers.replies = {"http://h:8000/v1/models": listing("a", owned_by="sglang")}
    await world.discover("http://h:8000/", refresh_s=60).first_round(10)
    count = len(world.published)

    await world.time.advance(600)

    assert world.asked() == 11
    assert len(world.published) == count


async def test_a_model_that_is_gone_leaves_the_list(world: World) -> None:
    world.servers.replies = {"http://h/v1/models": listing("a", "b")}
    await world.discover("http://h/", refresh_s=60).first_round(10)
    world.servers.replies = {"http://h/v1/models": listing("b")}

    await world.time.advance(61)

    assert world.models() == ["b"]


async def test_an_endpoint_that_is_down_is_asked_less_and_less_often(world: World) -> None:
    world.servers.replies = {"http://h/v1/models": REFUSED}
    await world.discover("http://h/").first_round(10)
    times = []

    for second in range(1, 62):
        world.asked()
        await world.time.advance(1)
        times += [second] * world.asked()

    assert times == [1, 3, 7, 15, 30, 45, 60]


async def test_an_endpoint_that_comes_back_appears_at_once(world: World) -> None:
    world.servers.replies = {"http://h/v1/models": REFUSED}
    discovery = world.discover("http://h/")
    await discovery.first_round(10)
    down = (world.models(), discovery.reports()[0].error, world.endpoints[0].state.is_up)
    world.servers.replies = {"http://h/v1/models": listing("a")}

    await world.time.advance(2)

    assert down == ([], REFUSED.text, False)
    assert (world.models(), discovery.reports()[0].error) == (["a"], None)
    assert world.endpoints[0].state.is_up is True


async def test_an_endpoint_that_goes_down_keeps_its_models(world: World) -> None:
    world.servers.replies = {"http://h/v1/models": listing("a")}
    discovery = world.discover("http://h/", refresh_s=60)
    await discovery.first_round(10)
    world.servers.replies = {"http://h/v1/models": REFUSED}

    await world.time.advance(90)

    report = discovery.reports()[0]
    assert world.models() == ["a"]
    assert (report.models, report.error) == (
        1,
        REFUSED.text,
    )


async def test_an_endpoint_that_live_traffic_finds_down_is_asked_until_it_is_back(
    world: World,
) -> None:
    world.servers.replies = {"http://h/v1/models": listing("a")}
    await world.discover("http://h/").first_round(10)
    state = world.endpoints[0].state
    world.servers.replies = {"http://h/v1/models": REFUSED}
    state.on_failure("connection refused", at=0, reached=False)
    world.asked()

    await world.time.advance(4)
    while_down = world.asked()
    world.servers.replies = {"http://h/v1/models": listing("a", "new")}
    await world.time.advance(5)

    assert while_down == 3
    assert state.is_up is True
    assert world.models() == ["a", "new"]


async def test_the_live_state_tells_what_a_listing_found(world: World) -> None:
    world.servers.replies = {"http://h/v1/models": listing("a", "b")}
    await world.discover("http://h/").first_round(10)

    state = world.endpoints[0].state

    assert (state.is_up, state.models, state.listed_at, state.listing_ms) == (
        True,
        2,
        1.7e9 + 1000,
        0,
    )
    assert (state.failures, state.last_error) == (0, None)


async def test_a_failed_listing_is_no_failed_request(world: World) -> None:
    world.servers.replies = {"http://h/v1/models": status(500)}
    await world.discover("http://h/").first_round(10)

    state = world.endpoints[0].state

    assert (state.failures, state.is_up) == (0, None)
    assert (state.last_error, state.last_error_at) == (
        "It is not ready to list its models (500).",
        1.7e9 + 1000,
    )


async def test_an_endpoint_that_answers_anything_is_not_down(world: World) -> None:
    world.servers.replies = {"http://h/v1/models": REFUSED}
    await world.discover("http://h/").first_round(10)
    world.servers.replies = {"http://h/v1/models": status(503)}

    await world.time.advance(2)

    assert world.endpoints[0].state.is_up is None


async def test_a_refused_key_is_not_hammered(world: World) -> None:
    world.servers.replies = {"https://api.openai.com/v1/models": status(401)}
    discovery = world.discover("https://api.openai.com/", refresh_s=300, key=CANARY)
    await discovery.first_round(10)
    world.asked()

    await world.time.advance(299)
    early = world.asked()
    await world.time.advance(2)

    assert (early, world.asked()) == (0, 1)
    assert discovery.reports()[0].error == "The key was refused (401): check its key."


async def test_an_unknown_model_makes_everyone_asked_at_once(world: World) -> None:
    world.servers.replies = {"http://h/v1/models": listing("a"), "http://i/v1/models": listing("b")}
    discovery = world.discover("http://h/", "http://i/")
    await discovery.first_round(10)
    world.servers.replies["http://h/v1/models"] = listing("a", "new")
    world.asked()

    discovery.on_record(UNKNOWN)
    await settle()
    asked = world.asked()
    await world.time.advance(0.1)

    assert asked == 2
    assert world.models() == ["a", "b", "new"]


async def test_unknown_models_are_looked_for_once_in_five_seconds(world: World) -> None:
    world.servers.replies = {"http://h/v1/models": listing("a")}
    discovery = world.discover("http://h/")
    await discovery.first_round(10)
    world.asked()
    counts = []

    for _ in range(10):
        discovery.on_record(UNKNOWN)
        await world.time.advance(0.5)
        counts.append(world.asked())
    await world.time.advance(60)

    # the first at once, those after it together when the time is over, and then none
    assert counts == [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert world.asked() == 0


async def test_other_records_ask_nobody(world: World) -> None:
    world.servers.replies = {"http://h/v1/models": listing("a")}
    discovery = world.discover("http://h/")
    await discovery.first_round(10)
    world.asked()

    discovery.on_record(SERVED)
    await settle()

    assert world.asked() == 0


async def test_a_record_before_the_start_is_no_reason_to_fail() -> None:
    world = World()
    discovery = Discovery(
        (), fetch=world.servers, compile=lambda *_: Snapshot(), publish=world.published.append,
        clock=world.time.clock,
    )  # fmt: skip

    discovery.on_record(UNKNOWN)

    assert world.published == []


async def test_an_endpoint_is_never_asked_twice_at_the_same_time(world: World) -> None:
    gate = world.servers.gates["h"] = asyncio.Event()
    discovery = world.discover("http://h/", refresh_s=1)
    await settle()

    discovery.on_record(UNKNOWN)
    await world.time.advance(10)
    count = world.asked()
    gate.set()

    assert count == 1


async def test_answers_that_come_close_together_make_one_snapshot(world: World) -> None:
    names = [f"h{n}" for n in range(50)]
    world.servers.replies = {f"http://{name}/v1/models": listing(name) for name in names}
    world.discover(*(f"http://{name}/" for name in names))

    await world.time.advance(0.5)

    assert [len(snapshot.routes) for snapshot in world.published] == [0, 50]


async def test_the_longer_compiling_takes_the_rarer_it_is_done(world: World) -> None:
    names = [f"h{n}" for n in range(20)]
    world.servers.replies = {f"http://{name}/v1/models": listing(name) for name in names}
    gates = world.servers.gates = {name: asyncio.Event() for name in names}
    discovery = world.discover()
    await discovery.first_round(10)

    def slow(*arguments: object) -> Snapshot:
        world.time.at += 1.0
        return Snapshot()

    discovery = Discovery(
        make_endpoints([EndpointSetting(url=f"http://{name}/") for name in names], {}),
        fetch=world.servers, compile=slow, publish=world.published.append, clock=world.time.clock,
    )  # fmt: skip
    discovery.start(world.tasks)
    world.published.clear()
    for gate in gates.values():
        gate.set()
        await world.time.advance(1)
    await world.time.advance(20)

    assert 1 <= len(world.published) <= 4


async def test_an_endpoint_is_called_as_its_answers_have_shown(world: World) -> None:
    world.servers.replies = {"http://h:9/models": listing("a", owned_by="vllm")}
    discovery = world.discover("http://h:9/", refresh_s=60)
    await discovery.first_round(10)
    first = world.published[-1].endpoints[0]

    await world.time.advance(61)

    report = discovery.reports()[0]
    assert first.paths["chat"] == b"/chat/completions"
    assert first.state is world.endpoints[0].state
    assert (report.provider, report.note) == ("vLLM", "listed through /models")
    assert world.published[-1].endpoints[0] is first


async def test_another_server_at_the_same_place_is_noticed(world: World) -> None:
    world.servers.replies = {"http://h:9/models": listing("a")}
    discovery = world.discover("http://h:9/", refresh_s=60)
    await discovery.first_round(10)
    world.servers.replies = {"http://h:9/v1/models": listing("a")}

    await world.time.advance(61)

    assert world.published[-1].endpoints[0].paths["chat"] == b"/v1/chat/completions"
    assert discovery.reports()[0].note is None


async def test_a_listing_that_never_ends_is_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LISTING_S", 0)
    world.servers.gates["h"] = asyncio.Event()
    discovery = world.discover("http://h/")

    await discovery.first_round(10)

    assert discovery.reports()[0].error == "It did not list its models within 0 s."
    assert world.endpoints[0].state.is_up is False


async def test_a_fault_of_our_own_is_reported_and_does_not_stop_the_rest() -> None:
    world = World()

    def broken(_: object) -> None:
        raise RuntimeError("boom")

    world.servers.replies = {"http://h/v1/models": broken, "http://i/v1/models": listing("b")}  # type: ignore[dict-item]
    discovery = world.discover("http://h/", "http://i/")

    await discovery.first_round(10)
    await world.tasks.close()

    assert world.models() == ["b"]
    assert [(name, str(error)) for name, error in world.reported] == [("list h", "boom")]


async def test_closing_the_tasks_ends_discovery() -> None:
    world = World()
    world.discover("http://h/")
    await settle()

    await world.tasks.close()
    world.asked()
    await world.time.advance(100)

    assert world.asked() == 0


@pytest.mark.parametrize(
    "reply",
    [
        listing("a"),
        status(401),
        status(302, location=f"https://h/?k={CANARY}"),
        as_json({"error": {"message": f"Incorrect API key provided: {CANARY}"}}),
        as_json({"error": {"message": f"Incorrect API key provided: {CANARY}"}}, status=401),
        GatewayError("endpoint_unreachable", "connection refused"),
    ],
)
async def test_no_report_and_no_list_holds_a_key(world: World, reply: object) -> None:
    url = f"https://api.openai.com/v1/models?code={CANARY}"
    world.servers.replies = {url: reply}  # type: ignore[dict-item]
    discovery = world.discover(f"https://api.openai.com/?code={CANARY}", key=CANARY)

    await discovery.first_round(10)

    shown = [
        repr(discovery.reports()),
        repr(world.published),
        str(world.endpoints[0].state.last_error),
    ]
    shown += [repr(snapshot.lists) + repr(snapshot.rows) for snapshot in world.published]
    assert [text for text in shown if CANARY in text] == []


# a reload


async def again(world: World, discovery: Discovery, *settings: EndpointSetting) -> None:
    """Reload with these endpoints; live states stay with their names."""
    states = {one.name: one.state for one in world.endpoints}
    world.endpoints = make_endpoints(settings, states)
    discovery.reconfigure(
        world.endpoints,
        compile=partial(compile_snapshot, timeouts=Timeouts(idle_s=1), limits=Limits()),
        select=selection(dict(zip((e.name for e in world.endpoints), settings, strict=True))),
        refresh_s=300.0,
    )
    await discovery.published()


def setting(url: str, **facts: object) -> EndpointSetting:
    return EndpointSetting(url=url, **facts)  # type: ignore[arg-type]


async def listed_a_and_b(world: World) -> Discovery:
    world.servers.replies = {
        "http://a/v1/models": listing("m", "n"),
        "http://b/v1/models": listing("m"),
        "http://c/v1/models": listing("o"),
    }
    discovery = world.discover("http://a/", "http://b/")
    await discovery.first_round(10)
    world.asked()
    return discovery


async def test_an_endpoint_that_stays_the_same_stays_the_same_object_with_its_models(
    world: World,
) -> None:
    discovery = await listed_a_and_b(world)
    before = world.published[-1].endpoints

    await again(world, discovery, setting("http://a/"), setting("http://b/"))
    await settle()

    after = world.published[-1]
    assert all(old is new for old, new in zip(before, after.endpoints, strict=True))
    assert (world.models(), after.timeouts.idle_s, world.asked()) == (["m", "n"], 1, 0)


async def test_a_new_endpoint_is_asked_at_once_and_its_models_appear(world: World) -> None:
    discovery = await listed_a_and_b(world)

    await again(world, discovery, setting("http://a/"), setting("http://c/"))
    at_once = world.models()
    await world.time.advance(0.5)

    assert (at_once, world.models()) == (["m", "n"], ["m", "n", "o"])
    assert world.servers.calls == ["http://c/v1/models"]


async def test_an_endpoint_that_is_gone_is_gone_from_the_routes_and_no_longer_asked(
    world: World,
) -> None:
    discovery = await listed_a_and_b(world)

    await again(world, discovery, setting("http://b/"))
    await world.time.advance(400)

    assert world.models() == ["m"]
    assert "http://a/v1/models" not in world.servers.calls
    assert [report.name for report in discovery.reports()] == ["b"]


async def test_weights_change_without_a_new_list(world: World) -> None:
    discovery = await listed_a_and_b(world)

    await again(world, discovery, setting("http://a/", weight=3.0), setting("http://b/"))
    await settle()

    assert [target.weight for target in world.published[-1].routes["m"].targets] == [3.0, 1.0]
    assert world.asked() == 0


async def test_another_key_asks_anew_and_keeps_the_models_until_then(world: World) -> None:
    discovery = await listed_a_and_b(world)
    world.servers.gates["a"] = asyncio.Event()

    await again(world, discovery, setting("http://a/", key="k"), setting("http://b/"))
    await settle()
    meanwhile, asked = world.models(), world.asked()
    world.servers.replies["http://a/v1/models"] = listing("p")
    world.servers.gates["a"].set()
    await world.time.advance(1)

    assert (meanwhile, asked, world.models()) == (["m", "n"], 1, ["m", "p"])


async def test_what_an_answer_has_corrected_stays_corrected(world: World) -> None:
    world.servers.replies = {"http://h:8000/v1/models": listing("m", owned_by="vllm")}
    discovery = world.discover("http://h:8000/")
    await discovery.first_round(10)

    await again(world, discovery, setting("http://h:8000/", weight=2.0))

    (endpoint,) = world.published[-1].endpoints
    assert (endpoint.provider, endpoint.weight) == ("vllm", 2.0)


async def test_an_answer_to_the_old_key_counts_no_more(world: World) -> None:
    world.servers.replies = {"http://a/v1/models": listing("old")}
    world.servers.gates["a"] = asyncio.Event()
    discovery = world.discover("http://a/")
    await settle()

    await again(world, discovery, setting("http://a/", key="k"))
    world.servers.gates["a"].set()
    await settle()
    stale = world.models()
    world.servers.replies = {"http://a/v1/models": listing("new")}
    await world.time.advance(2)

    assert (stale, world.models()) == ([], ["new"])


async def test_globs_take_effect_without_a_new_list(world: World) -> None:
    discovery = await listed_a_and_b(world)

    await again(world, discovery, setting("http://a/", exclude=("m",)), setting("http://b/"))
    await settle()

    assert [one.endpoint.name for one in world.published[-1].routes["m"].targets] == ["b"]
    assert [report.models for report in discovery.reports()] == [1, 1]
    assert world.published[-1].endpoints[0].state.models == 1
    assert world.asked() == 0


class Beside:
    """Compiles when it is told to."""

    def __init__(self, discovery: Discovery) -> None:
        self.gates: list[asyncio.Event] = []
        discovery.beside = self

    async def __call__(self, compiled: Callable[[], Snapshot]) -> Snapshot:
        snapshot = compiled()
        self.gates.append(asyncio.Event())
        await self.gates[-1].wait()
        return snapshot


async def test_news_that_come_while_a_snapshot_is_made_are_in_the_next(world: World) -> None:
    discovery = await listed_a_and_b(world)
    beside, before = Beside(discovery), len(world.published)

    world.servers.replies["http://a/v1/models"] = listing("p")
    await world.time.advance(301)
    world.servers.replies["http://a/v1/models"] = listing("q")
    await world.time.advance(301)
    beside.gates[0].set()
    await settle()
    beside.gates[1].set()
    await discovery.published()

    made = [sorted(snapshot.routes) for snapshot in world.published[before:]]
    assert made == [["m", "p"], ["m", "q"]]


async def test_a_snapshot_under_settings_that_were_given_up_is_not_published(world: World) -> None:
    discovery = await listed_a_and_b(world)
    beside, before = Beside(discovery), len(world.published)

    first = world.tasks.spawn(again(world, discovery, setting("http://a/")), name="first")
    await settle()
    second = world.tasks.spawn(again(world, discovery, setting("http://b/")), name="second")
    await settle()
    beside.gates[0].set()
    await settle()
    beside.gates[1].set()
    await asyncio.gather(first, second)

    made = [[one.name for one in snapshot.endpoints] for snapshot in world.published[before:]]
    assert made == [["b"]]


async def test_a_snapshot_that_cannot_be_made_is_reported_and_the_next_one_made(
    world: World,
) -> None:
    discovery = await listed_a_and_b(world)

    async def fail(compiled: Callable[[], Snapshot]) -> Snapshot:
        raise ValueError("a bug")

    beside, discovery.beside = discovery.beside, fail
    await again(world, discovery, setting("http://a/"))
    reported = [name for name, _ in world.reported]
    world.reported.clear()
    discovery.beside = beside
    await again(world, discovery, setting("http://a/", weight=2.0))

    assert reported == ["discovery: compile"]
    assert [one.name for one in world.published[-1].endpoints] == ["a"]


async def test_without_globs_all_models_are_served(world: World) -> None:
    discovery = await listed_a_and_b(world)

    assert discovery.select is all_models


async def test_the_first_round_does_not_wait_for_an_endpoint_that_was_taken_away(
    world: World,
) -> None:
    world.servers.replies = {"http://a/v1/models": listing("m")}
    world.servers.gates["b"] = asyncio.Event()
    discovery = world.discover("http://a/", "http://b/")
    await settle()

    await again(world, discovery, setting("http://a/"))
    await discovery.first_round(5)

    assert discovery.waiting() == ()
    assert world.models() == ["m"]
