"""What the name of a Gemini model tells: how it thinks, and whether it wants its calls signed.

Source: ai.google.dev "Gemini thinking" and "Thought signatures" (November 2026).
"""

from typing import Final

LEVELS: Final = "levels"
BUDGETS: Final = "budgets"
NO_THINKING: Final = ""

SKIP_SIGNATURE: Final = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
"""Base64 of `skip_thought_signature_validator`: stands for the signature of a call that another model has made."""


def bare(model: str) -> str:
    """Returns the name without `models/` or `publishers/google/models/`."""
    return model.rpartition("/")[2]


def thinks_in(model: str) -> str:
    """Returns what a model's thinking is measured in: LEVELS, BUDGETS or NO_THINKING."""
    name = bare(model)
    if name.startswith("gemini-2.5"):
        return NO_THINKING if "image" in name or "tts" in name else BUDGETS
    if name.startswith(("gemini-1", "gemini-2.0", "gemma-", "learnlm")):
        return NO_THINKING
    return LEVELS


def wants_signatures(model: str) -> bool:
    """Says whether the first call of a turn is refused without a signature."""
    name = bare(model)
    return name.startswith("gemini-3") or (name.startswith("gemini-") and name.endswith("-latest"))
