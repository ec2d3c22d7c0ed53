"""Tools and the choice among them: `tools` and `toolConfig`.

Functions stand together in one row; each tool of Google's own has a row, and is known by its member's name, but for the
search, which other dialects have, too.

Source: google-genai 3.4.0 `types.Tool`, `types.FunctionCallingConfig`; ai.google.dev/api/caching#Tool (November 2026).
"""

from typing import Any, Final

from multillama.core.canonical import Extras, Request, Tool, ToolChoice
from multillama.core.codec import Losses, Misfit
from multillama.core.shape import Members, Object
from multillama.dialects.gemini.schema import json_schema, undeclared
from multillama.dialects.gemini.spelling import an_object_of, rows_of

TOOL_CONFIG: Final = "toolConfig."
CALLING: Final = "toolConfig.functionCallingConfig."
"""How extras of the request begin that stand inside these."""
_SEARCH: Final = "web_search"
_GOOGLE_SEARCH: Final = "googleSearch"
_FUNCTIONS: Final = "functionDeclarations"
_MODES: Final = {"AUTO": "auto", "ANY": "required", "NONE": "none", "VALIDATED": "auto"}
_NAMING: Final = ("type", "name")
"""Members of a hosted tool of others that say which one it is."""
_EMPTY: Final[Object] = {"type": "object", "properties": {}}


def read_tools(value: Any) -> list[Tool]:
    """Reads `tools`."""
    tools: list[Tool] = []
    for at, row in enumerate(rows_of(value)):
        path = f"tools[{at}]"
        members = an_object_of(row, path)
        for name, member in members.items():
            if member is None:
                continue
            if name == _FUNCTIONS:
                for number, each in enumerate(rows_of(member)):
                    tools.append(_read_function(each, f"{path}.{name}[{number}]"))
            else:
                tools.append(_hosted(name, member))
    return tools


def _hosted(name: str, member: Any) -> Tool:
    hosted = _SEARCH if name == _GOOGLE_SEARCH else name
    return Tool(hosted, hosted=hosted, extras={name: member})


def _read_function(value: Any, path: str) -> Tool:
    members = Members(an_object_of(value, path), path)
    name = members.need_text("name")
    description = members.text("description")
    openapi = members.members("parameters")
    schema = members.members("parametersJsonSchema")
    if schema is None and openapi is not None:
        schema = json_schema(openapi)
    return Tool(name, description, schema, extras=members.rest)


def read_choice(value: Any, extras: Extras) -> ToolChoice | None:
    """Reads `toolConfig`; what nobody else knows goes to the request's extras."""
    if value is None:
        return None
    config = Members(an_object_of(value, "toolConfig"), "toolConfig")
    inside = config.members("functionCallingConfig")
    extras.update({TOOL_CONFIG + name: member for name, member in config.rest.items()})
    if inside is None:
        return None
    path = "toolConfig.functionCallingConfig"
    calling = Members(an_object_of(inside, path), path)
    mode = calling.text("mode")
    names = calling.texts("allowedFunctionNames")
    extras.update({CALLING + name: member for name, member in calling.rest.items()})
    if mode is None or mode == "MODE_UNSPECIFIED":
        return None
    if mode not in _MODES:
        raise Misfit(f"{path}.mode", "must be AUTO, ANY, NONE or VALIDATED")
    if mode == "VALIDATED" and not names:
        extras[CALLING + "mode"] = mode
    if mode == "ANY" and len(names) == 1:
        return ToolChoice("named", names)
    return ToolChoice(_MODES[mode], names)


def write_tools(tools: list[Tool], losses: Losses, *, same: bool) -> list[Object]:
    """Returns `tools`."""
    functions: list[Object] = []
    hosted: list[Object] = []
    for tool in tools:
        if tool.cache is not None:
            losses.drop("cache")
        if tool.hosted is None:
            functions.append(_write_function(tool, losses, same=same))
        elif same:
            hosted.append(dict(tool.extras))
        elif tool.hosted.startswith(_SEARCH):
            hosted.append({_GOOGLE_SEARCH: {}})
            _drop(tool.extras, losses)
        else:
            losses.drop(f"tools.{tool.hosted}")
    return [{_FUNCTIONS: functions}, *hosted] if functions else hosted


def _write_function(tool: Tool, losses: Losses, *, same: bool) -> Object:
    function: Object = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    schema = tool.schema
    if tool.is_custom:
        schema = {
            "type": "object",
            "properties": {"input": {"type": "string"}},
            "required": ["input"],
        }
        if tool.format is not None:
            losses.drop("tools.format")
    if schema is not None:
        function["parametersJsonSchema"] = undeclared(schema) or _EMPTY
    if tool.is_strict:
        losses.drop("tools.strict")
    if same:
        function.update(tool.extras)
    else:
        _drop(tool.extras, losses)
    return function


def _drop(extras: Extras, losses: Losses) -> None:
    for name, value in extras.items():
        if value and name not in _NAMING:
            losses.drop(f"extras.{name}")


def write_tool_config(request: Request, losses: Losses, *, same: bool) -> Object:
    """Returns `toolConfig`, empty where nothing is said."""
    config: Object = {}
    calling: Object = {}
    choice = request.tool_choice
    if choice is not None:
        if any(tool.hosted is None for tool in request.tools):
            calling = _write_choice(choice)
        elif choice.mode in ("required", "named"):
            losses.drop("tool_choice")
    if same:
        for name, value in request.extras.items():
            if name.startswith(CALLING):
                calling[name[len(CALLING) :]] = value
            elif name.startswith(TOOL_CONFIG):
                config[name[len(TOOL_CONFIG) :]] = value
    if calling:
        config["functionCallingConfig"] = calling
    return config


def _write_choice(choice: ToolChoice) -> Object:
    """Returns the choice; a list of allowed functions that need not be called is `VALIDATED`, as `AUTO` takes none."""
    names = choice.names
    if choice.mode == "none":
        return {"mode": "NONE"}
    if choice.mode == "auto":
        return {"mode": "VALIDATED", "allowedFunctionNames": names} if names else {"mode": "AUTO"}
    return {"mode": "ANY", "allowedFunctionNames": names} if names else {"mode": "ANY"}
