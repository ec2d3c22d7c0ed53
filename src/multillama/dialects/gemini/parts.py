"""The parts of a message: what is read into the canonical form, and written from it.

A part may carry a signature of the model's thoughts. It stands in a reasoning without text just before the part; where
nothing follows it, an empty text carries it, as Gemini itself has it at an answer's end.

Source: google-genai 3.4.0 `types.Part`; ai.google.dev "Thought signatures" (November 2026).
"""

from collections.abc import Callable
from typing import Any, Final

from multillama.core.canonical import (
    Audio,
    Extras,
    File,
    Foreign,
    Image,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from multillama.core.codec import Losses
from multillama.core.join import MORE
from multillama.core.shape import Members, Object, a_text
from multillama.dialects.gemini.calls import (
    CALL,
    RESPONSE,
    CallIds,
    outer_extras,
    read_call,
    read_result,
    write_call,
    write_result,
)
from multillama.dialects.gemini.media import read_blob, read_file, write_media
from multillama.dialects.gemini.models import SKIP_SIGNATURE
from multillama.dialects.gemini.spelling import an_object_of, dress, undress

_OTHER_KINDS: Final = (
    "executableCode", "codeExecutionResult", "toolCall", "toolResponse", "audioTranscription",
)  # fmt: skip


_NOT_ALONE: Final = "tool_result"
"""A client answers; a model does not."""


def read_part(value: Any, path: str, ids: CallIds) -> list[Part]:
    """Reads one part; a signature comes first, and an empty part is nothing.

    Raises:
        Misfit: It is no part, with its place.
    """
    members = an_object_of(value, path)
    extras = {name: member for name, member in members.items() if member is not None}
    signature = extras.pop("thoughtSignature", None)
    if signature is not None:
        signature = undress(a_text(signature, f"{path}.thoughtSignature"))
    text = extras.pop("text", None)
    is_thought = extras.get("thought") is True
    if text is not None:
        extras.pop("thought", None)
        return _read_text(a_text(text, f"{path}.text"), signature, extras, is_thought=is_thought)
    part = Foreign("thought", members) if is_thought else _read_other(extras, path, ids, members)
    if signature is None or isinstance(part, Foreign):
        return [] if part is None else [part]
    signed: Part = Reasoning("", signature)
    return [signed] if part is None else [signed, part]


def _read_text(text: str, signature: str | None, extras: Extras, *, is_thought: bool) -> list[Part]:
    if is_thought:
        return [Reasoning(text, signature, extras=extras)]
    if signature is None:
        return [Text(text, extras=extras)] if text or extras else []
    signed: Part = Reasoning("", signature)
    return [signed, Text(text, extras=extras)] if text or extras else [signed]


def _read_other(extras: Extras, path: str, ids: CallIds, whole: Object) -> Part | None:
    """Reads a part that is no text; `extras` are its members and keep what is not read."""
    for kind, read in _READ.items():
        inside = extras.pop(kind, None)
        if inside is not None:
            return read(inside, extras, f"{path}.{kind}", ids)
    if not extras:
        return None
    kind = next((kind for kind in _OTHER_KINDS if kind in extras), next(iter(extras)))
    return Foreign(kind, whole)


def _blob(value: Any, extras: Extras, path: str, ids: CallIds) -> Part:
    return read_blob(Members(an_object_of(value, path), path), extras)


def _file(value: Any, extras: Extras, path: str, ids: CallIds) -> Part:
    return read_file(Members(an_object_of(value, path), path), extras)


_READ: Final[dict[str, Callable[[Any, Extras, str, CallIds], Part]]] = {
    CALL: read_call,
    "inlineData": _blob,
    RESPONSE: read_result,
    "fileData": _file,
}


class PartWriter:
    """Writes the parts of one message after another, and puts signatures back where they were."""

    def __init__(
        self,
        losses: Losses,
        *,
        same: bool,
        to_calls: bool = False,
        is_signed: bool = False,
        has_media: bool = True,
    ) -> None:
        """Takes what is known of the reader.

        Args:
            losses: Told what is left out.
            same: True where the reader is of the family that the parts came from.
            to_calls: True where signatures may have lost their place, and belong to calls: other dialects keep
                what a model thought before all that it said.
            is_signed: True where the first call of a message must be signed.
            has_media: True where results of functions may hold media.
        """
        self._losses = losses
        self._same = same
        self._to_calls = to_calls
        self._is_signed = is_signed
        self._has_media = has_media
        self._rows: list[Object] = []
        self._signatures: list[str] = []
        """Those that the next parts carry."""

    def write(self, parts: list[Part]) -> list[Object]:
        """Returns the parts of one message."""
        self._rows = []
        for part in parts:
            self._write(part)
        for signature in self._signatures:
            self._rows.append({"text": "", "thoughtSignature": signature})
        self._signatures.clear()
        if self._is_signed:
            self._sign_first_call()
        return self._rows

    def _write(self, part: Part) -> None:
        if isinstance(part, Reasoning):
            self._reason(part)
        elif isinstance(part, ToolResult):
            results = write_result(part, self._losses, same=self._same, has_media=self._has_media)
            self._tell_extras(part.extras, results[0])
            self._rows += results
        else:
            row = self.content(part)
            if row is not None:
                self._carry(row, is_call=isinstance(part, ToolCall))

    def _reason(self, part: Reasoning) -> None:
        signature = None if part.signature is None else dress(part.signature)
        if part.text or (signature is None and self._same):  # an empty one would be refused
            row: Object = {"text": part.text, "thought": True}
            if signature is not None and not self._to_calls:
                row["thoughtSignature"] = signature
                signature = None
            self._tell_extras(part.extras, row)
            self._rows.append(row)
        if signature is None:
            return
        if self._signatures and not self._to_calls:
            self._rows.append({"text": "", "thoughtSignature": self._signatures.pop()})
        self._signatures.append(signature)

    def _carry(self, row: Object, *, is_call: bool) -> None:
        """Adds a part, with the signature that waits for it."""
        if self._signatures and (is_call or not self._to_calls):
            row["thoughtSignature"] = self._signatures.pop(0)
        self._rows.append(row)

    def content(self, part: Part) -> Object | None:
        """Returns a part that stands alone, None where there is nothing to tell."""
        if isinstance(part, Text):
            return self._text(part)
        if isinstance(part, Refusal):
            return {"text": part.text} if part.text else None
        if isinstance(part, Foreign):
            if self._same and isinstance(part.value, dict):
                return dict(part.value)
            self._losses.drop(f"foreign:{part.kind}")
            return None
        if isinstance(part, Image | Audio | File):
            row = write_media(part, self._losses, same=self._same)
            self._mark(None if isinstance(part, Audio) else part.cache)
        elif isinstance(part, ToolCall):
            row = write_call(part, same=self._same)
        else:
            self._losses.drop(_NOT_ALONE)
            return None
        if row is not None:
            self._tell_extras(part.extras, row)
        return row

    def _text(self, part: Text) -> Object | None:
        self._mark(part.cache)
        row: Object = {"text": part.text}
        self._tell_extras(part.extras, row)
        return row if part.text or len(row) > 1 else None

    def _mark(self, cache: str | None) -> None:
        if cache is not None:
            self._losses.drop("cache")

    def _tell_extras(self, extras: Extras, row: Object) -> None:
        if self._same:
            if extras:
                row.update(outer_extras(extras))
                row.pop(MORE, None)
            return
        for name, value in extras.items():
            if value:
                self._losses.drop(f"extras.{name}")

    def _sign_first_call(self) -> None:
        """Stands in for a signature of Gemini's where another model has made the call."""
        for row in self._rows:
            if CALL in row:
                row.setdefault("thoughtSignature", SKIP_SIGNATURE)
                return
