"""Requests: `generateContent` and `streamGenerateContent`.

The model and whether a stream is wanted stand in the path, so that they are neither read nor written here.

Source: google-genai 3.4.0 `models._GenerateContentParameters_to_mldev`; ai.google.dev/api/generate-content
(November 2026).
"""

from typing import Any, Final

from multillama.core.canonical import Extras, Message, Part, Reasoning, Request, Text, ToolResult
from multillama.core.codec import Goal, Losses, Misfit
from multillama.core.last_word import WORD, with_last_word
from multillama.core.shape import Members, Object, decode_object
from multillama.dialects.gemini.calls import CallIds
from multillama.dialects.gemini.models import LEVELS, thinks_in, wants_signatures
from multillama.dialects.gemini.parts import PartWriter, read_part
from multillama.dialects.gemini.settings import SETTINGS, read_settings, write_settings
from multillama.dialects.gemini.spelling import an_object_of, camel, json_bytes, rows_of
from multillama.dialects.gemini.tools import (
    TOOL_CONFIG,
    read_choice,
    read_tools,
    write_tool_config,
    write_tools,
)

FAMILY: Final = "gemini"
_MODEL: Final = "model"
_USER: Final = "user"
_ASSISTANT: Final = "assistant"
_ROLES: Final = (_USER, _MODEL, "function")
_TIERS_READ: Final = {"standard": "default"}
_TIERS_WRITTEN: Final = {
    "default": "standard", "standard_only": "standard", "standard": "standard",
    "flex": "flex", "priority": "priority", "fast": "priority",
}  # fmt: skip


# --- reading ---------------------------------------------------------------------------------


def read_request(body: bytes) -> Request:
    """Reads a request; the caller fills in `model` and `stream`.

    Raises:
        Misfit: It is none, with the place.
    """
    return request_of(decode_object(body))


def request_of(value: Object) -> Request:
    """Reads the members of a request, or raises Misfit."""
    try:
        return _request_of(value)
    except RecursionError as error:
        raise Misfit("", "is nested too deep") from error


def _request_of(value: Object) -> Request:
    members = Members(camel(value))
    request = Request("", family=FAMILY, extras={})
    ids = CallIds("")
    system = members.take("systemInstruction")
    if system is not None:
        request.messages.append(Message("system", _read_system(system, ids)))
    contents = members.take("contents")
    if contents is None:
        raise Misfit("contents", "is missing")
    for at, row in enumerate(rows_of(contents)):
        _read_content(row, f"contents[{at}]", ids, request.messages)
    request.tools = read_tools(members.take("tools"))
    request.tool_choice = read_choice(members.take("toolConfig"), request.extras)
    read_settings(members.take("generationConfig"), request)
    tier = (members.text("serviceTier") or "unspecified").lower()
    request.service_tier = None if tier == "unspecified" else _TIERS_READ.get(tier, tier)
    request.store = members.flag("store")
    members.take("model")
    for name, member in members.rest.items():
        if member is not None:
            request.extras[name] = member
    return request


def _read_system(value: Any, ids: CallIds) -> list[Part]:
    if isinstance(value, str):
        return [Text(value)]
    path = "systemInstruction"
    rows = rows_of(an_object_of(value, path).get("parts"))
    return [part for at, row in enumerate(rows) for part in _read_row(row, path, at, ids)]


def _read_row(row: Any, path: str, at: int, ids: CallIds) -> list[Part]:
    return [Text(row)] if isinstance(row, str) else read_part(row, f"{path}.parts[{at}]", ids)


def _read_content(row: Any, path: str, ids: CallIds, messages: list[Message]) -> None:
    """Adds the messages of one content."""
    content: Any = {"parts": row} if isinstance(row, str) else row
    members = Members(an_object_of(content, path), path)
    role = members.text("role") or _USER
    if role not in _ROLES:
        raise Misfit(f"{path}.role", "must be user or model")
    rows = rows_of(members.take("parts"))
    extras = {name: member for name, member in members.rest.items() if member is not None}
    if role == _MODEL:
        if not messages or messages[-1].role != _ASSISTANT:
            messages.append(Message(_ASSISTANT, [], extras=extras))
        for at, each in enumerate(rows):
            is_thought = isinstance(each, dict) and each.get("thought") is True
            for part in _read_row(each, path, at, ids):
                _add_piece(messages[-1].parts, part, is_thought=is_thought)
        return
    parts = [part for at, each in enumerate(rows) for part in _read_row(each, path, at, ids)]
    _add_user(parts, extras, messages)


