"""Policies fill each other's gaps, aliases lead somewhere, and what is local-only stays so."""

import fnmatch
import itertools
import re

import msgspec
import pytest
from hypothesis import given, strategies as st

from multillama.config.routing import (
    AliasSetting,
    AliasTarget,
    PolicySetting,
    RetrySetting,
    RoutingSetting,
)
from multillama.config.schema import EndpointSetting
from multillama.control.compile import compile_snapshot
from multillama.control.endpoints import make_endpoints
from multillama.control.routes import Policies, Routing, alias, all_models, selection, unserved
from multillama.core.policy import DEFAULT_POLICY
from multillama.core.routing import make_plan
from multillama.core.snapshot import Limits, Route, Target, Timeouts
from multillama.errors import GatewayError
from multillama.providers.listing import Row

NAS, BOX, CLOUD = make_endpoints(
    [
        EndpointSetting(url="http://192.168.1.5/", name="nas"),
        EndpointSetting(url="http://192.168.1.6/", name="box", tier=2, weight=3.0),
        EndpointSetting(url="https://api.openai.com/", name="cloud", tier=1),
    ],
    {},
)
ENDPOINTS = (NAS, BOX, CLOUD)
PLAIN = Policies(RoutingSetting())


def target(endpoint, model="m"):
    return Target(endpoint, model=model, weight=endpoint.weight, tier=endpoint.tier)


ROUTES = {
    "m": Route((target(NAS), target(BOX))),
    "gpt": Route((target(CLOUD, "gpt"),)),
    "org/model": Route((target(NAS, "org/model"),)),
}


def made(*targets, policies=PLAIN, routes=ROUTES, **policy):
    setting = AliasSetting(targets=targets, **policy)
    return alias("fast", setting, endpoints=ENDPOINTS, routes=routes, routing=Routing(policies))


def told(found):
    """Endpoint, model, tier of each target."""
    return [(one.endpoint.name, one.model, one.tier) for one in found.route.targets]


# policies


def test_without_settings_the_policy_is_the_default():
    assert PLAIN.of(["m"]) == DEFAULT_POLICY


def test_every_glob_that_matches_counts_and_the_last_one_most():
    policies = Policies(
        RoutingSetting(
            strategy="fastest",
            hedge=True,
            models={
                "llama*": PolicySetting(strategy="ordered", retry=RetrySetting(max_attempts=5)),
                "*:8b": PolicySetting(retry=RetrySetting(backoff_s=1.0)),
                "gpt*": PolicySetting(hedge=False),
            },
        )
    )

    policy = policies.of(["llama3:8b"])

    assert (policy.strategy, policy.hedge) == ("ordered", True)
    assert (policy.retry.max_attempts, policy.retry.backoff_s) == (5, 1.0)
    assert policy.retry.max_backoff_s == DEFAULT_POLICY.retry.max_backoff_s
    assert policies.of(["other"]).strategy == "fastest"


def test_models_with_the_same_globs_share_one_policy():
    policies = Policies(RoutingSetting(models={"a*": PolicySetting(hedge=True)}))

    assert policies.of(["a1"]) is policies.of(["a2"])
    assert policies.of(["a1"]) is not policies.of(["b"])


def test_a_glob_that_matches_any_of_a_models_names_counts():
    policies = Policies(RoutingSetting(models={"llama3": PolicySetting(local_only=True)}))

    assert policies.of(["llama3:latest", "llama3"]).local_only is True


def test_null_takes_a_limit_of_a_more_general_policy_away():
    policies = Policies(
        RoutingSetting(deadline_s=5.0, models={"a": PolicySetting(deadline_s=None)})
    )

    assert policies.of(["a"]).deadline_s is None


@pytest.mark.parametrize("places", list(itertools.product([True, False, msgspec.UNSET], repeat=3)))
def test_one_policy_that_says_local_only_is_enough(places):
    general, special, own = places
    policies = Policies(
        RoutingSetting(local_only=general, models={"m": PolicySetting(local_only=special)})
    )

    policy = policies.of(["m"], {} if own is msgspec.UNSET else {"local_only": own})

    assert policy.local_only is (True in places)


