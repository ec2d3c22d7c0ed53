"""Reasoning in words and in tokens: dialects say either, and a budget is read as an effort.

Source: the table that LiteLLM 1.109 uses, which other gateways follow; Anthropic's least budget is 1,024 tokens.
"""

from typing import Final

from multillama.core.canonical import Thinking

_LEAST: Final = (("high", 4096), ("medium", 2048), ("low", 1024))
"""Effort to the tokens from which on a budget means it."""


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
