from typing import Any

import pytest

from multillama.core.partial import CHAT, COMPLETIONS, MESSAGES, Partial
from tests.core.streams import DIALECTS, DONE, chat, chunk, delta, event, messages, read, stream

START = messages(["a"])[0]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_text_so_far_is_read_at_every_cut(dialect: str) -> None:
    pieces = ["One", " two", "\n", "\n", "three"]
    events = stream(dialect, pieces)

    for cut in range(len(events) + 1):
        partial = read(dialect, events[:cut])

        assert partial.text == "".join(pieces[: partial.tokens])
        assert partial.prefill + partial.held == partial.text
        assert partial.oddity is None
    assert (partial.tokens, partial.finish is not None) == (5, True)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_blanks_at_the_end_are_held_back_and_their_tokens_not_counted(dialect: str) -> None:
    events = [one for one in stream(dialect, ["a", " b\n", "\n", " "]) if b"stop" not in one]

    partial = read(dialect, events)

    assert (partial.prefill, partial.held) == ("a b", "\n\n ")
    assert (partial.tokens, partial.held_tokens, partial.spent_tokens) == (4, 2, 2)


def test_the_first_chunk_says_whose_stream_it_is() -> None:
    events = [chunk(choices=[], id=""), *chat(["a"]), delta("other", content="b")]

    partial = read(CHAT, events)

    assert partial.identity == {"id": b'"one"', "created": b"1", "model": b'"model-one"'}
    assert partial.has_begun


def test_usage_that_comes_with_each_chunk_is_read() -> None:
    said = {"prompt_tokens": 7, "completion_tokens": 3}

    partial = read(CHAT, [chunk(choices=[{"delta": {"content": "a"}}], usage=said)])

    assert (partial.input_tokens, partial.output_tokens, partial.spent_tokens) == (7, 3, 3)


def test_the_input_of_messages_counts_what_came_from_a_cache() -> None:
    partial = read(MESSAGES, [START])

    assert partial.input_tokens == 10
    assert partial.input_usage == {"input_tokens": b"1", "cache_read_input_tokens": b"9"}


def test_reasoning_without_text_is_what_is_continued() -> None:
    partial = read(CHAT, chat(["x"], thoughts=["Let", " me "])[:3])

    assert partial.is_reasoning
    assert (partial.prefill, partial.held) == ("Let me", " ")


def test_reasoning_before_text_is_kept_beside_it() -> None:
    partial = read(MESSAGES, messages(["x", "y"], thoughts=["Let"])[:6])

    assert (partial.reasoning, partial.text, partial.is_reasoning) == ("Let", "x", False)
    assert (partial.open_block, partial.open_type, partial.next_block) == (1, "text", 2)


def test_the_open_block_is_known() -> None:
    events = messages(["x"])

    opened = read(MESSAGES, events[:2])
    ended = read(MESSAGES, events[:4])

    assert (opened.open_block, opened.next_block) == (0, 1)
    assert (ended.open_block, ended.next_block) == (None, 1)


@pytest.mark.parametrize(
    ("dialect", "end", "finish"),
    [
        (CHAT, delta(finish="length"), "length"),
        (CHAT, DONE, "unknown"),
        (COMPLETIONS, chunk(choices=[{"text": "", "finish_reason": "stop"}]), "stop"),
        (MESSAGES, event("message_delta", delta={"stop_reason": "end_turn"}), "end_turn"),
    ],
)
def test_an_end_that_was_told_is_known(dialect: str, end: bytes, finish: str) -> None:
    assert read(dialect, [end]).finish == finish


def block(kind: str, **members: Any) -> bytes:
    return event("content_block_start", index=0, content_block={"type": kind, **members})


@pytest.mark.parametrize(
    ("dialect", "odd", "words"),
    [
        (CHAT, delta(tool_calls=[{"index": 0}]), "tool call"),
        (CHAT, delta(function_call={"name": "f"}), "tool call"),
        (CHAT, delta(refusal="no"), "more than text"),
        (CHAT, delta(audio={"id": "1"}), "more than text"),
        (CHAT, chunk(choices=[{"index": 1, "delta": {"content": "b"}}]), "several"),
        (CHAT, chunk(error={"message": "out of memory"}), "an error"),
        (CHAT, delta(content=[{"type": "thinking"}]), "cannot be read"),
        (CHAT, b"data: {nonsense\n\n", "cannot be read"),
        (MESSAGES, b"data: []\n\n", "cannot be read"),
        (MESSAGES, block("tool_use", id="1"), "tool call"),
        (MESSAGES, block("server_tool_use", id="1"), "more than text"),
        (MESSAGES, event("error", error={"type": "api_error"}), "an error"),
        (MESSAGES, event("content_block_delta", delta={"type": "citations_delta"}), "more than"),
    ],
)
def test_what_nobody_can_continue_is_named(dialect: str, odd: bytes, words: str) -> None:
    partial = read(dialect, [*stream(dialect, ["a"])[:1], odd])

    assert words in (partial.oddity or "")


def test_a_second_text_block_is_more_than_can_be_continued() -> None:
    partial = read(MESSAGES, [*messages(["a"])[:4], block("text", text="b")])

    assert "more than text" in (partial.oddity or "")


def test_comments_and_pings_say_nothing() -> None:
    partial = read(MESSAGES, [b": wait\n\n", event("ping"), b"data:\n\n"])

    assert partial == read(MESSAGES, [])


def test_messages_may_begin_without_their_first_event() -> None:
    partial = read(MESSAGES, messages(["a"])[1:3])

    assert partial.has_begun
    assert (partial.text, partial.input_tokens) == ("a", None)


def test_without_any_count_no_tokens_are_spent() -> None:
    assert read(CHAT, chat([" "])[:2]).spent_tokens == 0


def test_half_an_event_is_an_oddity() -> None:
    assert "cannot be read" in (read(CHAT, [*chat(["a"])[:2], b'data: {"cho']).oddity or "")


def test_a_last_event_that_ends_in_cr_is_read() -> None:
    events = [one.replace(b"\n", b"\r") for one in chat(["a", "b"])[:3]]

    assert read(CHAT, events).text == "ab"


def test_its_size_is_what_the_client_can_read() -> None:
    partial = Partial(dialect=CHAT, text="abc", reasoning="de")

    assert partial.size == 5