# which models are served


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        ((), (), ["gpt-4o", "gpt-4o-mini", "dall-e"]),
        (("gpt-*",), (), ["gpt-4o", "gpt-4o-mini"]),
        ((), ("*-mini",), ["gpt-4o", "dall-e"]),
        (("gpt-*",), ("*-mini",), ["gpt-4o"]),
        (("GPT-*",), (), []),
    ],
)
def test_models_are_those_included_and_not_excluded(include, exclude, expected):
    rows = tuple(Row(name, {}) for name in ("gpt-4o", "gpt-4o-mini", "dall-e"))
    select = selection({"a": EndpointSetting(url="x", include=include, exclude=exclude)})

    assert [row.id for row in select("a", rows)] == expected
    assert select("another", rows) == rows
    assert all_models("a", rows) == rows


# aliases


def test_an_alias_of_a_model_has_all_its_endpoints():
    found = made("m")

    assert told(found) == [("nas", "m", 0), ("box", "m", 1)]
    assert [one.rename for one in found.route.targets] == [b'"m"', b'"m"']
    assert (found.of, found.model) == (("m",), "m")


def test_an_alias_of_an_endpoints_model_leads_there_alone():
    assert told(made("box/m")) == [("box", "m", 0)]


def test_a_model_that_an_endpoint_does_not_list_is_asked_for_all_the_same():
    found = made("nas/hidden/model")

    assert told(found) == [("nas", "hidden/model", 0)]
    assert found.route.targets[0].rename == b'"hidden/model"'


def test_a_models_own_slash_is_no_endpoint():
    assert told(made("org/model")) == [("nas", "org/model", 0)]


def test_a_model_that_nobody_serves_yet_makes_no_alias():
    assert made("unheard-of") is None


def test_what_is_served_is_kept_where_another_target_is_not():
    assert told(made("unheard-of", "gpt")) == [("cloud", "gpt", 0)]


def test_the_order_of_an_alias_comes_before_the_tiers_of_its_endpoints():
    assert told(made("gpt", "m")) == [("cloud", "gpt", 0), ("nas", "m", 1), ("box", "m", 2)]


def test_tiers_of_the_targets_replace_those_of_their_endpoints():
    found = made(AliasTarget(model="gpt", tier=7), AliasTarget(model="m", tier=3))

    assert told(found) == [("cloud", "gpt", 1), ("nas", "m", 0), ("box", "m", 0)]


def test_a_strategy_of_its_own_chooses_among_all_targets():
    found = made("nas/m", "gpt", strategy="fastest")

    assert told(found) == [("nas", "m", 0), ("cloud", "gpt", 1)]
    assert found.route.policy.strategy == "fastest"


def test_weights_make_an_alias_weighted_and_are_shared_by_the_endpoints_of_a_model():
    found = made(AliasTarget(model="m", weight=8), AliasTarget(model="gpt", weight=2))

    assert found.route.policy.strategy == "weighted"
    assert [one.weight for one in found.route.targets] == [2, 6, 2]


def test_a_target_is_there_once():
    assert told(made("nas/m", "gpt", "m")) == [
        ("nas", "m", 0),
        ("cloud", "gpt", 1),
        ("box", "m", 2),
    ]


def test_an_alias_has_the_policy_of_its_name_under_its_own():
    policies = Policies(
        RoutingSetting(models={"fast": PolicySetting(hedge=True, strategy="cheapest")})
    )

    policy = made("m", policies=policies, strategy="affinity").route.policy

    assert (policy.hedge, policy.strategy) == (True, "affinity")


@pytest.mark.parametrize("model", ["m", "nas/m", "cloud/m"])
def test_an_alias_of_a_model_that_is_local_only_is_local_only(model):
    policies = Policies(RoutingSetting(models={"m": PolicySetting(local_only=True)}))

    assert made("gpt", model, policies=policies).route.policy.local_only is True


