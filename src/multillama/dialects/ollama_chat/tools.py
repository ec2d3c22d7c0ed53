"""Tools: `{"type": "function", "function": {"name", "description", "parameters"}}`; there is no choice among them.

Source: Ollama's api/types.go (August 2026), `Tool`; ollama 0.6.3 (Python), `Tool`.
"""

from typing import Any, Final

from multillama.core.canonical import Extras, Request, Tool
from multillama.core.codec import Goal, Losses, Misfit
from multillama.core.shape import Members, Object, an_object
from multillama.dialects.ollama_family.calls import FUNCTION
from multillama.dialects.ollama_family.options import rest_of

_NO_ARGUMENTS: Final[Object] = {"type": "object", "properties": {}}


def read_tools(members: Members) -> list[Tool]:
    """Returns the tools of a request.

    Raises:
        Misfit: A tool is none.
    """
    return [_read_tool(row, f"tools[{at}]") for at, row in enumerate(members.rows("tools"))]


def _read_tool(row: Any, path: str) -> Tool:
    members = Members(an_object(row, path), path)
    kind = members.text("type") or FUNCTION
    inner = members.members(FUNCTION)
    if inner is None:
        if kind == FUNCTION:
            raise Misfit(members.at(FUNCTION), "is missing")
        return Tool(kind, hosted=kind, extras=rest_of(members))
    function = Members(inner, members.at(FUNCTION))
    tool = Tool(function.need_text("name"), function.text("description"))
    tool.schema = function.members("parameters")
    tool.is_strict = function.flag("strict")
    tool.extras = _extras(rest_of(members), rest_of(function))
    return tool


def _extras(beside: Extras, inside: Extras) -> Extras:
    return {**beside, FUNCTION: inside} if inside else beside


def write_tools(request: Request, goal: Goal, body: Object) -> None:
    """Adds the tools that the model may call.

    Which one it must call nobody can tell an Ollama. What it may not call is not told it at all.
    """
    choice, tools = request.tool_choice, request.tools
    if choice is not None:
        if choice.mode == "none":
            return
        if choice.names:
            tools = [tool for tool in tools if tool.name in choice.names]
        if choice.mode != "auto":
            goal.losses.drop("tool_choice")
    if request.parallel_tools is False:
        goal.losses.drop("parallel_tools")
    is_ours = request.family == goal.family
    rows = [_write_tool(tool, goal.losses, is_ours=is_ours) for tool in tools]
    rows = [row for row in rows if row]
    if rows:
        body["tools"] = rows


def _write_tool(tool: Tool, losses: Losses, *, is_ours: bool) -> Object:
    """Returns a tool's row; none for a tool that only its own family's servers run."""
    if tool.hosted is not None and not is_ours:
        losses.drop(f"tools.{tool.hosted}")
        return {}
    if tool.cache is not None:
        losses.drop("cache")
    extras = dict(tool.extras) if is_ours else {}
    if not is_ours:
        for name in tool.extras:
            losses.drop(f"extras.{name}")
    if tool.hosted is not None:
        return {"type": tool.hosted, **extras}
    inside = extras.pop(FUNCTION, None)
    function = _function(tool, losses, is_ours=is_ours)
    if isinstance(inside, dict):
        function.update(inside)
    return {"type": FUNCTION, FUNCTION: function, **extras}


def _function(tool: Tool, losses: Losses, *, is_ours: bool) -> Object:
    function: Object = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.schema is not None or not is_ours:
        function["parameters"] = tool.schema or _NO_ARGUMENTS
    if tool.is_custom:
        losses.drop("tools.format")
    if tool.is_strict is not None:
        if is_ours:
            function["strict"] = tool.is_strict
        elif tool.is_strict:
            losses.drop("tools.strict")
    return function
