"""Parts of messages: what stands in the `content` of an item and in the output of a tool.

Source: openai SDK 3.54.0, `types/responses` (ResponseInputContent, ResponseOutputText, ResponseOutputRefusal).
"""

from collections.abc import Callable
from typing import Any, Final

from multillama.core.canonical import (
    Audio,
    File,
    Foreign,
    Image,
    Logprob,
    Part,
    Reasoning,
    Refusal,
    Source,
    Text,
    ToolCall,
    ToolResult,
)
from multillama.core.codec import Misfit
from multillama.core.data_url import data_url, source_of
from multillama.core.join import MORE
from multillama.core.shape import Members, Object, a_list, a_text, an_object
from multillama.dialects.openai_responses.terms import Terms

CONTENT: Final = "content."
"""Before the kind of a foreign part that stands in a message, where other foreign parts are items."""
_TTLS: Final = frozenset(("30m", "12h"))
_SUBTYPES: Final = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav"}


# --- reading ---------------------------------------------------------------------------------


def read_parts(value: Any, path: str) -> list[Part]:
    """Reads a content, which is a text or a list of parts."""
    if isinstance(value, str):
        return [Text(value)]
    if value is None:
        return []
    rows = a_list(value, path)
    return [read_part(row, f"{path}[{at}]") for at, row in enumerate(rows)]


def read_part(value: Any, path: str) -> Part:
    """Reads one part of a content."""
    members = Members(an_object(value, path), path)
    kind = members.need_text("type")
    read = _READERS.get(kind)
    return Foreign(CONTENT + kind, value) if read is None else read(members)


def left(rest: Object) -> Object:
    """Returns the members that nobody has taken, without those that say nothing, or have a name that is ours."""
    return {name: value for name, value in rest.items() if value is not None and name != MORE}


def _read_text(members: Members) -> Text:
    text, cache = members.need_text("text"), _read_cache(members)
    logprobs = read_logprobs(members.take("logprobs"))
    annotations = members.rows("annotations")
    extras = left(members.rest)
    if annotations:
        extras["annotations"] = annotations
    return Text(text, cache, logprobs, extras)


def _read_refusal(members: Members) -> Refusal:
    return Refusal(members.need_text("refusal"))


def _read_image(members: Members) -> Image:
    url, file_id = members.text("image_url"), members.text("file_id")
    if url is None and file_id is None:
        raise Misfit(members.at("image_url"), "is missing")
    source = Source(file_id=file_id) if url is None else source_of(url)
    cache = _read_cache(members)
    return Image(source, members.text("detail"), cache, left(members.rest))


def _read_file(members: Members) -> File:
    data, url, file_id = (members.text(name) for name in ("file_data", "file_url", "file_id"))
    name, cache = members.text("filename"), _read_cache(members)
    if data is not None:
        source = source_of(data)
        if source.url is not None:
            source = Source(data=data)
    elif url is not None or file_id is not None:
        source = Source(url=url, file_id=None if url is not None else file_id)
    else:
        raise Misfit(members.at("file_data"), "is missing")
    return File(source, name, cache, left(members.rest))


def _read_audio(members: Members) -> Audio:
    sound = Members(members.members("input_audio") or {}, members.at("input_audio"))
    source = Source(
        data=sound.need_text("data"), media_type=f"audio/{sound.text('format') or 'wav'}"
    )
    return Audio(source, left(members.rest))


_READERS: Final[dict[str, Callable[[Members], Part]]] = {
    "input_text": _read_text,
    "output_text": _read_text,
    "text": _read_text,
    "refusal": _read_refusal,
    "input_image": _read_image,
    "input_file": _read_file,
    "input_audio": _read_audio,
}


def _read_cache(members: Members) -> str | None:
    mark = members.members("prompt_cache_breakpoint")
    if mark is None:
        return None
    ttl = mark.get("ttl")
    return "" if ttl is None else a_text(ttl, members.at("prompt_cache_breakpoint.ttl"))


def read_logprobs(value: Any) -> list[Logprob]:
    """Reads the likelihoods of tokens, of whatever is given; what is no such row is left out."""
    if not isinstance(value, list) or not value:
        return []
    logprobs = []
    for row in value:
        if (logprob := _read_logprob(row)) is not None:
            top = row.get("top_logprobs")
            others = [_read_logprob(other) for other in top] if isinstance(top, list) else []
            logprob.top = [other for other in others if other is not None]
            logprobs.append(logprob)
    return logprobs


