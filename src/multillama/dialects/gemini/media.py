"""Images, sounds and files: bytes in a part (`inlineData`), or where they are (`fileData`).

Nothing is fetched. An address on the web is told as it is; Google's servers fetch it where they do that.

Source: google-genai 3.4.0 `types.Blob`, `types.FileData`; ai.google.dev "File input methods" (November 2026).
"""

from base64 import b64encode
from typing import Final

from multillama.core.canonical import Audio, Extras, File, Image, Source
from multillama.core.codec import Losses
from multillama.core.shape import Members, Object
from multillama.dialects.gemini.spelling import plain_base64

Media = Image | Audio | File

_OWN_FILES: Final = "generativelanguage.googleapis.com/"
_BY_ENDING: Final = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif",
    "webp": "image/webp", "heic": "image/heic", "heif": "image/heif", "avif": "image/avif",
    "wav": "audio/wav", "mp3": "audio/mp3", "aac": "audio/aac", "ogg": "audio/ogg",
    "flac": "audio/flac", "mp4": "video/mp4", "mov": "video/mov", "webm": "video/webm",
    "pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown", "csv": "text/csv",
    "html": "text/html", "json": "application/json",
}  # fmt: skip
_BY_BEGINNING: Final = (
    ("iVBOR", "image/png"), ("/9j/", "image/jpeg"), ("R0lG", "image/gif"), ("JVBER", "application/pdf"),
    ("SUQz", "audio/mp3"), ("T2dn", "audio/ogg"), ("ZkxhQ", "audio/flac"),
)  # fmt: skip
"""How base64 of a kind of file begins."""
_RIFF: Final = "UklG"
_ANY: Final[dict[type[Media], str]] = {
    Image: "image/jpeg",
    Audio: "audio/wav",
    File: "application/pdf",
}
"""What it is where nothing tells; Gemini takes no bytes without a type."""


def read_blob(members: Members, extras: Extras) -> Media:
    """Reads `inlineData`; `extras` are the part's other members."""
    media_type = members.text("mimeType") or ""
    source = Source(data=plain_base64(members.need_text("data")), media_type=media_type)
    return _media(source, members, extras, kept="inlineData")


def read_file(members: Members, extras: Extras) -> Media:
    """Reads `fileData`."""
    uri = members.need_text("fileUri")
    media_type = members.text("mimeType") or ""
    is_web = uri.startswith(("https://", "http://")) and _OWN_FILES not in uri
    source = Source(media_type=media_type)
    if is_web:
        source.url = uri
    else:
        source.file_id = uri
    return _media(source, members, extras, kept="fileData")


def _media(source: Source, members: Members, extras: Extras, *, kept: str) -> Media:
    name = members.text("displayName")
    told = source.media_type or _by_ending(source.url or "")
    if told.startswith(("image/", "audio/")):
        if name is not None:
            members.rest["displayName"] = name
        name = None
    if members.rest:
        extras[kept] = members.rest
    if told.startswith("image/"):
        return Image(source, extras=extras)
    if told.startswith("audio/"):
        return Audio(source, extras=extras)
    return File(source, name, extras=extras)


def write_media(media: Media, losses: Losses, *, same: bool) -> Object | None:
    """Returns a part, None where it cannot be told.

    Args:
        media: Its extras are told by the caller, but those that stand inside `inlineData` or `fileData`.
        losses: Told what is left out.
        same: True where the reader is of the family that it came from.
    """
    kind = type(media).__name__.lower()
    source = media.source
    if isinstance(media, Image) and media.detail not in (None, "auto"):
        losses.drop("image.detail")
    if source.text is not None:
        body = _blob(source.media_type or "text/plain", b64encode(source.text.encode()).decode())
    elif source.data is not None:
        body = _blob(_type_of(media), source.data)
    elif source.url is not None:
        body = {"fileData": {"mimeType": _type_of(media), "fileUri": source.url}}
    elif source.file_id is not None and same:
        body = {"fileData": {"fileUri": source.file_id}}
        if source.media_type:
            body["fileData"]["mimeType"] = source.media_type
    else:
        losses.drop(f"{kind}.file_id")
        return None
    _name(media, body, losses, same=same)
    return body


def _blob(media_type: str, data: str) -> Object:
    return {"inlineData": {"mimeType": media_type, "data": data}}


def _name(media: Media, body: Object, losses: Losses, *, same: bool) -> None:
    """Adds what stands inside; the developers' API of Gemini takes no names of files from others."""
    inside = next(iter(body.values()))
    if same:
        for kept in ("inlineData", "fileData"):
            rest = media.extras.get(kept)
            if isinstance(rest, dict):
                inside.update(rest)
        if not media.source.media_type and media.source.text is None:
            inside.pop("mimeType", None)
    if isinstance(media, File) and media.name is not None:
        if same:
            inside["displayName"] = media.name
        else:
            losses.drop("file.name")


def _type_of(media: Media) -> str:
    source = media.source
    if source.media_type:
        return source.media_type
    name = media.name if isinstance(media, File) else None
    guess = _by_ending(source.url or name or "") or _by_beginning(source.data or "")
    if guess:
        return guess
    if isinstance(media, Image) and (source.data or "").startswith(_RIFF):
        return "image/webp"
    return _ANY[type(media)]


def _by_ending(address: str) -> str:
    path = address.partition("?")[0].partition("#")[0]
    return _BY_ENDING.get(path.rpartition(".")[2].lower(), "")


def _by_beginning(data: str) -> str:
    for beginning, media_type in _BY_BEGINNING:
        if data.startswith(beginning):
            return media_type
    return ""
