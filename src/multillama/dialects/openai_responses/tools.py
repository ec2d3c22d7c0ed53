"""Tools, groups of tools, and the choice among them.

A group (`namespace`) is made flat, as no other dialect has groups: each tool gets a name of its own, and keeps the
group's beside it.

Source: openai SDK 3.54.0, `types/responses` (ToolParam, NamespaceToolParam, ToolChoice*).
"""

from typing import Any, Final

from multillama.core.canonical import Namespace, Tool, ToolChoice
from multillama.core.shape import Members, Object, a_list, an_object
from multillama.dialects.openai_responses.content import left
from multillama.dialects.openai_responses.output import flat_name
from multillama.dialects.openai_responses.terms import Terms

_MODES: Final = frozenset(("none", "auto", "required"))
_SEARCHES: Final = ("web_search", "googleSearch", "google_search")
"""What types of other dialects' web searches begin with."""


# --- reading ---------------------------------------------------------------------------------


def read_tools(rows: list[Any], path: str, *, is_inner: bool = False) -> list[Tool]:
    """Reads tools, those inside of groups with them; a group holds no other one."""
    tools: list[Tool] = []
    for at, row in enumerate(rows):
        place = f"{path}[{at}]"
        members = Members(an_object(row, place), place)
        kind = members.need_text("type")
        if kind == "namespace" and not is_inner:
            tools += _read_namespace(members)
        else:
            tools.append(_read_tool(kind, members))
    return tools


def _read_tool(kind: str, members: Members) -> Tool:
    if kind not in ("function", "custom"):
        return Tool(kind, hosted=kind, extras=left(members.rest))
    tool = Tool(members.need_text("name"), members.text("description"))
    if kind == "custom":
        tool.is_custom, tool.format = True, members.members("format")
    else:
        tool.schema, tool.is_strict = members.members("parameters"), members.flag("strict")
    tool.extras = left(members.rest)
    return tool


def _read_namespace(members: Members) -> list[Tool]:
    name, description = members.need_text("name"), members.text("description")
    tools = read_tools(members.rows("tools"), members.at("tools"), is_inner=True)
    extras = left(members.rest)
    for tool in tools:
        tool.namespace = Namespace(name, tool.name, description, extras)
        tool.name = flat_name(name, tool.name)
    return tools


def read_choice(value: Any) -> ToolChoice | None:
    """Reads the choice of a tool; None where no other dialect could say it."""
    if isinstance(value, str):
        return ToolChoice(value) if value in _MODES else None
    members = an_object(value, "tool_choice")
    kind, name = members.get("type"), members.get("name")
    if kind in ("function", "custom") and isinstance(name, str):
        return ToolChoice("named", [name])
    if kind == "allowed_tools":
        return _read_allowed(members)
    if isinstance(kind, str) and len(members) == 1:
        return ToolChoice("named", [kind])
    return None


def _read_allowed(members: Object) -> ToolChoice | None:
    mode = members.get("mode", "auto")
    names = []
    for at, row in enumerate(a_list(members.get("tools"), "tool_choice.tools")):
        tool = an_object(row, f"tool_choice.tools[{at}]")
        name = tool.get("name", tool.get("type"))
        if not isinstance(name, str) or tool.get("type") == "mcp":
            return None
        names.append(name)
    return ToolChoice(mode, names) if mode in ("auto", "required") else None


# --- writing ---------------------------------------------------------------------------------


def write_tools(tools: list[Tool], terms: Terms) -> list[Object]:
    """Returns tools, those of one group in a row inside of it."""
    rows: list[Object] = []
    group: str | None = None
    for tool in tools:
        if tool.cache is not None:
            terms.losses.drop("cache")
        written = _write_tool(tool, terms)
        if written is None:
            continue
        space = tool.namespace
        if space is None:
            rows.append(written)
        elif space.name == group:
            rows[-1]["tools"].append(written)
        else:
            rows.append(_write_namespace(space, written, terms))
        group = None if space is None else space.name
    return rows


def _write_namespace(space: Namespace, first: Object, terms: Terms) -> Object:
    return {
        "type": "namespace",
        "name": space.name,
        "description": space.description or "",
        "tools": [first],
        **terms.own(space.extras),
    }


def _write_tool(tool: Tool, terms: Terms) -> Object | None:
    if tool.hosted is not None:
        return _write_hosted(tool, tool.hosted, terms)
    kind = "custom" if tool.is_custom else "function"
    row: Object = {
        "type": kind,
        "name": tool.name if tool.namespace is None else tool.namespace.tool,
    }
    if tool.description is not None:
        row["description"] = tool.description
    if tool.is_custom:
        if tool.format is not None:
            row["format"] = tool.format
        return row | terms.own(tool.extras)
    row["parameters"] = tool.schema
    if tool.schema is None and not terms.is_own:
        row["parameters"] = {"type": "object", "properties": {}}
    # Unsaid, it is as strict as the schema allows here, and not strict elsewhere.
    if tool.is_strict is not None or not terms.is_own:
        row["strict"] = bool(tool.is_strict)
    return row | terms.own(tool.extras)


def _write_hosted(tool: Tool, kind: str, terms: Terms) -> Object | None:
    if terms.is_own:
        return {"type": kind, **tool.extras}
    if not kind.startswith(_SEARCHES):
        terms.losses.drop(f"tools.{kind}")
        return None
    row: Object = {"type": "web_search"}
    for name, value in tool.extras.items():
        if name == "user_location":
            row[name] = value
        elif name == "allowed_domains":
            row["filters"] = {name: value}
        elif name not in ("name", "type"):
            terms.losses.drop(f"tools.{name}")
    return row


def write_choice(choice: ToolChoice, tools: list[Tool]) -> object:
    """Returns the choice of a tool, by the kind of tool that has this name."""
    if choice.mode == "named":
        return _named(choice.names[0], tools)
    if choice.names:
        rows = [_named(name, tools) for name in choice.names]
        return {"type": "allowed_tools", "mode": choice.mode, "tools": rows}
    return choice.mode


def _named(name: str, tools: list[Tool]) -> Object:
    for tool in tools:
        if tool.name != name and (tool.namespace is None or tool.namespace.tool != name):
            continue
        if tool.hosted is not None:
            is_search = tool.hosted.startswith(_SEARCHES)
            return {"type": "web_search" if is_search and "_20" in name else tool.hosted}
        return {
            "type": "custom" if tool.is_custom else "function",
            "name": name if tool.namespace is None else tool.namespace.tool,
        }
    return {"type": "function", "name": name}
