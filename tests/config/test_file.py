"""One schema for YAML and TOML: all faults with their lines, and no secret in any of them."""

import msgspec
import pytest

from multillama.config.file import (
    FileSettings,
    Reading,
    file_rows,
    path_of,
    read_config,
)
from multillama.config.load import BadFile, Given
from multillama.config.routing import AliasSetting, AliasTarget, PolicySetting
from multillama.config.schema import SETTINGS, EndpointSetting, EndpointTimeouts

CANARY = "sk-CANARY-0123456789"
ROWS = {row.name: row for row in SETTINGS}

YAML = """\
listen: {port: 3000, api_key: env:TEAM_KEY}
refresh_s: 60
timeouts: {connect_timeout_s: 2}
limits: {max_body_bytes: 1000}
endpoints:
  - name: nas
    url: http://${NAS_HOST}:11434
    weight: 2
    tags: [local]
    timeouts: {idle_timeout_s: 5}
    headers: {X-Team: "team ${TEAM}"}
  - url: https://api.openai.com/
    key: ${OPENAI_API_KEY}
    tier: 1
    exclude: ["dall-e*"]
  - url: http://box/
    key: file:key.txt
aliases:
  one: nas/llama3
  two: [nas/llama3, gpt-4o]
  three: {targets: [{model: gpt-4o, weight: 3}], local_only: true}
routing:
  strategy: fastest
  models:
    "llama*": {retry: {max_attempts: 5}}
"""
TOML = """\
refresh_s = 60
listen = {port = 3000, api_key = "env:TEAM_KEY"}
timeouts.connect_timeout_s = 2
limits.max_body_bytes = 1000
[[endpoints]]
name = "nas"
url = "http://${NAS_HOST}:11434"
weight = 2
tags = ["local"]
timeouts = {idle_timeout_s = 5}
headers = {X-Team = "team ${TEAM}"}
[[endpoints]]
url = "https://api.openai.com/"
key = "${OPENAI_API_KEY}"
tier = 1
exclude = ["dall-e*"]
[[endpoints]]
url = "http://box/"
key = "file:key.txt"
[aliases]
one = "nas/llama3"
two = ["nas/llama3", "gpt-4o"]
three = {targets = [{model = "gpt-4o", weight = 3}], local_only = true}
[routing]
strategy = "fastest"
[routing.models."llama*"]
retry.max_attempts = 5
"""
ENVIRON = {
    "NAS_HOST": "nas",
    "TEAM": "x",
    "OPENAI_API_KEY": CANARY,
    "TEAM_KEY": "team-key",
    "LIST": "a\nb",
}


def reading(mode=0o600, judge=lambda member, text: None, **files):
    def read_file(path):
        if path not in files:
            raise FileNotFoundError(2, "No such file or directory")
        return files[path]

    return Reading(ENVIRON, read_file, judge, mode)


def faults(text, name="m.yaml", **facts):
    with pytest.raises(BadFile) as told:
        read_config(text, name, reading(**facts))
    return told.value.problems


@pytest.mark.parametrize(("text", "name"), [(YAML, "m.yaml"), (TOML, "m.toml")])
def test_both_languages_give_the_same(text, name):
    given = read_config(text, name, reading(**{"key.txt": "k\n"})).given

    assert given.endpoints == (
        EndpointSetting(
            name="nas",
            url="http://nas:11434",
            weight=2,
            tags=("local",),
            timeouts=EndpointTimeouts(idle_timeout_s=5),
            headers={"X-Team": "team x"},
        ),
        EndpointSetting(url="https://api.openai.com/", key=CANARY, tier=1, exclude=("dall-e*",)),
        EndpointSetting(url="http://box/", key="k"),
    )
    assert given.aliases == {
        "one": AliasSetting(targets=("nas/llama3",)),
        "two": AliasSetting(targets=("nas/llama3", "gpt-4o")),
        "three": AliasSetting(targets=(AliasTarget(model="gpt-4o", weight=3.0),), local_only=True),
    }
    assert (given.routing.strategy, list(given.routing.models)) == ("fastest", ["llama*"])
    assert given.routing.models["llama*"].retry.max_attempts == 5
    assert {name: value.text for name, value in given.values.items()} == {
        "port": "3000",
        "api_key": "team-key",
        "refresh_s": "60",
        "connect_timeout_s": "2",
        "max_body_bytes": "1000",
    }


