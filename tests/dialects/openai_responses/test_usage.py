import pytest

from multillama.core.canonical import Count, Usage
from multillama.core.codec import Misfit
from multillama.dialects.openai_responses.usage import (
    read_count,
    read_usage,
    write_count,
    write_usage,
)


def told(taken=10, made=5, cached=0, stored=0, reasoning=0, **members):
    return {
        "input_tokens": taken,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": stored},
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": taken + made,
        **members,
    }


@pytest.mark.parametrize(
    ("value", "usage"),
    [
        (told(), Usage(10, 0, 0, None, 5, 0)),
        (told(10, 5, 4, 3, 2), Usage(10, 4, 3, None, 5, 2)),
        (
            told(total_tokens=20, cost=0.1),
            Usage(10, 0, 0, None, 5, 0, {"total_tokens": 20, "cost": 0.1}),
        ),
        (
            told(
                input_tokens_details={
                    "cached_tokens": 0,
                    "cache_write_tokens": 0,
                    "cache_write_tokens_details": {"x": 1},
                }
            ),
            Usage(
                10,
                0,
                0,
                None,
                5,
                0,
                {"input_tokens_details": {"cache_write_tokens_details": {"x": 1}}},
            ),
        ),
    ],
)
def test_usage_is_read_and_written_as_it_was(value, usage):
    read = read_usage(value)

    assert read == usage
    assert write_usage(read, is_own=True) == value


@pytest.mark.parametrize(
    ("value", "usage"),
    [
        (None, None),
        ([], None),
        ({}, Usage()),
        ({"input_tokens": True, "output_tokens": "5", "input_tokens_details": None}, Usage()),
        ({"input_tokens": 3, "output_tokens": 4}, Usage(input_tokens=3, output_tokens=4)),
    ],
)
def test_what_is_missing_is_not_counted(value, usage):
    assert read_usage(value) == usage


def test_every_count_is_there_for_a_client_to_read():
    assert write_usage(Usage(), is_own=False) == told(0, 0)
    assert write_usage(Usage(extras={"a": 1}), is_own=False) == told(0, 0)
    assert write_usage(None, is_own=False) is None


def test_a_count_is_read_and_written():
    body = b'{"object":"response.input_tokens","input_tokens":12}'

    assert read_count(body) == Count(12)
    assert write_count(Count(12)) == body


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"input_tokens":true}', b'{"input_tokens":"1"}']
)
def test_what_is_no_count_is_told(body):
    with pytest.raises(Misfit):
        read_count(body)
