import base64

import pytest

from multillama.dialects.gemini.models import (
    BUDGETS,
    LEVELS,
    NO_THINKING,
    SKIP_SIGNATURE,
    thinks_in,
    wants_signatures,
)


@pytest.mark.parametrize(
    ("model", "measure"),
    [
        ("gemini-3-pro-preview", LEVELS),
        ("models/gemini-2.5-pro", BUDGETS),
        ("gemini-2.5-flash-image", NO_THINKING),
        ("publishers/google/models/gemini-2.0-flash", NO_THINKING),
        ("gemma-3-27b-it", NO_THINKING),
        ("gemini-flash-latest", LEVELS),
        ("my-own", LEVELS),
    ],
)
def test_the_name_tells_what_thinking_is_measured_in(model, measure):
    assert thinks_in(model) == measure


@pytest.mark.parametrize(
    ("model", "wants"),
    [
        ("models/gemini-3.6-flash", True),
        ("gemini-pro-latest", True),
        ("gemini-2.5-flash", False),
        ("my-latest", False),
    ],
)
def test_gemini_3_wants_its_calls_signed(model, wants):
    assert wants_signatures(model) is wants


def test_the_stand_in_for_a_signature_is_what_google_documents():
    assert base64.b64decode(SKIP_SIGNATURE) == b"skip_thought_signature_validator"
