"""Values out of the target's bounds are brought within, and named."""

import pytest

from multillama.core.bounds import Beyond, Bounds, Range, within
from multillama.core.canonical import Request
from multillama.core.codec import Goal, Losses

BOUNDS = Bounds(
    {
        "temperature": Range(0.0, 1.0), "max_tokens": Range(1), "top_k": Range(1, None, Beyond.LEAVE),
        "seed": Range(-8, 7, Beyond.WRAP),
    },
    stops=2,
    models="claude",
)  # fmt: skip


def brought(names=None, model="Claude-x", **asked):
    goal = Goal(model, "prov", "fam", False, Losses())
    request = Request("m", **asked)
    told = within(request, BOUNDS, goal, names or {})
    return {name: getattr(told, name) for name in asked}, goal.losses.names, told is request


@pytest.mark.parametrize(
    ("asked", "told", "lost"),
    [
        ({"temperature": 1.9}, {"temperature": 1.0}, ("temperature",)),
        ({"temperature": -1}, {"temperature": 0.0}, ("temperature",)),
        ({"max_tokens": 0}, {"max_tokens": 1}, ("max_tokens",)),
        ({"top_k": -1}, {"top_k": None}, ("top_k",)),
        ({"seed": 17}, {"seed": 1}, ()),
        ({"seed": 2**63}, {"seed": 0}, ()),
        ({"stop": ["a", "b", "c"]}, {"stop": ["a", "b"]}, ("stop",)),
    ],
)
def test_what_is_beyond_is_brought_within_and_named(asked, told, lost):
    assert brought(**asked) == (told, lost, False)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"temperature": 0},
        {"temperature": 1, "max_tokens": 10**9, "top_k": 1, "seed": -8, "stop": ["a", "b"]},
    ],
)
def test_what_is_within_is_left_alone(asked):
    assert brought(**asked) == (asked, (), True)


def test_it_is_named_in_the_clients_words():
    _, lost, _ = brought({"max_tokens": "max_output_tokens"}, max_tokens=0)

    assert lost == ("max_output_tokens",)


def test_other_models_are_not_bound():
    assert brought(model="kimi-k3", temperature=1.9) == ({"temperature": 1.9}, (), True)