def _add_user(parts: list[Part], extras: Extras, messages: list[Message]) -> None:
    """Adds what the client says; what functions answered stands alone."""
    begun: Message | None = None
    for part in parts:
        role = "tool" if isinstance(part, ToolResult) else _USER
        if begun is None or begun.role != role:
            begun = Message(role, [], extras=extras)
            messages.append(begun)
        begun.parts.append(part)


def _add_piece(parts: list[Part], part: Part, *, is_thought: bool) -> None:
    """Adds what the model said: clients send a stream back in the pieces in which it came.

    A signature that stands on a thought is that thought's; any other one stands alone.
    """
    last = parts[-1] if parts else None
    if isinstance(part, Text) and isinstance(last, Text):
        goes_on = not (part.extras or last.extras)
    elif is_thought and isinstance(part, Reasoning) and isinstance(last, Reasoning):
        goes_on = bool(last.text) and last.signature is None and not (part.extras or last.extras)
        if goes_on:
            last.signature = part.signature
    else:
        parts.append(part)
        return
    if goes_on:
        last.text += part.text
    else:
        parts.append(part)


# --- writing ---------------------------------------------------------------------------------


def write_request(request: Request, goal: Goal) -> bytes:
    """Returns the body of a request."""
    return json_bytes(body_of(request, goal))


def body_of(request: Request, goal: Goal) -> Object:
    """Returns the members of a request."""
    same = request.family == goal.family
    losses = goal.losses
    system, contents = _write_messages(request, goal, same=same)
    body: Object = {"contents": contents}
    if system:
        body["systemInstruction"] = {"parts": system}
    tools = write_tools(request.tools, losses, same=same)
    if tools:
        body["tools"] = tools
    for name, value in (
        ("toolConfig", write_tool_config(request, losses, same=same)),
        ("generationConfig", write_settings(request, goal.model, losses, same=same)),
    ):
        if value:
            body[name] = value
    _write_tier(request.service_tier, body, losses)
    if request.store is not None:
        body["store"] = request.store
    if same:
        body.update(
            (name, extra)
            for name, extra in request.extras.items()
            if not name.startswith((SETTINGS, TOOL_CONFIG))
        )
    return body


def _write_tier(tier: str | None, body: Object, losses: Losses) -> None:
    if tier is None or tier == "auto":
        return
    if tier in _TIERS_WRITTEN:
        body["serviceTier"] = _TIERS_WRITTEN[tier]
    else:
        losses.drop("service_tier")


def _write_messages(
    request: Request, goal: Goal, *, same: bool
) -> tuple[list[Object], list[Object]]:
    """Returns the system's parts and the contents; neighbours of one role become one content."""
    writer = PartWriter(
        goal.losses,
        same=same,
        to_calls=not same,
        is_signed=wants_signatures(goal.model),
        has_media=thinks_in(goal.model) == LEVELS,
    )
    system: list[Object] = []
    contents: list[Object] = []
    for message in request.messages if same else with_last_word(request.messages):
        if message.name is not None:
            goal.losses.drop("messages.name")
        is_system = message.role in ("system", "developer")
        parts = writer.write(message.parts)
        if not parts:
            continue
        if is_system and not contents:
            system += parts
            continue
        role = _MODEL if message.role == _ASSISTANT else _USER
        content = _content(contents, role)
        content["parts"] += _inline(parts) if is_system else parts
        if same:
            content.update(message.extras)
    if request.prompt is not None:
        goal.losses.drop("prompt")  # it becomes what a user says, inside of the model's template
        _content(contents, _USER)["parts"].append({"text": request.prompt or WORD})
    return _begin(system, contents)


def _content(contents: list[Object], role: str) -> Object:
    """Returns the content that goes on, or a new one where the role changes."""
    if not contents or contents[-1]["role"] != role:
        contents.append({"role": role, "parts": []})
    return contents[-1]


def _inline(parts: list[Object]) -> list[Object]:
    """Returns instructions that come amid the messages, where Gemini has no place for them, as the user's text."""
    texts = "\n".join(part["text"] for part in parts if "text" in part)
    return [{"text": f"<system>\n{texts}\n</system>"}]


def _begin(system: list[Object], contents: list[Object]) -> tuple[list[Object], list[Object]]:
    """Returns both as Gemini takes them: something is said, and the user says it first."""
    if not contents:
        return [], [{"role": _USER, "parts": system}] if system else []
    if contents[0]["role"] == _MODEL:
        contents.insert(0, {"role": _USER, "parts": [{"text": " "}]})
    return system, contents
