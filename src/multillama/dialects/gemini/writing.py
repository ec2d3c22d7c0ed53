"""Makes chunks of the events of a stream, whichever way these are framed.

A call is told whole, once its arguments are; the reasons to finish and the last usage come in the last chunk, with an
empty text, as Gemini has it.

HOT: runs for every event of a translated stream.

Source: recorded traffic; google-genai 3.4.0, which takes the last chunk's usage.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from multillama.core.canonical import (
    Extras,
    Logprob,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    Usage,
)
from multillama.core.codec import Reply
from multillama.core.deltas import (
    Broken,
    Close,
    Count,
    Delta,
    End,
    Event,
    Finish,
    More,
    Open,
    Other,
    Sign,
    Start,
)
from multillama.core.join import add_usage
from multillama.core.shape import Object
from multillama.dialects.gemini.answer import (
    FEEDBACK,
    REASON,
    write_logprobs,
    write_stop,
    write_usage,
)
from multillama.dialects.gemini.calls import outer_extras, write_call
from multillama.dialects.gemini.fault import write_fault
from multillama.dialects.gemini.parts import PartWriter
from multillama.dialects.gemini.request import FAMILY
from multillama.dialects.gemini.spelling import dress, json_bytes

_TEXT_HEAD: Final = b'{"candidates":[{"content":{"parts":[{"text":'
_TEXT_TAIL: Final = b'}],"role":"model"},"index":0}]'
_THOUGHT_TAIL: Final = b',"thought":true' + _TEXT_TAIL
_ENCODE: Final = msgspec.json.Encoder().encode


class _Opened(msgspec.Struct):
    """A part that is not whole."""

    what: Part
    choice: int
    extras: Extras
    """Those that its next piece tells."""
    pieces: list[str] = []
    """Of a call's arguments."""
    has_text: bool = False


