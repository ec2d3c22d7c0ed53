import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, strategies as st

from multillama.core.partial import CHAT, COMPLETIONS, MESSAGES, Partial
from multillama.core.stitch import stitcher
from multillama.core.usage import Usage
from multillama.errors import GatewayError
from multillama.wire.sse import split_events
from tests.core.streams import DIALECTS, DONE, chat, chunk, decoded, delta, read, stream

PIECES = st.lists(st.sampled_from(["One", " two", "\n", "\n\n", " ", "x", "ü", "."]), max_size=10)


def stitched(dialect: str, had: Sequence[bytes], events: Sequence[bytes]) -> list[bytes]:
    """Returns all that the client gets."""
    rest = stitcher(read(dialect, had))
    return [*had, *(one for event in events for one in split_events(rest.feed(event))[0])]


def continued(dialect: str, pieces: Sequence[str], cut: int, identity: str) -> list[bytes]:
    """Returns what an endpoint sends that goes on exactly."""
    had = stream(dialect, pieces)[:cut]
    partial = read(dialect, had)
    kept = partial.tokens - partial.held_tokens
    # blanks that are held back may be part of a token
    glued = "".join(pieces[:kept])[len(partial.prefill) :]
    rest = [glued, *pieces[kept:]] if glued else list(pieces[kept:])
    return stream(dialect, rest, identity, prompt=10 + kept)


def whole_events(dialect: str, pieces: Sequence[str]) -> int:
    """Returns how many events come before the end is told."""
    events = stream(dialect, pieces)
    return next(i for i in range(len(events) + 1) if read(dialect, events[:i]).finish) - 1


@pytest.mark.parametrize("dialect", DIALECTS)
@given(PIECES, st.data())
def test_a_cut_anywhere_leaves_no_trace(dialect: str, pieces: list[str], data: Any) -> None:
    events = stream(dialect, pieces)
    cut = data.draw(st.integers(0, whole_events(dialect, pieces)))

    got = stitched(dialect, events[:cut], continued(dialect, pieces, cut, "two"))

    partial = read(dialect, got)
    assert partial.text == "".join(pieces)
    assert partial.oddity is None
    assert partial.finish == read(dialect, events).finish
    assert got.count(events[-1]) == 1
    if cut:
        assert b'"two"' not in b"".join(got)


@pytest.mark.parametrize("dialect", DIALECTS)
@given(st.data())
def test_it_may_be_cut_again(dialect: str, data: Any) -> None:
    pieces = ["One", " two", "\n", "three", " ", "four", "."]
    events = stream(dialect, pieces)
    cut = data.draw(st.integers(1, whole_events(dialect, pieces)))
    once = stitched(dialect, events[:cut], continued(dialect, pieces, cut, "two"))
    ends = next(i for i in range(len(once)) if read(dialect, once[: i + 1]).finish)
    again = data.draw(st.integers(cut, ends))
    had = read(dialect, once[:again])
    kept = had.tokens - had.held_tokens

    got = stitched(dialect, once[:again], stream(dialect, pieces[kept:], "third", prompt=10 + kept))

    partial = read(dialect, got)
    assert partial.text == "".join(pieces)
    assert b'"two"' not in b"".join(got)
    assert b'"third"' not in b"".join(got)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_usage_is_that_of_the_whole_answer(dialect: str) -> None:
    pieces = ["One", " two", "\n", "three"]
    cut = 4
    rest = stitcher(read(dialect, stream(dialect, pieces)[:cut]))

    for event in continued(dialect, pieces, cut, "two"):
        rest.feed(event)

    assert rest.usage == Usage(10, 4)
    assert rest.is_over


def test_a_chat_goes_on_as_if_nothing_had_been() -> None:
    whole = chat(["One", " two", " three"])

    got = stitched(CHAT, whole[:3], chat([" three"], "two", prompt=12))

    assert decoded(got) == decoded(whole)
    assert got[-1] == DONE


def test_members_that_need_not_change_keep_their_bytes() -> None:
    rest = stitcher(read(CHAT, chat(["One"])[:2]))

    event = rest.feed(b'data: {"choices":[],"usage":null,"id":"two","timings":{"a" : 1.0}}\n\n')
    news = rest.feed(b'data: {"choices":[{"delta":{"content":"x" },"logprobs":[1 ]}],"b":[ 2]}\n\n')

    assert event == b""
    assert b'"b":[ 2]' in news
    assert b'"logprobs":[1 ]' in news


def test_a_comment_is_passed_on() -> None:
    for dialect in DIALECTS:
        assert stitcher(Partial(dialect=dialect)).feed(b": wait\n\n") == b": wait\n\n"


def test_who_speaks_is_told_to_a_client_that_has_nothing_yet() -> None:
    assert decoded(stitched(CHAT, [], chat(["a"]))) == decoded(chat(["a"]))


