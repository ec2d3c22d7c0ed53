"""Says in a poorer dialect what only a richer one has: custom tools as functions, names too long or of other letters.

Both ways: the request is lowered for a target, and what the model answers is lifted again for the client. Nothing here
changes what it is given.
"""

import re
from hashlib import sha256
from typing import Final

import msgspec

from multillama.core.canonical import Part, Request, Tool, ToolCall, ToolResult
from multillama.core.deltas import Close, Delta, Event, Open

INPUT: Final = "input"
"""The one argument of a function that stands for a custom tool."""
MAX_NAME: Final = 64
_KEPT: Final = 55
_FORBIDDEN: Final = re.compile(r"[^a-zA-Z0-9_-]")
"""What OpenAI and Anthropic refuse in the name of a tool."""
_PARSE: Final = msgspec.json.Decoder().decode


class Lowering(msgspec.Struct, frozen=True):
    """What was lowered, so that it can be lifted again."""

    customs: frozenset[str] = frozenset()
    """Names of custom tools that became functions, as the target knows them."""
    names: dict[str, str] = {}
    """The target's name of a tool to the client's, where they differ."""

    @property
    def is_nothing(self) -> bool:
        return not (self.customs or self.names)


NOTHING: Final = Lowering()
"""Of most requests."""


def lower(request: Request, *, has_customs: bool) -> tuple[Request, Lowering]:
    """Returns the request as the target can be told it; the same one where there is nothing to lower.

    Args:
        request: What the client asked.
        has_customs: True if the target knows custom tools.
    """
    short = _low_names(request)
    customs = frozenset() if has_customs else frozenset(_customs(request))
    if not (short or customs):
        return request, NOTHING
    tools = [_lower_tool(tool, short, customs) for tool in request.tools]
    messages = [
        msgspec.structs.replace(
            message, parts=[_lower_part(part, short, customs) for part in message.parts]
        )
        for message in request.messages
    ]
    choice = request.tool_choice
    if choice is not None and short:
        names = [short.get(name, name) for name in choice.names]
        choice = msgspec.structs.replace(choice, names=names)
    lowered = msgspec.structs.replace(request, tools=tools, messages=messages, tool_choice=choice)
    known = Lowering(
        frozenset(short.get(name, name) for name in customs),
        {low: name for name, low in short.items()},
    )
    return lowered, known


def _customs(request: Request) -> set[str]:
    """Returns the names of all custom tools, those of earlier calls included."""
    names = {tool.name for tool in request.tools if tool.is_custom}
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, ToolCall) and part.is_custom:
                names.add(part.name)
    return names


def _low_names(request: Request) -> dict[str, str]:
    """Returns the names that some dialects refuse, of tools and of earlier calls, to those that all take."""
    names = dict.fromkeys(tool.name for tool in request.tools if tool.hosted is None)
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, ToolCall):
                names[part.name] = None
    if not any(_is_high(name) for name in names):
        return {}
    low: dict[str, str] = {}
    taken = set(names)
    for name in names:
        if _is_high(name):
            low[name] = _low(name, taken)
            taken.add(low[name])
    return low


def _is_high(name: str) -> bool:
    return len(name) > MAX_NAME or _FORBIDDEN.search(name) is not None


def _low(name: str, taken: set[str]) -> str:
    """Returns the name in the letters that are allowed; with a hash where it is too long, or another's."""
    low = _FORBIDDEN.sub("_", name)
    if len(low) <= MAX_NAME and low not in taken:
        return low
    return f"{low[:_KEPT]}_{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def _lower_tool(tool: Tool, short: dict[str, str], customs: frozenset[str]) -> Tool:
    name = short.get(tool.name, tool.name)
    if tool.name not in customs:
        return tool if name == tool.name else msgspec.structs.replace(tool, name=name)
    schema = {
        "type": "object",
        "properties": {INPUT: {"type": "string"}},
        "required": [INPUT],
    }
    return Tool(name, _described(tool), schema, cache=tool.cache)


def _described(tool: Tool) -> str | None:
    """Returns a description that tells the model the grammar it can no longer be held to."""
    form = tool.format
    if not isinstance(form, dict) or not isinstance(definition := form.get("definition"), str):
        return tool.description
    syntax = form.get("syntax", "lark")
    return f"{tool.description or ''}\n\nThe input must match this {syntax} grammar:\n{definition}".strip()


def _lower_part(part: Part, short: dict[str, str], customs: frozenset[str]) -> Part:
    if isinstance(part, ToolCall):
        name = short.get(part.name, part.name)
        if part.name in customs and part.is_custom:
            arguments = msgspec.json.encode({INPUT: part.arguments}).decode()
            return msgspec.structs.replace(part, name=name, arguments=arguments, is_custom=False)
        return part if name == part.name else msgspec.structs.replace(part, name=name)
    if isinstance(part, ToolResult):
        name_ = short.get(part.name, part.name) if part.name is not None else None
        return msgspec.structs.replace(part, name=name_, is_custom=part.is_custom and not customs)
    return part


def lift_part(part: Part, lowering: Lowering) -> Part:
    """Returns a part of an answer as the client knows it."""
    if not isinstance(part, ToolCall):
        return part
    name = lowering.names.get(part.name, part.name)
    if part.name not in lowering.customs:
        return part if name == part.name else msgspec.structs.replace(part, name=name)
    return msgspec.structs.replace(
        part, name=name, arguments=input_of(part.arguments), is_custom=True
    )


def input_of(arguments: str) -> str:
    """Returns the plain input of a custom tool from the arguments of its function; what is none, as it is."""
    try:
        value = _PARSE(arguments)
    except (msgspec.DecodeError, RecursionError):
        return arguments
    text = value.get(INPUT) if isinstance(value, dict) else None
    return text if isinstance(text, str) else arguments


class Lifter:
    """Lifts the events of a stream; the arguments of a custom tool come in one piece, as JSON must be whole first."""

    def __init__(self, lowering: Lowering) -> None:
        self._lowering = lowering
        self._held: dict[int, list[str]] = {}
        """Parts that are custom calls, with their arguments so far."""

    def lift(self, events: list[Event]) -> list[Event]:
        """Returns the events as the client knows them."""
        lifted: list[Event] = []
        for event in events:
            if isinstance(event, Open):
                lifted.append(self._open(event))
            elif isinstance(event, Delta) and event.part in self._held:
                self._held[event.part].append(event.text)
            elif isinstance(event, Close) and event.part in self._held:
                text = input_of("".join(self._held.pop(event.part)))
                lifted += [Delta(event.part, text), event]
            else:
                lifted.append(event)
        return lifted

    def _open(self, event: Open) -> Open:
        what = event.what
        if not isinstance(what, ToolCall):
            return event
        if what.name in self._lowering.customs:
            self._held[event.part] = [what.arguments]
            what = msgspec.structs.replace(what, arguments="")
            what = msgspec.structs.replace(
                what, name=self._lowering.names.get(what.name, what.name), is_custom=True
            )
            return Open(event.part, what, event.choice)
        return Open(event.part, lift_part(what, self._lowering), event.choice)