class ChunkWriter:
    """Writes the chunks of one stream."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._same = False
        self._chunks: list[bytes] = []
        self._opened: dict[int, _Opened] = {}
        self._signatures: dict[int, str] = {}
        """Choice to the signature that its next part carries."""
        self._usage: Usage | None = None
        self._extras: Extras = {}
        """Members that the next chunk tells beside its candidates, and the usage where it has news."""
        self._finishes: list[Finish] = []
        self._tail = b""
        self._name("")
        self._on: dict[type[Event], Callable[[Any], None]] = {
            Start: self._start,
            Open: self._open,
            Delta: self._delta,
            Sign: self._sign,
            More: self._other,
            Close: self._close,
            Finish: self._finishes.append,
            Count: self._count,
            Broken: self._break,
            Other: self._other,
            End: self._end,
        }

    def write(self, events: list[Event]) -> list[bytes]:
        """Returns the chunks of these events, each a JSON text in one line."""
        on = self._on
        for event in events:
            on[event.__class__](event)
        chunks, self._chunks = self._chunks, []
        return chunks

    def _name(self, identity: str) -> None:
        names = {"modelVersion": self._reply.model, "responseId": identity or self._reply.id}
        self._tail = b"," + _ENCODE(names)[1:]

    def _start(self, event: Start) -> None:
        self._same = event.family == FAMILY
        self._name(event.id)
        if self._same:
            self._extras.update(event.extras)
        self._parts = PartWriter(self._reply.losses, same=self._same)
        if event.usage is not None:
            self._count(Count(event.usage))

    def _count(self, event: Count) -> None:
        self._usage = add_usage(self._usage, event.usage)
        self._extras["usageMetadata"] = write_usage(self._usage, same=self._same)

    def _open(self, event: Open) -> None:
        what = event.what
        opened = _Opened(what, event.choice, {}, [])
        self._opened[event.part] = opened
        if isinstance(what, Text | Reasoning):
            opened.extras = self._outer(what.extras)
            if what.text:
                self._say(opened, what.text, [])
            if isinstance(what, Reasoning) and what.signature is not None:
                self._sign_part(opened, what.signature)
        elif isinstance(what, Refusal):
            if what.text:
                self._say(opened, what.text, [])
        elif isinstance(what, ToolCall):
            opened.pieces.append(what.arguments)
        else:
            row = self._parts.content(what)
            if row is not None:
                self._tell(row, event.choice)

    def _outer(self, extras: Extras) -> Extras:
        """Returns what is told beside a part's text."""
        if self._same:
            return outer_extras(extras) if extras else {}
        for name, value in extras.items():
            if value:
                self._reply.losses.drop(f"extras.{name}")
        return {}

    def _delta(self, event: Delta) -> None:
        opened = self._opened[event.part]
        if opened.what.__class__ is ToolCall:
            opened.pieces.append(event.text)
        elif event.text or event.logprobs:
            self._say(opened, event.text, event.logprobs)

    def _say(self, opened: _Opened, text: str, logprobs: list[Logprob]) -> None:
        is_thought = opened.what.__class__ is Reasoning
        opened.has_text = True
        if not (opened.choice or self._extras or opened.extras or logprobs):
            if is_thought:
                self._chunks.append(_TEXT_HEAD + _ENCODE(text) + _THOUGHT_TAIL + self._tail)
                return
            if not self._signatures:
                self._chunks.append(_TEXT_HEAD + _ENCODE(text) + _TEXT_TAIL + self._tail)
                return
        row: Object = {"text": text}
        if is_thought:
            row["thought"] = True
        row.update(opened.extras)
        opened.extras = {}
        beside: Extras = {"logprobsResult": write_logprobs(logprobs)} if logprobs else {}
        self._tell(row, opened.choice, is_thought=is_thought, beside=beside)

    def _tell(
        self,
        row: Object,
        choice: int,
        *,
        is_thought: bool = False,
        beside: Extras | None = None,
    ) -> None:
        """Writes a chunk of one part, which carries a signature that waits for one."""
        if choice in self._signatures and not is_thought:
            row["thoughtSignature"] = self._signatures.pop(choice)
        content = {"parts": [row], "role": "model"}
        self._chunk([{"content": content, "index": choice, **(beside or {})}])

    def _chunk(self, candidates: list[Object]) -> None:
        chunk: Object = {"candidates": candidates} if candidates else {}
        chunk.update(self._extras)
        self._extras.clear()
        begun = json_bytes(chunk)[:-1]
        self._chunks.append(begun + (self._tail if chunk else self._tail[1:]))

    def _sign(self, event: Sign) -> None:
        self._sign_part(self._opened[event.part], event.signature)

    def _sign_part(self, opened: _Opened, signature: str) -> None:
        """Puts a signature on the thoughts that it is for; without any, on the part that follows."""
        dressed = dress(signature)
        choice = opened.choice
        if opened.has_text:
            row = {"text": "", "thought": True, "thoughtSignature": dressed}
            self._tell(row, choice, is_thought=True)
            return
        if choice in self._signatures:
            self._tell({"text": ""}, choice)
        self._signatures[choice] = dressed

    def _close(self, event: Close) -> None:
        opened = self._opened.pop(event.part)
        what = opened.what
        if isinstance(what, ToolCall):
            extras = {**what.extras, **event.extras}
            call = ToolCall(
                what.id, what.name, "".join(opened.pieces), what.is_custom, extras=extras
            )
            row = write_call(call, same=self._same)
            row.update(self._outer(extras))
            self._tell(row, opened.choice)
        elif isinstance(what, Text | Reasoning):
            late = {**opened.extras, **self._outer(event.extras)}
            if late:
                is_thought = isinstance(what, Reasoning)
                row = {"text": "", **({"thought": True} if is_thought else {}), **late}
                self._tell(row, opened.choice, is_thought=is_thought)

    def _other(self, event: More | Other) -> None:
        self._reply.losses.drop(event.kind)

    def _break(self, event: Broken) -> None:
        self._chunks.append(write_fault(event.fault))

    def _end(self, event: End) -> None:
        """Writes the last chunk: why each choice ended, and all that was not told yet."""
        candidates: list[Object] = []
        for finish in self._finishes:
            if self._same and FEEDBACK in finish.extras:
                self._extras[FEEDBACK] = finish.extras[FEEDBACK]
            else:
                candidates.append(self._last(finish))
        if self._same:
            self._extras.update(event.extras)
        if self._usage is not None:
            # Clients ask the last chunk for it.
            self._extras["usageMetadata"] = write_usage(self._usage, same=self._same)
        self._chunk(candidates)

    def _last(self, finish: Finish) -> Object:
        part: Object = {"text": ""}
        if finish.choice in self._signatures:
            part["thoughtSignature"] = self._signatures.pop(finish.choice)
        candidate: Object = {
            "content": {"parts": [part], "role": "model"},
            REASON: write_stop(finish.stop),
            "index": finish.choice,
        }
        if self._same:
            candidate.update(finish.extras)
        return candidate