def test_a_short_name_of_a_model_that_is_local_only_is_local_only_too():
    kept = msgspec.structs.replace(DEFAULT_POLICY, local_only=True)
    routes = {"llama3": Route((target(NAS, "llama3:latest"),), kept)}

    assert made("llama3", routes=routes).route.policy.local_only is True


NAMES = st.sampled_from(
    ["m", "gpt", "org/model", "nas/m", "cloud/m:latest", "cloud/gpt", "cloud/secret", "box/x"]
)
GLOBS = st.sampled_from(["m", "m:latest", "g*", "*", "org/*", "sec*", "fast", "x:latest", "x"])


@given(
    targets=st.lists(NAMES, min_size=1, max_size=4),
    models=st.dictionaries(GLOBS, st.sampled_from([True, False, msgspec.UNSET]), max_size=4),
    general=st.sampled_from([True, False, msgspec.UNSET]),
    own=st.sampled_from([True, False, msgspec.UNSET]),
)
def test_whatever_is_configured_no_alias_leads_out_what_is_local_only(
    targets, models, general, own
):
    settings = {glob: PolicySetting(local_only=local) for glob, local in models.items()}
    policies = Policies(RoutingSetting(local_only=general, models=settings))
    routes = {name: Route(route.targets, policies.of([name])) for name, route in ROUTES.items()}

    found = made(*targets, policies=policies, routes=routes, local_only=own)

    # what each target is called without its endpoint
    behind = [re.sub("^(nas|box|cloud)/|:latest$", "", name) for name in targets]
    behind += [f"{name}:latest" for name in behind]
    is_kept = (
        general is True
        or own is True
        or any(
            local is True and fnmatch.fnmatchcase(name, glob)
            for glob, local in models.items()
            for name in ["fast", *behind]
        )
    )
    assert found is not None
    assert found.route.policy.local_only is is_kept


# endpoints whose models are local-only

KEEPER, OUTSIDE = make_endpoints(
    [
        EndpointSetting(url="http://192.168.1.5/", name="nas", local_only=True, input_price=2.0),
        EndpointSetting(url="https://api.openai.com/", name="cloud", output_price=8.0),
    ],
    {},
)


def snapshot_of(nas, cloud, **aliases):
    """Aliases as lists of targets."""
    settings = {name: AliasSetting(targets=tuple(targets)) for name, targets in aliases.items()}
    return compile_snapshot(
        (OUTSIDE, KEEPER),
        {"nas": nas, "cloud": cloud},
        timeouts=Timeouts(),
        limits=Limits(),
        routing=Routing(PLAIN, settings),
    )


def places(snapshot, name):
    """Where a request for this name may go."""
    try:
        return {target.endpoint.name for target in make_plan(snapshot, name).targets}
    except GatewayError as error:
        return {error.kind}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("m", {"nas"}),
        ("gpt", {"cloud"}),
        ("llama3", {"nas"}),
        ("cloud/m", {"no_target"}),
        ("cloud/gpt", {"cloud"}),
        ("kept", {"nas"}),
        ("elsewhere", {"no_target"}),
        ("unlisted", {"nas"}),
        ("mixed", {"nas"}),
        ("free", {"cloud"}),
    ],
)
def test_what_a_local_only_endpoint_serves_stays_local_by_every_name(name, expected):
    snapshot = snapshot_of(
        (Row("m", {}), Row("llama3:latest", {})),
        (Row("m", {}), Row("gpt", {}), Row("llama3:latest", {})),
        kept=["m"],
        elsewhere=["cloud/m"],
        unlisted=["nas/x", "cloud/x"],
        mixed=["gpt", "m"],
        free=["gpt"],
    )

    assert places(snapshot, name) == expected


def test_a_clouds_model_of_the_short_name_is_local_only_too():
    snapshot = snapshot_of((Row("llama3:latest", {}),), (Row("llama3", {}),))

    assert places(snapshot, "llama3") == {"no_target"}


