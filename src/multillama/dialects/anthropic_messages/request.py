"""Reads and writes requests.

Source: anthropic SDK 2.12.0, `types/message_create_params.py`; platform.claude.com, "Messages" (November 2026).
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from multillama.core.canonical import (
    Format,
    Message,
    Part,
    Request,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolResult,
)
from multillama.core.codec import Goal, Misfit
from multillama.core.shape import (
    Members,
    a_bool,
    a_list,
    a_number,
    a_whole,
    an_object,
    decode_object,
)
from multillama.dialects.anthropic_messages.aim import Aim
from multillama.dialects.anthropic_messages.blocks import read_content, said, take_cache
from multillama.dialects.anthropic_messages.claude import DEFAULT_MAX_TOKENS
from multillama.dialects.anthropic_messages.thinking import has_thoughts, write_thinking
from multillama.dialects.anthropic_messages.tools import write_tool_choice, write_tools
from multillama.dialects.anthropic_messages.turns import write_messages

FAMILY: Final = "anthropic"
_ENCODE: Final = msgspec.json.Encoder().encode
_TIERS: Final = {"auto": "auto", "standard_only": "default"}
_TIERS_OUT: Final = {canonical: own for own, canonical in _TIERS.items()}
_CHOICES: Final = {"auto": "auto", "any": "required", "none": "none", "tool": "named"}
_SUMMARIES: Final = {"summarized": "auto", "omitted": "none"}
_SEARCH: Final = "web_search"
_COUNTED: Final = frozenset(
    {"model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control",
     "context_management", "mcp_servers", "speed", "compaction", "thread", "user_profile_id", "workspace_id"}
)  # fmt: skip
"""Members that may stand in a request to count tokens; others are refused there."""


# --- reading ---------------------------------------------------------------------------------


def read_request(data: bytes) -> Request:
    """Returns what a client asks for.

    Raises:
        Misfit: It is no such request.
    """
    members = Members(said(decode_object(data)))
    request = Request(members.need_text("model"), family=FAMILY)
    request.messages = _read_system(members) + _read_messages(members)
    for name in [name for name in members.rest if name in _PLAIN_FIELDS]:
        field, look = _PLAIN_FIELDS[name]
        setattr(request, field, look(members.take(name), name))
    if members.rest:
        _read_options(members, request)
        request.extras = said(members.rest)
    return request


_PLAIN_FIELDS: Final[Mapping[str, tuple[str, Callable[[Any, str], object]]]] = MappingProxyType(
    {
        "stream": ("stream", a_bool),
        "max_tokens": ("max_tokens", a_whole),
        "temperature": ("temperature", a_number),
        "top_p": ("top_p", a_number),
        "top_k": ("top_k", a_whole),
    }
)
"""Member to the field that it becomes as it is, and the look that it must stand."""


def _read_options(members: Members, request: Request) -> None:
    """Takes what a plain chat has none of."""
    request.stop = members.texts("stop_sequences")
    request.tools = [_read_tool(tool, at) for at, tool in enumerate(members.rows("tools"))]
    _read_tool_choice(members, request)
    _read_output(members, request)
    _read_metadata(members, request)


def _read_system(members: Members) -> list[Message]:
    system = members.take("system")
    return [] if system is None else [Message("system", read_content(system, "system"))]


def _read_messages(members: Members) -> list[Message]:
    rows = members.take("messages")
    if rows is None:
        raise Misfit("messages", "is missing")
    messages: list[Message] = []
    for at, row in enumerate(a_list(rows, "messages")):
        path = f"messages[{at}]"
        message = an_object(row, path)
        role = message.get("role")
        if role not in ("user", "assistant", "system"):
            raise _no_role(role, f"{path}.role")
        parts = read_content(message.get("content"), f"{path}.content")
        if role == "user" and any(isinstance(part, ToolResult) for part in parts):
            messages += _split_results(role, parts)
        else:
            messages.append(Message(role, parts))
        if len(message) > 2:
            messages[-1].extras = said({n: v for n, v in message.items() if n not in _OF_MESSAGE})
    return messages


_OF_MESSAGE: Final = frozenset({"role", "content"})


def _no_role(role: Any, path: str) -> Misfit:
    if role is None:
        return Misfit(path, "is missing")
    return Misfit(path, "must be `user`, `assistant` or `system`")


def _split_results(role: str, parts: list[Part]) -> list[Message]:
    """Returns messages in which results of tools are alone."""
    messages: list[Message] = []
    for part in parts:
        of = "tool" if isinstance(part, ToolResult) else role
        if not messages or messages[-1].role != of:
            messages.append(Message(of))
        messages[-1].parts.append(part)
    return messages


def _read_tool(value: Any, at: int) -> Tool:
    path = f"tools[{at}]"
    members = Members(an_object(value, path), path)
    kind = members.text("type")
    tool = Tool(members.text("name") or "", members.text("description"))
    tool.cache = take_cache(members)
    if kind not in (None, "custom"):
        tool.hosted = _SEARCH if kind.startswith(_SEARCH) else kind
        tool.extras = {"type": kind, **said(members.rest)}
        return tool
    if not tool.name:
        raise Misfit(members.at("name"), "is missing")
    tool.schema = members.members("input_schema")
    tool.is_strict = members.flag("strict")
    tool.extras = said(members.rest)
    return tool


def _read_tool_choice(members: Members, request: Request) -> None:
    value = members.members("tool_choice")
    if value is None:
        return
    choice = Members(value, "tool_choice")
    kind = choice.need_text("type")
    if kind not in _CHOICES:
        raise Misfit("tool_choice.type", "must be `auto`, `any`, `tool` or `none`")
    names = [choice.need_text("name")] if kind == "tool" else []
    request.tool_choice = ToolChoice(_CHOICES[kind], names)
    alone = choice.flag("disable_parallel_tool_use")
    request.parallel_tools = None if alone is None else not alone


def _read_output(members: Members, request: Request) -> None:
    """Takes how the answer is to be thought of and written: `thinking`, `output_config`, the older `output_format`."""
    thinking = members.members("thinking")
    config = Members(members.members("output_config") or {}, "output_config")
    form = config.members("format") or members.members("output_format")
    if form is not None:
        request.format = _read_format(Members(form, "output_config.format"))
    effort = config.text("effort")
    request.thinking = None if thinking is None else _read_thinking(thinking)
    if thinking is not None and not _is_said(thinking, request.thinking, effort):
        members.rest["thinking"] = thinking
    if effort is not None and request.thinking is not None and request.thinking.is_on is False:
        config.rest["effort"] = effort  # how much to write; there is nothing to think
    elif effort is not None:
        request.thinking = request.thinking or Thinking()
        request.thinking.effort, request.thinking.budget = effort, None
    if said(config.rest):
        members.rest["output_config"] = said(config.rest)


def _is_said(thinking: dict[str, Any], canonical: Thinking | None, effort: str | None) -> bool:
    """Says whether the canonical form says all of it."""
    kind = thinking.get("type")
    if canonical is None or kind == "between_tools" or set(thinking) - _THINKING_MEMBERS:
        return False
    return kind != "enabled" or (canonical.budget is not None and effort is None)


_THINKING_MEMBERS: Final = frozenset({"type", "budget_tokens", "display"})


def _read_thinking(value: dict[str, Any]) -> Thinking | None:
    members = Members(value, "thinking")
    kind = members.need_text("type")
    budget, display = members.whole("budget_tokens"), members.text("display")
    summary = None if display is None else _SUMMARIES.get(display)
    if kind in ("disabled", "between_tools"):
        return Thinking(is_on=False)
    if kind == "enabled" and budget is not None:
        return Thinking(budget=budget, is_on=True, summary=summary)
    return Thinking(is_on=True, summary=summary) if kind in ("enabled", "adaptive") else None


def _read_format(members: Members) -> Format:
    kind = members.need_text("type")
    if kind != "json_schema":
        raise Misfit(members.at("type"), "must be `json_schema`")
    return Format("schema", members.members("schema"))


def _read_metadata(members: Members, request: Request) -> None:
    metadata = Members(members.members("metadata") or {}, "metadata")
    request.user = metadata.text("user_id")
    if said(metadata.rest):
        members.rest["metadata"] = said(metadata.rest)
    tier = members.text("service_tier")
    request.service_tier = _TIERS.get(tier, tier) if tier is not None else None


# --- writing ---------------------------------------------------------------------------------


def write_request(request: Request, goal: Goal) -> bytes:
    """Returns the body that asks for this."""
    return _ENCODE(_write(request, goal))


def write_count_request(request: Request, goal: Goal) -> bytes:
    """Returns the body that asks how many tokens this has."""
    body = _write(request, goal)
    return _ENCODE({name: value for name, value in body.items() if name in _COUNTED})


def _write(request: Request, goal: Goal) -> dict[str, Any]:
    aim = Aim.of(request, goal)
    request = _as_message(request, aim)
    extras = dict(request.extras) if aim.is_own else {}
    body: dict[str, Any] = {"model": goal.model, "max_tokens": _max_tokens(request, aim)}
    if goal.stream:
        body["stream"] = True
    system, body["messages"] = write_messages(request, aim)
    body["tools"] = write_tools(request, aim)
    body["tool_choice"] = write_tool_choice(request, aim, has_tools=bool(body["tools"]))
    config = _own_members(extras, "output_config")
    thinking = write_thinking(request, aim, config, body["max_tokens"])
    body["thinking"] = extras.pop("thinking", None) or thinking
    system += _write_format(request, aim, config)
    body["system"] = system[0]["text"] if _is_plain(system) else system
    body["output_config"] = config
    body["stop_sequences"] = _write_stop(request, aim)
    _write_sampling(request, aim, body)
    metadata = _own_members(extras, "metadata")
    if request.user is not None:
        metadata["user_id"] = request.user
    body["metadata"] = metadata
    body["service_tier"] = _write_tier(request, aim)
    said_members = {n: value for n, value in body.items() if value or n in _EVEN_EMPTY}
    return {name: v for name, v in said_members.items() if v is not None} | extras


def _as_message(request: Request, aim: Aim) -> Request:
    """Returns a request without a plain prompt: it becomes what a user says, inside of the model's template."""
    if request.prompt is None:
        return request
    aim.drop("prompt")
    return msgspec.structs.replace(
        request, messages=[*request.messages, Message("user", [Text(request.prompt)])]
    )


