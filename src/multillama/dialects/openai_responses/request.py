"""Requests of Responses, in and out of the canonical form.

`instructions` are the first message, of the role `system`. What a server keeps of former answers
(`previous_response_id`, `conversation`, references to items) is not resolved here.

Source: openai SDK 3.54.0, `types/responses/response_create_params.py`.
"""

from hashlib import sha256
from typing import Any, Final

import msgspec

from multillama.core.canonical import (
    Format,
    Message,
    Request,
    Text,
    Thinking,
)
from multillama.core.codec import Goal, Misfit
from multillama.core.effort import effort_of
from multillama.core.shape import Members, Object, a_text, decode_object
from multillama.dialects.openai_responses.content import left
from multillama.dialects.openai_responses.items import read_input, write_input_items
from multillama.dialects.openai_responses.terms import DIALECT, FAMILY, Terms
from multillama.dialects.openai_responses.tools import (
    read_choice,
    read_tools,
    write_choice,
    write_tools,
)

SIGNATURES: Final = "reasoning.encrypted_content"
LOGPROBS: Final = "message.output_text.logprobs"
SAYS: Final = frozenset((
    "max_tokens", "temperature", "top_p", "logprobs", "top_logprobs", "tools", "tool_choice", "parallel_tools",
    "format", "thinking", "verbosity", "user", "service_tier", "cache_key", "metadata", "store", "previous_id",
    "wants_usage", "wants_signatures", "dialect",
))  # fmt: skip
NAMES: Final = {
    "max_tokens": "max_output_tokens",
    "parallel_tools": "parallel_tool_calls",
    "format": "text.format",
    "thinking": "reasoning",
    "verbosity": "text.verbosity",
    "user": "safety_identifier",
    "cache_key": "prompt_cache_key",
    "previous_id": "previous_response_id",
    "logprobs": "include",
}
COUNTED: Final = frozenset((
    "conversation", "input", "instructions", "model", "parallel_tool_calls", "previous_response_id", "reasoning",
    "text", "tool_choice", "tools", "truncation",
))  # fmt: skip
"""Members that a request for a count may have."""
_CHAT_ONLY: Final = frozenset((
    "audio", "prediction", "web_search_options", "functions", "function_call", "modalities",
))  # fmt: skip
"""Members of the family's other dialect, which this one refuses."""
_UNSAID: Final[Object] = {"truncation": "disabled", "background": False, "stream_options": {}}
"""What is so anyway."""
_TIERS: Final = frozenset(("auto", "default", "flex", "scale", "priority", "fast"))
_MAX_USER: Final = 64
_KINDS: Final = {"text": "text", "json_object": "json", "json_schema": "schema"}
_ENCODE: Final = msgspec.json.Encoder().encode


# --- reading ---------------------------------------------------------------------------------


def read_request(data: bytes) -> Request:
    """Reads a request.

    Raises:
        Misfit: It is none.
    """
    members = Members(decode_object(data))
    request = Request(members.need_text("model"), family=FAMILY, dialect=DIALECT)
    instructions = members.text("instructions")
    request.messages = read_input(members.take("input"))
    if instructions is not None:
        request.messages.insert(0, Message("system", [Text(instructions)]))
    request.stream = members.flag("stream") or False
    request.max_tokens = members.whole("max_output_tokens")
    request.temperature = members.number("temperature")
    request.top_p = members.number("top_p")
    request.top_logprobs = members.whole("top_logprobs")
    request.tools = read_tools(members.rows("tools"), "tools")
    request.parallel_tools = members.flag("parallel_tool_calls")
    request.service_tier = members.text("service_tier")
    request.cache_key = members.text("prompt_cache_key")
    request.metadata = members.members("metadata") or None
    request.store = members.flag("store")
    request.previous_id = members.text("previous_response_id")
    request.user = members.text("safety_identifier") or members.text("user")
    extras = members.rest
    _read_include(members.rows("include"), request, extras)
    _read_text(members.members("text"), request, extras)
    _read_reasoning(members.members("reasoning"), request, extras)
    _read_tool_choice(members.take("tool_choice"), request, extras)
    request.extras = {
        name: value
        for name, value in extras.items()
        if value is not None and (name not in _UNSAID or value != _UNSAID[name])
    }
    return request


def _read_include(rows: list[Any], request: Request, extras: Object) -> None:
    rest = [a_text(row, f"include[{at}]") for at, row in enumerate(rows)]
    if LOGPROBS in rest:
        request.logprobs = True
    request.wants_signatures = SIGNATURES in rest
    extras["include"] = [name for name in rest if name not in (LOGPROBS, SIGNATURES)] or None


def _read_text(members: Object | None, request: Request, extras: Object) -> None:
    if members is None:
        return
    text = Members(members, "text")
    request.verbosity = text.text("verbosity")
    form = text.members("format")
    if form is not None:
        request.format = _read_format(Members(form, "text.format"))
    extras["text"] = left(text.rest) or None


def _read_format(members: Members) -> Format:
    kind = _KINDS.get(members.need_text("type"))
    if kind is None:
        raise Misfit("text.format.type", "must be text, json_object or json_schema")
    return Format(
        kind,
        members.members("schema"),
        members.text("name"),
        members.text("description"),
        members.flag("strict"),
    )


