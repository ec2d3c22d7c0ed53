"""Writes answers: lines of JSON, each of the form of a whole answer, the last one with `done` and the figures.

No line is ever blank: the clients' parsers refuse that.

HOT: runs for every event of every stream that is translated for a client of Ollama's.

Source: Ollama's api/types.go (August 2026), `ChatResponse`, `GenerateResponse`; ollama 0.6.3 (Python), `_client.py`.
"""

from typing import Final

import msgspec

from multillama.core.canonical import (
    Answer,
    Choice,
    Extras,
    Foreign,
    Image,
    Logprob,
    Part,
    Reasoning,
    Refusal,
    Stop,
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
    Open,
    Other,
    Start,
)
from multillama.core.join import add_usage
from multillama.core.shape import Object
from multillama.dialects.ollama_family.calls import call_row
from multillama.dialects.ollama_family.fault import write_fault_event
from multillama.dialects.ollama_family.figures import NAME, created_at, stop_word, usage_members
from multillama.dialects.ollama_family.logprobs import write_logprobs
from multillama.wire.sse import one_line

_ENCODE: Final = msgspec.json.Encoder().encode


LINES: Final = b"application/x-ndjson"
"""The content type of streams."""


class Form(msgspec.Struct, frozen=True):
    """Where a dialect has the text in a line."""

    before: bytes
    """What stands before the text, from the member's name on."""
    after: bytes
    """What stands after the members beside the text."""
    image: str | None
    """The member of an image that was made; None where the clients understand none."""


class LineWriter:
    """Writes one stream."""

    def __init__(self, reply: Reply, form: Form) -> None:
        """Takes who reads it, and the dialect's form."""
        self._reply = reply
        self._form = form
        self._out: list[bytes] = []
        self._head = b""
        """The beginning of every line, up to its text."""
        self._tail = form.after + b',"done":false}\n'
        self._is_ours = False
        self._texts: dict[int, bytes] = {}
        """Parts of text that are open, and what stands before it in a line."""
        self._calls: dict[int, list[str]] = {}
        """Calls that are open, with their arguments so far."""
        self._called: dict[int, ToolCall] = {}
        self._count = 0
        self._usage: Usage | None = None
        self._finish = Finish(Stop.END)

    def write(self, events: list[Event]) -> bytes:
        """Returns the bytes of these events, maybe none."""
        out = self._out = []
        for event in events:
            if isinstance(event, Delta):
                self._say(event)
            elif isinstance(event, Open):
                if event.choice == 0:
                    self._open(event.part, event.what)
                else:
                    self._reply.losses.drop("choices")
            elif isinstance(event, Close):
                self._close(event.part)
            else:
                self._write_other(event)
        return one_line(b"".join(out))

    def _write_other(self, event: Event) -> None:
        if isinstance(event, Start):
            self._start(event)
        elif isinstance(event, Finish):
            if event.choice == 0:
                self._finish = event
        elif isinstance(event, Count):
            self._usage = add_usage(self._usage, event.usage)
        elif isinstance(event, End):
            self._end()
        elif isinstance(event, Broken):
            self._out.append(write_fault_event(event.fault))
        elif isinstance(event, Other) and self._is_ours and isinstance(event.value, dict):
            self._out.append(self._line(beside=event.value))

    def _start(self, event: Start) -> None:
        self._is_ours = event.family == NAME
        self._usage = event.usage
        extras = event.extras if self._is_ours else {}
        self._head = head_of(event.created, extras, self._reply) + b"," + self._form.before

    def _say(self, event: Delta) -> None:
        text = event.text
        before = self._texts.get(event.part)
        if before is None:
            arguments = self._calls.get(event.part)
            if arguments is not None:
                arguments.append(text)
        elif event.logprobs:
            members = {"logprobs": write_logprobs(event.logprobs)}
            tail = self._form.after + b"," + _ENCODE(members)[1:-1] + b',"done":false}\n'
            self._out.append(self._head + before + _ENCODE(text) + tail)
        elif text:
            self._out.append(self._head + before + _ENCODE(text) + self._tail)

    def _open(self, number: int, what: Part) -> None:
        if isinstance(what, Text | Refusal | Reasoning):
            self._texts[number] = b'"","thinking":' if isinstance(what, Reasoning) else b""
            if what.text:
                self._say(Delta(number, what.text))
        elif isinstance(what, ToolCall):
            self._calls[number] = [what.arguments]
            self._called[number] = what
        elif isinstance(what, Image) and what.source.data and self._form.image:
            self._out.append(self._line(inside={self._form.image: what.source.data}))
        else:
            self._reply.losses.drop(kind_of(what))

    def _close(self, number: int) -> None:
        self._texts.pop(number, None)
        arguments = self._calls.pop(number, None)
        if arguments is None:
            return
        call = self._called.pop(number)
        call = msgspec.structs.replace(call, arguments="".join(arguments))
        row = call_row(call, self._count, is_ours=self._is_ours)
        self._count += 1
        self._out.append(self._line(inside={"tool_calls": [row]}))

    def _line(self, *, inside: Object | None = None, beside: Object | None = None) -> bytes:
        """Returns a line without text.

        Args:
            inside: Members beside the text.
            beside: Members of the line itself.
        """
        members = b"," + _ENCODE(inside)[1:-1] if inside else b""
        others = b"," + _ENCODE(beside)[1:-1] if beside else b""
        return self._head + b'""' + members + self._form.after + others + b',"done":false}\n'

    def _end(self) -> None:
        last = last_members(self._finish, self._usage, is_ours=self._is_ours)
        line = self._head + b'""' + self._form.after + b"," + _ENCODE(last)[1:]
        self._out.append(line + b"\n")


