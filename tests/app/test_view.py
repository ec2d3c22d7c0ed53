import time

import msgspec
import pytest

from multillama.app.view import RECENT, GatewayView
from multillama.config.schema import Settings
from multillama.core.breaker import News
from multillama.core.policy import BreakerPolicy
from multillama.core.queue import WaitQueue
from multillama.core.record import Record
from multillama.core.snapshot import Route, Snapshot, Target
from multillama.errors import GatewayError
from multillama.observe.lines import Redactor
from tests.core.samples import endpoint


def record(number=0, operation="chat"):
    return Record(
        id=str(number), at=1.0, operation=operation, status=200, outcome="ok", total_ms=1.0
    )


def view_of(*, api_key=None, rows=None, aliases=frozenset(), models=("m1",)):
    view = GatewayView(Settings(port=3000, host="nas.lan", api_key=api_key))
    here = endpoint("here")
    view.on_snapshot(
        Snapshot(
            endpoints=(here,),
            routes={model: Route((Target(here),)) for model in models},
            aliases=aliases,
            rows={"openai": rows or {}},
        )
    )
    return view, here


def test_an_endpoint_is_told_as_it_stands():
    view, here = view_of()
    here.state.is_up = False
    here.state.requests, here.state.in_flight, here.state.tokens = 7, 2, 99
    here.state.last_error, here.state.last_error_at = "It refused.", time.time() - 60

    (shown,) = view.endpoints()

    assert (shown.name, shown.url, shown.state) == (here.name, here.url, "down")
    assert (shown.requests, shown.in_flight, shown.tokens) == (7, 2, 99)
    assert shown.last_error == "It refused."
    assert shown.last_error_age_s == pytest.approx(60, abs=5)


@pytest.mark.parametrize(("is_up", "state"), [(True, "up"), (False, "down"), (None, "unknown")])
def test_the_state_has_three_values(is_up, state):
    view, here = view_of()
    here.state.is_up = is_up

    assert view.endpoints()[0].state == state


def test_an_endpoint_tells_what_a_probe_has_found():
    view, here = view_of()
    here.state.on_probe(loaded=frozenset({"b", "a"}), slots=4, busy=1, at=0.0)

    (shown,) = view.endpoints()

    assert (shown.slots, shown.busy, shown.loaded) == (4, 1, ("a", "b"))


def test_an_endpoint_tells_what_is_not_tried_for_the_moment():
    view, here = view_of()
    now = time.monotonic()
    breaker = here.state.need_breaker()
    breaker.on_failure(News("m1", now, now), "key", BreakerPolicy(), random=0.0)

    (shown,) = view.endpoints()

    (sentence,) = shown.paused
    assert sentence.startswith("All models: ")
    assert "key" in sentence


def test_a_key_is_given_or_not_and_never_told():
    view, here = view_of()

    (shown,) = view.endpoints()

    assert shown.key == ("given" if here.has_key else "none")
    assert b"Bearer" in here.fixed_head
    assert "of-here" not in repr(shown)


@pytest.mark.parametrize(
    ("row", "context"),
    [
        (b'{"id":"m1","context_length":8192}', 8192),
        (b'{"id":"m1","max_model_len":4096}', 4096),
        (b'{"id":"m1","meta":{"n_ctx_train":2048}}', 2048),
        (b'{"id":"m1","context_window":"large"}', None),
        (b'{"id":"m1","context_length":%b}' % (b"9" * 4301), None),
        (b'{"id":"m1"}', None),
        (None, None),
    ],
)
def test_a_models_context_is_told_where_its_endpoint_tells_it(row, context):
    view, _ = view_of(rows={"m1": row} if row else None)

    assert [(model.id, model.context) for model in view.models()] == [("m1", context)]


def test_a_model_that_is_only_another_name_is_not_listed_twice():
    view, _ = view_of(models=("llama3:latest", "llama3"), aliases=frozenset({"llama3"}))

    assert [model.id for model in view.models()] == ["llama3:latest"]


def test_the_models_are_the_same_object_until_they_change():
    view, _ = view_of()
    before = view.models()

    assert view.models() is before

    view.on_snapshot(Snapshot())
    assert view.models() == ()


