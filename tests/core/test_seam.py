import pytest
from hypothesis import given, strategies as st

from multillama.core.partial import CHAT, Partial
from multillama.core.seam import ECHO_TOKENS, Seam, add_up
from multillama.core.usage import Usage


def said(text: str, pieces: list[str], *, tokens: int = ECHO_TOKENS) -> str:
    seam = Seam(Partial(dialect=CHAT, text=text, tokens=tokens))
    return "".join(seam.take(piece) for piece in pieces)


@pytest.mark.parametrize(
    ("text", "pieces", "news"),
    [
        ("a", [" b"], " b"),
        ("a ", [" ", "b"], "b"),
        ("a ", [" b"], "b"),
        ("a\n\n  ", ["\n", "\n", "  ", "x"], "x"),
        ("a\n\n  ", ["\n\n", "    x"], "  x"),
        ("a\n\n", ["\n", "b"], "b"),
        ("a\n", ["\n\n", "b"], "\nb"),
        ("a\n", [" and", "\n"], " and\n"),
        (" ", [" a"], "a"),
    ],
)
def test_blanks_that_the_client_has_are_not_said_again(
    text: str, pieces: list[str], news: str
) -> None:
    assert said(text, pieces) == news


@pytest.mark.parametrize(
    ("text", "pieces", "news"),
    [
        ("One two", ["One two", " three"], " three"),
        ("One two\n", ["One two\nthree"], "three"),
        ("One two", ["One two three"], " three"),
        ("One two", ["One", " two"], "One two"),
        ("One two", [" three", "One two"], " threeOne two"),
    ],
)
def test_an_echo_of_the_prefill_is_dropped_once(text: str, pieces: list[str], news: str) -> None:
    assert said(text, pieces) == news


def test_a_short_text_may_well_be_said_again() -> None:
    assert said("ha", ["ha", "ha"], tokens=ECHO_TOKENS - 1) == "haha"


@given(st.text("ab \n", max_size=8), st.lists(st.text("ab \n", min_size=1, max_size=4)))
def test_what_goes_on_with_the_held_blanks_is_joined_exactly(text: str, rest: list[str]) -> None:
    partial = Partial(dialect=CHAT, text=text)
    whole = partial.held + "".join(rest)

    news = said(text, [piece for piece in (whole[:1], whole[1:3], whole[3:]) if piece], tokens=1)

    assert text + news == partial.prefill + whole


@given(st.text("a ", max_size=6), st.lists(st.text("a ", min_size=1, max_size=3), max_size=5))
def test_nothing_but_blanks_is_dropped_without_an_echo(text: str, pieces: list[str]) -> None:
    whole = "".join(pieces)

    news = said(text, pieces, tokens=1)

    assert whole.endswith(news)
    assert whole[: len(whole) - len(news)].strip() == ""


def test_the_input_of_the_first_request_is_what_it_had_before_the_prefill() -> None:
    partial = Partial(dialect=CHAT, text="a b c", tokens=3)

    assert add_up(partial, 13, 5) == Usage(10, 8)


def test_known_input_tokens_tell_the_output_exactly() -> None:
    partial = Partial(dialect=CHAT, text="a b c", tokens=2, input_tokens=10)

    assert add_up(partial, 13, 5) == Usage(10, 8)


def test_odd_counts_never_fall_below_what_was_told() -> None:
    assert add_up(Partial(dialect=CHAT, text="a", tokens=9), 5, 2) == Usage(0, 7)
    assert add_up(Partial(dialect=CHAT, text="a", input_tokens=50), 5, 2) == Usage(50, 2)


def test_without_the_second_input_the_tokens_of_both_are_counted() -> None:
    partial = Partial(dialect=CHAT, text="a", tokens=3, input_tokens=10)

    assert add_up(partial, None, 2) == Usage(10, 5)
