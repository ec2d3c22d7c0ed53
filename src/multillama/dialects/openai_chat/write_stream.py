"""Writes a stream of chunks.

What is the same in all chunks is encoded once; a piece of text costs one encoding between two ready ends. The chunk of
usage is left out for a client who did not ask for it.

HOT: `write` runs for every event of every stream to a client of this dialect.

Source: openai 3.54.0, `ChatCompletionChunk`; the order of chunks as recorded of OpenAI.
"""

from typing import Final

import msgspec

from multillama.core.canonical import (
    Audio,
    Extras,
    Foreign,
    Image,
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
    Sign,
    Start,
)
from multillama.core.join import add_usage
from multillama.core.shape import Object
from multillama.dialects.openai_chat.logprobs import write_logprobs
from multillama.dialects.openai_chat.parts import (
    ANNOTATION,
    CHUNK,
    DIALECT,
    MESSAGE,
    is_citation,
    write_annotation,
    write_audio,
    write_call,
    write_image,
)
from multillama.dialects.openai_chat.reasoning import detail, signature_content
from multillama.dialects.openai_chat.write_answer import is_legacy, write_choice_stop
from multillama.dialects.openai_family.fault import write_fault_event
from multillama.dialects.openai_family.usage import write_usage

_ENCODE: Final = msgspec.json.Encoder().encode
_GO_ON: Final = b',"logprobs":null,"finish_reason":null}]'
_OWN: Final = frozenset(("id", "object", "created", "model", "choices", "usage"))


class _Choice:
    """What has been written of one choice."""

    __slots__ = ("call_count", "has_role", "refusals", "signature", "thoughts")

    def __init__(self) -> None:
        self.has_role = False
        self.call_count = 0
        self.thoughts = 0
        self.refusals: list[Refusal] = []
        self.signature: str | None = None
        """One that belongs to the call that comes next."""


class _Place:
    """Where the pieces of one open part go."""

    __slots__ = ("after", "before", "choice", "is_empty", "text", "what")

    def __init__(self, what: Text | Reasoning | Refusal | ToolCall, choice: int) -> None:
        self.what = what
        self.choice = choice
        self.before = b""
        """What stands before the encoded text in a chunk."""
        self.after = b""
        self.text: list[str] = []
        """What a signature signs."""
        self.is_empty = True


