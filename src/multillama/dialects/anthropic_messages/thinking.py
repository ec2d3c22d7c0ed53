"""Writes how much the model is to think, in the words that the model takes: a budget, an effort, or neither.

Source: the budgets and thresholds are those that gateways agree on (LiteLLM 1.109.1, Bifrost); a budget is at least
1024 tokens and less than `max_tokens` (platform.claude.com, "Extended thinking", November 2026).
"""

from types import MappingProxyType
from typing import Any, Final

from multillama.core.canonical import Reasoning, Request, Thinking, ToolCall
from multillama.dialects.anthropic_messages.aim import Aim
from multillama.dialects.anthropic_messages.claude import Claude

_BUDGETS: Final = MappingProxyType(
    {"minimal": 1024, "low": 1024, "medium": 2048, "high": 4096, "xhigh": 8192, "max": 16_384}
)
_UNMEASURED: Final = "medium"
_LEAST: Final = 1024
_ROOM: Final = 2048
"""Tokens that an answer is left, or half of them all where there are few."""
_ORDER: Final = ("low", "medium", "high", "xhigh", "max")
_DISPLAYS: Final = MappingProxyType(
    {"auto": "summarized", "concise": "summarized", "detailed": "summarized", "none": "omitted"}
)
_OFF: Final = MappingProxyType({"type": "disabled"})


def has_thoughts(thinking: Any) -> bool:
    """Says whether a written `thinking` makes the model think."""
    return isinstance(thinking, dict) and thinking.get("type") != "disabled"


def write_thinking(
    request: Request, aim: Aim, config: dict[str, Any], max_tokens: int
) -> dict[str, Any] | None:
    """Returns `thinking`, None to leave it out, and puts an effort into `output_config`."""
    thinking = request.thinking
    if thinking is None:
        return None
    if aim.is_own:
        return _as_said(thinking, config)
    if aim.claude is None:
        return _for_any(thinking, aim, config, max_tokens)
    if _is_off(thinking):
        return _off(aim, aim.claude)
    is_forced = aim.claude.takes_force and _is_forced(request)
    if is_forced or not aim.claude.thinks:
        aim.drop("thinking")  # a tool that must be called leaves nothing to think
        return dict(_OFF) if aim.claude.thinks and not aim.claude.always_thinks else None
    if aim.claude.is_adaptive:
        return _adaptive(thinking, aim.claude, config)
    return _budgeted(request, aim, config, max_tokens)


def _as_said(thinking: Thinking, config: dict[str, Any]) -> dict[str, Any] | None:
    if thinking.effort is not None:
        config["effort"] = thinking.effort
    if thinking.is_on is None and thinking.budget is None:
        return None
    if thinking.is_on is False:
        return dict(_OFF)
    written: dict[str, Any] = {"type": "adaptive"}
    if thinking.budget is not None:
        written = {"type": "enabled", "budget_tokens": thinking.budget}
    if thinking.summary is not None:
        written["display"] = _DISPLAYS.get(thinking.summary, "summarized")
    return written


def _for_any(
    thinking: Thinking, aim: Aim, config: dict[str, Any], max_tokens: int
) -> dict[str, Any] | None:
    """A model that is no Claude: its server makes of both words what it can."""
    if _is_off(thinking):
        return dict(_OFF)
    least = 1 if aim.is_own_machine else _LEAST  # a cloud may keep Anthropic's rule
    if not aim.is_own_machine and max_tokens <= least:
        aim.drop("thinking")
        return None
    if thinking.effort is not None:
        config["effort"] = _effort(thinking, _ORDER)
    return {"type": "enabled", "budget_tokens": max(least, _within(thinking, max_tokens))}


def _off(aim: Aim, claude: Claude) -> dict[str, Any] | None:
    if claude.always_thinks:
        aim.drop("thinking")
        return None
    return dict(_OFF) if claude.thinks and claude.is_adaptive else None


def _adaptive(thinking: Thinking, claude: Claude, config: dict[str, Any]) -> dict[str, Any]:
    effort = _effort(thinking, claude.efforts)
    if effort is not None:
        config["effort"] = effort
    # without a display nothing of the thoughts is told
    return {"type": "adaptive", "display": _DISPLAYS.get(thinking.summary or "auto", "summarized")}


def _budgeted(
    request: Request, aim: Aim, config: dict[str, Any], max_tokens: int
) -> dict[str, Any] | None:
    thinking = request.thinking
    if thinking is None or aim.claude is None or max_tokens <= _LEAST or _lacks_thoughts(request):
        aim.drop("thinking")
        return None
    if aim.claude.efforts and thinking.effort is not None:
        config["effort"] = _effort(thinking, aim.claude.efforts)
    budget = max(_LEAST, _within(thinking, max_tokens))
    written = {"type": "enabled", "budget_tokens": budget}
    return written | {"display": "omitted"} if thinking.summary == "none" else written


def _lacks_thoughts(request: Request) -> bool:
    """Says whether the calls that have just been answered came without thoughts, which is refused.

    A model with a budget wants the last turn of the assistant to begin with its thoughts, as it signed them.
    """
    parts: list[Any] = []
    for message in reversed(request.messages):
        if message.role == "assistant":
            parts = message.parts + parts
        elif parts or message.role not in ("tool", "system", "developer"):
            break
    has_calls = any(isinstance(part, ToolCall) for part in parts)
    return has_calls and not (isinstance(parts[0], Reasoning) and parts[0].signature)


def _is_off(thinking: Thinking) -> bool:
    return thinking.is_on is False or thinking.effort == "none" or thinking.budget == 0


def _is_forced(request: Request) -> bool:
    choice = request.tool_choice
    return choice is not None and choice.mode in ("required", "named") and bool(request.tools)


def _budget(thinking: Thinking) -> int:
    if thinking.budget is not None and thinking.budget > 0:
        return thinking.budget
    return _BUDGETS.get(thinking.effort or _UNMEASURED, _BUDGETS[_UNMEASURED])


def _within(thinking: Thinking, max_tokens: int) -> int:
    """Returns a budget below `max_tokens`; one that the client did not measure leaves room for an answer."""
    most = max_tokens - 1
    if (thinking.budget or 0) <= 0:
        most = min(most, max(_LEAST, max_tokens - min(max_tokens // 2, _ROOM)))
    return min(_budget(thinking), most)


def _effort(thinking: Thinking, efforts: tuple[str, ...]) -> str | None:
    """Returns the greatest effort that the model has and that is no more than what was asked for."""
    wanted = thinking.effort
    if wanted is None and (thinking.budget or 0) > 0:
        wanted = "high" if _budget(thinking) >= _BUDGETS["high"] else "medium"
        wanted = "low" if _budget(thinking) < _BUDGETS["medium"] else wanted
    if wanted is None or not efforts:
        return None
    most = _ORDER.index(wanted) if wanted in _ORDER else 0
    return [effort for effort in efforts if _ORDER.index(effort) <= most][-1]
