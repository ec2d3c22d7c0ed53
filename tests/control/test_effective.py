"""Every value knows who said it, and no secret is shown."""

from multillama.config.schema import EndpointSetting, Settings
from multillama.config.sources import Loaded, World, load_settings
from multillama.control.effective import effective

FILE = """\
listen: {api_key: sk-CANARY-1}
timeouts:
  drain_s: 7
endpoints:
  - url: http://a/
    key: sk-CANARY-2
    headers: {X-A: CANARY}
    weight: 2
    timeouts: {idle_timeout_s: 5}
    local_only: true
    input_price: 0
aliases:
  fast: {targets: [x, {model: y, weight: 2}], hedge: true}
routing:
  strategy: fastest
  retry: {max_attempts: 2}
  models:
    "b*": {queue: {max_waiting: 1}}
"""
ENVIRON = {"MULTILLAMA_HOST": "0.0.0.0"}
FLAGS = {
    "config": "m.yaml",
    "port": "3000",
    "url": ("http://flag/",),
    "key": ("sk-CANARY-3",),
}


def facts(flags=FLAGS):
    world = World(ENVIRON, lambda path: FILE, lambda path: 0o600, lambda *_: None)
    found = effective(load_settings(flags, world), flags, ENVIRON)
    return {fact.path: (fact.value, fact.source) for fact in found}


def test_each_setting_knows_who_said_it():
    found = facts()

    assert found["listen.port"] == (3000, "--port")
    assert found["listen.host"] == ("0.0.0.0", "MULTILLAMA_HOST")
    assert found["timeouts.drain_s"] == (7.0, "m.yaml:3")
    assert found["timeouts.idle_timeout_s"] == (120.0, "default")


def test_endpoints_of_flags_and_of_the_file_stand_side_by_side():
    found = facts()

    assert found["endpoints[0].url"] == ("http://flag/", "--url 1")
    assert found["endpoints[0].key"] == ("***", "--key 1")
    assert found["endpoints[1].url"] == ("http://a/", "m.yaml:5")
    assert found["endpoints[1].weight"] == (2.0, "m.yaml:8")
    assert found["endpoints[1].timeouts"] == ({"idle_timeout_s": 5.0}, "m.yaml:9")
    assert found["endpoints[1].local_only"] == (True, "m.yaml:10")
    assert found["endpoints[1].input_price"] == (0.0, "m.yaml:11")
    assert "endpoints[1].tier" not in found
    assert "endpoints[1].output_price" not in found


def test_aliases_and_policies_have_their_lines():
    found = facts()

    assert found["aliases.fast.targets"] == (["x", {"model": "y", "weight": 2.0}], "m.yaml:13")
    assert found["aliases.fast.hedge"] == (True, "m.yaml:13")
    assert found["routing.strategy"] == ("fastest", "m.yaml:15")
    assert found["routing.retry.max_attempts"] == (2, "m.yaml:16")
    assert found["routing.retry.backoff_s"] == (0.25, "default")
    assert found['routing.models."b*".queue.max_waiting'] == (1, "m.yaml:18")


def test_no_secret_is_shown():
    found = facts()

    assert "CANARY" not in str(found)
    assert found["listen.api_key"] == ("***", "m.yaml:1")
    assert found["endpoints[1].key"] == ("***", "m.yaml:6")
    assert found["endpoints[1].headers"] == ({"X-A": "***"}, "m.yaml:7")


def test_without_a_file_there_are_defaults_only():
    loaded = Loaded(Settings(port=1, endpoints=(EndpointSetting(url="http://found/"),)))

    found = effective(loaded, {}, {})

    assert {fact.source for fact in found} == {"default"}
    assert {fact.value for fact in found if fact.path == "listen.api_key"} == {None}
