"""A stream of a completion, read and written: each event is a small completion, and `[DONE]` is the end.

HOT: `feed` and `write` run for every event of such a stream.

Source: openai 3.54.0, `Completion`; recorded streams of OpenAI.
"""

from typing import Any, Final

import msgspec

from multillama.core.canonical import Extras, Refusal, Stop, Text, Usage
from multillama.core.codec import Misfit, Reply
from multillama.core.deltas import Broken, Count, Delta, End, Event, Finish, Open, Start
from multillama.core.join import add_usage
from multillama.core.parts import Parts
from multillama.core.shape import Object, decode
from multillama.dialects.openai_completions.answer import (
    CHOICE_TOLD,
    DIALECT,
    TOLD,
    drop_others,
    matched_of,
    rest_of,
    write_word,
)
from multillama.dialects.openai_completions.logprobs import read_logprobs, write_logprobs
from multillama.dialects.openai_family.fault import fault_in, write_fault_event
from multillama.dialects.openai_family.stops import read_stop, write_stop
from multillama.dialects.openai_family.usage import NAME, count, read_usage, write_usage
from multillama.wire.sse import Splitter

_ENCODE: Final = msgspec.json.Encoder().encode
_MOST: Final = 128
"""Choices."""


class CompletionReader:
    """Reads one stream."""

    def __init__(self) -> None:
        self._splitter = Splitter()
        self._parts = Parts()
        self._open: dict[int, bool] = {}
        """Choice to whether it has not finished."""
        self._extras: dict[int, Extras] = {}
        self._has_begun = False
        self._is_over = False

    def feed(self, data: bytes) -> list[Event]:
        """Takes bytes; returns what they complete."""
        if self._is_over:
            return []
        for payload in self._splitter.payloads(data):
            if payload:
                self._take(payload)
        return self._parts.take()

    def end(self) -> list[Event]:
        """Takes note of the end; `[DONE]` may be missing where all choices have finished."""
        payload = self._splitter.last()
        if payload:
            self._take_last(payload)
        if not self._is_over and self._open and not any(self._open.values()):
            self._end()
        return self._parts.take()

    def _take_last(self, payload: bytes) -> None:
        try:
            self._take(payload)
        except Misfit:
            return  # half an event: the stream is cut off, which is told by the missing `End`

    def _take(self, payload: bytes) -> None:
        if self._is_over:
            return
        if payload.startswith(b"[DONE]"):
            for index, is_open in self._open.items():
                if is_open:
                    self._finish(index, "")
            self._end()
            return
        chunk = decode(payload)
        if not isinstance(chunk, dict):
            raise Misfit("data", "must be an object")
        if chunk.get("error") or chunk.get("object") == "error":
            self._parts.events.append(Broken(fault_in(chunk)))
            self._is_over = True
            return
        self._begin(chunk)
        rows, usage = chunk.get("choices"), chunk.get("usage")
        for row in rows if isinstance(rows, list) else ():
            self._take_choice(row)
        if isinstance(usage, dict):
            self._parts.events.append(Count(read_usage(usage)))

    def _begin(self, chunk: Object) -> None:
        if self._has_begun:
            return
        self._has_begun = True
        id_, model, created = chunk.get("id"), chunk.get("model"), count(chunk.get("created"))
        start = Start(
            id_ if isinstance(id_, str) else "",
            model if isinstance(model, str) else "",
            created or 0,
            extras=rest_of(chunk, TOLD),
            family=NAME,
            dialect=DIALECT,
        )
        self._parts.events.append(start)

    def _take_choice(self, row: Any) -> None:
        if not isinstance(row, dict):
            raise Misfit("choices[0]", "must be an object")
        index = row.get("index")
        if not isinstance(index, int) or not 0 <= index < _MOST:
            index = 0
        if not self._open.setdefault(index, True):
            return
        text, word, raw = row.get("text"), row.get("finish_reason"), row.get("logprobs")
        if isinstance(text, str) and text:
            logprobs = None if raw is None else read_logprobs(raw)
            self._parts.say("text", text, choice=index, logprobs=logprobs)
        if len(row) > len(CHOICE_TOLD):
            self._extras.setdefault(index, {}).update(rest_of(row, CHOICE_TOLD))
        if isinstance(word, str) and word:
            self._finish(index, word)

    def _finish(self, index: int, word: str) -> None:
        self._open[index] = False
        self._parts.close(index)
        extras = self._extras.get(index, {})
        finish = Finish(read_stop(word), index, extras=extras)
        finish.stop_sequence = matched_of(extras, finish.stop)
        if finish.stop_sequence is not None:
            finish.stop = Stop.SEQUENCE
        elif word and write_stop(finish.stop) != word:
            extras["finish_reason"] = word
        self._parts.events.append(finish)

    def _end(self) -> None:
        self._begin({})
        self._is_over = True
        self._parts.events.append(End())