def test_a_model_that_only_an_alias_names_there_stays_by_other_aliases_too():
    snapshot = snapshot_of((), (Row("x", {}),), fast=["nas/x"], best=["cloud/x"])

    assert [places(snapshot, name) for name in ("fast", "best", "x")] == [
        {"nas"},
        {"no_target"},
        {"no_target"},
    ]


def test_a_policy_is_the_same_object_in_the_next_snapshot():
    rows = (Row("m", {}),)

    before, after = snapshot_of(rows, ()), snapshot_of(rows, rows)

    assert before.routes["m"].policy is after.routes["m"].policy


SERVED = st.sets(st.sampled_from(["m", "n", "o:latest", "o", "org/p"]))
LED_TO = st.sampled_from(
    ["m", "n", "o", "o:latest", "org/p", "nas/m", "nas/x", "cloud/m", "cloud/o", "cloud/x"]
)


@given(nas=SERVED, cloud=SERVED, aliases=st.dictionaries(
    st.sampled_from(["fast", "m", "best"]), st.lists(LED_TO, min_size=1, max_size=3)))  # fmt: skip
def test_nothing_that_a_local_only_endpoint_serves_leaves_by_any_name(nas, cloud, aliases):
    # an alias may not lead to another one, which its file would not pass either
    aliases = {name: to for name, to in aliases.items() if name == "m" or "m" not in to}
    snapshot = snapshot_of(
        tuple(Row(name, {}) for name in sorted(nas)),
        tuple(Row(name, {}) for name in sorted(cloud)),
        **aliases,
    )

    # an alias tells what is served there, whether it is listed or not
    told = {one.removeprefix("nas/") for to in aliases.values() for one in to if "nas/" in one}
    kept = {name.removesuffix(":latest") for name in nas | told}
    kept |= {f"{name}:latest" for name in kept}
    kept |= {
        name
        for name, to in aliases.items()
        if any(one.startswith("nas/") or one.removeprefix("cloud/") in kept for one in to)
    }

    for name in kept:
        assert "cloud" not in places(snapshot, name)
        assert "cloud" not in places(snapshot, f"cloud/{name}")
    for name in cloud - kept - aliases.keys():
        assert places(snapshot, name) == {"cloud"}


# configured prices


def test_configured_prices_count_before_what_the_list_tells():
    told = {"pricing": msgspec.Raw(b'{"input": 0.5, "output": 3.0}')}

    snapshot = snapshot_of((Row("m", {}),), (Row("m", {}), Row("gpt", told)), x=["cloud/y"])

    facts = {
        (name, target.endpoint.name): (target.facts.input_price, target.facts.output_price)
        for name, route in snapshot.routes.items()
        for target in route.targets
    }
    assert facts == {
        ("m", "nas"): (2.0, None),
        ("m", "cloud"): (None, 8.0),
        ("gpt", "cloud"): (0.5, 8.0),
        ("x", "cloud"): (None, 8.0),
    }


@pytest.mark.parametrize(
    ("targets", "lacking"),
    [
        (("m", "nas/m", "org/model"), ()),
        (("m", "absent", "org/absent"), ("absent", "org/absent")),
        (("nas/absent",), ("nas/absent",)),
        (("box/gpt",), ("box/gpt",)),  # another endpoint lists it
        (("cloud/absent",), ()),  # it has not listed anything: who knows
    ],
)
def test_targets_that_no_endpoint_lists_are_found(targets, lacking):
    rows = {"nas": [Row("m", {})], "box": [Row("m", {})]}

    found = unserved(
        AliasSetting(targets=targets), endpoints=ENDPOINTS, listings=rows, routes=ROUTES
    )

    assert found == lacking


def test_a_model_that_an_endpoints_own_globs_leave_out_may_be_listed_all_the_same():
    (picky,) = make_endpoints(
        [EndpointSetting(url="http://a/", name="picky", exclude=("*embed*",))], {}
    )

    found = unserved(
        AliasSetting(targets=("picky/my-embed",)),
        endpoints=[picky],
        listings={"picky": [Row("m", {})]},
        routes={},
    )

    assert found == ()
