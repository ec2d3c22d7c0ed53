import pytest

from multillama.core.canonical import Stop
from multillama.dialects.openai_family.stops import read_stop, write_stop


@pytest.mark.parametrize(
    ("word", "stop"),
    [
        ("stop", Stop.END),
        ("length", Stop.LENGTH),
        ("tool_calls", Stop.CALLS),
        ("function_call", Stop.CALLS),
        ("content_filter", Stop.REFUSED),
        ("model_length", Stop.CONTEXT),
        ("sensitive", Stop.REFUSED),
        ("abort", Stop.FAULT),
        ("a word of tomorrow", Stop.END),
    ],
)
def test_words_are_read(word, stop):
    assert read_stop(word) is stop


def test_what_an_answer_holds_is_believed_more_than_a_plain_stop():
    assert read_stop("stop", has_calls=True) is Stop.CALLS
    assert read_stop("stop", has_refusal=True) is Stop.REFUSED
    assert read_stop("length", has_calls=True) is Stop.LENGTH


def test_every_stop_is_a_word_of_the_sdk():
    assert {write_stop(stop) for stop in Stop} == {"stop", "length", "tool_calls", "content_filter"}
