"""YAML and TOML become the same data, and every value knows its line."""

import tomllib

import pytest

from multillama.config.document import Unreadable, read_document
from multillama.config.problem import Problem

YAML = """\
listen:
  port: 3000   # a comment

endpoints:
  - name: nas
    url: http://nas:11434
  - {name: box, tags: [a, b]}
aliases:
  gpt 4: [nas/x]
"""
TOML = '''\
note = """
[not.a.table]
x = 1
"""
[listen]
port = 3000
host = 'a#b'

[[endpoints]]
name = "nas"
tags = [
  "a", # ]
  "b",
]
[endpoints.timeouts]
idle_timeout_s = 5
[[endpoints]]
name = "box"

[routing.models."llama*"]
retry.max_attempts = 2
'''


def test_yaml_values_know_their_lines():
    document = read_document(YAML, "m.yaml")

    assert document.data["listen"] == {"port": 3000}
    assert document.data["endpoints"][1] == {"name": "box", "tags": ["a", "b"]}
    lines = {
        path: document.line(path)
        for path in [("listen", "port"), ("endpoints", 0, "url"), ("endpoints", 1, "tags", 0),
                     ("aliases", "gpt 4")]
    }  # fmt: skip
    assert list(lines.values()) == [2, 6, 7, 9]


def test_toml_values_know_their_lines():
    document = read_document(TOML, "m.toml")

    assert document.data == tomllib.loads(TOML)
    lines = {
        path: document.line(path)
        for path in [("listen", "port"), ("listen", "host"), ("endpoints", 0, "name"),
                     ("endpoints", 0, "tags"), ("endpoints", 0, "timeouts", "idle_timeout_s"),
                     ("endpoints", 1, "name"), ("routing", "models", "llama*"),
                     ("routing", "models", "llama*", "retry", "max_attempts")]
    }  # fmt: skip
    assert list(lines.values()) == [6, 7, 10, 11, 16, 18, 20, 21]
    assert ("not", "a", "table") not in document.lines


def test_what_has_no_line_of_its_own_has_that_of_what_holds_it():
    document = read_document(TOML, "m.toml")

    assert document.line(("endpoints", 0, "tags", 1)) == 11
    assert document.line(("unheard-of",)) == 1


def test_a_place_is_file_line_and_path():
    document = read_document(YAML, "m.yaml")

    assert document.place(("aliases", "gpt 4", 0)) == 'm.yaml:9: aliases."gpt 4"[0]'
    assert document.place(()) == "m.yaml:1"


def test_null_is_as_if_it_were_not_written():
    document = read_document("listen:\nendpoints:\n  - key: null\n    name: ~\nx: 1", "m.yaml")

    assert document.data == {"endpoints": [{}], "x": 1}


def test_a_name_that_comes_twice_is_a_problem():
    document = read_document("a: 1\nb: 2\na: 3\n", "m.yaml")

    assert document.problems == (Problem(("a",), "is given twice"),)
    assert document.line(("a",)) == 3


def test_anchors_and_merged_mappings_are_filled_in():
    text = "x: &common {a: 1, b: 2}\ny:\n  <<: *common\n  b: 3\nz: *common\n"

    document = read_document(text, "m.yaml")

    assert document.data["y"] == {"a": 1, "b": 3}
    assert document.data["z"] == {"a": 1, "b": 2}
    assert document.problems == ()


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("", "m.yaml", "1: the file is empty"),
        ("# nothing\n", "m.toml", "1: the file is empty"),
        ("- a\n", "m.yaml", "1: the file must hold settings by name"),
        ("a: 1\nb: [\n", "m.yaml", "3: not YAML: "),
        ("a: 1\nb: \x01", "m.yaml", "1: not YAML: it holds characters"),
        ("a: 1\n---\nb: 2", "m.yaml", "2: not YAML: "),
        ("a:\n\t- b: 1\n", "m.yaml", "2: not YAML: a tab at the beginning of the line"),
        ("a: 1\n? [b]\n: 2\n", "m.yaml", "2: a name before a colon"),
        ("a: !!python/name:os.system x", "m.yaml", "1: not YAML: a tag"),
        ("a = 1\nb = \n", "m.toml", "2: not TOML: invalid value"),
        ("a = 1\nb = [", "m.toml", "2: not TOML: "),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text, name, expected):
    with pytest.raises(Unreadable) as told:
        read_document(text, name)

    assert str(told.value).startswith(expected)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("key: *sk-CANARY", "m.yaml"),
        ("key: !sk-CANARY x", "m.yaml"),
        ("key: %sk-CANARY", "m.yaml"),
        ("key = sk-CANARY", "m.toml"),
        ('key = "sk-CANARY\n', "m.toml"),
    ],
)
def test_a_complaint_never_quotes_the_file(text, name):
    with pytest.raises(Unreadable) as told:
        read_document(text, name)

    assert "CANARY" not in str(told.value)


def test_what_multiplies_itself_is_stopped():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 8)]

    with pytest.raises(Unreadable, match="too much of it"):
        read_document("\n".join(lines), "m.yaml")


def test_what_holds_itself_is_stopped():
    with pytest.raises(Unreadable, match="too deep"):
        read_document("a: &a [*a]", "m.yaml")


def test_merging_copies_nothing_twice():
    lines = ["z:", "  - &a0 {x: 1}"]
    lines += [f"  - &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 30)]
    lines += ["<<: *a29"]

    document = read_document("\n".join(lines), "m.yaml")

    assert document.data["x"] == 1
    assert document.data["z"][29] == {"x": 1}


def test_of_merged_mappings_the_first_wins_and_what_merges_itself_adds_nothing():
    text = "a: &a {x: 1, y: 1}\nb: &b {x: 2, z: 2}\nc: {<<: [*a, *b], y: 3}\nd: &d {<<: *d, v: 4}\n"

    document = read_document(text, "m.yaml")

    assert document.data["c"] == {"x": 1, "y": 3, "z": 2}
    assert document.data["d"] == {"v": 4}


def test_a_chain_of_merged_mappings_is_stopped():
    lines = ["z:", "  - &a0 {x: 1}", *(f"  - &a{n} {{<<: *a{n - 1}}}" for n in range(1, 5000))]

    with pytest.raises(Unreadable, match="too deep"):
        read_document("\n".join([*lines, "<<: *a4999"]), "m.yaml")


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("x: 1\na: !!bool foo", "m.yaml", "2: not YAML: a value is not what its tag says"),
        ('x: 1\na: !!int ""', "m.yaml", "2: not YAML: a value is not what its tag says"),
        ('x: 1\na: !!float ""', "m.yaml", "2: not YAML: a value is not what its tag says"),
        ("x: 1\na: {<<: b}", "m.yaml", "2: not YAML: << wants a mapping"),
        ("x = 1\na = " + "1" * 5000, "m.toml", "2: not TOML: a number has too many digits"),
        ("a: " + "[" * 100_000, "m.yaml", "1: too deep"),
        ("a = " + "[" * 100_000, "m.toml", "1: too deep"),
        ("x = 1\n" + "a." * 100_000 + "a = 1", "m.toml", "2: too deep"),
    ],
)
def test_what_would_fail_while_it_is_read_is_told_with_its_line(text, name, expected):
    with pytest.raises(Unreadable) as told:
        read_document(text, name)

    assert str(told.value).startswith(expected)


def test_a_number_without_end_is_text_in_yaml():
    digits = "1" * 5000

    assert read_document(f"a: {digits}", "m.yaml").data == {"a": digits}


def test_a_date_that_is_none_is_text():
    assert read_document("a: 2024-13-45", "m.yaml").data == {"a": "2024-13-45"}
