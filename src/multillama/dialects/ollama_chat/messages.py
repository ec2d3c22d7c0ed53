"""Messages: read and written. A message has one text; images and calls stand beside it.

Tools' results are told by the name of the tool, and by the call's id where a client keeps it. Calls without an id get
one by their place, which is the same each time the conversation comes.

Source: Ollama's api/types.go (August 2026), `Message`; ollama 0.6.3 (Python), `Message`, which has no ids.
"""

from typing import Any, Final

from multillama.core.canonical import Message, Part, Reasoning, Text, ToolCall, ToolResult
from multillama.core.codec import Goal, Misfit
from multillama.core.shape import Members, Object, an_object
from multillama.dialects.ollama_family.calls import FUNCTION, call_row, read_call
from multillama.dialects.ollama_family.contents import Contents
from multillama.dialects.ollama_family.options import rest_of
from multillama.dialects.ollama_family.pictures import read_picture

ROLES: Final = frozenset(("system", "developer", "user", "assistant", "tool"))


# --- reading ---------------------------------------------------------------------------------


class _Open:
    """Calls that have no result yet."""

    def __init__(self) -> None:
        self._calls: list[ToolCall] = []
        self._ours: set[str] = set()
        """Ids that the client did not tell."""

    def add(self, call: ToolCall, *, is_ours: bool) -> None:
        """Takes in a call, and whether its id is one of ours."""
        self._calls.append(call)
        if is_ours:
            self._ours.add(call.id)

    def answer(self, id_: str | None, name: str | None, place: int) -> str:
        """Returns the id of the call that a result is of: told, the first of this name, or the first at all."""
        found = self._find(id_, name)
        if found is None:
            return id_ or f"call_{place}"
        self._calls.remove(found)
        return found.id

    def _find(self, id_: str | None, name: str | None) -> ToolCall | None:
        told = next((call for call in self._calls if call.id == id_), None)
        if told is not None:
            return told
        # LiteLLM tells the ids of results and leaves out those of the calls.
        calls = [call for call in self._calls if id_ is None or call.id in self._ours]
        if name is None:
            return calls[0] if calls else None
        return next((call for call in calls if call.name == name), None)


def read_messages(rows: list[Any]) -> list[Message]:
    """Returns the messages of a request.

    Raises:
        Misfit: One of them is none.
    """
    waiting = _Open()
    return [_read_message(row, at, waiting) for at, row in enumerate(rows)]


def _read_message(row: Any, at: int, waiting: _Open) -> Message:
    path = f"messages[{at}]"
    members = Members(an_object(row, path), path)
    role = members.need_text("role").lower()
    if role not in ROLES:
        raise Misfit(members.at("role"), "must be system, user, assistant or tool")
    parts: list[Part] = []
    thinking = members.text("thinking")
    if thinking:
        parts.append(Reasoning(thinking))
    for number, image in enumerate(members.rows("images")):
        parts.append(read_picture(image, f"{path}.images[{number}]"))
    content = members.text("content")
    if content:
        parts.append(Text(content))
    for number, call in enumerate(members.rows("tool_calls")):
        parts.append(_read_call(call, f"{path}.tool_calls[{number}]", f"{at}_{number}", waiting))
    if role == "tool":
        name = members.text("tool_name") or members.text("name")
        id_ = waiting.answer(members.text("tool_call_id") or None, name, at)
        parts = [ToolResult(id_, parts, name)]
    return Message(role, parts, extras=rest_of(members))


def _read_call(row: Any, path: str, place: str, waiting: _Open) -> ToolCall:
    members = Members(an_object(row, path), path)
    function = members.members(FUNCTION)
    if function is None:
        raise Misfit(members.at(FUNCTION), "is missing")
    inner = Members(function, members.at(FUNCTION))
    inner.need_text("name")
    arguments = inner.take("arguments")
    if not isinstance(arguments, dict | str | None):
        raise Misfit(inner.at("arguments"), "must be an object")
    call = read_call(an_object(row, path))
    is_ours = not call.id
    if is_ours:
        call.id = f"call_{place}"
    waiting.add(call, is_ours=is_ours)
    return call


# --- writing ---------------------------------------------------------------------------------


def write_messages(messages: list[Message], goal: Goal, *, is_ours: bool) -> list[Object]:
    """Returns the rows of `messages`; each result of a tool is a message of its own.

    Args:
        messages: All of them.
        goal: Who reads them.
        is_ours: True if extras may be written.
    """
    rows: list[Object] = []
    for message in messages:
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        rows += [_write_result(result, message, goal, is_ours=is_ours) for result in results]
        if len(results) < len(message.parts) or not results:
            rows.append(_write_message(message, goal, is_ours=is_ours))
    return rows


def _write_message(message: Message, goal: Goal, *, is_ours: bool) -> Object:
    role = "system" if message.role == "developer" else message.role
    contents = Contents(goal.losses, is_ours=is_ours)
    calls: list[Object] = []
    for part in message.parts:
        if isinstance(part, ToolResult):
            continue
        if isinstance(part, ToolCall):
            calls.append(call_row(part, len(calls), is_ours=is_ours))
            contents.spare(part.extras)
        else:
            contents.add(part)
    if message.name is not None:
        goal.losses.drop("name")
    row: Object = {"role": role, "content": contents.text("" if role == "assistant" else "\n")}
    if contents.thoughts:
        row["thinking"] = "".join(contents.thoughts)
    if contents.images:
        row["images"] = contents.images
    if calls:
        row["tool_calls"] = calls
    contents.spare(message.extras)
    return {**message.extras, **row} if is_ours else row


def _write_result(result: ToolResult, message: Message, goal: Goal, *, is_ours: bool) -> Object:
    contents = Contents(goal.losses, is_ours=is_ours)
    for part in result.parts:
        contents.add(part)
    if result.cache is not None:
        goal.losses.drop("cache")
    text = contents.text("\n")
    row: Object = {"role": "tool", "content": f"Error: {text}" if result.is_error else text}
    if contents.images:
        row["images"] = contents.images
    if contents.thoughts:
        row["thinking"] = "".join(contents.thoughts)
    if result.name:
        row["tool_name"] = result.name
    row["tool_call_id"] = result.call_id
    contents.spare(result.extras)
    contents.spare(message.extras)
    return {**message.extras, **row} if is_ours else row
