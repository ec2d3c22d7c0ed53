"""A cure for each way in which an endpoint fails the doctor."""

import pytest

from multillama.control.cures import SHOWN, late, refusal_cure, way_cure


@pytest.mark.parametrize(
    ("step", "told", "cure"),
    [
        ("dns", "no such name.", "It cannot be reached: no such name. Check the spelling"),
        ("tcp", "connection refused.", "It cannot be reached: connection refused. Check that"),
        ("tls", "certificate has expired.", "TLS failed: certificate has expired. Renew"),
        ("tls", "something else.", "TLS failed: something else. Check that https:// is right"),
    ],
)
def test_a_step_that_failed_is_told_with_its_cure(step: str, told: str, cure: str) -> None:
    assert way_cure(step, told).startswith(cure)


def test_own_words_are_cleaned_before_they_are_cut() -> None:
    body = b'{"error": {"message": "' + b"x" * (SHOWN - 3) + b'sk-secret"}}'

    text = refusal_cure(500, body, lambda said: said.replace("sk-secret", "***"))

    assert text == f'It answered 500 ("{"x" * (SHOWN - 3)}***"): see its own log.'


def test_what_is_said_of_a_refused_key_is_not_repeated() -> None:
    assert refusal_cure(401, b'{"error": "bad sk-secret"}', str) == (
        "It answered 401: check its key."
    )


def test_an_answer_that_is_late_is_told_with_its_limit() -> None:
    assert "within 60 s" in late(60.0)
