"""Items of the input: messages, calls, their outputs, reasoning; in and out of the canonical messages.

What the model made in one turn is one message of the role `assistant`, so that a dialect whose calls stand inside of
messages finds them there. Items that no other dialect knows are foreign parts.

Source: openai SDK 3.54.0, `types/responses/response_input_item_param.py`; Codex sends reasoning without an id.
"""

from typing import Any, Final

from multillama.core.canonical import (
    Foreign,
    Message,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from multillama.core.codec import Misfit
from multillama.core.shape import Members, Object, a_list, a_text, an_object
from multillama.dialects.openai_responses.content import (
    CONTENT,
    left,
    lose,
    read_parts,
    write_input,
)
from multillama.dialects.openai_responses.output import (
    COMPLETED,
    call_item,
    call_of,
    content_part,
    item_members,
    mark_item,
    message_item,
    other_item,
    reasoning_item,
    reasoning_of,
    together,
)
from multillama.dialects.openai_responses.terms import Terms

ASSISTANT: Final = "assistant"
_ROLES: Final = frozenset(("user", "system", "developer", ASSISTANT))
_CALLS: Final = {"function_call": "arguments", "custom_tool_call": "input"}
_OUTPUTS: Final = {"function_call_output": False, "custom_tool_call_output": True}
"""Type of a tool's output to whether the tool takes plain text."""
_ASIDE: Final = frozenset((
    "mcp_approval_response", "compaction_trigger", "additional_tools", "configuration_update",
))  # fmt: skip
"""Foreign items that the model has not made, beside all outputs."""
_SIGNS: Final = frozenset(("openai", "azure"))
"""Providers that refuse reasoning which they have neither signed nor kept."""


# --- reading ---------------------------------------------------------------------------------


def read_input(value: Any) -> list[Message]:
    """Reads the input, which is a text or a list of items."""
    if isinstance(value, str):
        return [Message("user", [Text(value)])]
    turns = _Turns()
    for at, row in enumerate(a_list(value, "input") if value is not None else ()):
        turns.add(an_object(row, f"input[{at}]"), f"input[{at}]")
    return turns.messages


class _Turns:
    """The messages that items make."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def add(self, item: Object, path: str) -> None:
        """Adds what one item says."""
        kind = item.get("type")
        if kind is None:
            kind = "message" if "role" in item else "item_reference" if "id" in item else None
        if kind is None:
            raise Misfit(f"{path}.type", "is missing")
        kind = a_text(kind, f"{path}.type")
        if kind == "message":
            self._add_message(item, path)
        elif kind == "reasoning":
            self._turn().append(reasoning_of(item))
        elif kind in _CALLS:
            _check(item, path, "call_id", "name", _CALLS[kind])
            self._turn().append(call_of(item))
        elif kind in _OUTPUTS:
            self.messages.append(Message("tool", [_read_output(item, path, _OUTPUTS[kind])]))
        elif kind in _ASIDE or kind.endswith("_output"):
            self.messages.append(Message("user", [Foreign(kind, item)]))
        else:
            self._turn().append(Foreign(kind, item))

    def _turn(self) -> list[Part]:
        """Returns the parts of the turn that goes on, or of another that begins."""
        if not self.messages or self.messages[-1].role != ASSISTANT:
            self.messages.append(Message(ASSISTANT))
        return self.messages[-1].parts

    def _add_message(self, item: Object, path: str) -> None:
        role = a_text(item.get("role"), f"{path}.role")
        if role not in _ROLES:
            raise Misfit(f"{path}.role", "must be user, system, developer or assistant")
        parts = read_parts(item.get("content"), f"{path}.content")
        if role != ASSISTANT:
            self.messages.append(Message(role, parts))
            return
        mark_item(parts, item)
        turn = self._turn()
        # Two texts in a row are two messages elsewhere, too; but a call stays with those beside it, as Chat wants
        # its output right behind the message.
        if any(isinstance(part, Text | Refusal) for part in turn) and not any(
            isinstance(part, ToolCall) for part in turn
        ):
            self.messages.append(Message(ASSISTANT))
            turn = self.messages[-1].parts
        turn += parts


def _check(item: Object, path: str, *names: str) -> None:
    """Makes sure that an item has what it is nothing without."""
    for name in names:
        if item.get(name) is None:
            raise Misfit(f"{path}.{name}", "is missing")
        a_text(item[name], f"{path}.{name}")


def _read_output(item: Object, path: str, is_custom: bool) -> ToolResult:
    members = Members(item, path)
    members.take("type")
    call_id, name = members.need_text("call_id"), members.text("name")
    parts = read_parts(members.take("output"), members.at("output"))
    item_id, status = members.text("id"), members.take("status")
    extras = left(members.rest)
    if status not in (None, COMPLETED):
        extras["status"] = status
    return ToolResult(call_id, parts, name, is_custom=is_custom, extras=extras, item_id=item_id)


# --- writing ---------------------------------------------------------------------------------


def write_input_items(messages: list[Message], terms: Terms) -> list[Object]:
    """Returns the items of the input."""
    items: list[Object] = []
    for message in messages:
        if message.name is not None:
            terms.losses.drop("message.name")
        if message.extras:
            terms.own(message.extras)
        if message.role == ASSISTANT:
            items += _write_turn(message.parts, terms)
        elif message.role == "tool":
            items += _write_outputs(message.parts, terms)
        else:
            items += _write_message(message, terms)
    return items


def _write_message(message: Message, terms: Terms) -> list[Object]:
    items: list[Object] = []
    content: list[Object] = []
    for part in message.parts:
        is_item = isinstance(part, Foreign) and not part.kind.startswith(CONTENT)
        written = other_item(part, terms) if is_item else write_input(part, terms)
        if written is not None:
            (items if is_item else content).append(written)
    if content or not message.parts:
        items.append({"type": "message", "role": message.role, "content": _short(content)})
    return items


def _short(content: list[Object]) -> str | list[Object]:
    """Returns a text alone as a text, which all servers understand."""
    if len(content) == 1 and content[0].keys() == {"type", "text"}:
        text: str = content[0]["text"]
        return text
    return content or ""


def _write_outputs(parts: list[Part], terms: Terms) -> list[Object]:
    items = (
        _write_output(part, terms) if isinstance(part, ToolResult) else other_item(part, terms)
        for part in parts
    )
    return [item for item in items if item is not None]


def _write_output(part: ToolResult, terms: Terms) -> Object:
    content = [
        written for inner in part.parts if (written := write_input(inner, terms)) is not None
    ]
    if part.is_error:
        content = _as_error(content)
    if part.cache is not None:
        terms.losses.drop("cache")
    kind = "custom_tool_call_output" if part.is_custom else "function_call_output"
    item: Object = {"type": kind, "call_id": part.call_id, "output": _short(content)}
    if part.item_id is not None and terms.is_own:
        item["id"] = part.item_id
    return item | terms.own(part.extras)


def _as_error(content: list[Object]) -> list[Object]:
    """Returns an output that says that it is an error, which no member does here."""
    if content and content[0]["type"] == "input_text":
        text: str = content[0]["text"]
        if text[:5].lower() == "error":
            return content
        return [content[0] | {"text": f"Error: {text}"}, *content[1:]]
    return [{"type": "input_text", "text": "Error"}, *content]


def _write_turn(parts: list[Part], terms: Terms) -> list[Object]:
    items = (_write_made(group, terms) for group in together(parts))
    return [item for item in items if item is not None]


def _write_made(group: list[Part], terms: Terms) -> Object | None:
    """Returns the item that the model made of these parts."""
    part = group[0]
    if isinstance(part, Reasoning):
        return _write_reasoning(part, terms)
    if isinstance(part, ToolCall):
        return call_item(part, terms, part.item_id if terms.is_own else None, COMPLETED)
    texts = [text for text in group if isinstance(text, Text | Refusal)]
    return _write_texts(texts, terms) if texts else other_item(part, terms)


def _write_reasoning(part: Reasoning, terms: Terms) -> Object | None:
    is_kept = part.signature is not None or (terms.is_own and part.id is not None)
    if terms.provider in _SIGNS and not is_kept:
        return lose(part, terms)
    return reasoning_item(part, terms, part.id if terms.is_own else None)


def _write_texts(texts: list[Text | Refusal], terms: Terms) -> Object | None:
    if not terms.is_own:
        texts = [part for part in texts if part.text]
        if not texts:
            return None
    if any(isinstance(part, Text) and part.cache is not None for part in texts):
        terms.losses.drop("cache")
    members = item_members(texts[0], terms)
    item_id = texts[0].item_id if terms.is_own else None
    content = [content_part(part, terms) for part in texts]
    if item_id is not None:
        return message_item(item_id, content, COMPLETED, members)
    if len(content) == 1 and _is_plain(content[0]):
        return {"type": "message", "role": ASSISTANT, "content": texts[0].text, **members}
    return {"type": "message", "role": ASSISTANT, "content": content, **members}


def _is_plain(part: Object) -> bool:
    return part["type"] == "output_text" and not any(
        value for name, value in part.items() if name not in ("type", "text")
    )
