import io

import msgspec
import pytest
from rich.console import Console
from rich.pretty import Pretty

from multillama.core.policy import Policy
from multillama.core.snapshot import Limits, ModelFacts, Route, Snapshot, Target, Timeouts
from tests.core.samples import endpoint, serving, target


def shown_by_rich(value):
    out = io.StringIO()
    Console(file=out, width=200).print(Pretty(value))
    return out.getvalue()


@pytest.mark.parametrize("show", [repr, str, shown_by_rich])
def test_no_secret_is_shown_however_it_is_printed(show):
    here = endpoint("here")
    snapshot = serving(here, api_key=b"front-door")

    shown = show(here) + show(snapshot) + show(Target(here))

    assert "here" in shown
    assert "Bearer" not in shown
    assert "front-door" not in shown


def test_a_snapshot_says_how_much_is_in_it():
    snapshot = serving(endpoint("a"), endpoint("b"))

    assert repr(snapshot) == "Snapshot(2 endpoints, 1 models)"
    assert shown_by_rich(snapshot).strip() == "Snapshot(endpoints=2, models=1)"


def test_an_alias_is_not_counted_as_a_model():
    snapshot = msgspec.structs.replace(serving(endpoint()), aliases=frozenset({"m1"}))

    assert repr(snapshot) == "Snapshot(1 endpoints, 0 models)"
    assert shown_by_rich(snapshot).strip() == "Snapshot(endpoints=1, models=0)"


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Snapshot(), "routes"),
        (endpoint(), "host"),
        (Target(endpoint()), "rename"),
        (Timeouts(), "idle_s"),
        (Limits(), "body_bytes"),
    ],
)
def test_nothing_in_it_can_be_changed(value, name):
    with pytest.raises(AttributeError, match="immutable"):
        setattr(value, name, None)


def test_two_endpoints_alike_are_still_two():
    assert endpoint("here") != endpoint("here")


def test_an_operation_has_the_head_of_all_where_it_has_none_of_its_own():
    here = endpoint(fixed_head=b"a", own_heads={"chat": b"b"})

    assert (here.head_of("chat"), here.head_of("responses")) == (b"b", b"a")


def test_an_empty_snapshot_is_a_working_one():
    empty = Snapshot()

    assert (empty.endpoints, empty.routes, empty.api_key) == ((), {}, None)
    assert (empty.timeouts, empty.limits) == (Timeouts(), Limits())


@pytest.mark.parametrize(
    ("facts", "policy", "are_peers", "is_even"),
    [
        ({}, {}, True, True),
        ({"weight": 2.0}, {}, True, False),
        ({"tier": 1}, {}, False, True),
        ({"max_concurrency": 4}, {}, False, True),
        ({"facts": ModelFacts(has_tools=False)}, {}, False, True),
        ({}, {"local_only": True}, False, True),
    ],
)
def test_targets_are_peers_where_their_states_alone_may_tell_them_apart(
    facts, policy, are_peers, is_even
):
    targets = (target("a"), target("b", **facts))

    route = Route(targets, Policy(**policy))

    assert route.peers == (tuple(row.endpoint.state for row in targets) if are_peers else ())
    assert route.is_even == is_even


def test_a_route_that_is_changed_knows_its_peers_anew():
    route = Route((target("a"), target("b")))

    changed = msgspec.structs.replace(route, targets=(target("a"), target("b", tier=1)))

    assert route.peers != ()
    assert changed.peers == ()
