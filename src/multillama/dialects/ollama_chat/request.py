"""Requests of `/api/chat`: read and written.

Source: Ollama's api/types.go (August 2026), `ChatRequest`; ollama 0.6.3 (Python), `ChatRequest`.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from multillama.core.canonical import Message, Request, Text
from multillama.core.codec import Goal
from multillama.core.shape import Members, Object, decode_object
from multillama.dialects.ollama_chat.messages import read_messages, write_messages
from multillama.dialects.ollama_chat.tools import read_tools, write_tools
from multillama.dialects.ollama_family.options import (
    NAMES as _NAMES,
    SAYS as _SAYS,
    begin_request,
    rest_of,
    write_common,
)

_ENCODE: Final = msgspec.json.Encoder().encode
SAYS: Final = _SAYS | {"tools", "tool_choice", "parallel_tools"}
"""Of the choice among tools what can be said by leaving tools out."""
NAMES: Final[Mapping[str, str]] = _NAMES


def read_request(body: bytes) -> Request:
    """Returns a client's request; one without messages only loads the model.

    Raises:
        Misfit: It is none.
    """
    members = Members(decode_object(body))
    request = begin_request(members)
    request.messages = read_messages(members.rows("messages"))
    request.tools = read_tools(members)
    request.extras.update(rest_of(members))
    return request


def write_request(request: Request, goal: Goal) -> bytes:
    """Returns a request for an endpoint."""
    messages = request.messages
    if request.prompt is not None:
        goal.losses.drop("prompt")  # it becomes what a user says, inside of the model's template
        messages = [*messages, Message("user", [Text(request.prompt)])]
    is_ours = request.family == goal.family
    body: Object = {
        "model": goal.model,
        "messages": write_messages(messages, goal, is_ours=is_ours),
    }
    if request.tools:
        write_tools(request, goal, body)
    write_common(request, goal, body)
    return _ENCODE(body)