def test_reasoning_goes_on_as_reasoning() -> None:
    whole = chat(["a"], thoughts=["Let", " me", " see"])

    got = stitched(CHAT, whole[:3], chat(["a"], "two", prompt=12, thoughts=[" see"]))

    assert decoded(got) == decoded(whole)


def test_a_role_in_every_chunk_is_left_out() -> None:
    rest = stitcher(read(CHAT, chat(["a"])[:2]))

    assert b"role" not in rest.feed(delta("two", role="assistant", content="b"))


def test_a_tool_call_after_the_text_is_passed_on() -> None:
    call = {"index": 0, "id": "1", "function": {"name": "f", "arguments": "{}"}}
    rest = stitcher(read(CHAT, chat(["a"])[:2]))

    (said,) = decoded([rest.feed(delta("two", tool_calls=[call]))])

    assert said["choices"][0]["delta"] == {"tool_calls": [call]}


def test_no_more_tokens_come_from_the_cache_than_the_client_sent() -> None:
    usage = {
        "prompt_tokens": 12,
        "completion_tokens": 1,
        "prompt_tokens_details": {"cached_tokens": 11},
    }
    rest = stitcher(read(CHAT, chat(["a", "b"])[:3]))

    (said,) = decoded([rest.feed(chunk(choices=[], usage=usage))])

    assert said["usage"] == {
        "prompt_tokens": 10,
        "completion_tokens": 3,
        "total_tokens": 13,
        "prompt_tokens_details": {"cached_tokens": 10},
    }


def test_other_details_of_the_input_are_let_be() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": {"audio": 0}}
    rest = stitcher(Partial(dialect=CHAT))

    (said,) = decoded([rest.feed(chunk(choices=[], usage=usage))])

    assert said["usage"] == {**usage, "total_tokens": 2}


@pytest.mark.parametrize(("finish", "sent"), [(None, 0), ("stop", 1)])
def test_a_choice_without_text_is_sent_for_its_end_only(finish: str | None, sent: int) -> None:
    rest = stitcher(Partial(dialect=COMPLETIONS, text="a", identity={}))

    said = rest.feed(chunk(choices=[{"index": 0, "finish_reason": finish}]))

    assert len(decoded([said])) == sent


@pytest.mark.parametrize("usage", [{}, {"total_tokens": 3}])
def test_a_usage_without_counts_is_left_alone(usage: dict[str, Any]) -> None:
    rest = stitcher(read(CHAT, chat(["a"])[:2]))

    (said,) = decoded([rest.feed(chunk(choices=[], usage=usage))])

    assert said["usage"] == usage
    assert rest.usage == Usage()


@pytest.mark.parametrize(
    ("dialect", "event"),
    [
        (CHAT, b"data: {nonsense\n\n"),
        (CHAT, b"data: []\n\n"),
        (CHAT, chunk(error={"message": "out of memory"})),
        (CHAT, chunk(choices=[{"delta": {"content": 1}}])),
        (CHAT, delta(reasoning_content="hm")),
        (COMPLETIONS, b"data: nonsense\n\n"),
        (MESSAGES, b"data: nonsense\n\n"),
        (MESSAGES, b'event: error\ndata: {"type":"error","error":{}}\n\n'),
    ],
)
def test_what_is_no_continuation_is_a_failure(dialect: str, event: bytes) -> None:
    rest = stitcher(read(dialect, stream(dialect, ["a"])[:3]))

    with pytest.raises(GatewayError) as failure:
        rest.feed(event)

    assert failure.value.kind == "endpoint_malformed"


@given(st.binary(max_size=60))
def test_no_event_is_a_crash(data: bytes) -> None:
    for dialect in DIALECTS:
        rest = stitcher(read(dialect, stream(dialect, ["a"])[:3]))
        try:
            rest.feed(b"data: " + data + b"\n\n")
        except GatewayError as failure:
            assert failure.kind == "endpoint_malformed"


NAMES = st.sampled_from(
    ["type", "index", "delta", "choices", "usage", "text", "content", "message", "content_block"]
)
VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)
KINDS = st.sampled_from(
    ["message_start", "message_delta", "content_block_start", "content_block_delta", "x"]
)


@given(VALUES, KINDS)
def test_no_json_is_a_crash(value: Any, kind: str) -> None:
    if isinstance(value, dict):
        value = {"type": kind, **value}
    data = json.dumps(value).encode()
    for dialect in DIALECTS:
        rest = stitcher(read(dialect, stream(dialect, ["a"])[:3]))
        try:
            rest.feed(b"data: " + data + b"\n\n")
        except GatewayError as failure:
            assert failure.kind == "endpoint_malformed"
