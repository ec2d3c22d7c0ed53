"""Reads the messages of a chat request.

Strict where a guess would change the meaning: roles, contents, calls and their results. Kinds of parts that only some
servers know (`video_url`) stay as they are, for a target of this family.

Source: openai 3.54.0, `ChatCompletionMessageParam` and `ChatCompletionContentPartParam`.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from multillama.core.canonical import (
    Audio,
    Extras,
    File,
    Foreign,
    Image,
    Message,
    Part,
    Reasoning,
    Refusal,
    Source,
    Text,
    ToolCall,
    ToolResult,
)
from multillama.core.codec import Misfit
from multillama.core.data_url import source_of
from multillama.core.shape import Object, a_list, a_text, an_object
from multillama.dialects.openai_chat.reasoning import (
    MEMBERS as REASONING,
    read_reasoning,
    take_signature,
    text_of,
)

_ROLES: Final = frozenset(("system", "developer", "user", "assistant", "tool", "function"))
_TAKEN: Final = REASONING | {
    "role", "content", "name", "refusal", "tool_calls", "function_call", "tool_call_id",
}  # fmt: skip
_MARKERS: Final = frozenset(("prompt_cache_breakpoint", "cache_control"))
AUDIO_TYPES: Final[Mapping[str, str]] = MappingProxyType({"mp3": "audio/mp3", "wav": "audio/wav"})


def read_messages(rows: list[Any]) -> list[Message]:
    """Returns the messages.

    Raises:
        Misfit: One is not what its role has.
    """
    legacy = _Legacy()
    return [_read_message(row, f"messages[{at}]", legacy) for at, row in enumerate(rows)]


class _Legacy:
    """Gives ids to the calls of functions, which have none: those of before there were tools."""

    def __init__(self) -> None:
        self._count = 0

    def call(self) -> str:
        self._count += 1
        return self.last

    @property
    def last(self) -> str:
        return f"call_function_{self._count}"


def _read_message(row: Any, path: str, legacy: _Legacy) -> Message:
    row = an_object(row, path)
    role = row.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise Misfit(f"{path}.role", "must be system, developer, user, assistant, tool or function")
    if role == "assistant":
        parts = _assistant_parts(row, path, legacy)
    elif role in ("tool", "function"):
        parts, role = [_result(row, path, role, legacy)], "tool"
    else:
        parts = read_content(row.get("content"), f"{path}.content")
    message = Message(role, parts)
    name = row.get("name")
    if name is not None and role != "tool":
        message.name = a_text(name, f"{path}.name")
    if len(row) > 2:
        message.extras = {
            member: value
            for member, value in row.items()
            if member not in _TAKEN and value not in (None, [])  # as the SDK's own messages have it
        }
    return message


def read_content(content: Any, path: str) -> list[Part]:
    """Returns the parts of a content that must be there."""
    if isinstance(content, str):
        return [Text(content)]
    if not isinstance(content, list):
        raise Misfit(path, "must be a text or a list of parts")
    return [_read_part(part, f"{path}[{at}]") for at, part in enumerate(content)]


def _read_part(row: Any, path: str) -> Part:
    if isinstance(row, str):
        return Text(row)
    row = an_object(row, path)
    kind = row.get("type")
    if not isinstance(kind, str):
        raise Misfit(f"{path}.type", "must be a text")
    read = _PARTS.get(kind)
    return Foreign(kind, row) if read is None else read(row, path)


def _marker(row: Object) -> str | None:
    """Returns the cache marker: of OpenAI, or of Anthropic's kind, which OpenRouter and others take here."""
    marker = row.get("prompt_cache_breakpoint") or row.get("cache_control")
    if not isinstance(marker, dict):
        return None
    ttl = marker.get("ttl")
    return ttl if isinstance(ttl, str) else ""


def _rest(row: Object, *names: str) -> Extras:
    return {
        name: value
        for name, value in row.items()
        if name != "type" and name not in names and name not in _MARKERS and value is not None
    }


def _text(row: Object, path: str) -> Part:
    return Text(a_text(row.get("text"), f"{path}.text"), _marker(row), extras=_rest(row, "text"))


def _image(row: Object, path: str) -> Part:
    image, place = row.get("image_url"), f"{path}.image_url"
    if isinstance(image, str):
        image = {"url": image}
    image = an_object(image, place)
    source = source_of(a_text(image.get("url"), f"{place}.url"))
    detail = image.get("detail")
    if detail is not None:
        detail = a_text(detail, f"{place}.detail")
    return Image(source, detail, _marker(row), _rest(row, "image_url"))