def test_a_value_knows_where_it_was_given():
    given = read_config(YAML, "m.yaml", reading(**{"key.txt": "k"})).given

    assert given.values["refresh_s"] == Given("m.yaml:2: refresh_s", "60")
    assert given.values["port"] == Given("m.yaml:1: listen.port", "3000")


def test_all_faults_are_told_at_once_in_the_order_of_their_lines():
    text = """\
listen:
  port: 70000
  api_key: env:NOPE
  log_fromat: x
port: 3
endpoints:
  - name: nas
    wieght: 3
  - url: ftp://x
    headers: {Host: x, X-Team: "${NOPE}"}
  - {url: "http://a", name: nas}
aliases:
  fast: [nas/llama, {model: x, weigth: 3}]
  slow: fast
  none: []
routing:
  strategy: fastets
  models: {"a*": {}, "a*": {}}
"""

    assert faults(text) == (
        "m.yaml:2: listen.port: must be a whole number from 1 to 65535",
        "m.yaml:3: listen.api_key: the variable NOPE is not set. Run: export NOPE=YOUR-KEY",
        "m.yaml:4: listen.log_fromat: unknown key, did you mean log_format?",
        "m.yaml:5: port: unknown key, it belongs in listen",
        "m.yaml:7: endpoints[0]: url is missing",
        "m.yaml:8: endpoints[0].wieght: unknown key, did you mean weight?",
        'm.yaml:9: endpoints[1].url: "ftp://x" is not an http or https URL. Write it in full, like'
        " http://localhost:11434/.",
        "m.yaml:10: endpoints[1].headers.Host: is set for each request by the gateway; leave it out",
        "m.yaml:10: endpoints[1].headers.X-Team: the variable NOPE is not set."
        " Run: export NOPE=VALUE",
        "m.yaml:11: endpoints[2].name: is another endpoint's name too; choose a different one",
        "m.yaml:13: aliases.fast[1].weigth: unknown key, did you mean weight?",
        "m.yaml:14: aliases.slow: leads to the alias fast; name that one's targets instead",
        "m.yaml:15: aliases.none: is an empty list; leave it out or fill it",
        "m.yaml:17: routing.strategy: must be one of affinity, balanced, cheapest, fastest,"
        " least_busy, ordered, round_robin, weighted, did you mean fastest?",
        'm.yaml:18: routing.models."a*": is given twice',
    )


def test_toml_faults_have_lines_too():
    assert faults(
        '[listen]\nport = 1\n[[endpoints]]\nurl = "http://a"\nwieght = 1\n', "m.toml"
    ) == ("m.toml:5: endpoints[0].wieght: unknown key, did you mean weight?",)


def test_what_is_not_even_yaml_is_one_line():
    (told,) = faults("a: 1\nb: ]")

    assert told.startswith("m.yaml:2: not YAML")


@pytest.mark.parametrize(
    "text",
    [
        f"endpoints: [{{url: http://a, key: '{CANARY} x'}}]",
        f"endpoints: [{{url: http://a, key: 'env:{CANARY}'}}]",
        "endpoints: [{url: http://a, key: 'env:${OPENAI_API_KEY}'}]",
        f"endpoints: [{{url: http://a, kee: {CANARY}}}]",
        f"endpoints: [{{url: http://a, {CANARY}: 1}}]",
        f"endpoints: [{{url: http://a, key: [{CANARY}]}}]",
        f"endpoints: [{{url: {CANARY}}}]",
        f"endpoints: [{{url: 'ftp://me:{CANARY}@a/'}}]",
        f"endpoints: [{{url: http://a, headers: {{X-A: '{CANARY}\\n'}}}}]".replace("'", '"'),
        f"endpoints: [{{url: http://a, headers: {{Authorization: {CANARY}}}}}]",
        f"listen: {{api_key: '{CANARY}\tx'}}",
        f"listen: {{port: {CANARY}}}",
        f"endpoints: [{CANARY}]",
    ],
)
def test_no_complaint_holds_a_secret(text):
    told = faults(text)

    assert told != ()
    assert "CANARY" not in "".join(told)


