"""The bytes in `images`: bare base64, in which sounds travel, too; what they are, only their first bytes tell.

Source: Ollama's api/types.go (August 2026), `ImageData`; its models for speech take sounds in the same place.
"""

from base64 import b64decode
from binascii import Error
from typing import Any, Final

from multillama.core.canonical import Audio, Image, Source
from multillama.core.codec import Misfit
from multillama.core.shape import a_text

_TYPES: Final = (
    (b"\x89PNG", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"), (b"BM", "image/bmp"),
    (b"ID3", "audio/mpeg"), (b"\xff\xfb", "audio/mpeg"), (b"OggS", "audio/ogg"), (b"fLaC", "audio/flac"),
)  # fmt: skip
_RIFF: Final = b"RIFF"
_IN_RIFF: Final = ((b"WEBP", "image/webp"), (b"WAVE", "audio/wav"))
_HEAD_CHARACTERS: Final = 16
"""Of base64: the first twelve bytes."""


def read_picture(value: Any, path: str) -> Image | Audio:
    """Returns one row of `images`.

    Raises:
        Misfit: It is no base64, as a URL.
    """
    data = a_text(value, path)
    told = ""
    if data.startswith("data:"):
        head, _, data = data.partition(",")  # browsers' clients forget to take it off
        told = head[5:].partition(";")[0]
    media_type = told or media_type_of(data)
    if media_type is None:
        raise Misfit(path, "must be base64")
    source = Source(data, media_type=media_type)
    return Audio(source) if media_type.startswith("audio/") else Image(source)


def media_type_of(data: str) -> str | None:
    """Returns the media type of base64, empty where it is not known; None if it is no base64."""
    try:
        head = b64decode(data[:_HEAD_CHARACTERS], validate=True)
    except (Error, ValueError):
        return None
    if head.startswith(_RIFF):
        return next((kind for word, kind in _IN_RIFF if head[8:12] == word), "")
    return next((kind for start, kind in _TYPES if head.startswith(start)), "")