class CompletionWriter:
    """Writes one stream."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._wants_usage = reply.request.wants_usage
        self._is_ours = False
        self._head = b""
        """The beginning of every chunk, up to its `choices`."""
        self._tail = b',"usage":null}\n\n' if self._wants_usage else b"}\n\n"
        self._texts: dict[int, int] = {}
        """Open part of text to its choice."""
        self._offsets: dict[int, int] = {}
        self._usage: Usage | None = None

    def write(self, events: list[Event]) -> bytes:
        """Returns the bytes of these events, maybe none."""
        return b"".join([self._write(event) for event in events])

    def _write(self, event: Event) -> bytes:
        if isinstance(event, Delta):
            return self._say(event)
        if isinstance(event, Open):
            if isinstance(event.what, Text | Refusal):
                self._texts[event.part] = event.choice
                return self._say(Delta(event.part, event.what.text))
            drop_others([event.what], self._reply.losses)
        elif isinstance(event, Start):
            self._start(event)
        elif isinstance(event, Count):
            self._usage = add_usage(self._usage, event.usage)
        elif isinstance(event, Finish):
            extras = event.extras if self._is_ours else {}
            return self._finish(event, extras)
        elif isinstance(event, End):
            return self._end()
        elif isinstance(event, Broken):
            return write_fault_event(event.fault)
        return b""

    def _start(self, event: Start) -> None:
        self._is_ours, self._usage = event.dialect == DIALECT, event.usage
        chunk: Object = {
            "id": event.id or f"cmpl-{self._reply.id}",
            "object": "text_completion",
            "created": event.created or self._reply.created,
            "model": self._reply.model,
        }
        if self._is_ours:
            chunk.update({name: v for name, v in event.extras.items() if name not in chunk})
        self._head = b"data: " + _ENCODE(chunk)[:-1] + b',"choices":'

    def _say(self, event: Delta) -> bytes:
        choice = self._texts.get(event.part)
        if choice is None or not (event.text or event.logprobs):
            return b""
        logprobs = None
        if event.logprobs:
            logprobs = write_logprobs(event.logprobs, self._offsets.get(choice, 0))
        self._offsets[choice] = self._offsets.get(choice, 0) + len(event.text)
        row = {"index": choice, "text": event.text, "logprobs": logprobs, "finish_reason": None}
        return self._head + _ENCODE([row]) + self._tail

    def _finish(self, event: Finish, extras: Extras) -> bytes:
        word = write_word(event.stop, extras)
        row = {"index": event.choice, "text": "", "logprobs": None, "finish_reason": word}
        rest = {name: value for name, value in extras.items() if name not in row}
        return self._head + _ENCODE([{**row, **rest}]) + self._tail

    def _end(self) -> bytes:
        done = b"data: [DONE]\n\n"
        if not self._wants_usage or self._usage is None:
            return done
        usage = _ENCODE(write_usage(self._usage, is_ours=self._is_ours))
        return self._head + b'[],"usage":' + usage + b"}\n\n" + done
