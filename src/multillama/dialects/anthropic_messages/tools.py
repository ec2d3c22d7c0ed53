"""Writes tools, and which of them the model may or must call.

Source: anthropic SDK 2.12.0, `types/tool_param.py`, `types/tool_choice_param.py`.
"""

from types import MappingProxyType
from typing import Any, Final

from multillama.core.canonical import Request, Tool
from multillama.dialects.anthropic_messages.aim import Aim
from multillama.dialects.anthropic_messages.parts import with_cache

_TYPES: Final = MappingProxyType(
    {"auto": "auto", "required": "any", "named": "tool", "none": "none"}
)
_SEARCH: Final = MappingProxyType({"type": "web_search_20250305", "name": "web_search"})
"""The oldest web search, which every Claude that is served has."""


def write_tools(request: Request, aim: Aim) -> list[dict[str, Any]]:
    """Returns `tools`: those that the model may call, where the choice is of some of them."""
    choice = request.tool_choice
    some = choice.names if choice and choice.mode in ("auto", "required") else []
    written: list[dict[str, Any]] = []
    for tool in request.tools:
        if some and tool.name not in some:
            continue  # what the model does not see it cannot call
        row = _write_hosted(tool, aim) if tool.hosted else _write_tool(tool, aim)
        if row is not None:
            written.append(with_cache(row, tool.cache, tool.extras if aim.is_own else {}))
    return written


def _write_tool(tool: Tool, aim: Aim) -> dict[str, Any]:
    row: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        row["description"] = tool.description
    schema = tool.schema
    if not aim.is_own or not isinstance(schema, dict):
        schema = schema if isinstance(schema, dict) else {}
        schema = {"type": "object", **({} if schema else {"properties": {}}), **schema}
    row["input_schema"] = schema
    if aim.is_own and tool.is_strict is not None:
        row["strict"] = tool.is_strict
    elif tool.is_strict:
        _write_strict(row, aim)
    if not aim.is_own:
        aim.drop_extras(tool.extras)
    return row


def _write_strict(row: dict[str, Any], aim: Aim) -> None:
    if aim.claude is None or aim.claude.takes_schema:
        row["strict"] = True
        return
    aim.drop("tools.strict")


def _write_hosted(tool: Tool, aim: Aim) -> dict[str, Any] | None:
    if aim.is_own:
        return {"name": tool.name} if tool.name else {}
    if aim.claude is not None and (tool.hosted or "").startswith(_SEARCH["name"]):
        return dict(_SEARCH)
    aim.drop(f"tools.{tool.hosted}")
    return None


def write_tool_choice(request: Request, aim: Aim, *, has_tools: bool) -> dict[str, Any] | None:
    """Returns `tool_choice`; None to leave it out, as is a must where there are no tools."""
    choice = request.tool_choice
    if not has_tools and not aim.is_own:
        if choice is not None and choice.mode in ("required", "named"):
            aim.drop("tool_choice")
        return None
    written: dict[str, Any] = {"type": _TYPES[choice.mode] if choice else "auto"}
    if choice is not None and choice.mode in ("required", "named"):
        if aim.claude is not None and not aim.claude.takes_force and not aim.is_own:
            aim.drop("tool_choice")
            written["type"] = "auto"
        elif choice.mode == "named":
            written["name"] = choice.names[0]
    if request.parallel_tools is False and written["type"] != "none":
        written["disable_parallel_tool_use"] = True
    return written if choice is not None or len(written) > 1 else None
