"""What is asked for usage, and which event is taken away for it."""

import json

import pytest
from hypothesis import given, strategies as st

from multillama.core.asked_usage import UsageTaker, with_usage
from multillama.core.usage import Usage

WORD = b'data: {"choices":[{"index":0,"delta":{"content":"ho"}}],"usage":null}\n\n'
COUNTS = b'{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}'
USAGE = b'data: {"id":"c1","choices":[],"usage":%b}\n\n' % COUNTS
DONE = b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        (
            b'{ "model":"m", "stream" : true}',
            b'{"model":"m","stream":true,"stream_options":{"include_usage":true}}',
        ),
        (
            b'{"stream_options":null,"top_p":0.10}',
            b'{"stream_options":{"include_usage":true},"top_p":0.10}',
        ),
        (
            b'{"stream_options":{"x": 1.50},"n":1}',
            b'{"stream_options":{"x":1.50,"include_usage":true},"n":1}',
        ),
        (
            b'{"stream_options":{"include_usage":false,"x":1.50}}',
            b'{"stream_options":{"include_usage":true,"x":1.50}}',
        ),
    ],
)
def test_one_member_asks_and_every_other_value_keeps_its_bytes(body, asked):
    assert with_usage(body) == asked


@pytest.mark.parametrize(
    "body",
    [
        b'{"stream_options":{"include_usage":true}}',
        b'{"stream_options":"all"}',
        b'{"stream_options":{"include_usage":"yes"}}',
        b"[1]",
        b"{",
        b"\xff",
        b'{"stream_options":' + b"[" * 5000,
    ],
)
def test_a_request_that_asks_itself_or_cannot_be_read_stays_as_it_is(body):
    assert with_usage(body) is None


def test_the_chunk_of_usage_is_taken_and_every_other_event_keeps_its_bytes():
    taker = UsageTaker()

    passed = taker.feed(WORD + USAGE + DONE)

    assert passed == WORD + DONE
    assert taker.usage == Usage(9, 2)


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"choices":[],"prompt_filter_results":[{"about":"usage"}]}\n\n',
        b'data: {"choices":[{"delta":{}}],"usage":%b}\n\n' % COUNTS,
        b'data: {"choices":[],"usage":null}\n\n',
        b'data: {"usage":%b}\n\n' % COUNTS,
        b'data: {"choices":[],"usage":{"prompt_tokens":"nine"}}\n\n',
        b'data: "usage"\n\n',
        b': "usage"\n\n',
        b"data: [DONE]\n\n",
    ],
)
def test_any_other_event_passes(event):
    taker = UsageTaker()

    assert taker.feed(event) == event
    assert taker.usage is None


@given(st.lists(st.sampled_from((WORD, USAGE, DONE, b": x\n\n", b"data: {\n\n"))))
def test_all_but_the_chunks_of_usage_come_out_as_they_went_in(events):
    passed = UsageTaker().feed(b"".join(events))

    assert passed == b"".join(event for event in events if event is not USAGE)


def test_what_was_asked_is_json_again():
    assert json.loads(with_usage(b'{"a":"\\u00e9 \xc3\xa9"}') or b"")["a"] == "é é"