def _read_logprob(row: Any) -> Logprob | None:
    if not isinstance(row, dict):
        return None
    token, logprob, said = row.get("token"), row.get("logprob"), row.get("bytes")
    if not isinstance(token, str) or isinstance(logprob, bool):
        return None
    if not isinstance(logprob, int | float):
        return None
    is_bytes = isinstance(said, list) and all(type(byte) is int for byte in said)
    return Logprob(token, logprob, said if is_bytes else None)


# --- writing ---------------------------------------------------------------------------------


def write_input(part: Part, terms: Terms) -> Object | None:
    """Returns a part of a message that is not the model's, or of a tool's output; None where it cannot be said."""
    if isinstance(part, Text):
        return {"type": "input_text", "text": part.text, **_marks(part, terms)}
    if isinstance(part, Image):
        return _write_image(part, terms)
    if isinstance(part, File):
        return _write_file(part, terms)
    if isinstance(part, Audio):
        return _write_audio(part, terms)
    if isinstance(part, Refusal):
        return {"type": "input_text", "text": part.text}
    if isinstance(part, Foreign):
        return write_foreign(part, terms)
    return lose(part, terms)


def lose(part: Part, terms: Terms) -> Object | None:
    """Returns what there is to write of a part that cannot be said here: nothing, and that is told."""
    terms.losses.drop(_NAMES[type(part)])
    return None


_NAMES: Final[dict[type, str]] = {
    Text: "text",
    Refusal: "refusal",
    Image: "image",
    Audio: "audio",
    File: "file",
    Reasoning: "messages.reasoning",
    ToolCall: "tool_call",
    ToolResult: "tool_result",
}


def write_foreign(part: Foreign, terms: Terms) -> Object | None:
    """Returns a part or an item as it came."""
    if terms.is_own and isinstance(part.value, dict):
        return part.value
    terms.losses.drop(f"foreign:{part.kind}")
    return None


def _marks(part: Text | Image | File, terms: Terms) -> Object:
    extras = terms.own(part.extras)
    if part.cache is None:
        return extras
    if not terms.is_own:
        # a model that does not know the mark refuses it, and OpenAI's keep prompts without being told
        terms.losses.drop("cache")
        return extras
    ttl = {"ttl": part.cache} if part.cache in _TTLS else {}
    return {**extras, "prompt_cache_breakpoint": {"mode": "explicit", **ttl}}


def _write_image(part: Image, terms: Terms) -> Object | None:
    source = part.source
    written: Object = {"type": "input_image"}
    if source.data is not None:
        written["image_url"] = data_url(source.data, source.media_type or "image/png")
    elif source.url is not None:
        written["image_url"] = source.url
    elif source.file_id is not None and terms.is_own:
        written["file_id"] = source.file_id
    else:
        terms.losses.drop("image.file_id")
        return None
    written["detail"] = part.detail or "auto"
    return {**written, **_marks(part, terms)}


def _write_file(part: File, terms: Terms) -> Object | None:
    source = part.source
    if source.text is not None:
        title = f"{part.name}\n\n" if part.name else ""
        return {"type": "input_text", "text": f"{title}{source.text}", **_marks(part, terms)}
    written: Object = {"type": "input_file"}
    if source.data is not None:
        if not terms.is_own:
            written["filename"] = "file.pdf"  # a file with data must have a name
        is_bare = terms.is_own and not source.media_type
        media_type = source.media_type or "application/pdf"
        written["file_data"] = source.data if is_bare else data_url(source.data, media_type)
    elif source.url is not None:
        written["file_url"] = source.url
    elif source.file_id is not None and terms.is_own:
        written["file_id"] = source.file_id
    else:
        terms.losses.drop("file.file_id")
        return None
    if part.name is not None:
        written["filename"] = part.name
    return {**written, **_marks(part, terms)}


def _write_audio(part: Audio, terms: Terms) -> Object | None:
    if part.source.data is None:
        return lose(part, terms)
    subtype = part.source.media_type.rpartition("/")[2] or "wav"
    sound = {"data": part.source.data, "format": _SUBTYPES.get(subtype, subtype)}
    return {"type": "input_audio", "input_audio": sound, **terms.own(part.extras)}


def write_logprobs(logprobs: list[Logprob]) -> list[Object]:
    """Returns the likelihoods of tokens, each with its bytes and what else might have been said."""
    return [
        {**_write_logprob(one), "top_logprobs": [_write_logprob(other) for other in one.top]}
        for one in logprobs
    ]


def _write_logprob(one: Logprob) -> Object:
    said = list(one.token.encode()) if one.bytes is None else one.bytes
    return {"token": one.token, "bytes": said, "logprob": one.logprob}
