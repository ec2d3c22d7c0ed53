"""Calls of functions and what these answered, in parts of a message.

Gemini may leave out the id of a call; then results go by the function's name, in order. Every other dialect goes by
ids, so that one is made up here, which Gemini and its clients are never told.

Source: google-genai 3.4.0 `types.FunctionCall`, `types.FunctionResponse`; ai.google.dev "Function calling"
(November 2026).
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Final

import msgspec

from multillama.core.canonical import (
    Audio,
    Extras,
    File,
    Image,
    Part,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from multillama.core.codec import Losses, Misfit
from multillama.core.shape import Members, Object
from multillama.dialects.gemini.media import Media, read_blob, read_file, write_media
from multillama.dialects.gemini.spelling import an_object_of, json_bytes, rows_of

CALL: Final = "functionCall"
RESPONSE: Final = "functionResponse"
"""In the extras of a call or a result: what stands inside it and nobody else knows."""
NO_ID: Final = "call_noid_"
"""How the id of a call begins that came without one."""
_LONGEST_ID: Final = 40
_OUTPUT: Final = "output"
_ERROR: Final = "error"

_DECODE: Final = msgspec.json.Decoder().decode
_DECODE_RAW: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class CallIds:
    """Gives ids to calls that have none, and finds the call that a result without an id answers."""

    def __init__(self, beginning: str) -> None:
        """Takes what makes the ids unique among answers; a request has all there is, and needs nothing."""
        self._beginning = NO_ID + beginning
        self._count = 0
        self._open: dict[str, list[str]] = {}
        """Function to the ids of its calls that wait for a result."""

    def of_call(self, name: str, told: str | None) -> str:
        """Returns the id of a call."""
        call_id = told or self._next()
        self._open.setdefault(name, []).append(call_id)
        return call_id

    def of_result(self, name: str, told: str | None) -> str:
        """Returns the id of the call that this answers."""
        waiting = self._open.get(name, [])
        if told:
            if told in waiting:
                waiting.remove(told)
            return told
        return waiting.pop(0) if waiting else self._next()

    def _next(self) -> str:
        self._count += 1
        return f"{self._beginning}{self._count}"


def beginning_of(answer_id: str, answer: Object) -> str:
    """Returns what makes the ids of an answer's calls unlike those of others: its own id, or a digest of it."""
    plain = answer_id.replace("-", "").replace("_", "")
    if plain.isalnum() and plain.isascii() and len(answer_id) <= _LONGEST_ID:
        return f"{answer_id}_"
    return f"{blake2b(json_bytes(answer), digest_size=8).hexdigest()}_"


def read_call(value: Any, extras: Extras, path: str, ids: CallIds) -> ToolCall:
    """Reads `functionCall`; `extras` are the part's other members."""
    members = Members(an_object_of(value, path), path)
    name = members.need_text("name")
    told = members.text("id")
    arguments = json_bytes(members.members("args") or {}, members.at("args")).decode()
    if members.rest:
        extras[CALL] = members.rest
    return ToolCall(ids.of_call(name, told), name, arguments, extras=extras)


def write_call(call: ToolCall, *, same: bool) -> Object:
    """Returns `functionCall`, with what stands inside it."""
    inside = {"name": call.name, "args": arguments_of(call)}
    return {CALL: _inside(call.id, inside, call.extras.get(CALL) if same else None)}


def arguments_of(call: ToolCall) -> Any:
    """Returns the members of a call's arguments, those that are valid without a change to their text."""
    text = call.arguments
    if call.is_custom:
        return {"input": text}
    if not text.strip():
        return {}
    try:
        # A line's end would cut a server-sent event in two, and stands in none of its values but between them.
        value = _DECODE(text) if "\n" in text or "\r" in text else _DECODE_RAW(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {"_raw": text}
    return value if isinstance(value, dict) else {"_raw": text}


def _inside(call_id: str, members: Object, kept: object) -> Object:
    """Returns what stands inside a call or a result, with its id and with what was kept of it."""
    if call_id and not call_id.startswith(NO_ID):
        members["id"] = call_id
    return {**members, **kept} if isinstance(kept, dict) else members


def read_result(value: Any, extras: Extras, path: str, ids: CallIds) -> ToolResult:
    """Reads `functionResponse`; `extras` are the part's other members."""
    members = Members(an_object_of(value, path), path)
    name = members.need_text("name")
    told = members.text("id")
    parts, is_error = _read_response(members.members("response"), members.at("response"))
    for at, row in enumerate(rows_of(members.take("parts"))):
        parts.append(_read_media(row, f"{members.at('parts')}[{at}]"))
    if members.rest:
        extras[RESPONSE] = members.rest
    call_id = ids.of_result(name, told)
    return ToolResult(call_id, parts, name=name, is_error=is_error, extras=extras)


def _read_response(response: Object | None, path: str) -> tuple[list[Part], bool]:
    """Returns what a function has answered, and whether it is an error."""
    if not response:
        return [], False
    if len(response) == 1:
        key, value = next(iter(response.items()))
        if key in (_OUTPUT, _ERROR) and isinstance(value, str):
            return [Text(value)], key == _ERROR
    return [Text(json_bytes(response, path).decode())], _ERROR in response and len(response) == 1


_READ_MEDIA: Final[dict[str, Callable[[Members, Extras], Media]]] = {
    "inlineData": read_blob,
    "fileData": read_file,
}


def _read_media(row: Any, path: str) -> Part:
    members = Members(an_object_of(row, path), path)
    for name, read in _READ_MEDIA.items():
        inside = members.take(name)
        if inside is not None:
            place = members.at(name)
            return read(Members(an_object_of(inside, place), place), members.rest)
    raise Misfit(path, "must have inlineData or fileData")


def write_result(
    result: ToolResult, losses: Losses, *, same: bool, has_media: bool
) -> list[Object]:
    """Returns the parts that tell a result: `functionResponse`, and after it the media that may not stand inside.

    Args:
        result: With the name of its function, as `translate` gives it.
        losses: Told what is left out.
        same: True where the reader is of the family that it came from.
        has_media: True where media may stand inside: since Gemini 3.
    """
    texts: list[str] = []
    media: list[Object] = []
    for part in result.parts:
        if isinstance(part, Text | Refusal):
            texts.append(part.text)
        elif isinstance(part, Image | Audio | File):
            written = write_media(part, losses, same=same)
            if written is not None:
                media.append({**(outer_extras(part.extras) if same else {}), **written})
        else:
            losses.drop("tool_result.parts")
    response = _response("".join(texts), is_error=result.is_error) if texts else {}
    inside: Object = {"name": result.name or result.call_id, "response": response}
    if media and (same or has_media):
        inside["parts"] = media
        media = []
    if result.cache is not None:
        losses.drop("cache")
    kept = result.extras.get(RESPONSE) if same else None
    return [{RESPONSE: _inside(result.call_id, inside, kept)}, *media]


def _response(text: str, *, is_error: bool) -> Any:
    """Returns the object that a result must be; text that is one already stays."""
    try:
        value = _DECODE(text) if text.startswith("{") else None
        if isinstance(value, dict) and (not is_error or _ERROR in value):
            return value
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        pass
    return {_ERROR if is_error else _OUTPUT: text}


def outer_extras(extras: Extras) -> Extras:
    """Returns those extras that stand beside a part's content and not inside it."""
    inner = (CALL, RESPONSE, "inlineData", "fileData")
    return {name: value for name, value in extras.items() if name not in inner}
