"""The example of `docs/config.md` is whole and right."""

import json
import pathlib
import re
import tomllib

import pytest

from multillama.app.compiled import compiler_of, timeouts_of
from multillama.config.file import Reading, read_config
from multillama.config.schema import SETTINGS, Settings
from multillama.config.sources import World, load_settings
from multillama.control.endpoints import judge, make_endpoints
from multillama.core.snapshot import Timeouts
from multillama.providers.listing import Row

PAGE = (pathlib.Path(__file__).parents[2] / "docs" / "config.md").read_text()
EXAMPLE = re.search(r"```yaml\n(.*?)```", PAGE, re.S)[1]
SCHEMA = json.loads(
    (pathlib.Path(__file__).parents[2] / "docs" / "multillama.schema.json").read_text()
)
ENVIRON = {
    "TEAM_KEY": "t", "NAS_HOST": "nas", "OPENAI_API_KEY": "k", "OPENAI_ORG": "o",
}  # fmt: skip


@pytest.fixture
def loaded():
    world = World(ENVIRON, {"m.yaml": EXAMPLE}.__getitem__, lambda _: 0o600, judge)
    return load_settings({"config": "m.yaml"}, world)


def test_the_example_has_no_faults_and_no_warnings(loaded):
    assert loaded.warnings == ()
    assert len(loaded.settings.endpoints) == 2


def test_the_example_names_all_that_may_stand_in_a_file():
    names = {name for part in SCHEMA["$defs"].values() for name in part["properties"]}
    used = set(re.findall(r"(\w+):", EXAMPLE))

    assert names - used == set()


def test_the_example_sets_nothing_to_its_default(loaded):
    defaults = Settings(port=1)

    same = {
        row.name
        for row in SETTINGS
        if not row.repeats
        and getattr(loaded.settings, row.name) == getattr(defaults, row.name, None)
    }

    assert same == set()


def test_the_example_leads_where_its_comments_say(loaded):
    settings = loaded.settings
    endpoints = make_endpoints(settings.endpoints, {}, timeouts=timeouts_of(settings))
    lists = {"nas": (Row("llama3.3", {}),), "openai": (Row("gpt-4o", {}), Row("gpt-4o-mini", {}))}

    routes = compiler_of(settings, Timeouts())(endpoints, lists).routes

    told = {
        name: [(one.endpoint.name, one.model, one.tier) for one in routes[name].targets]
        for name in settings.aliases
    }
    assert told == {
        "fast": [("nas", "llama3.2", 0)],
        "best": [("openai", "gpt-4o", 0), ("nas", "llama3.3", 1)],
        "trial": [("openai", "gpt-4o", 0), ("openai", "gpt-4o-mini", 0)],
        "ranked": [("nas", "llama3.3", 0), ("openai", "gpt-4o", 1)],
    }
    assert routes["trial"].policy.strategy == "weighted"
    assert routes["llama3.3"].policy.strategy == "affinity"


def test_the_same_in_toml_means_the_same(loaded):
    reading = Reading(ENVIRON, str, judge)
    toml = as_toml(loaded.file.document.data)

    assert tomllib.loads(toml) == loaded.file.document.data
    given = read_config(toml, "m.toml", reading).given
    assert (given.endpoints, given.aliases, given.routing) == (
        loaded.file.given.endpoints,
        loaded.file.given.aliases,
        loaded.file.given.routing,
    )


def as_toml(value):
    """TOML of one line for each member of the top."""
    return "".join(f"{name} = {_inline(part)}\n" for name, part in value.items())


def _inline(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_inline(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return json.dumps(value)
