"""All that does not fit is told, in words, and never with the value itself."""

from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from multillama.config.check import did_you_mean, problems_of
from multillama.config.problem import Problem


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: str
    weight: Annotated[float, Meta(gt=0, le=10)] = 1


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    port: Annotated[int, Meta(ge=1, le=9)] = 1
    name: Annotated[str, Meta(min_length=1, max_length=5)] = "x"
    kind: Literal["fastest", "ordered"] = "ordered"
    is_on: bool = False
    wait_s: Annotated[float, Meta(ge=0, le=9)] | None = None
    rows: tuple[Inner, ...] = ()
    inner: Inner = Inner(url="x")
    words: Annotated[tuple[str, ...], Meta(min_length=1)] = ("x",)
    named: dict[str, str | tuple[str, ...] | Inner] = {}


def test_what_fits_has_no_problems():
    data = {
        "port": 3,
        "wait_s": 2,
        "rows": [{"url": "a", "weight": 2}],
        "named": {"a": "x", "b": ["x"], "c": {"url": "x"}},
    }

    assert problems_of(data, Outer) == []


@pytest.mark.parametrize(
    ("data", "path", "text"),
    [
        ({"port": 0}, ("port",), "must be a whole number from 1 to 9"),
        ({"port": True}, ("port",), "must be a whole number from 1 to 9"),
        ({"port": "3"}, ("port",), "must be a whole number from 1 to 9"),
        ({"wait_s": float("nan")}, ("wait_s",), "must be a number from 0 to 9"),
        ({"name": 7}, ("name",), "must be text of 1 to 5 characters; put quotes around it"),
        ({"name": "abcdef"}, ("name",), "must be text of 1 to 5 characters"),
        ({"kind": "fastes"}, ("kind",), "must be one of fastest, ordered, did you mean fastest?"),
        ({"is_on": "yes"}, ("is_on",), "must be true or false"),
        ({"words": "x"}, ("words",), "must be a list, like [a, b]"),
        ({"words": []}, ("words",), "is an empty list; leave it out or fill it"),
        ({"inner": 3}, ("inner",), "must be names with values, not a value"),
        ({"rows": [{}]}, ("rows", 0), "url is missing"),
        ({"rows": [{"url": "x", "weight": 0}]}, ("rows", 0, "weight"),
         "must be a number above 0, 10 at most"),
        ({"prot": 3}, ("prot",), "unknown key, did you mean port?"),
        ({"xyz": 3}, ("xyz",), "unknown key"),
        ({"named": {"a": 3}}, ("named", "a"), "must be text; put quotes around it"),
        ({"named": {"a": {"ulr": "x", "url": "x"}}}, ("named", "a", "ulr"),
         "unknown key, did you mean url?"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told(data, path, text):
    assert problems_of(data, Outer) == [Problem(path, text)]


def test_a_key_in_the_wrong_place_is_told_its_section():
    assert problems_of({"weight": 3}, Outer) == [
        Problem(("weight",), "unknown key, it belongs in inner")
    ]


def test_all_problems_are_told_at_once():
    data = {"port": 0, "name": 7, "rows": [{"weight": "x"}], "more": 1}

    assert len(problems_of(data, Outer)) == 5


def test_a_value_is_never_repeated_nor_a_name_that_may_be_a_key():
    data = {"port": "sk-CANARY-1", "kind": "sk-CANARY-2", "sk-CANARY-3": 1, "inner": "sk-CANARY-4"}

    told = problems_of(data, Outer)

    assert len(told) == 4
    assert "CANARY" not in str(told)


def test_a_hint_needs_some_likeness():
    assert did_you_mean("wieght", ["weight", "url"]) == ", did you mean weight?"
    assert did_you_mean("zzz", ["weight", "url"]) == ""