def _read_reasoning(members: Object | None, request: Request, extras: Object) -> None:
    if members is None:
        return
    reasoning = Members(members, "reasoning")
    effort, summary = reasoning.text("effort"), reasoning.text("summary")
    summary = summary or reasoning.text("generate_summary")
    if effort is not None or summary is not None:
        request.thinking = Thinking(effort, summary=summary)
    extras["reasoning"] = left(reasoning.rest) or None


def _read_tool_choice(value: Any, request: Request, extras: Object) -> None:
    if value is None:
        return
    request.tool_choice = read_choice(value)
    if request.tool_choice is None:
        extras["tool_choice"] = value


# --- writing ---------------------------------------------------------------------------------


def write_request(request: Request, goal: Goal) -> bytes:
    """Writes a request for an endpoint."""
    return _ENCODE(_members(request, goal))


def write_count_request(request: Request, goal: Goal) -> bytes:
    """Writes a request for a count, of those members that count."""
    members = _members(request, goal)
    return _ENCODE({name: value for name, value in members.items() if name in COUNTED})


def _members(request: Request, goal: Goal) -> Object:
    is_own = request.dialect == DIALECT
    terms = Terms(is_own, goal.losses, goal.provider)
    instructions = _write_instructions(request.messages, terms)
    said: Object = {
        "model": goal.model,
        "instructions": instructions,
        "input": _write_input(request, instructions, terms),
        "tools": write_tools(request.tools, terms) or None,
        "stream": goal.stream or None,
        "max_output_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_logprobs": request.top_logprobs,
        "parallel_tool_calls": request.parallel_tools,
        "prompt_cache_key": request.cache_key,
        "metadata": request.metadata,
        "previous_response_id": request.previous_id,
        "safety_identifier": _user(request.user),
        "service_tier": _tier(request.service_tier, terms),
        # An endpoint is to keep nothing that its client has not asked it to keep.
        "store": request.store if is_own or request.store is not None else False,
        "tool_choice": _choice(request),
        "reasoning": reasoning_members(request),
        "text": text_members(request),
        "include": _include(request, terms),
    }
    if request.family == goal.family:
        _add_extras(said, request.extras, goal)
    return {name: value for name, value in said.items() if value is not None}


def _add_extras(said: Object, extras: Object, goal: Goal) -> None:
    for name, value in extras.items():
        known = said.get(name)
        if name in _CHAT_ONLY:
            goal.losses.drop(name)
        elif name == "stream_options":
            if goal.stream:
                said[name] = value
        elif isinstance(known, dict) and isinstance(value, dict):
            said[name] = known | value
        elif isinstance(known, list) and isinstance(value, list):
            said[name] = known + value
        else:
            said[name] = value


def instructions_of(messages: list[Message]) -> str | None:
    """Returns the text of a first message that is the system's; None where it is more than text."""
    if not messages or messages[0].role != "system":
        return None
    texts = [part.text for part in messages[0].parts if isinstance(part, Text) and not part.extras]
    return "\n\n".join(texts) if texts and len(texts) == len(messages[0].parts) else None


def _write_instructions(messages: list[Message], terms: Terms) -> str | None:
    instructions = instructions_of(messages)
    if instructions is None:
        return None
    if any(isinstance(part, Text) and part.cache is not None for part in messages[0].parts):
        if terms.is_own:
            return None  # only an item can hold the mark
        terms.losses.drop("cache")
    return instructions


def _write_input(request: Request, instructions: str | None, terms: Terms) -> object:
    if request.prompt is not None:
        terms.losses.drop("prompt")  # it becomes what a user says, inside of the model's template
        return request.prompt
    messages = request.messages if instructions is None else request.messages[1:]
    return write_input_items(messages, terms)


def _user(user: str | None) -> str | None:
    """Returns a name of the user that is short enough, and the same one each time."""
    if user is None or len(user) <= _MAX_USER:
        return user
    return sha256(user.encode()).hexdigest()


def _tier(tier: str | None, terms: Terms) -> str | None:
    if tier is None or tier in _TIERS or terms.is_own:
        return tier
    terms.losses.drop("service_tier")
    return None


def _choice(request: Request) -> object:
    if request.tool_choice is None:
        return None
    return write_choice(request.tool_choice, request.tools)


def reasoning_members(request: Request) -> Object | None:
    """Returns how much the model is to think, and whether it is to tell."""
    if request.thinking is None:
        return None
    effort, summary = effort_of(request.thinking), request.thinking.summary
    members: Object = {} if effort is None else {"effort": effort}
    if summary is not None and summary != "none":
        members["summary"] = summary
    return members or None


def text_members(request: Request) -> Object | None:
    """Returns the form of the answer's text."""
    members: Object = {}
    if request.format is not None:
        members["format"] = _write_format(request.format)
    if request.verbosity is not None:
        members["verbosity"] = request.verbosity
    return members or None


def _write_format(form: Format) -> Object:
    if form.kind != "schema":
        return {"type": "json_object" if form.kind == "json" else "text"}
    written: Object = {
        "type": "json_schema",
        "name": form.name or "answer",
        "schema": {} if form.schema is None else form.schema,
    }
    if form.description is not None:
        written["description"] = form.description
    if form.is_strict is not None:
        written["strict"] = form.is_strict
    return written


def _include(request: Request, terms: Terms) -> list[str] | None:
    include = [LOGPROBS] if request.logprobs else []
    # Who asks in another dialect for reasoning gets it signed, as it may come back.
    is_thinking = request.thinking is not None and effort_of(request.thinking) != "none"
    if request.wants_signatures or (is_thinking and not terms.is_own):
        include.append(SIGNATURES)
    return include or None