def test_a_key_that_stands_in_the_file_works_and_warns():
    text = f"listen: {{api_key: abc}}\nendpoints:\n  - url: http://a\n    key: {CANARY}\n"

    config = read_config(text, "m.yaml", reading(mode=0o644))

    assert config.given.endpoints[0].key == CANARY
    assert config.warnings == (
        "m.yaml:1: listen.api_key: the key itself stands here, and others may read the file:"
        " chmod 600 m.yaml; env:NAME or file:PATH keeps it out",
        "m.yaml:4: endpoints[0].key: the key itself stands here, and others may read the file:"
        " chmod 600 m.yaml; env:NAME or file:PATH keeps it out",
    )


def test_a_target_whose_endpoint_is_misspelt_is_a_fault():
    text = "endpoints: [{url: http://a/, name: nas}]\naliases: {a: nsa/x, b: [nas/x, org/x]}\n"

    with pytest.raises(BadFile) as caught:
        read_config(text, "m.yaml", reading())

    assert caught.value.problems == (
        "m.yaml:2: aliases.a: no endpoint is named nsa, did you mean nas?",
    )


def test_an_alias_of_nothing_is_a_fault():
    with pytest.raises(BadFile) as caught:
        read_config("aliases:\n  a: x\n  b:\n", "m.yaml", reading())

    assert caught.value.problems == (
        "m.yaml:3: aliases.b: leads nowhere; name a model, or leave it out",
    )


@pytest.mark.parametrize("target", ["localhost:11434/x", "meta-llama/x"])
def test_a_target_may_name_an_endpoint_by_its_address_and_a_model_with_a_slash(target):
    text = (
        "endpoints: [{url: http://localhost:11434/}, {url: http://b/, name: 'localhost:11435'}]\n"
        f"aliases: {{a: {target}}}\n"
    )

    assert "a" in read_config(text, "m.yaml", reading()).given.aliases


@pytest.mark.parametrize("mode", [0o600, 0o400, None])
def test_a_private_file_is_not_told_to_be_open(mode):
    config = read_config("endpoints: [{url: http://a, key: k}]", "m.yaml", reading(mode=mode))

    assert config.warnings == (
        "m.yaml:1: endpoints[0].key: the key itself stands here; env:NAME or file:PATH keeps it out",
    )


@pytest.mark.parametrize("key", ["env:TEAM_KEY", "'${TEAM_KEY}'", "'null'", "null"])
def test_a_key_elsewhere_warns_of_nothing(key):
    config = read_config(f"endpoints: [{{url: http://a, key: {key}}}]", "m.yaml", reading(0o644))

    assert config.warnings == ()


def test_null_in_quotes_is_no_key_as_on_the_command_line():
    config = read_config("endpoints: [{url: http://a, key: 'null'}]", "m.yaml", reading())

    assert config.given.endpoints[0].key is None


def test_url_and_provider_are_judged_by_who_knows_providers():
    judged = []

    def judge(member, text):
        judged.append((member, text))
        return f"no {member}"

    told = faults("endpoints: [{url: http://a, provider: x}]", judge=judge)

    assert judged == [("url", "http://a"), ("provider", "x")]
    assert told == (
        "m.yaml:1: endpoints[0].url: no url",
        "m.yaml:1: endpoints[0].provider: no provider",
    )