def test_the_newest_exchanges_come_first_and_are_bounded():
    view, _ = view_of()

    for number in range(RECENT + 5):
        view.on_record(record(number))

    ids = [shown.id for shown in view.recent()]
    assert ids == [str(number) for number in range(RECENT + 4, 4, -1)]


@pytest.mark.parametrize("operation", ["health", "ready"])
def test_health_checks_are_no_news(operation):
    view, _ = view_of()
    before = view.changed()

    view.on_record(record(operation=operation))

    assert (view.changed(), view.recent()) == (before, [])


def test_whatever_is_shown_moves_the_counter():
    view, here = view_of()
    seen = [view.changed()]

    view.on_record(record())
    seen.append(view.changed())
    view.on_state()
    seen.append(view.changed())
    here.state.requests += 1
    seen.append(view.changed())
    view.on_snapshot(msgspec.structs.replace(Snapshot()))
    seen.append(view.changed() + here.state.requests)

    assert seen == sorted(set(seen))


def test_the_key_of_the_gateway_opens_its_page():
    view, _ = view_of(api_key="front-door")

    assert view.needs_key()
    assert view.is_key("front-door")
    assert not view.is_key("back-door")
    assert not view.is_key("ключ")


def test_without_a_key_none_fits():
    view, _ = view_of()

    assert not view.needs_key()
    assert not view.is_key("")
    assert view.host() == "nas.lan"


def test_another_key_counts_from_then_on():
    view = GatewayView(Settings(port=1, api_key="old"))
    before = view.changed()

    view.on_settings(Settings(port=1, api_key="new"))

    assert (view.is_key("old"), view.is_key("new")) == (False, True)
    assert view.changed() > before


def test_an_exchange_can_be_explained_and_a_probe_is_none():
    view, _ = view_of()
    view.on_record(record(1))
    view.on_record(record(2, operation="health"))

    told = view.decision("1")

    assert told is not None
    assert (told.operation, told.total_ms) == ("chat", 1.0)
    assert view.decision("2") is None
    assert [row.id for row in view.exchanges(5)] == ["1"]
    assert view.capacity() == 1000


def test_a_dry_run_is_made_of_the_snapshot_in_use():
    view, here = view_of()

    choice = view.dry_run("m1", {})

    assert [row.endpoint for row in choice.considered] == [here.name]


def test_an_alias_that_leads_nowhere_is_a_warning():
    view, _ = view_of()
    view.on_snapshot(Snapshot(unserved={"fast": ("gpt",)}))

    assert view.warnings() == ("The alias 'fast' leads nowhere: no endpoint lists 'gpt'.",)


@pytest.mark.parametrize(
    "asked",
    [{"model": "front-door-key"}, {"model": "sk-abc123"},
     {"model": "m1", "wishes": {"only": b"front-door-key"}}],
)  # fmt: skip
def test_a_dry_run_repeats_no_key(asked):
    view, _ = view_of()
    view.explanations.redactor = Redactor(["front-door-key"])

    with pytest.raises(GatewayError) as caught:
        view.dry_run(asked["model"], asked.get("wishes", {}))

    assert "'***'" in caught.value.text
    assert caught.value.__cause__ is None


def test_who_waits_for_an_endpoint_is_counted_and_is_news():
    view, here = view_of()
    before = view.changed()
    here.state.queue = WaitQueue(8, lambda waiter, why: None)
    here.state.queue.enter("w1", "somebody")

    (shown,) = view.endpoints()
    after = view.changed()
    here.state.queue.leave("w1")

    assert (shown.waiting, after > before) == (1, True)
    assert (view.endpoints()[0].waiting, view.changed()) == (0, after)


@pytest.mark.parametrize(
    ("configured", "told", "limit"), [(None, None, None), (4, None, 4), (None, 2, 2), (4, 2, 2)]
)
def test_the_narrowest_limit_of_an_endpoint_is_shown(configured, told, limit):
    here = endpoint("here", max_concurrency=configured, slots=told, tier=2, tags=frozenset("b"))
    view = GatewayView(Settings(port=1))
    view.on_snapshot(Snapshot(endpoints=(here,)))

    (shown,) = view.endpoints()

    assert (shown.limit, shown.tier, shown.tags) == (limit, 2, ("b",))
