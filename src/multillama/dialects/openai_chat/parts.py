"""Parts of an answer that whole answers and streams have in common: annotations, images, sounds, calls."""

from hashlib import blake2b
from typing import Any, Final

import msgspec

from multillama.core.canonical import Audio, Extras, Image, Source, ToolCall
from multillama.core.data_url import data_url, source_of
from multillama.core.shape import Object

_ENCODE: Final = msgspec.json.Encoder().encode
_CITATION: Final = "url_citation"
DIALECT: Final = "openai.chat"
CHUNK: Final = "chunk"
"""In the extras of a choice: members of the whole chunk that ended it, from a stream."""
ANNOTATION: Final = "annotation"
"""The kind of `More` that tells one in a stream."""
MESSAGE: Final = "message"
"""In the extras of a choice: members of its message that have no word of ours."""


def rest_of(value: Object, told: frozenset[str]) -> Extras:
    """Returns the members that have no word of ours."""
    if value.keys() <= told:
        return {}
    return {
        name: member for name, member in value.items() if name not in told and member is not None
    }


def synthetic_id(seed: str, number: int) -> str:
    """Returns an id for a call that has none: the same each time, another in each answer."""
    return f"call_{blake2b(f'{seed}:{number}'.encode(), digest_size=12).hexdigest()}"


def rows_of(value: Any) -> list[Any]:
    """Returns the rows of a list, none of anything else."""
    return value if isinstance(value, list) else []


def is_citation(row: Any) -> bool:
    """Says whether it is the one kind of annotation that the dialect has."""
    return isinstance(row, dict) and row.get("type") == _CITATION


def write_annotation(row: Any) -> Any:
    """Returns an annotation as this dialect has it; Responses has the members of one a level higher."""
    if not is_citation(row) or _CITATION in row:
        return row
    inner = {name: value for name, value in row.items() if name != "type"}
    return {"type": _CITATION, _CITATION: inner}


def read_image(row: Any) -> Image | None:
    """Returns an image that a model has made, as OpenRouter tells it; None for what is none."""
    inner = row.get("image_url") if isinstance(row, dict) else None
    url = inner.get("url") if isinstance(inner, dict) else None
    return Image(source_of(url)) if isinstance(url, str) else None


def write_image(image: Image) -> Object | None:
    """Returns an image, None where nobody could fetch it."""
    source = image.source
    url = source.url
    if source.data is not None:
        url = data_url(source.data, source.media_type or "image/png")
    return None if url is None else {"type": "image_url", "image_url": {"url": url}}


def read_audio(value: Any) -> Audio | None:
    """Returns the sound of an answer, with its id and transcript in the extras; None for what is none."""
    if not isinstance(value, dict) or not value:
        return None
    data = value.get("data")
    extras = {name: member for name, member in value.items() if name != "data"}
    return Audio(Source(data=data if isinstance(data, str) else ""), extras)


def write_audio(audio: Audio, *, is_ours: bool) -> Object:
    """Returns a sound, with the members that the SDK demands."""
    extras = audio.extras if is_ours else {}
    demanded = {"id": "audio", "expires_at": 0, "transcript": ""}
    return {**demanded, **extras, "data": audio.source.data or ""}


def read_call(row: Any, id_: str) -> ToolCall:
    """Returns a call of an answer, forgiving what it can.

    Args:
        row: With `function` or `custom`.
        id_: Its id where it has none.
    """
    row = row if isinstance(row, dict) else {}
    given = row.get("id")
    custom = row.get("custom")
    inner = custom if isinstance(custom, dict) else row.get("function")
    inner = inner if isinstance(inner, dict) else {}
    name = inner.get("name")
    return ToolCall(
        given if isinstance(given, str) and given else id_,
        name if isinstance(name, str) else "",
        arguments_text(inner.get("input" if isinstance(custom, dict) else "arguments")),
        is_custom=isinstance(custom, dict),
    )


def arguments_text(value: Any) -> str:
    """Returns arguments as text; some servers send the object itself."""
    if isinstance(value, str):
        return value
    return "" if value is None else _ENCODE(value).decode()


def write_call(call: ToolCall) -> Object:
    """Returns a call of an answer."""
    if call.is_custom:
        inner = {"name": call.name, "input": call.arguments}
        return {"id": call.id, "type": "custom", "custom": inner}
    inner = {"name": call.name, "arguments": call.arguments or "{}"}
    return {"id": call.id, "type": "function", "function": inner}
