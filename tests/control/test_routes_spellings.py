"""A model that stays local does so by every name that anyone has for it."""

import itertools

import pytest
from hypothesis import given, strategies as st

from multillama.config.routing import AliasSetting, PolicySetting, RoutingSetting
from multillama.config.schema import EndpointSetting
from multillama.control.compile import compile_snapshot
from multillama.control.endpoints import make_endpoints
from multillama.control.routes import Policies, Routing
from multillama.core.routing import make_plan
from multillama.core.snapshot import Limits, Timeouts
from multillama.errors import GatewayError
from multillama.providers.listing import Row

HOME, CLOUD = make_endpoints(
    [
        EndpointSetting(url="http://127.0.0.1:1/", name="home"),
        EndpointSetting(url="https://api.example.com/", name="cloud"),
    ],
    {},
)


def snapshot_of(glob, home, cloud, **aliases):
    """What this glob matches is local-only."""
    routing = Routing(
        Policies(RoutingSetting(models={glob: PolicySetting(local_only=True)})),
        {name: AliasSetting(targets=(target,)) for name, target in aliases.items()},
    )
    return compile_snapshot(
        (HOME, CLOUD),
        {"home": home, "cloud": cloud},
        timeouts=Timeouts(),
        limits=Limits(),
        routing=routing,
    )


def places(snapshot, name):
    """Where a request for this name may go."""
    try:
        return {target.endpoint.name for target in make_plan(snapshot, name).targets}
    except GatewayError as error:
        return {error.kind}


@pytest.mark.parametrize("listed", ["llama3", "llama3:latest"])
@pytest.mark.parametrize("glob", ["llama3", "llama3:latest"])
@pytest.mark.parametrize("target", ["cloud/llama3", "cloud/llama3:latest"])
def test_an_alias_to_another_spelling_of_a_local_only_model_never_leaves(glob, target, listed):
    rows = (Row(listed, {}),)

    snapshot = snapshot_of(glob, rows, rows, smart=target)

    assert places(snapshot, "smart") == {"no_target"}


@pytest.mark.parametrize("glob", ["pro", "models/pro"])
@pytest.mark.parametrize("target", ["cloud/pro", "cloud/models/pro"])
def test_an_alias_to_an_endpoints_own_name_of_a_local_only_model_never_leaves(glob, target):
    rows = (Row("pro", {}, "models/pro"),)

    snapshot = snapshot_of(glob, (Row("pro", {}),), rows, smart=target)

    assert places(snapshot, "smart") == {"no_target"}


def test_an_alias_to_what_nobody_lists_is_known_by_both_spellings():
    snapshot = snapshot_of("secret:latest", (), (), smart="cloud/secret")

    assert places(snapshot, "smart") == {"no_target"}


def test_a_model_that_only_looks_alike_may_leave():
    rows = (Row("llama3:latest", {}), Row("llama3:70b", {}))

    snapshot = snapshot_of("llama3", rows, rows, smart="cloud/llama3:70b")

    assert places(snapshot, "smart") == {"cloud"}


NAMES = ("a", "a:latest", "b", "b:latest", "x/b", "c")
ROWS = st.lists(
    st.builds(Row, st.sampled_from(NAMES), st.just({}), st.sampled_from((None, *NAMES))), max_size=3
).map(tuple)


def alike(rows):
    """Each name with all that somebody calls the same, found the slow way."""
    pairs = {(name, name) for name in NAMES}
    pairs |= {("a", "a:latest"), ("b", "b:latest")}
    pairs |= {(row.id, row.own) for row in rows if row.own}
    pairs |= {(right, left) for left, right in pairs}
    # a name after the other in the middle, as Warshall has it
    for middle, left, right in itertools.product(NAMES, repeat=3):
        if (left, middle) in pairs and (middle, right) in pairs:
            pairs.add((left, right))
    return {name: {right for left, right in pairs if left == name} for name in NAMES}


@given(glob=st.sampled_from(NAMES), home=ROWS, cloud=ROWS, model=st.sampled_from(NAMES))
def test_no_spelling_of_a_local_only_model_leaves(glob, home, cloud, model):
    snapshot = snapshot_of(glob, home, cloud, smart=f"cloud/{model}")

    stays = model in alike((*home, *cloud))[glob]

    assert places(snapshot, "smart") == ({"no_target"} if stays else {"cloud"})
    for name in alike((*home, *cloud))[glob]:
        assert "cloud" not in places(snapshot, name)
        assert "cloud" not in places(snapshot, f"cloud/{name}")
