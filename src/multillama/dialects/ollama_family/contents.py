"""What a message holds, sorted into what Ollama has a place for: one text, thoughts, and bytes of images."""

from base64 import b64decode
from binascii import Error
from collections.abc import Iterable

from multillama.core.canonical import (
    Audio,
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
from multillama.core.codec import Losses


class Contents:
    """Takes the parts of a message one by one."""

    def __init__(self, losses: Losses, *, is_ours: bool) -> None:
        """Takes where losses are noted, and whether extras are written by the caller."""
        self.texts: list[str] = []
        self.thoughts: list[str] = []
        self.images: list[str] = []
        self._losses = losses
        self._is_ours = is_ours

    def text(self, between: str) -> str:
        """Returns all text as one.

        Args:
            between: What stands between two parts.
        """
        return between.join(self.texts)

    def spare(self, extras: Iterable[str]) -> None:
        """Takes note of extras that only another family understands."""
        if not self._is_ours:
            for name in extras:
                self._losses.drop(f"extras.{name}")

    def add(self, part: Part) -> None:
        """Takes a part, or notes that it is lost."""
        if isinstance(part, Text):
            self.texts.append(part.text)
        elif isinstance(part, Reasoning):
            self._think(part)
        elif isinstance(part, Refusal):
            self.texts.append(part.text)
        elif isinstance(part, Image | Audio):
            self._show(part)
        elif isinstance(part, File):
            self._read(part)
        else:
            self._losses.drop(_kind(part))
        if isinstance(part, Text | Image | File) and part.cache is not None:
            self._losses.drop("cache")
        if not isinstance(part, Refusal | Foreign) and part.extras:
            self.spare(part.extras)

    def _think(self, part: Reasoning) -> None:
        if part.text:
            self.thoughts.append(part.text)
        elif part.is_redacted:
            self._losses.drop("messages.reasoning")

    def _show(self, part: Image | Audio) -> None:
        """Takes an image's bytes, or a sound's: models that hear look for it in the same place."""
        if isinstance(part, Image) and part.detail not in (None, "auto"):
            self._losses.drop("image.detail")
        if part.source.data is not None:
            self.images.append(part.source.data)
        else:
            self._lose("image" if isinstance(part, Image) else "audio", part.source)

    def _read(self, part: File) -> None:
        """Takes a document's text; there is no place for any other."""
        text = _text_of(part.source)
        if text is None:
            self._lose("file", part.source)
            return
        self.texts.append(f"{part.name}:\n{text}" if part.name else text)

    def _lose(self, kind: str, source: Source) -> None:
        """Notes that something is lost whose bytes nobody has given; they are never fetched."""
        if source.url is not None:
            kind += ".url"
        elif source.file_id is not None:
            kind += ".file_id"
        self._losses.drop(kind)


def _text_of(source: Source) -> str | None:
    if source.text is not None or source.data is None:
        return source.text
    if not source.media_type.startswith("text/"):
        return None
    try:
        return b64decode(source.data).decode()
    except (Error, ValueError):
        return None


def _kind(part: Foreign | ToolCall | ToolResult) -> str:
    if isinstance(part, Foreign):
        return f"foreign:{part.kind}"
    return "tool_calls" if isinstance(part, ToolCall) else "tool_result"