def head_of(created: int, extras: Extras, reply: Reply) -> bytes:
    """Returns the beginning of a line or of an answer, without its closing brace.

    Args:
        created: Seconds since 1970; 0 where the endpoint did not say.
        extras: What stands in every line; with the time as an Ollama told it.
        reply: Who reads it.
    """
    beside = dict(extras)
    at = beside.pop("created_at", None) or created_at(created or reply.created)
    return _ENCODE({"model": reply.model, "created_at": at, **beside})[:-1]


def last_members(finish: Finish, usage: Usage | None, *, is_ours: bool) -> Object:
    """Returns the members that only the last line has."""
    extras = finish.extras if is_ours else {}
    members: Object = {"done": True, "done_reason": stop_word(finish.stop), **extras}
    members.update(usage_members(usage, is_ours=is_ours))
    return members


def write_whole(answer: Answer, reply: Reply, form: Form) -> bytes:
    """Returns a whole answer: what the lines of its stream say, in one."""
    is_ours = answer.family == NAME
    choice = answer.choices[0] if answer.choices else Choice()
    if len(answer.choices) > 1:
        reply.losses.drop("choices")
    text, inside, logprobs = _sort(choice.parts, form, reply, is_ours=is_ours)
    finish = Finish(choice.stop or Stop.END, extras=choice.extras)
    last = last_members(finish, answer.usage, is_ours=is_ours)
    if logprobs:
        last["logprobs"] = write_logprobs(logprobs)
    head = head_of(answer.created, answer.extras if is_ours else {}, reply)
    members = b"," + _ENCODE(inside)[1:-1] if inside else b""
    return b"".join(
        (head, b",", form.before, _ENCODE(text), members, form.after, b",", _ENCODE(last)[1:])
    )


def _sort(
    parts: list[Part], form: Form, reply: Reply, *, is_ours: bool
) -> tuple[str, Object, list[Logprob]]:
    """Returns the text, the members beside it, and how likely its tokens were."""
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[Object] = []
    logprobs: list[Logprob] = []
    inside: Object = {}
    for part in parts:
        if isinstance(part, Text | Refusal):
            texts.append(part.text)
            logprobs += part.logprobs if isinstance(part, Text) else ()
        elif isinstance(part, Reasoning):
            thoughts.append(part.text)
        elif isinstance(part, ToolCall):
            calls.append(call_row(part, len(calls), is_ours=is_ours))
        elif isinstance(part, Image) and part.source.data and form.image:
            inside[form.image] = part.source.data
        else:
            reply.losses.drop(kind_of(part))
    if any(thoughts):
        inside["thinking"] = "".join(thoughts)
    if calls:
        inside["tool_calls"] = calls
    return "".join(texts), inside, logprobs


def kind_of(part: Part) -> str:
    """Returns the name under which a part is lost."""
    return f"foreign:{part.kind}" if isinstance(part, Foreign) else type(part).__name__.lower()
