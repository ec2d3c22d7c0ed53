"""How much the model is to think: `thinkingConfig`, in levels since Gemini 3 and in tokens before.

A client of Gemini's own family is told on as it spoke. From others an effort becomes what the model is measured in.

Source: ai.google.dev "Gemini thinking" and "OpenAI compatibility" (November 2026): 1,024, 8,192 and 24,576 tokens are a
low, medium and high effort; LiteLLM 1.109.1 has the limits from which a budget is a medium or a high level.
"""

from typing import Any, Final

from multillama.core.canonical import Extras, Thinking
from multillama.core.codec import Losses
from multillama.core.shape import Members, Object
from multillama.dialects.gemini.models import BUDGETS, NO_THINKING, bare, thinks_in
from multillama.dialects.gemini.spelling import an_object_of

_PATH: Final = "generationConfig.thinkingConfig"
THINKING: Final = f"{_PATH}."
"""How extras of the request begin that stand inside it."""
_UNSPECIFIED: Final = "thinking_level_unspecified"
_TOKENS: Final = {
    "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576, "max": 24576,
}  # fmt: skip
_MEDIUM_FROM: Final = 2048
_HIGH_FROM: Final = 4096


def read_thinking(value: Any, extras: Extras) -> Thinking | None:
    """Reads `thinkingConfig`; what nobody else knows goes to the request's extras."""
    if value is None:
        return None
    members = Members(an_object_of(value, _PATH), _PATH)
    shown = members.flag("includeThoughts")
    level = (members.text("thinkingLevel") or _UNSPECIFIED).lower()
    budget = members.whole("thinkingBudget")
    extras.update({THINKING + name: member for name, member in members.rest.items()})
    thinking = Thinking(
        effort=None if level == _UNSPECIFIED else level,
        budget=budget,
        summary=None if shown is None else "auto" if shown else "none",
    )
    return None if thinking == Thinking() else thinking


def write_thinking(thinking: Thinking | None, model: str, losses: Losses, *, same: bool) -> Object:
    """Returns `thinkingConfig`, empty where nothing is said."""
    if thinking is None:
        return {}
    if same:
        return _as_told(thinking)
    measure = thinks_in(model)
    if measure == NO_THINKING:
        if not _is_off(thinking):
            losses.drop("thinking")
        return {}
    config = _in_tokens(thinking, model) if measure == BUDGETS else _in_levels(thinking, model)
    config["includeThoughts"] = thinking.summary != "none" and not _is_off(thinking)
    return config


def _as_told(thinking: Thinking) -> Object:
    config: Object = {}
    if thinking.summary is not None:
        config["includeThoughts"] = thinking.summary != "none"
    if thinking.budget is not None:
        config["thinkingBudget"] = thinking.budget
    if thinking.effort is not None:
        config["thinkingLevel"] = thinking.effort.upper()
    return config


def _is_off(thinking: Thinking) -> bool:
    return thinking.effort == "none" or thinking.budget == 0 or thinking.is_on is False


def _in_tokens(thinking: Thinking, model: str) -> Object:
    """Returns a budget within the model's limits; Gemini 2.5 Pro cannot do without thoughts."""
    is_pro = "pro" in bare(model)
    if _is_off(thinking):
        budget = 0
    elif thinking.budget is not None:
        budget = thinking.budget
    elif thinking.effort is not None:
        budget = _TOKENS.get(thinking.effort, -1)
    elif thinking.is_on:
        budget = -1
    else:
        return {}
    if is_pro:
        most, least = 32768, 128
    else:
        most, least = 24576, 512 if "lite" in model else 1
    if budget < 0 or (budget == 0 and not is_pro):
        return {"thinkingBudget": max(budget, -1)}
    return {"thinkingBudget": min(max(budget, least), most)}


def _in_levels(thinking: Thinking, model: str) -> Object:
    """Returns a level that the model has; nothing where it may think as much as it likes."""
    if _is_off(thinking):
        level = "minimal"
    elif thinking.effort is not None:
        level = thinking.effort
    elif thinking.budget is not None and thinking.budget > 0:
        level = _level(thinking.budget)
    else:
        return {}
    name = bare(model)
    if level == "minimal" and "flash" not in name:
        level = "low"
    if level in ("xhigh", "max") or (level == "medium" and name.startswith("gemini-3-pro")):
        level = "high"
    return {"thinkingLevel": level.upper()}


def _level(budget: int) -> str:
    if budget >= _HIGH_FROM:
        return "high"
    return "medium" if budget >= _MEDIUM_FROM else "low"
