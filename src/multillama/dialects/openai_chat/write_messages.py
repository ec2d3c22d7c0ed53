"""Writes the messages of a chat request, as the provider takes them.

What a tool's result may not hold here, an image, follows in a message of the user. Plain text is written as one text,
which every server reads; a list of parts is written where there is more to say.
"""

from hashlib import blake2b
from typing import Final

from multillama.core.canonical import (
    Audio,
    File,
    Foreign,
    Image,
    Message,
    Part,
    Reasoning,
    Refusal,
    Request,
    Source,
    Text,
    ToolCall,
    ToolResult,
)
from multillama.core.codec import Goal
from multillama.core.data_url import data_url
from multillama.core.shape import Object
from multillama.dialects.openai_chat.parts import DIALECT
from multillama.dialects.openai_chat.reasoning import (
    is_of_call,
    signature_content,
    signatures_of_calls,
    write_earlier,
)
from multillama.dialects.openai_chat.tools import cache_control
from multillama.dialects.openai_family.habits import Habits
from multillama.dialects.openai_family.usage import NAME

_FORMATS: Final = {"audio/wave": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3"}
_BREAKPOINTS: Final = frozenset(("30m", "12h"))
_OF_ITEMS: Final = frozenset(("id", "item", "phase", "status"))
"""Extras that tell of items of Responses, which there are none of here."""
_CITATIONS: Final = frozenset(("annotations", "citations"))
_ID: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


def write_messages(request: Request, goal: Goal, habits: Habits) -> list[Object]:
    """Returns the messages; `goal.losses` is told what they could not hold."""
    return _Messages(request, goal, habits).rows()


class _Messages:
    """Writes the messages of one request."""

    def __init__(self, request: Request, goal: Goal, habits: Habits) -> None:
        self._request = request
        self._is_ours = request.family == NAME
        self._is_own = request.dialect == DIALECT
        self._losses = goal.losses
        self._habits = habits
        tools = request.tools
        self._is_legacy = bool(tools) and any(tool.is_legacy for tool in tools)
        self._shown: list[Part] = []
        """Images and the like that tools have answered with."""
        self._rows: list[Object] = []

    def rows(self) -> list[Object]:
        for message in self._request.messages:
            if message.role == "tool":
                self._results(message)
                continue
            if self._shown:
                self._show()
            row = self._assistant(message) if message.role == "assistant" else self._spoken(message)
            if message.extras or message.name is not None:
                self._add_extras(message, row)
            self._rows.append(row)
        if self._shown:
            self._show()
        return self._rows

    def _add_extras(self, message: Message, row: Object) -> None:
        if message.name is not None:
            if "name" in self._habits.refuses:
                self._losses.drop("name")
            else:
                row["name"] = message.name
        for name, value in message.extras.items():
            if self._is_own:
                row.setdefault(name, value)
            elif name not in _OF_ITEMS:
                self._losses.drop(f"extras.{name}")

    # --- what users and systems say ----------------------------------------------------------

    def _spoken(self, message: Message) -> Object:
        role = message.role
        if role == "developer" and not self._habits.is_openai:
            role = "system"
        return {"role": role, "content": self._content(message.parts, "\n")}

    def _content(self, parts: list[Part], between: str) -> str | list[Object]:
        if len(parts) == 1 and isinstance(text := parts[0], Text) and text.cache is None:
            if text.extras:
                self._note_text(text)
            return text.text
        rows = [row for part in parts if (row := self._part(part)) is not None]
        if any(len(row) > 2 or row["type"] != "text" for row in rows):
            return rows
        if self._is_ours and len(rows) > 1 and between:
            return rows
        return between.join([row["text"] for row in rows])

    def _part(self, part: Part) -> Object | None:
        row: Object | None = None
        if isinstance(part, Text):
            self._note_text(part)
            row = {"type": "text", "text": part.text}
        elif isinstance(part, Image):
            row = self._image(part)
        elif isinstance(part, Audio):
            row = self._audio(part)
        elif isinstance(part, File):
            row = self._file(part)
        elif isinstance(part, Foreign):
            return self._foreign(part)
        elif isinstance(part, Refusal):
            row = {"type": "text", "text": part.text}
        else:
            self._losses.drop("messages.reasoning" if isinstance(part, Reasoning) else "tool_calls")
        if row is not None and isinstance(part, Text | Image | File) and part.cache is not None:
            self._mark(part.cache, row)
        return row

    def _note_text(self, text: Text) -> None:
        if text.extras and not self._is_own:
            for name in text.extras:
                if name not in _OF_ITEMS:
                    self._losses.drop("citations" if name in _CITATIONS else f"extras.{name}")

    def _mark(self, cache: str, row: Object) -> None:
        if self._habits.cache == "control":
            row["cache_control"] = cache_control(cache)
        elif self._habits.cache == "breakpoint" and self._is_ours:
            # only who knows the model asks for it: older ones refuse the member
            marker = {"mode": "explicit"}
            if cache in _BREAKPOINTS:
                marker["ttl"] = cache
            row["prompt_cache_breakpoint"] = marker
        else:
            self._losses.drop("cache")

    def _image(self, image: Image) -> Object | None:
        url = self._url(image.source, "image", image.source.media_type or "image/png")
        if url is None:
            return None
        inner = {"url": url}
        if image.detail is not None:
            inner["detail"] = image.detail
        return {"type": "image_url", "image_url": inner}

    def _url(self, source: Source, kind: str, media_type: str) -> str | None:
        if source.data is not None:
            return data_url(source.data, media_type)
        if source.url is None:
            self._losses.drop(f"{kind}.file_id" if source.file_id is not None else kind)
        return source.url

    def _audio(self, audio: Audio) -> Object | None:
        source = audio.source
        if source.data is None:
            self._losses.drop("audio.url" if source.url is not None else "audio")
            return None
        media_type = source.media_type.partition(";")[0]
        form = _FORMATS.get(media_type) or media_type.partition("/")[2] or "wav"
        return {"type": "input_audio", "input_audio": {"data": source.data, "format": form}}

    def _file(self, file: File) -> Object | None:
        source = file.source
        if source.text is not None:
            title = f"{file.name}\n\n" if file.name else ""
            return {"type": "text", "text": f"{title}{source.text}"}
        inner: Object = {}
        if source.data is not None:
            inner["file_data"] = self._url(source, "file", source.media_type or "application/pdf")
        elif source.file_id is not None and self._is_ours:
            inner["file_id"] = source.file_id
        elif source.url is not None and self._habits.reasoning == "details":
            inner["file_data"] = source.url  # OpenRouter fetches it
        else:
            self._losses.drop("file.url" if source.url is not None else "file.file_id")
            return None
        if file.name is not None or source.data is not None:
            inner["filename"] = file.name or "document.pdf"
        return {"type": "file", "file": inner}

    def _foreign(self, part: Foreign) -> Object | None:
        if self._is_own and isinstance(part.value, dict):
            return part.value
        self._losses.drop(f"foreign:{part.kind}")
        return None

    # --- what the model has said -------------------------------------------------------------

    def _assistant(self, message: Message) -> Object:
        row: Object = {"role": "assistant", "content": None}
        said: list[Part] = []
        thought: list[Reasoning] = []
        calls: list[Object] = []
        signatures = signatures_of_calls(message.parts)
        for at, part in enumerate(message.parts):
            if isinstance(part, ToolCall):
                calls.append(self._call(part, signatures.get(at)))
            elif isinstance(part, Reasoning):
                if at + 1 not in signatures:
                    thought.append(part)
            elif isinstance(part, Refusal):
                row["refusal"] = part.text
            else:
                said.append(part)
        if said:
            row["content"] = self._content(said, "")
        elif not calls and "refusal" not in row:
            row["content"] = ""
        self._think(thought, row)
        if calls and self._is_legacy:
            row["function_call"] = calls[0]["function"]
        elif calls:
            row["tool_calls"] = calls
        return row

    def _think(self, thought: list[Reasoning], row: Object) -> None:
        if self._habits.reasoning != "details" and thought:
            thought = [part for part in thought if not is_of_call(part)]
        if thought:
            write_earlier(thought, row, self._habits.reasoning, self._losses)

    def _call(self, call: ToolCall, signature: str | None) -> Object:
        row: Object = {"id": self._id(call.id)}
        if call.is_custom:
            row["type"] = "custom"
            row["custom"] = {"name": call.name, "input": call.arguments}
        else:
            row["type"] = "function"
            row["function"] = {"name": call.name, "arguments": call.arguments or "{}"}
        if signature is not None and self._habits.reasoning == "signatures":
            row["extra_content"] = signature_content(signature, call.extras)
        return row

    def _id(self, id_: str) -> str:
        """Returns an id that the provider takes; the same one for a call and its result."""
        length, most = self._habits.id_length, self._habits.id_max
        if length and not (len(id_) == length and id_.isascii() and id_.isalnum()):
            digest = blake2b(id_.encode(), digest_size=length).digest()
            return "".join([_ID[byte % len(_ID)] for byte in digest])
        if most and len(id_) > most:
            return f"call_{blake2b(id_.encode(), digest_size=12).hexdigest()}"
        return id_

    # --- what tools have answered ------------------------------------------------------------

    def _results(self, message: Message) -> None:
        for part in message.parts:
            if not isinstance(part, ToolResult):
                self._shown.append(part)
                continue
            text = self._result_text(part)
            row: Object = {"role": "tool", "tool_call_id": self._id(part.call_id), "content": text}
            if self._is_legacy:
                row = {"role": "function", "name": part.name or "", "content": text}
            if part.cache is not None:
                self._losses.drop("cache")
            self._rows.append(row)

    def _result_text(self, result: ToolResult) -> str:
        texts = []
        for part in result.parts:
            if isinstance(part, Text):
                self._note_text(part)
                texts.append(part.text)
            elif isinstance(part, File) and part.source.text is not None:
                texts.append(part.source.text)
            else:
                self._shown.append(part)
        text = "\n".join(texts)
        return f"Error: {text}" if result.is_error else text

    def _show(self) -> None:
        """Lets the user show what tools have answered with beside text."""
        rows = [row for part in self._shown if (row := self._part(part)) is not None]
        self._shown = []
        if rows:
            self._rows.append({"role": "user", "content": rows})
