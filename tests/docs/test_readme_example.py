"""The README's configuration file is whole, and leads where the README says."""

import pathlib
import re
import shlex

import msgspec
import pytest

from multillama.app.compiled import compiler_of, timeouts_of
from multillama.cli.main import COMMAND
from multillama.config.sources import World, load_settings
from multillama.control.endpoints import judge, make_endpoints
from multillama.core.routing import make_plan
from multillama.core.strategies import STRATEGIES, Live
from multillama.errors import FAILURES, GatewayError
from multillama.providers.listing import Row

README = (pathlib.Path(__file__).parents[2] / "README.md").read_text()
SECTION = README.partition("## With a file")[2].partition("\n## ")[0]
FILE = re.search(r"```yaml\n(.*?)```", SECTION, re.S)[1]
COMMANDS = re.search(r"```bash\n(.*?)```", SECTION, re.S)[1]
LISTS = {
    "desk": ("qwen3:8b", "private-notes"),
    "nas": ("qwen3:8b",),
    "cloud": ("gpt-4o-mini", "private-notes"),
}


@pytest.fixture
def loaded():
    exported = dict(re.findall(r"export (\w+)=(\S+)", COMMANDS))
    world = World(exported, {"multillama.yaml": FILE}.__getitem__, lambda _: 0o600, judge)
    return load_settings({"config": "multillama.yaml"}, world)


@pytest.fixture
def snapshot(loaded):
    settings = loaded.settings
    compiler = compiler_of(settings, timeouts_of(settings))
    rows = {name: [Row(model, {}) for model in models] for name, models in LISTS.items()}
    return compiler(make_endpoints(settings.endpoints, {}), rows)


def order(snapshot, model, **wishes):
    raw = {name.replace("_", "-"): value for name, value in wishes.items()}
    plan = make_plan(snapshot, model, Live(lambda: 0.0), wishes=raw)
    return [target.endpoint.name for target in plan.targets]


def test_the_example_has_no_faults_and_no_warnings(loaded, snapshot):
    assert loaded.warnings == ()
    assert snapshot.unserved == {}


def test_an_alias_leads_to_the_local_servers_first(snapshot):
    assert order(snapshot, "fast")[-1] == "cloud"
    assert set(order(snapshot, "fast")[:-1]) == {"desk", "nas"}


def test_a_busy_server_is_passed_over(snapshot):
    desk = snapshot.endpoints[0]
    desk.state.in_flight = 2

    assert order(snapshot, "fast") == ["nas", "cloud", "desk"]


def test_what_is_private_never_goes_to_the_cloud(snapshot):
    assert order(snapshot, "private-notes") == ["desk"]

    with pytest.raises(GatewayError) as caught:
        order(snapshot, "private-notes", only=b"cloud")
    assert caught.value.kind == "no_target"


def test_conversations_return_and_clients_may_choose(snapshot):
    assert snapshot.routes["qwen3:8b"].policy.strategy == "affinity"
    assert order(snapshot, "nas/qwen3:8b") == ["nas"]
    assert order(snapshot, "qwen3:8b", only=b"desk") == ["desk"]


def test_the_strategies_are_as_many_as_are_promised():
    numbers = {"eight": 8, "nine": 9, "ten": 10}
    (word,) = re.findall(r"\[(\w+) strategies", SECTION)

    assert numbers[word] == len(STRATEGIES)


def test_the_commands_below_it_are_commands():
    words = [shlex.split(line, comments=True) for line in COMMANDS.splitlines()]

    named = [line[1:] for line in words if line[0] == "multillama"]
    assert named[0] == ["config", "check", "multillama.yaml"]
    assert named[1] == ["--config", "multillama.yaml"]
    assert named[2] == ["explain", "--dry-run", "fast"]
    assert {"config", "explain"} <= COMMAND.commands.keys()


def test_the_troubles_of_the_readme_are_cured():
    part = README.partition("<!-- generated:troubles -->")[2].partition("<!-- end:troubles -->")[0]
    told = re.findall(r"^\| (\d+) `(\w+)` \|", part, re.M)

    assert {
        "queue_full", "queue_timeout", "no_target", "not_capable", "bad_wish", "deadline_exceeded",
    } <= {kind for _, kind in told}  # fmt: skip
    assert [kind for status, kind in told if FAILURES[kind].status != int(status)] == []
    assert msgspec.yaml.decode(FILE)["listen"] == {"port": 3000}