def _audio(row: Object, path: str) -> Part:
    audio = an_object(row.get("input_audio"), f"{path}.input_audio")
    data = a_text(audio.get("data"), f"{path}.input_audio.data")
    form = a_text(audio.get("format"), f"{path}.input_audio.format")
    media_type = AUDIO_TYPES.get(form, f"audio/{form}")
    return Audio(Source(data=data, media_type=media_type), _rest(row, "input_audio"))


def _file(row: Object, path: str) -> Part:
    file = an_object(row.get("file"), f"{path}.file")
    name, data, id_ = file.get("filename"), file.get("file_data"), file.get("file_id")
    if name is not None:
        name = a_text(name, f"{path}.file.filename")
    if data is not None:
        source = _file_source(a_text(data, f"{path}.file.file_data"), name)
    elif id_ is not None:
        source = Source(file_id=a_text(id_, f"{path}.file.file_id"))
    else:
        raise Misfit(f"{path}.file", "must have file_data or file_id")
    return File(source, name, _marker(row), _rest(row, "file"))


def _file_source(data: str, name: str | None) -> Source:
    if data.startswith(("data:", "http:", "https:")):
        return source_of(data)
    is_pdf = name is not None and name.lower().endswith(".pdf")
    return Source(data=data, media_type="application/pdf" if is_pdf else "")


def _refusal(row: Object, path: str) -> Part:
    return Refusal(a_text(row.get("refusal"), f"{path}.refusal"))


def _thinking(row: Object, _path: str) -> Part:
    return Reasoning(text_of(row))


_PARTS: Final[Mapping[str, Callable[[Object, str], Part]]] = MappingProxyType({
    "text": _text,
    "image_url": _image,
    "input_audio": _audio,
    "file": _file,
    "refusal": _refusal,
    "thinking": _thinking,
})  # fmt: skip


# --- answers of the model, and of tools ------------------------------------------------------


def _assistant_parts(row: Object, path: str, legacy: _Legacy) -> list[Part]:
    content = row.get("content")
    if len(row) == 2 and isinstance(content, str):
        return [Text(content)]
    parts: list[Part] = [*read_reasoning(row)]
    calls = row.get("tool_calls")
    if content is not None and not (content == "" and calls):
        parts += read_content(content, f"{path}.content")
    refusal = row.get("refusal")
    if refusal is not None:
        parts.append(Refusal(a_text(refusal, f"{path}.refusal")))
    if calls is not None:
        for at, call in enumerate(a_list(calls, f"{path}.tool_calls")):
            parts += _read_call(call, f"{path}.tool_calls[{at}]")
    function = row.get("function_call")
    if function is not None:
        function = an_object(function, f"{path}.function_call")
        parts.append(_function(function, legacy.call(), f"{path}.function_call"))
    return parts


def _read_call(row: Any, path: str) -> list[Part]:
    signature, row = take_signature(an_object(row, path))
    id_ = a_text(row.get("id"), f"{path}.id")
    custom = row.get("custom")
    if custom is not None:
        place = f"{path}.custom"
        custom = an_object(custom, place)
        name, text = custom.get("name"), custom.get("input")
        name = a_text(name, f"{place}.name")
        call = ToolCall(id_, name, a_text(text, f"{place}.input"), is_custom=True)
    else:
        place = f"{path}.function"
        call = _function(an_object(row.get("function"), place), id_, place)
    call.extras = _rest(row, "id", "function", "custom", "index")
    return [call] if signature is None else [Reasoning("", signature), call]


def _function(function: Object, id_: str, path: str) -> ToolCall:
    arguments = function.get("arguments")
    arguments = "" if arguments is None else a_text(arguments, f"{path}.arguments")
    return ToolCall(id_, a_text(function.get("name"), f"{path}.name"), arguments)


def _result(row: Object, path: str, role: str, legacy: _Legacy) -> ToolResult:
    content = row.get("content")
    parts = [] if content is None else read_content(content, f"{path}.content")
    name = row.get("name")
    if name is not None:
        name = a_text(name, f"{path}.name")
    if role == "function":
        return ToolResult(legacy.last, parts, name)
    return ToolResult(a_text(row.get("tool_call_id"), f"{path}.tool_call_id"), parts, name)