_EVEN_EMPTY: Final = frozenset({"messages", "max_tokens", "temperature", "top_p", "top_k"})


def _own_members(extras: dict[str, Any], name: str) -> dict[str, Any]:
    value = extras.pop(name, None)
    return dict(value) if isinstance(value, dict) else {}


def _is_plain(system: list[dict[str, Any]]) -> bool:
    return len(system) == 1 and system[0].keys() == {"type", "text"}


def _max_tokens(request: Request, aim: Aim) -> int:
    claude = aim.claude
    if request.max_tokens is None:
        return claude.default_max_tokens if claude else DEFAULT_MAX_TOKENS
    if claude and not aim.is_own:
        return min(request.max_tokens, claude.max_output)
    return request.max_tokens


_ONLY_JSON: Final = (
    "Answer with one JSON object and nothing else: no words around it, no code fence."
)


def _write_format(request: Request, aim: Aim, config: dict[str, Any]) -> list[dict[str, Any]]:
    """Puts the form of the answer into `output_config`; returns what a model that takes none there is told."""
    form = request.format
    if form is None or form.kind == "text":
        return []
    if form.kind == "schema" and (aim.is_own or aim.claude is None or aim.claude.takes_schema):
        config["format"] = {"type": "json_schema", "schema": form.schema or {}}
        return []
    aim.drop("format")  # it is asked for, and nothing sees to it
    text = _ONLY_JSON
    if form.kind == "schema":
        text += f" It must fit this JSON Schema:\n{_ENCODE(form.schema or {}).decode()}"
    return [{"type": "text", "text": text}]


