"""Calls of tools: `{"id", "function": {"index", "name", "arguments": {…}}}`, their arguments an object and no text.

Source: Ollama's api/types.go (August 2026), `ToolCall`; ollama 0.6.3 (Python), which does not keep the `id`.
"""

from hashlib import blake2b
from typing import Any, Final

import msgspec

from multillama.core.canonical import Extras, ToolCall
from multillama.core.codec import Misfit
from multillama.core.shape import Object, decode

_ENCODE: Final = msgspec.json.Encoder().encode
RAW: Final = "_raw"
"""The argument that holds what is no object."""
_TOLD: Final = frozenset(("id", "type", "function"))
_TOLD_INSIDE: Final = frozenset(("index", "name", "arguments"))
FUNCTION: Final = "function"
"""In the extras of a call or a tool: further members of its function."""


def read_call(row: Object) -> ToolCall:
    """Returns a call; its id is empty where it has none.

    Raises:
        Misfit: Its arguments are nested too deeply.
    """
    inner, own = row.get(FUNCTION), row.get("id")
    function: Object = inner if isinstance(inner, dict) else {}
    name = function.get("name")
    extras: Extras = {key: value for key, value in row.items() if key not in _TOLD}
    beside = {key: value for key, value in function.items() if key not in _TOLD_INSIDE}
    if beside:
        extras[FUNCTION] = beside
    return ToolCall(
        own if isinstance(own, str) else "",
        name if isinstance(name, str) else "",
        _arguments_text(function.get("arguments")),
        extras=extras,
    )


def _arguments_text(value: Any) -> str:
    if value is None:
        return "{}"
    if isinstance(value, str):
        return value  # as in OpenAI's dialect, from which clients come
    try:
        return _ENCODE(value).decode()
    except RecursionError as error:
        raise Misfit("arguments", "are nested too deeply") from error


def call_row(call: ToolCall, index: int, *, is_ours: bool) -> Object:
    """Returns a call as a row of `tool_calls`.

    Args:
        call: With all its arguments.
        index: Its place among the calls of the message.
        is_ours: True if its extras may be written.
    """
    function: Object = {
        "index": index,
        "name": call.name,
        "arguments": arguments_of(call.arguments),
    }
    row: Object = {"id": call.id, FUNCTION: function}
    if is_ours and call.extras:
        beside = {**call.extras}
        function.update(_an_object(beside.pop(FUNCTION, None)))
        row.update(beside)
    return row


def _an_object(value: object) -> Object:
    return value if isinstance(value, dict) else {}


def arguments_of(text: str) -> Object:
    """Returns the arguments as an object; what is none, as one of its members."""
    if not text:
        return {}
    try:
        value = decode(text)
    except Misfit:
        return {RAW: text}
    return value if isinstance(value, dict) else {RAW: text}


def answered_id(created_at: object, position: int, call: ToolCall) -> str:
    """Returns an id for a call of an answer that tells none, unlike those of other answers.

    The time tells them apart, as Ollama tells it in nanoseconds; there are no dice here.
    """
    seed = f"{created_at}\n{position}\n{call.name}\n{call.arguments}".encode()
    return f"call_{blake2b(seed, digest_size=6).hexdigest()}"
