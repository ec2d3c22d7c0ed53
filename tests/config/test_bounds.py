"""Depth, amount and tags are judged before anything is composed."""

import pytest

from multillama.config.bounds import MAX_DEPTH, MAX_VALUES, toml_fault, yaml_fault


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a: ", "}")])
def test_yaml_is_nested_as_deep_as_allowed_and_no_deeper(opening, closing):
    deepest = f"a: {opening * (MAX_DEPTH - 1)}{closing * (MAX_DEPTH - 1)}"

    too_deep = f"x: 1\n\na: {opening * MAX_DEPTH}{closing * MAX_DEPTH}"

    assert yaml_fault(deepest) is None
    assert yaml_fault(too_deep) == "3: too deep, or too much of it"


@pytest.mark.parametrize(
    ("before", "after"),
    [("[", "]"), ("{a = ", "}"), ("[ # ]\n", "]"), ('["]", ', "]"), ("['''\n]''', ", "]")],
)
def test_toml_is_nested_as_deep_as_allowed_and_no_deeper(before, after):
    deepest = f"a = {before * MAX_DEPTH}1{after * MAX_DEPTH}"

    too_deep = f"a = {before * (MAX_DEPTH + 1)}1{after * (MAX_DEPTH + 1)}"

    assert toml_fault(deepest) is None
    assert (toml_fault(too_deep) or "").endswith(": too deep, or too much of it")


@pytest.mark.parametrize("part", ["a", '"a b"', "'a'"])
@pytest.mark.parametrize("around", ["{} = 1", "[{}]", "x = {{{} = 1}}"])
def test_a_dotted_name_has_as_many_parts_as_allowed(part, around):
    assert toml_fault(around.format(" . ".join([part] * MAX_DEPTH))) is None
    assert toml_fault(around.format(" . ".join([part] * (MAX_DEPTH + 1)))) is not None


@pytest.mark.parametrize("quote", ['"', "'", '"""', "'''"])
def test_what_stands_in_quotes_nests_nothing(quote):
    inside = "[{" * 100 + "a." * 100

    assert toml_fault(f"a = {quote}{inside}{quote}\nb = [1]") is None


def test_more_values_than_any_configuration_has_are_refused():
    assert yaml_fault("[" + "1," * MAX_VALUES * 2 + "]") == "1: too deep, or too much of it"


@pytest.mark.parametrize(
    "text",
    ["!!str 1", "!!int 1", "!!float 1", "!!bool on", "!!null ~", "!!map {}", "!!seq []", "! x"],
)
def test_the_tags_of_the_core_are_known(text):
    assert yaml_fault(f"a: {text}") is None


@pytest.mark.parametrize(
    "text",
    [
        "!!timestamp foo", "!!binary a", "!!set {a}", "!!omap [a: 1]", "!!pairs [a: 1]", "!mine x",
        "!!python/name:os.system x", "!!map foo", "!!seq foo", "!!str [a]", "!!map [a]", "!!seq {a: 1}",
    ],
)  # fmt: skip
def test_any_other_tag_is_refused_with_its_line(text):
    assert yaml_fault(f"x: 1\na: {text}") == "2: not YAML: a tag that is not for such a value"


@pytest.mark.parametrize(
    "text", ["a" * 10**6, " = " * 10**6, '"' * 10**6, '"""\\' * 10**5, "''' " * 10**5]
)
@pytest.mark.timeout(5)
def test_going_through_the_text_takes_time_in_proportion(text):
    assert toml_fault(text) is None
