"""Tools, the choice among them, and the form of the answer: read and written.

Source: openai 3.54.0, `ChatCompletionToolUnionParam`, `ChatCompletionToolChoiceOptionParam`, `ResponseFormat`.
"""

from typing import Any, Final

from multillama.core.canonical import Format, Request, Tool, ToolChoice
from multillama.core.codec import Goal, Misfit
from multillama.core.shape import Members, Object, a_text, an_object
from multillama.dialects.openai_chat.parts import DIALECT
from multillama.dialects.openai_family.habits import Habits

_NO_ARGUMENTS: Final[Object] = {"type": "object", "properties": {}}


# --- reading ---------------------------------------------------------------------------------


def read_tools(members: Members) -> list[Tool]:
    """Returns the tools of a request, and the `functions` of before there were tools."""
    tools = [_read_tool(row, f"tools[{at}]") for at, row in enumerate(members.rows("tools"))]
    for at, row in enumerate(members.rows("functions")):
        tool = _function(an_object(row, f"functions[{at}]"), f"functions[{at}]")
        tool.is_legacy = True
        tools.append(tool)
    return tools


def _read_tool(row: Any, path: str) -> Tool:
    members = Members(an_object(row, path), path)
    kind = members.need_text("type")
    marker = members.take("cache_control")
    if kind == "function":
        function = members.members("function")
        if function is None:
            raise Misfit(f"{path}.function", "is missing")
        tool = _function(function, f"{path}.function")
    elif kind == "custom":
        tool = _custom(members)
    else:
        tool = Tool(kind, hosted=kind)
    if isinstance(marker, dict):
        tool.cache = str(marker.get("ttl") or "")
    tool.extras.update(members.rest)
    return tool


def _function(row: Object, path: str) -> Tool:
    members = Members(row, path)
    tool = Tool(members.need_text("name"), members.text("description"))
    tool.schema = members.members("parameters")
    tool.is_strict = members.flag("strict")
    tool.extras = members.rest
    return tool


def _custom(members: Members) -> Tool:
    inner = Members(members.members("custom") or {}, members.at("custom"))
    tool = Tool(inner.need_text("name"), inner.text("description"), is_custom=True)
    form = inner.members("format")
    if form is not None:
        grammar = form.get("grammar")
        tool.format = {"type": "grammar", **grammar} if isinstance(grammar, dict) else form
    tool.extras = inner.rest
    return tool


def read_choice(members: Members) -> ToolChoice | None:
    """Returns `tool_choice`, or the `function_call` of before there were tools."""
    for name in ("tool_choice", "function_call"):
        value = members.take(name)
        if value is not None:
            return _read_choice(value, name)
    return None


def _read_choice(value: Any, path: str) -> ToolChoice:
    if isinstance(value, str):
        mode = "required" if value == "any" else value  # Mistral's word
        if mode not in ("none", "auto", "required"):
            raise Misfit(path, "must be none, auto, required or an object")
        return ToolChoice(mode)
    value = an_object(value, path)
    allowed = value.get("allowed_tools")
    if allowed is not None:
        return _read_allowed(an_object(allowed, f"{path}.allowed_tools"), f"{path}.allowed_tools")
    return ToolChoice("named", [_name_in(value, path)])


def _read_allowed(allowed: Object, path: str) -> ToolChoice:
    members = Members(allowed, path)
    mode = members.need_text("mode")
    if mode not in ("auto", "required"):
        raise Misfit(f"{path}.mode", "must be auto or required")
    rows = enumerate(members.rows("tools"))
    names = [
        _name_in(an_object(row, f"{path}.tools[{at}]"), f"{path}.tools[{at}]") for at, row in rows
    ]
    return ToolChoice(mode, names)


def _name_in(value: Object, path: str) -> str:
    """Returns the name in `{"type": "function", "function": {"name": …}}`, or in `{"name": …}` alone."""
    for kind in ("function", "custom"):
        if kind in value:
            value, path = an_object(value[kind], f"{path}.{kind}"), f"{path}.{kind}"
            break
    return a_text(value.get("name"), f"{path}.name")


def read_format(members: Members) -> Format | None:
    """Returns `response_format`."""
    value = members.members("response_format")
    if value is None:
        return None
    kind = value.get("type")
    if kind == "json_schema":
        inner = value.get("json_schema")
        schema = Members(
            an_object(inner, "response_format.json_schema"), "response_format.json_schema"
        )
        return Format(
            "schema",
            schema.members("schema"),
            schema.text("name"),
            schema.text("description"),
            schema.flag("strict"),
        )
    if kind == "json_object" and value.get("schema") is not None:
        return Format("schema", value["schema"])  # llama.cpp, Together
    if kind not in ("text", "json_object"):
        raise Misfit("response_format.type", "must be text, json_object or json_schema")
    return Format("text" if kind == "text" else "json")