@pytest.mark.parametrize("name", ["a b", "a/b", "", "ä", "x" * 81])
def test_a_name_that_no_header_can_carry_is_refused(name):
    (told,) = faults(f"endpoints: [{{url: http://a, name: '{name}'}}]")

    assert "letters, digits" in told


def test_an_alias_may_have_the_name_of_the_model_it_leads_to():
    config = read_config("aliases: {gpt-4o: [gpt-4o, nas/x]}", "m.yaml", reading())

    assert config.given.aliases["gpt-4o"].targets == ("gpt-4o", "nas/x")


@pytest.mark.parametrize("name", ["' a'", "''", f"'{'x' * 201}'"])
def test_an_alias_needs_a_name(name):
    (told,) = faults(f"aliases: {{{name}: x}}")

    assert "is no name" in told


def test_a_variable_in_braces_has_a_bare_name():
    (told,) = faults("endpoints: [{url: 'http://${A B}/'}]")

    assert "bare name of a variable" in told


@pytest.mark.parametrize("row", list(file_rows()), ids=lambda row: row.name)
def test_every_row_of_the_settings_may_be_written_with_its_bounds(row):
    section = path_of(row)
    value = row.choices[0] if row.choices else {str: "x", int: 1, float: 1.0}[row.type]
    value = row.minimum if row.minimum is not None else value
    data = {section[0]: {section[1]: value} if len(section) == 2 else value}

    text = msgspec.json.encode(data).decode()

    assert read_config(text, "m.yaml", reading()).given.values[row.name].source.endswith(row.name)
    if row.maximum is not None:
        above = text.replace(str(value), str(row.maximum + 1))
        assert f"{row.name}: must be" in faults(above)[0]


def test_the_time_limits_of_an_endpoint_are_rows_with_the_same_bounds():
    schema = msgspec.json.schema(EndpointTimeouts)["$defs"]["EndpointTimeouts"]["properties"]

    bounds = {name: (one["minimum"], one["maximum"]) for name, one in schema.items()}

    assert bounds == {name: (ROWS[name].minimum, ROWS[name].maximum) for name in schema}


def test_the_schema_can_be_made():
    schema = msgspec.json.schema(FileSettings)

    assert set(schema["$defs"]["FileSettings"]["properties"]) == {
        "listen", "endpoints", "aliases", "routing", "refresh_s", "responses_store", "timeouts",
        "limits",
    }  # fmt: skip


def test_a_policy_may_be_empty():
    config = read_config("routing: {models: {a: {}}}", "m.yaml", reading())

    assert config.given.routing.models == {"a": PolicySetting()}


@pytest.mark.parametrize("tag", ["local-only", "local_only", "Local Only", "localonly"])
def test_a_tag_that_looks_like_local_only_is_refused_with_the_right_word(tag):
    text = f"endpoints:\n  - url: http://a\n    tags: [gpu, {tag}]\n"

    assert faults(text) == (
        "m.yaml:3: endpoints[0].tags[1]: does nothing as a tag; write local_only: true instead",
    )


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("local_only: true", "no local_only"),
        ("local_only: true, tags: [cloud]", "is for local endpoints, and this is tagged cloud"),
        ("local_only: true, tags: [local]", None),
        ("local_only: false", None),
    ],
)
def test_local_only_is_for_local_endpoints(more, expected):
    text = f"endpoints: [{{url: http://a, {more}}}]"
    judge = lambda member, text: "no local_only" if member == "local_only" else None  # noqa: E731

    if expected is None:
        assert read_config(text, "m.yaml", reading(judge=judge)).given.endpoints != ()
    else:
        assert faults(text, judge=judge) == (f"m.yaml:1: endpoints[0].local_only: {expected}",)


@pytest.mark.parametrize("price", ["-0.1", "100001", "free", ".nan"])
def test_a_price_is_a_number_of_dollars(price):
    (told,) = faults(f"endpoints: [{{url: http://a, input_price: {price}}}]")

    assert "input_price: must be a number from 0 to 100000" in told
