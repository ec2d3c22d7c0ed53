import pytest

from multillama.core.canonical import Stop, Usage
from multillama.dialects.ollama_family.figures import (
    count,
    created_at,
    read_stop,
    seconds_of,
    stop_word,
    take_usage,
    usage_members,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2024-05-24T20:57:43.35235Z", 1716584263),
        ("2024-05-24T22:57:43.352351234+02:00", 1716584263),
        ("2024-05-24T20:57:43", 1716584263),
        ("0001-01-01T00:00:00Z", 0),
        ("yesterday", 0),
        (None, 0),
        (17, 0),
    ],
)
def test_a_time_is_read_as_seconds(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1716584263, "2024-05-24T20:57:43Z"),
        (-1, "1970-01-01T00:00:00Z"),
        (10**15, "9999-12-31T23:59:59Z"),
    ],
)
def test_a_time_is_written_in_utc(seconds, text):
    assert created_at(seconds) == text


@pytest.mark.parametrize(
    ("value", "tokens"), [(3, 3), (0, 0), (-1, None), (True, None), ("3", None)]
)
def test_only_a_number_is_a_count(value, tokens):
    assert count(value) == tokens


def test_figures_are_taken_out_of_a_line():
    line = {"eval_count": 5, "prompt_eval_count": 9, "eval_duration": 70, "context": [1]}

    usage = take_usage(line)

    assert usage == Usage(input_tokens=9, output_tokens=5, extras={"eval_duration": 70})
    assert line == {"context": [1]}


def test_a_line_without_figures_has_no_usage():
    assert take_usage({"done": True}) is None


def test_durations_are_written_for_who_measured_them_only():
    usage = Usage(input_tokens=9, output_tokens=5, extras={"eval_duration": 70})

    ours = usage_members(usage, is_ours=True)
    others = usage_members(usage, is_ours=False)

    assert ours == {"eval_duration": 70, "prompt_eval_count": 9, "eval_count": 5}
    assert others == {"prompt_eval_count": 9, "eval_count": 5}


def test_what_nobody_has_counted_is_left_out():
    assert usage_members(Usage(), is_ours=True) == {}
    assert usage_members(None, is_ours=True) == {}


@pytest.mark.parametrize(
    ("word", "has_calls", "stop", "extras"),
    [
        ("stop", False, Stop.END, {}),
        ("stop", True, Stop.CALLS, {}),
        ("length", False, Stop.LENGTH, {}),
        ("length", True, Stop.LENGTH, {}),
        ("load", False, Stop.END, {"done_reason": "load"}),
        (None, False, Stop.END, {}),
        (7, False, Stop.END, {"done_reason": 7}),
    ],
)
def test_why_an_answer_ended_is_read(word, has_calls, stop, extras):
    assert read_stop(word, has_calls=has_calls) == (stop, extras)


@pytest.mark.parametrize(
    ("stop", "word"),
    [
        (Stop.CONTEXT, "length"),
        (Stop.LENGTH, "length"),
        (Stop.CALLS, "stop"),
        (Stop.REFUSED, "stop"),
    ],
)
def test_why_an_answer_ended_is_written(stop, word):
    assert stop_word(stop) == word