def _write_stop(request: Request, aim: Aim) -> list[str]:
    if aim.is_own or aim.claude is None:
        return request.stop
    kept = [text for text in request.stop if text.strip()]
    if len(kept) < len(request.stop):
        aim.drop("stop")  # blanks alone are refused
    return kept


def _write_sampling(request: Request, aim: Aim, body: dict[str, Any]) -> None:
    temperature, top_p, top_k = request.temperature, request.top_p, request.top_k
    claude = aim.claude
    if claude is not None and not aim.is_own:
        if not claude.takes_sampling or has_thoughts(body["thinking"]):
            # a model that thinks takes no others than the defaults
            aim.leave_out("temperature", temperature, default=1)
            aim.leave_out("top_p", top_p, default=1)
            aim.leave_out("top_k", top_k)
            return
        if temperature is not None and not claude.takes_two_samplers:
            aim.leave_out("top_p", top_p, default=1)
            top_p = None
    body["temperature"], body["top_p"], body["top_k"] = temperature, top_p, top_k


def _write_tier(request: Request, aim: Aim) -> str | None:
    tier = request.service_tier
    if tier is None or tier in _TIERS_OUT:
        return _TIERS_OUT.get(tier) if tier else None
    if aim.is_own:
        return tier
    aim.drop("service_tier")
    return None
