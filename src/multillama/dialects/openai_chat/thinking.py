"""How much the model is to think: read from the members that clients use, written as the provider wants it.

A budget is read as an effort by `core/effort.py`; an effort that must be a budget takes the tokens below.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from multillama.core.canonical import Thinking
from multillama.core.effort import effort_of
from multillama.core.shape import Members, Object
from multillama.dialects.openai_family.habits import EFFORTS, Habits

_TOKENS: Final[Mapping[str, int]] = MappingProxyType({
    "minimal": 1024, "low": 1024, "medium": 2048, "high": 4096, "xhigh": 8192, "max": 16384,
})  # fmt: skip


# --- reading ---------------------------------------------------------------------------------


def read_thinking(members: Members) -> Thinking | None:
    """Returns what is said of it: OpenAI's `reasoning_effort`, OpenRouter's `reasoning`, DeepSeek's `thinking`."""
    effort = members.text("reasoning_effort")
    if effort in EFFORTS:
        return Thinking(effort)
    if effort is not None:
        members.rest["reasoning_effort"] = effort  # Groq's `default`
        return None
    reasoning = members.members("reasoning")
    if reasoning is not None:
        return _of_object(Members(reasoning, "reasoning"))
    thinking = members.members("thinking")
    if thinking is not None:
        inner = Members(thinking, "thinking")
        budget = inner.whole("budget_tokens")
        if budget is not None:
            return Thinking(budget=budget)
        return Thinking(is_on=inner.text("type") != "disabled")
    is_on = members.flag("enable_thinking")
    return None if is_on is None else Thinking(is_on=is_on)


def _of_object(members: Members) -> Thinking:
    effort, budget = members.text("effort"), members.whole("max_tokens")
    is_on, is_hidden = members.flag("enabled"), members.flag("exclude")
    summary = "none" if is_hidden else None
    if effort in EFFORTS:
        return Thinking(effort, summary=summary)
    if budget is not None:
        return Thinking(budget=budget, summary=summary)
    return Thinking(is_on=is_on is not False, summary=summary)


# --- writing ---------------------------------------------------------------------------------


def budget_of(thinking: Thinking) -> int | None:
    """Returns the tokens; None where no number was said, or no bound."""
    if thinking.budget is not None:
        return thinking.budget if thinking.budget > 0 else None
    return _TOKENS.get(thinking.effort or "")


def nearest(effort: str, known: frozenset[str]) -> str:
    """Returns the effort, or the nearest that the provider knows: a lesser one before a greater one.

    Off stays off where that is known, and nothing else becomes off.
    """
    if effort in known or effort not in EFFORTS:
        return effort  # a new word, or a wrong one: the provider knows
    at = EFFORTS.index(effort)
    lesser = (word for word in reversed(EFFORTS[1:at]) if word in known)
    greater = (word for word in EFFORTS[at:] if word in known)
    return next(lesser, None) or next(greater, effort)


def write_thinking(thinking: Thinking, habits: Habits, body: Object) -> None:
    """Adds what the provider understands."""
    _WRITE[habits.thinking](thinking, habits, body)


def _effort(thinking: Thinking, habits: Habits, body: Object) -> None:
    effort = effort_of(thinking)
    if effort is not None:
        body["reasoning_effort"] = nearest(effort, habits.efforts)


def _object(thinking: Thinking, _habits: Habits, body: Object) -> None:
    """OpenRouter: https://openrouter.ai/docs, reasoning tokens."""
    reasoning: Object = {}
    if thinking.budget is not None and thinking.budget > 0:
        reasoning["max_tokens"] = thinking.budget
    elif thinking.effort is not None or thinking.budget == 0:
        reasoning["effort"] = effort_of(thinking)
    else:
        reasoning["enabled"] = thinking.is_on is not False
    if thinking.summary == "none":
        reasoning["exclude"] = True
    body["reasoning"] = reasoning


def _switch(thinking: Thinking, _habits: Habits, body: Object) -> None:
    """DeepSeek, Z.ai, Moonshot, Volcengine."""
    is_on = effort_of(thinking) != "none"
    body["thinking"] = {"type": "enabled" if is_on else "disabled"}


def _budget(thinking: Thinking, _habits: Habits, body: Object) -> None:
    """DashScope, SiliconFlow."""
    body["enable_thinking"] = effort_of(thinking) != "none"
    tokens = budget_of(thinking)
    if tokens is not None:
        body["thinking_budget"] = tokens


def _template(thinking: Thinking, habits: Habits, body: Object) -> None:
    """llama.cpp, vLLM and SGLang: most templates of local models know on and off, some the effort."""
    effort = effort_of(thinking)
    body["chat_template_kwargs"] = {"enable_thinking": effort != "none"}
    if effort is not None and effort != "none":
        body["reasoning_effort"] = nearest(effort, habits.efforts)
    if habits.has_thinking_budget and thinking.budget is not None and thinking.budget > 0:
        body["thinking_budget_tokens"] = thinking.budget


_WRITE: Final[Mapping[str, Callable[[Thinking, Habits, Object], None]]] = MappingProxyType({
    "effort": _effort,
    "object": _object,
    "switch": _switch,
    "budget": _budget,
    "template": _template,
})  # fmt: skip