class ChunkWriter:
    """Writes one stream."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._wants_usage = reply.request.wants_usage
        self._is_legacy = is_legacy(reply)
        self._is_ours = False
        self._head = b""
        """The beginning of every chunk, up to its `choices`."""
        self._tail = b',"usage":null}\n\n' if self._wants_usage else b"}\n\n"
        self._choices: dict[int, _Choice] = {}
        self._places: dict[int, _Place] = {}
        self._usage: Usage | None = None
        self._out: list[bytes] = []

    def write(self, events: list[Event]) -> bytes:
        """Returns the bytes of these events, maybe none."""
        out = self._out
        for event in events:
            if type(event) is Delta:
                place = self._places.get(event.part)
                if place is None:
                    continue
                if event.logprobs:
                    self._likely(event, place)
                elif event.text:
                    place.is_empty = False
                    out.append(place.before + _ENCODE(event.text) + place.after)
                if type(place.what) is Reasoning:
                    place.text.append(event.text)
            else:
                self._write_other(event)
        written = b"".join(out)
        out.clear()
        return written

    def _write_other(self, event: Event) -> None:
        if isinstance(event, Open):
            self._open(event)
        elif isinstance(event, Close):
            self._close(event)
        elif isinstance(event, Sign):
            self._sign(event)
        elif isinstance(event, More):
            self._more(event)
        elif isinstance(event, Start):
            self._start(event)
        elif isinstance(event, Count):
            self._usage = add_usage(self._usage, event.usage)
        elif isinstance(event, Finish):
            self._finish(event)
        elif isinstance(event, End):
            self._end(event)
        elif isinstance(event, Broken):
            self._out.append(write_fault_event(event.fault))

    # --- chunks ------------------------------------------------------------------------------

    def _start(self, event: Start) -> None:
        self._is_ours = event.dialect == DIALECT
        self._usage = event.usage
        chunk: Object = {
            "id": event.id or f"chatcmpl-{self._reply.id}",
            "object": "chat.completion.chunk",
            "created": event.created or self._reply.created,
            "model": self._reply.model,
        }
        if self._is_ours:
            chunk.update(_others(event.extras))
        self._head = b"data: " + _ENCODE(chunk)[:-1] + b',"choices":'

    def _before(self, choice: int) -> bytes:
        return self._head + b'[{"index":%d,"delta":' % choice

    def _chunk(self, choice: int, delta: Object) -> None:
        known = self._choices.setdefault(choice, _Choice())
        if not known.has_role:
            known.has_role = True
            delta = {"role": "assistant", "content": None, **delta}
        self._out.append(self._before(choice) + _ENCODE(delta) + _GO_ON + self._tail)

    # --- parts -------------------------------------------------------------------------------

    def _open(self, event: Open) -> None:
        what, choice = event.what, event.choice
        if isinstance(what, Text):
            self._open_text(event, what, "content")
        elif isinstance(what, Reasoning):
            self._open_reasoning(event, what)
        elif isinstance(what, ToolCall):
            self._open_call(event, what)
        elif isinstance(what, Refusal):
            self._choices.setdefault(choice, _Choice()).refusals.append(what)
            self._open_text(event, what, "refusal")
        elif isinstance(what, Image) and (image := write_image(what)) is not None:
            self._chunk(choice, {"images": [image]})
        elif isinstance(what, Audio):
            self._chunk(choice, {"audio": write_audio(what, is_ours=self._is_ours)})
        else:
            kind = f"foreign:{what.kind}" if isinstance(what, Foreign) else type(what).__name__
            self._reply.losses.drop(kind.lower())

    def _open_text(self, event: Open, what: Text | Reasoning | Refusal, member: str) -> None:
        choice = event.choice
        place = self._places[event.part] = _Place(what, choice)
        place.before = self._before(choice) + b'{"%s":' % member.encode()
        place.after = b"}" + _GO_ON + self._tail
        if isinstance(what, Text):
            self._say_signature(choice)
        known = self._choices.get(choice)
        if known is None or not known.has_role or what.text:
            self._chunk(choice, {member: what.text})

    def _open_reasoning(self, event: Open, what: Reasoning) -> None:
        choice = event.choice
        if what.is_redacted:
            self._detail(choice, what)
        elif not what.text and what.signature is not None:
            self._hold_signature(choice, what.signature)
        else:
            self._open_text(event, what, "reasoning_content")
            self._places[event.part].text.append(what.text)
            if what.signature is not None:
                self._sign(Sign(event.part, what.signature))

    def _open_call(self, event: Open, what: ToolCall) -> None:
        known = self._choices.setdefault(event.choice, _Choice())
        if self._is_legacy and known.call_count:
            self._reply.losses.drop("tool_calls")  # such a client knows one call
            return
        place = self._places[event.part] = _Place(what, event.choice)
        row = write_call(what)
        kind = "custom" if what.is_custom else "function"
        name = "input" if what.is_custom else "arguments"
        row[kind][name] = what.arguments
        if self._is_legacy:
            before, after = b'{"function_call":{"arguments":', b"}}"
            self._chunk(event.choice, {"function_call": row["function"]})
        else:
            if known.signature is not None:
                row["extra_content"] = signature_content(known.signature, {})
                known.signature = None
            number = known.call_count
            before = b'{"tool_calls":[{"index":%d,"%s":{"%s":' % (
                number,
                kind.encode(),
                name.encode(),
            )
            after = b"}}]}"
            self._chunk(event.choice, {"tool_calls": [{"index": number, **row}]})
        known.call_count += 1
        place.before = self._before(event.choice) + before
        place.after = after + _GO_ON + self._tail

    def _close(self, event: Close) -> None:
        place = self._places.pop(event.part, None)
        if place is None or not place.is_empty:
            return
        what = place.what
        if isinstance(what, ToolCall) and not what.is_custom and not what.arguments:
            # arguments are JSON, and clients read them as such
            self._out.append(place.before + b'"{}"' + place.after)

    def _likely(self, event: Delta, place: _Place) -> None:
        row = {
            "index": place.choice,
            "delta": {"content": event.text},
            "logprobs": write_logprobs(event.logprobs),
            "finish_reason": None,
        }
        self._out.append(self._head + _ENCODE([row]) + self._tail)

    # --- signatures --------------------------------------------------------------------------

    def _sign(self, event: Sign) -> None:
        place = self._places.get(event.part)
        if place is None or not isinstance(place.what, Reasoning):
            return
        text = "".join(place.text)
        if text:
            self._detail(place.choice, Reasoning(text, event.signature, id=place.what.id))
        else:
            self._hold_signature(place.choice, event.signature)

    def _hold_signature(self, choice: int, signature: str) -> None:
        self._say_signature(choice)
        self._choices.setdefault(choice, _Choice()).signature = signature

    def _say_signature(self, choice: int) -> None:
        """Tells a signature that no call has taken."""
        known = self._choices.get(choice)
        if known is not None and known.signature is not None:
            signature, known.signature = known.signature, None
            self._detail(choice, Reasoning("", signature))

    def _detail(self, choice: int, part: Reasoning) -> None:
        known = self._choices.setdefault(choice, _Choice())
        self._chunk(choice, {"reasoning_details": [detail(part, known.thoughts)]})
        known.thoughts += 1

    def _more(self, event: More) -> None:
        place = self._places.get(event.part)
        if place is None:
            return  # its part is left out, and named
        if event.kind != ANNOTATION:
            self._reply.losses.drop("citations" if "cit" in event.kind else event.kind)
        elif self._is_ours or is_citation(event.value):
            self._chunk(place.choice, {"annotations": [write_annotation(event.value)]})
        else:
            self._reply.losses.drop("annotations")

    # --- ends --------------------------------------------------------------------------------

    def _finish(self, event: Finish) -> None:
        choice = event.choice
        self._say_signature(choice)
        known = self._choices.setdefault(choice, _Choice())
        extras = event.extras if self._is_ours else {}
        delta: Object = {} if known.has_role else {"role": "assistant", "content": ""}
        known.has_role = True
        message, chunk = extras.get(MESSAGE), extras.get(CHUNK)
        if isinstance(message, dict):
            delta.update(message)
        word = write_choice_stop(event.stop, list(known.refusals), extras, self._reply)
        row = {"index": choice, "delta": delta, "logprobs": None, "finish_reason": word}
        for name, value in extras.items():
            if name not in row and name not in (CHUNK, MESSAGE):
                row[name] = value
        beside = _members(_others(chunk)) if isinstance(chunk, dict) else b""
        self._out.append(self._head + _ENCODE([row]) + beside + self._tail)

    def _end(self, event: End) -> None:
        if self._wants_usage and self._usage is not None:
            usage = _ENCODE(write_usage(self._usage, is_ours=self._is_ours))
            extras = _others(event.extras) if self._is_ours else {}
            if event.service_tier is not None:
                extras["service_tier"] = event.service_tier
            beside = _members(extras)
            self._out.append(self._head + b"[]" + beside + b',"usage":' + usage + b"}\n\n")
        self._out.append(b"data: [DONE]\n\n")


def _others(extras: Extras) -> Extras:
    return {name: value for name, value in extras.items() if name not in _OWN}


def _members(extras: Extras) -> bytes:
    """Returns members that follow others."""
    return b"," + _ENCODE(extras)[1:-1] if extras else b""
