"""Reasoning in words and in tokens: dialects say either, and one is read as the other.

Source: the table that LiteLLM 1.109 uses, which other gateways follow; Anthropic's least budget is 1,024 tokens.
"""

from typing import Final

from multillama.core.canonical import Thinking

BUDGETS: Final = (
    ("minimal", 1024),
    ("low", 1024),
    ("medium", 2048),
    ("high", 4096),
    ("xhigh", 8192),
    ("max", 16384),
)
"""Effort to the tokens it may take, rising."""
_LEAST: Final = (("high", 4096), ("medium", 2048), ("low", 1024))


def effort_of(thinking: Thinking) -> str | None:
    """Returns the effort that was said or is meant by a budget; None where the model may choose."""
    if thinking.effort is not None:
        return thinking.effort
    budget = thinking.budget
    if budget == 0 or thinking.is_on is False:
        return "none"
    if budget is None or budget < 0:
        return None
    return next((effort for effort, least in _LEAST if budget >= least), "minimal")
