from itertools import islice, repeat
from typing import Any

import pytest
from hypothesis import given, strategies as st

from multillama.testing.prefill import rest_of

WORDS = ["One ", "two, ", "three.\n", "End."]
TEXT = "".join(WORDS)


def chat(said: object, role: str = "assistant") -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "Go"}, {"role": role, "content": said}]}


@pytest.mark.parametrize(
    ("said", "had", "rest"),
    [
        ("One ", 1, ["two, ", "three.\n", "End."]),
        ("One two,", 2, [" three.\n", "End."]),
        ("One two, three.", 3, ["\nEnd."]),
        ("One tw", 1, ["o, ", "three.\n", "End."]),
        (TEXT, 4, []),
    ],
)
def test_the_rest_is_what_follows(said: str, had: int, rest: list[str]) -> None:
    count, left = rest_of(WORDS, chat(said))

    assert (count, list(left)) == (had, rest)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"messages": []},
        {"messages": ["odd"]},
        chat("One ", role="user"),
        chat(""),
        chat(None),
        chat([{"type": "text", "text": "One "}]),
        chat("Two"),
        chat(f"{TEXT} And more."),
        {"prompt": "Say it:"},
        {"prompt": ["One "]},
    ],
)
def test_what_is_no_beginning_of_the_text_is_answered_with_all(asked: dict[str, Any]) -> None:
    count, left = rest_of(WORDS, asked)

    assert (count, list(left)) == (0, WORDS)


def test_a_prompt_may_end_in_the_beginning_of_the_text() -> None:
    count, left = rest_of(WORDS, {"prompt": "Say: One One two,"})

    assert (count, list(left)) == (2, [" three.\n", "End."])


def test_words_without_end_are_continued_without_end() -> None:
    count, left = rest_of(repeat("word "), chat("word word"))

    assert (count, list(islice(left, 2))) == (2, [" word ", "word "])


@given(st.integers(0, len(TEXT)), st.booleans())
def test_both_parts_are_the_whole_text(cut: int, is_prompt: bool) -> None:
    said = TEXT[:cut].rstrip()

    count, left = rest_of(WORDS, {"prompt": f"Go: {said}"} if is_prompt else chat(said))

    rest = list(left)
    assert said + "".join(rest) == TEXT
    assert count + len(rest) in (len(WORDS), len(WORDS) + 1 - bool(not said))
