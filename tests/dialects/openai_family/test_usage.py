import pytest

from multillama.core.canonical import Usage
from multillama.dialects.openai_family.usage import count, read_usage, write_usage

WHOLE = {
    "prompt_tokens": 53,
    "completion_tokens": 15,
    "total_tokens": 68,
    "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 3, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 7, "audio_tokens": 0},
}


def test_the_figures_and_the_rest_are_read():
    usage = read_usage({**WHOLE, "cost": 0.1})

    assert usage == Usage(
        53, 40, 3, None, 15, 7,
        {
            "cost": 0.1,
            "prompt_tokens_details": {"audio_tokens": 0},
            "completion_tokens_details": {"audio_tokens": 0},
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    "usage",
    [
        WHOLE,
        {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
        {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 9, "queue_time": 0.5},
    ],
)
def test_a_usage_of_the_family_comes_back(usage):
    assert write_usage(read_usage(usage), is_ours=True) == usage


@pytest.mark.parametrize(
    ("member", "tokens"),
    [
        ({"prompt_cache_hit_tokens": 4}, 4),
        ({"num_cached_tokens": 5}, 5),
        ({"cached_tokens": 6}, 6),
        ({"prompt_tokens_details": {"cached_tokens": 7}, "cached_tokens": 1}, 7),
        ({"prompt_tokens_details": None}, None),
    ],
)
def test_cached_tokens_have_several_names(member, tokens):
    assert read_usage(member).cache_read_tokens == tokens


def test_reasoning_that_is_counted_beside_the_output_is_added_to_it():
    usage = read_usage(
        {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 35,
            "completion_tokens_details": {"reasoning_tokens": 20},
        }
    )

    assert (usage.output_tokens, usage.reasoning_tokens, usage.extras) == (25, 20, {})


def test_another_familys_extras_are_not_told():
    usage = Usage(3, output_tokens=4, extras={"odd": 2})

    assert write_usage(usage, is_ours=False) == {
        "prompt_tokens": 3,
        "completion_tokens": 4,
        "total_tokens": 7,
    }
    assert set(write_usage(usage, is_ours=True)) == {
        "prompt_tokens", "completion_tokens", "total_tokens", "odd",
    }  # fmt: skip


def test_what_nobody_counted_is_none_in_it_and_zero_where_the_sdk_wants_a_figure():
    assert read_usage({}) == Usage()
    assert write_usage(Usage(), is_ours=True) == {
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "total_tokens": 0,
    }


@pytest.mark.parametrize(
    ("value", "tokens"), [(3, 3), (3.0, 3), (True, None), ("3", None), (-1, None), (None, None)]
)
def test_only_a_number_is_a_count(value, tokens):
    assert count(value) == tokens
