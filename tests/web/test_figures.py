import pytest

from multillama.web.figures import UNKNOWN as DASH, age_text, count_text, duration_text, plural


@pytest.mark.parametrize(
    ("duration_ms", "text"),
    [
        (None, DASH),
        (0.0, "0.0 ms"),
        (0.42, "0.4 ms"),
        (9.949, "9.9 ms"),
        (9.96, "10 ms"),
        (999.4, "999 ms"),
        (999.6, "1.00 s"),
        (59_990.0, "59.99 s"),
        (59_996.0, "1 min 0 s"),
        (125_000.0, "2 min 5 s"),
    ],
)
def test_a_duration_has_the_unit_that_people_would_choose(
    duration_ms: float | None, text: str
) -> None:
    assert duration_text(duration_ms) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, DASH), (0, "0"), (1204, "1,204"), (9_999_999, "9,999,999"), (12_345_678, "12.3 M")],
)
def test_a_count_is_exact_until_it_is_too_long_to_read(count: int | None, text: str) -> None:
    assert count_text(count) == text


@pytest.mark.parametrize(
    ("age_s", "text"),
    [
        (0, "just now"),
        (7, "5 s ago"),
        (59, "50 s ago"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h ago"),
        (86_400, "1 d ago"),
    ],
)
def test_an_age_is_told_in_its_largest_whole_unit(age_s: float, text: str) -> None:
    assert age_text(age_s) == text


def test_one_is_no_plural() -> None:
    assert [plural(count, "model") for count in (0, 1, 2)] == ["0 models", "1 model", "2 models"]
