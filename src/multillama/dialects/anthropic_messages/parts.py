"""Writes the parts of messages as content blocks.

Source: anthropic SDK 2.12.0, `types/*_block_param.py`; platform.claude.com, "Vision" and "PDF support" (November 2026).
"""

import base64
import binascii
import re
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Final

import msgspec

from multillama.core.canonical import (
    Audio,
    Extras,
    File,
    Foreign,
    Image,
    Part,
    Reasoning,
    Refusal,
    Source,
    Text,
    ToolCall,
    ToolResult,
)
from multillama.dialects.anthropic_messages.aim import Aim

Block = dict[str, Any]

_NO_ID: Final = re.compile(r"[^a-zA-Z0-9_-]")
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_PICTURES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_BEGINNINGS: Final = (
    ("/9j/", "image/jpeg"), ("iVBOR", "image/png"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp"),
)  # fmt: skip
"""How the base64 of a picture begins, for clients that do not say what it is."""
_TTLS: Final = frozenset({"", "5m", "1h"})


def with_cache(block: Block, cache: str | None, extras: Extras) -> Block:
    """Puts a cache marker and the extras into a block."""
    if cache is not None:
        block["cache_control"] = {"type": "ephemeral"}
        if cache:
            block["cache_control"]["ttl"] = cache if cache in _TTLS else "1h"
    if extras:
        block.update(extras)
    return block


def tool_id(call_id: str) -> str:
    """Returns a call's id in the letters that are allowed here; the same for the call and its result."""
    return _NO_ID.sub("_", call_id) or "toolu"


def arguments_of(arguments: str) -> object:
    """Returns a call's arguments as an object, each value as it was written; what is no object stands in one."""
    if not arguments.strip():
        return {}
    try:
        return _OBJECT.decode(arguments)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return {"_raw": arguments}


def write_part(part: Part, aim: Aim) -> Block | None:
    """Returns the block of a part; None for one that cannot be said here, which is told as a loss."""
    return _WRITERS[type(part)](part, aim)


def _finish(block: Block, part: Text | Image | File | ToolCall | ToolResult, aim: Aim) -> Block:
    if not aim.is_own:
        aim.drop_extras(part.extras)
    cache = None if isinstance(part, ToolCall) else part.cache
    return with_cache(block, cache, part.extras if aim.is_own else {})


def _write_text(part: Text, aim: Aim) -> Block | None:
    if not aim.is_own and not part.text.strip():
        return None  # refused; nothing is lost
    block = {"type": "text", "text": part.text}
    return block if part.cache is None and not part.extras else _finish(block, part, aim)


def _write_refusal(part: Refusal, aim: Aim) -> Block | None:
    return _write_text(Text(part.text), aim)


def _write_reasoning(part: Reasoning, aim: Aim) -> Block | None:
    if part.signature is None and (aim.needs_signatures or not part.text):
        if part.text:
            aim.drop("messages.reasoning")
        return None
    extras = part.extras if aim.is_own else {}
    if part.is_redacted:
        return {"type": "redacted_thinking", "data": part.signature, **extras}
    signature = part.signature or ""
    return {"type": "thinking", "thinking": part.text, "signature": signature, **extras}


def _write_call(part: ToolCall, aim: Aim) -> Block:
    block: Block = {"type": "tool_use", "id": tool_id(part.id), "name": part.name}
    block["input"] = arguments_of(part.arguments)
    return _finish(block, part, aim)


def _write_result(part: ToolResult, aim: Aim) -> Block:
    block: Block = {"type": "tool_result", "tool_use_id": tool_id(part.call_id)}
    content = [row for inner in part.parts if (row := write_part(inner, aim)) is not None]
    if len(content) == 1 and content[0].keys() == {"type", "text"}:
        block["content"] = content[0]["text"]
    elif content:
        block["content"] = content
    if part.is_error:
        block["is_error"] = True
    return _finish(block, part, aim)


def _write_image(part: Image, aim: Aim) -> Block | None:
    source = _source(part.source, aim, "image")
    if source is None:
        return None
    if source["type"] == "base64":
        source["media_type"] = _picture_type(part.source)
        if aim.claude is not None and source["media_type"] not in _PICTURES:
            aim.drop("image.media_type")
            return None
    if part.detail not in (None, "auto"):
        aim.drop("image.detail")
    return _finish({"type": "image", "source": source}, part, aim)


def _picture_type(source: Source) -> str:
    if source.media_type:
        return source.media_type
    data = source.data or ""
    return next((kind for start, kind in _BEGINNINGS if data.startswith(start)), "image/png")


def _source(source: Source, aim: Aim, name: str) -> Block | None:
    """Returns where the bytes are; None, and a loss, for what only its own provider can look up."""
    if source.data is not None:
        return {"type": "base64", "media_type": source.media_type, "data": source.data}
    if source.url is not None:
        return {"type": "url", "url": source.url}
    if source.file_id is not None and aim.is_own:
        return {"type": "file", "file_id": source.file_id}
    aim.drop(f"{name}.file_id" if source.file_id is not None else name)
    return None


def _write_file(part: File, aim: Aim) -> Block | None:
    source = _document(part.source, aim)
    if source is None:
        return None
    block: Block = {"type": "document", "source": source}
    if part.name is not None:
        block["title"] = part.name
    return _finish(block, part, aim)


def _document(source: Source, aim: Aim) -> Block | None:
    text = source.text if source.data is None else _decoded(source)
    if text is not None:
        return {"type": "text", "media_type": "text/plain", "data": text}
    if source.data is None or aim.is_own or source.media_type in ("", "application/pdf"):
        written = _source(source, aim, "file")
        if written is not None and written.get("media_type") == "":
            written["media_type"] = "application/pdf"
        return written
    aim.drop("file.media_type")
    return None


def _decoded(source: Source) -> str | None:
    """Returns the text of a text file; None if it is another."""
    if not source.media_type.startswith("text/"):
        return None
    try:
        return base64.b64decode(source.data or "", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _write_audio(part: Audio, aim: Aim) -> None:
    aim.drop("audio")


def _write_foreign(part: Foreign, aim: Aim) -> Block | None:
    if aim.is_own and isinstance(part.value, dict):
        return part.value
    aim.drop(f"foreign:{part.kind}")
    return None


_WRITERS: Final = MappingProxyType[type, Callable[[Any, Aim], Block | None]](
    {
        Text: _write_text,
        Refusal: _write_refusal,
        Reasoning: _write_reasoning,
        ToolCall: _write_call,
        ToolResult: _write_result,
        Image: _write_image,
        Audio: _write_audio,
        File: _write_file,
        Foreign: _write_foreign,
    }
)