# --- writing ---------------------------------------------------------------------------------


def write_tools(request: Request, goal: Goal, habits: Habits, body: Object) -> None:
    """Adds the tools and the choice; without tools nothing is said of the choice, which OpenAI refuses."""
    tools, choice = request.tools, request.tool_choice
    if choice is not None and _must_choose_by_leaving_out(choice, habits):
        tools = [tool for tool in tools if tool.name in choice.names]
        mode = "required" if choice.mode == "named" else choice.mode
        choice = ToolChoice(mode)
    rows = [row for tool in tools if (row := _write_tool(tool, request, goal, habits)) is not None]
    if any(tool.is_legacy for tool in tools):
        body["functions"] = [row["function"] for row in rows if row["type"] == "function"]
        if choice is not None:
            named = {"name": choice.names[0]} if choice.mode == "named" else choice.mode
            body["function_call"] = named
        return
    if not rows:
        if choice is not None and choice.mode in ("required", "named"):
            goal.losses.drop("tool_choice")
        return
    body["tools"] = rows
    if choice is not None:
        body["tool_choice"] = _write_choice(choice, request)
    if request.parallel_tools is not None:
        body["parallel_tool_calls"] = request.parallel_tools


def _must_choose_by_leaving_out(choice: ToolChoice, habits: Habits) -> bool:
    if choice.mode == "named":
        return not habits.has_named_choice
    return bool(choice.names) and not habits.is_openai


def _write_tool(tool: Tool, request: Request, goal: Goal, habits: Habits) -> Object | None:
    if tool.hosted is not None:
        goal.losses.drop(f"tools.{tool.hosted}")
        return None
    kind = "custom" if tool.is_custom else "function"
    row: Object = {"type": kind, kind: _write_inner(tool)}
    if tool.cache is not None:
        if habits.cache == "control":
            row["cache_control"] = cache_control(tool.cache)
        else:
            goal.losses.drop("cache")
    for name, value in tool.extras.items():
        if request.dialect == DIALECT:
            row[name] = value
        else:
            goal.losses.drop(f"tools.{name}")
    return row


def _write_inner(tool: Tool) -> Object:
    inner: Object = {"name": tool.name}
    if tool.description is not None:
        inner["description"] = tool.description
    if tool.is_custom:
        if tool.format is not None:
            inner["format"] = _write_custom_format(tool.format)
        return inner
    inner["parameters"] = _NO_ARGUMENTS if tool.schema is None else tool.schema
    if tool.is_strict is not None:
        inner["strict"] = tool.is_strict
    return inner


def cache_control(ttl: str) -> Object:
    """Returns a cache marker of Anthropic's kind, which knows two times."""
    marker: Object = {"type": "ephemeral"}
    if ttl in ("5m", "1h"):
        marker["ttl"] = ttl
    return marker


def _write_custom_format(form: object) -> object:
    if isinstance(form, dict) and form.get("type") == "grammar":
        grammar = {name: value for name, value in form.items() if name != "type"}
        return {"type": "grammar", "grammar": grammar}
    return form


def _write_choice(choice: ToolChoice, request: Request) -> object:
    kinds = {tool.name: "custom" if tool.is_custom else "function" for tool in request.tools}

    def named(name: str) -> Object:
        kind = kinds.get(name, "function")
        return {"type": kind, kind: {"name": name}}

    if choice.mode == "named":
        return named(choice.names[0])
    if not choice.names:
        return choice.mode
    tools = [named(name) for name in choice.names]
    return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": tools}}


def write_format(format_: Format, goal: Goal, habits: Habits) -> Object:
    """Returns `response_format`; the SDK demands a name of a schema."""
    if format_.kind == "text":
        return {"type": "text"}
    if format_.kind == "json":
        return {"type": "json_object"}
    if not habits.has_schemas:
        goal.losses.drop("format.schema")
        return {"type": "json_object"}
    schema: Object = {"name": format_.name or "answer", "schema": format_.schema or {}}
    if format_.description is not None:
        schema["description"] = format_.description
    if format_.is_strict is not None:
        schema["strict"] = format_.is_strict
    return {"type": "json_schema", "json_schema": schema}
