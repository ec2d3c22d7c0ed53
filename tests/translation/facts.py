"""What a request or an answer says, as plain values that two dialects can be compared by."""

import json
from typing import Any

from multillama.core.canonical import (
    Answer,
    Audio,
    File,
    Image,
    Part,
    Reasoning,
    Refusal,
    Request,
    Stop,
    Text,
    ToolCall,
    ToolChoice,
    ToolResult,
)  # fmt: skip
from multillama.core.effort import effort_of
from multillama.core.translate import SAYS_NOTHING

Facts = dict[str, Any]
"""Name to value; what is not said has no name."""
BODY = (
    "model", "messages", "prompt", "tools", "stream", "tool_choice", "format", "thinking", "family",
    "dialect", "extras", "wants_usage", "wants_signatures",
)  # fmt: skip
"""Fields of a request that are no settings, that the way itself decides, or that are looked at more closely."""
ROLES = {"system": ("system", "developer"), "user": ("user",), "assistant": ("assistant",)}
COUNTED = (
    "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens",
)  # fmt: skip


def of_answer(answer: Answer, *, wants_usage: bool = True) -> Facts:
    """Returns text, reasoning, refusal, calls and stop of each choice, and the usage."""
    facts: Facts = {}
    for number, choice in enumerate(answer.choices):
        at = "" if number == 0 else f"[{number}]"
        facts[f"text{at}"] = text_of(choice.parts, Text, Refusal)
        facts[f"reasoning{at}"] = text_of(choice.parts, Reasoning)
        facts[f"refusal{at}"] = text_of(choice.parts, Refusal)
        facts[f"tool_calls{at}"] = calls_of(choice.parts)
        facts[f"stop{at}"] = Stop.END if choice.stop is Stop.SEQUENCE else choice.stop
        facts[f"stop_sequence{at}"] = choice.stop_sequence
    for field in COUNTED if wants_usage else ():
        facts[f"usage.{field}"] = getattr(answer.usage, field, None) or None
    return said(facts)


def of_request(request: Request) -> Facts:
    """Returns what each role says, the tools, the calls and their results, and the settings."""
    parts = [part for message in request.messages for part in message.parts]
    facts: Facts = {
        field: value
        for field in Request.__struct_fields__
        if field not in BODY and (value := getattr(request, field)) != SAYS_NOTHING.get(field)
    }
    for name, roles in ROLES.items():
        facts[f"messages.{name}"] = [
            part.text
            for message in request.messages
            if message.role in roles
            for part in message.parts
            if isinstance(part, Text | Refusal) and part.text.strip()
        ]
    if request.prompt is not None:
        facts["messages.user"] = [*facts["messages.user"], request.prompt]
    facts["tools"] = [
        (tool.hosted, tool.name, tool.description, tool.schema) for tool in request.tools
    ]
    facts["tools.strict"] = [tool.is_strict for tool in request.tools if tool.is_strict]
    facts["tool_calls"] = calls_of(parts)
    facts["tool_results"] = [
        (plain(text_of(part.parts, Text)), media_of(part.parts))
        for part in parts
        if isinstance(part, ToolResult)
    ]
    facts["tool_results.is_error"] = [
        True for part in parts if isinstance(part, ToolResult) and part.is_error
    ]
    facts["format"] = form_of(request)
    facts["tool_choice"] = choice_of(request)
    facts["thinking"] = request.thinking and effort_of(request.thinking)
    facts["reasoning"] = text_of(parts, Reasoning)
    facts["media"] = media_of(parts)
    return said(facts)


def said(facts: Facts) -> Facts:
    return {name: value for name, value in facts.items() if value not in (None, "", [], False)}


def text_of(parts: list[Part], *kinds: type[Text] | type[Reasoning] | type[Refusal]) -> str:
    return "".join(part.text for part in parts if isinstance(part, kinds))


def calls_of(parts: list[Part]) -> list[tuple[str, Any]]:
    return [(part.name, value_of(part)) for part in parts if isinstance(part, ToolCall)]


def value_of(call: ToolCall) -> Any:
    """Returns the arguments as a value: dialects that hold them as text keep its blanks, others do not."""
    return call.arguments if call.is_custom else plain(call.arguments or "{}")


def plain(text: str) -> Any:
    """Returns the value that a text of JSON has; another text is its own."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def form_of(request: Request) -> Any:
    """Returns the form of the answer; where its description stands is one."""
    form = request.format
    if form is None or not isinstance(form.schema, dict):
        return form and form.kind
    return {name: value for name, value in form.schema.items() if name != "description"}


def choice_of(request: Request) -> Any:
    """Returns which tools must be called; `auto` is what every dialect does unasked."""
    choice = request.tool_choice
    return choice and (choice.mode, choice.names) if choice != ToolChoice("auto") else None


def media_of(parts: list[Part]) -> list[Any]:
    return [
        (type(part).__name__, part.source.data or part.source.url or part.source.text)
        for part in parts
        if isinstance(part, Image | Audio | File)
    ]


def differing(first: Facts, then: Facts) -> list[str]:
    """Returns the names of what is said first, and not so then."""
    return [name for name, value in first.items() if then.get(name) != value]
