"""Reads content blocks of requests: strict on what would be misunderstood, lenient on what it does not know.

Source: anthropic SDK 2.12.0, `types/*_block_param.py`.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Final

import msgspec

from multillama.core.canonical import (
    Extras,
    File,
    Foreign,
    Image,
    Part,
    Reasoning,
    Source,
    Text,
    ToolCall,
    ToolResult,
)
from multillama.core.codec import Misfit
from multillama.core.shape import Members, Object, a_list, an_object

_ENCODE: Final = msgspec.json.Encoder().encode


def read_content(value: Any, path: str) -> list[Part]:
    """Returns the parts of a message's or a result's content, a text or a list of blocks."""
    if isinstance(value, str):
        return [Text(value)]
    if value is None:
        raise Misfit(path, "is missing")
    if not isinstance(value, list):
        raise Misfit(path, "must be a text or a list of blocks")
    return [read_block(block, f"{path}[{at}]") for at, block in enumerate(value)]


def read_block(value: Any, path: str) -> Part:
    """Returns the part of one block; one of a type that only this family has is a `Foreign`."""
    block = an_object(value, path)
    kind = block.get("type")
    if not isinstance(kind, str):
        raise Misfit(f"{path}.type", "must be a text")
    read = _READERS.get(kind)
    return Foreign(kind, block) if read is None else read(block, path)


def json_text(value: object, path: str) -> str:
    """Returns plain values as JSON.

    Raises:
        Misfit: They are nested too deeply.
    """
    try:
        return _ENCODE(value).decode()
    except RecursionError as error:
        raise Misfit(path, "is nested too deeply") from error


def take_cache(members: Members) -> str | None:
    """Takes a cache marker; one that says more than how long is left among the extras, too."""
    control = members.members("cache_control")
    if control is None:
        return None
    ttl = control.get("ttl")
    if set(control) - {"type", "ttl"} or control.get("type") != "ephemeral":
        members.rest["cache_control"] = control
    return ttl if isinstance(ttl, str) else ""


def said(members: Object) -> Extras:
    """Returns the members that are not null."""
    return {name: value for name, value in members.items() if value is not None}


def _begin(block: Object, path: str) -> Members:
    members = Members(block, path)
    del members.rest["type"]
    return members


def _read_text(block: Object, path: str) -> Part:
    if len(block) == 2 and isinstance(text := block.get("text"), str):
        return Text(text)  # nearly all
    members = _begin(block, path)
    return Text(members.need_text("text"), take_cache(members), extras=said(members.rest))


def _read_thinking(block: Object, path: str) -> Part:
    members = _begin(block, path)
    text = members.need_text("thinking")
    return Reasoning(text, members.text("signature") or None, extras=said(members.rest))


def _read_redacted(block: Object, path: str) -> Part:
    members = _begin(block, path)
    data = members.need_text("data")
    return Reasoning("", data, is_redacted=True, extras=said(members.rest))


def _read_call(block: Object, path: str) -> Part:
    members = _begin(block, path)
    call, name = members.need_text("id"), members.need_text("name")
    arguments = json_text(members.members("input") or {}, path)
    return ToolCall(call, name, arguments, extras=said(members.rest))


def _read_result(block: Object, path: str) -> Part:
    members = _begin(block, path)
    call = members.need_text("tool_use_id")
    content = members.take("content")
    parts = [] if content is None else read_content(content, members.at("content"))
    cache = take_cache(members)
    is_error = members.flag("is_error") or False
    return ToolResult(call, parts, is_error=is_error, cache=cache, extras=said(members.rest))


def _read_image(block: Object, path: str) -> Part:
    members = _begin(block, path)
    source = _read_source(members)
    if source is None:
        return Foreign("image", block)
    return Image(source, cache=take_cache(members), extras=said(members.rest))


def _read_document(block: Object, path: str) -> Part:
    members = _begin(block, path)
    source = _read_source(members)
    if source is None:
        return Foreign("document", block)
    name, cache = members.text("title"), take_cache(members)
    return File(source, name, cache, extras=said(members.rest))


def _read_source(block: Members) -> Source | None:
    """Takes the source; None for one of a kind that only this family has."""
    value, path = block.members("source"), block.at("source")
    if value is None:
        raise Misfit(path, "is missing")
    members = Members(value, path)
    kind, media_type = members.need_text("type"), members.text("media_type") or ""
    if kind == "base64":
        return Source(data=members.need_text("data"), media_type=media_type)
    if kind == "url":
        return Source(url=members.need_text("url"), media_type=media_type)
    if kind == "file":
        return Source(file_id=members.need_text("file_id"), media_type=media_type)
    if kind == "text":
        return Source(text=members.need_text("data"), media_type=media_type or "text/plain")
    text = _plain_text(members.take("content"), members.at("content"))
    if kind != "content" or text is None:
        return None
    block.rest["source"] = value  # how it is cut is what citations point to
    return Source(text=text, media_type="text/plain")


def _plain_text(content: Any, path: str) -> str | None:
    """Returns the text of a document that comes in blocks; None if they are not all plain texts."""
    if isinstance(content, str) or content is None:
        return content
    texts: list[str] = []
    for block in a_list(content, path):
        text = (
            block.get("text") if isinstance(block, dict) and block.get("type") == "text" else None
        )
        if not isinstance(text, str):
            return None
        texts.append(text)
    return "\n".join(texts)


def _read_found(block: Object, path: str) -> Part:
    """Reads a search result: its own family gets it as it came, others its words."""
    names = ("title", "source")
    texts = [text for name in names if isinstance(text := block.get(name), str) and text]
    text = _plain_text(block.get("content"), f"{path}.content")
    return Foreign("search_result", block, "\n".join([*texts, text or ""]).strip())


_READERS: Final = MappingProxyType[str, Callable[[Object, str], Part]](
    {
        "text": _read_text,
        "thinking": _read_thinking,
        "redacted_thinking": _read_redacted,
        "tool_use": _read_call,
        "tool_result": _read_result,
        "image": _read_image,
        "document": _read_document,
        "search_result": _read_found,
    }
)
