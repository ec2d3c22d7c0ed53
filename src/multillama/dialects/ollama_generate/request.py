"""Requests of `/api/generate`: read and written.

A prompt goes through the model's chat template, as what a user says, unless it is `raw` or has a `suffix`: then it is
plain text to go on with.

Source: Ollama's api/types.go (August 2026), `GenerateRequest`; ollama 0.6.3 (Python), `GenerateRequest`.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from multillama.core.canonical import Extras, Message, Part, Request, Text, ToolResult
from multillama.core.codec import Goal
from multillama.core.shape import Members, Object, decode_object
from multillama.dialects.ollama_family.contents import Contents
from multillama.dialects.ollama_family.options import (
    NAMES as _NAMES,
    SAYS as _SAYS,
    begin_request,
    rest_of,
    write_common,
)
from multillama.dialects.ollama_family.pictures import read_picture

_ENCODE: Final = msgspec.json.Encoder().encode
SAYS: Final = _SAYS | {"suffix"}
NAMES: Final[Mapping[str, str]] = _NAMES


def read_request(body: bytes) -> Request:
    """Returns a client's request; one without a prompt only loads the model.

    Raises:
        Misfit: It is none.
    """
    members = Members(decode_object(body))
    request = begin_request(members)
    prompt, system = members.text("prompt"), members.text("system")
    request.suffix = members.text("suffix") or None
    is_raw = members.flag("raw")
    images = members.rows("images")
    pictures: list[Part] = [read_picture(row, f"images[{at}]") for at, row in enumerate(images)]
    if prompt and (is_raw or request.suffix is not None):
        request.prompt = prompt
        _spare(request.extras, system=system, images=images)
    elif prompt:
        if system:
            request.messages.append(Message("system", [Text(system)]))
        request.messages.append(Message("user", [*pictures, Text(prompt)]))
    _spare(request.extras, template=members.text("template"), context=members.rows("context"))
    request.extras.update(rest_of(members))
    return request


def _spare(extras: Extras, **members: Any) -> None:
    """Keeps what has no place beside a plain text; older clients send all of it, empty."""
    extras.update((name, value) for name, value in members.items() if value)


def write_request(request: Request, goal: Goal) -> bytes:
    """Returns a request for an endpoint; a conversation of several turns becomes plain text, and its roles a loss."""
    body: Object = {"model": goal.model}
    if request.prompt is not None:
        body["prompt"] = request.prompt
        if request.suffix is None:
            body["raw"] = True
        else:
            body["suffix"] = request.suffix
    else:
        _write_messages(request, goal, body)
    write_common(request, goal, body)
    return _ENCODE(body)


def _write_messages(request: Request, goal: Goal, body: Object) -> None:
    is_ours = request.family == goal.family
    system, contents = (Contents(goal.losses, is_ours=is_ours) for _ in range(2))
    turns = 0
    for message in request.messages:
        is_system = message.role in ("system", "developer")
        turns += not is_system
        for part in message.parts:
            (system if is_system else contents).add(part)
            if isinstance(part, ToolResult):
                for (
                    inner
                ) in part.parts:  # what a tool has found is worth reading, wherever it stands
                    contents.add(inner)
        contents.spare(message.extras)
    if turns > 1:
        goal.losses.drop("messages.role")
    if request.suffix is not None:
        body["suffix"] = request.suffix
    if system.texts:
        body["system"] = system.text("\n")
    # without a prompt the model would only be loaded
    body["prompt"] = contents.text("\n\n" if turns > 1 else "\n") or (" " if turns else "")
    images = [*system.images, *contents.images]
    if images:
        body["images"] = images
    if system.thoughts or contents.thoughts:
        goal.losses.drop("messages.reasoning")
