"""Makes events of the chunks of a stream, whichever way these are framed.

Each chunk is a `GenerateContentResponse`. Old servers tell a reason to finish in every chunk, so that a choice is whole
at the end of the bytes only; usage grows from chunk to chunk. No part has a beginning or an end.

HOT: runs for every event of a translated stream.

Source: recorded traffic; ai.google.dev/api/generate-content#method:-models.streamgeneratecontent (November 2026).
"""

from typing import Any, Final

import msgspec

from multillama.core.canonical import Extras, Part, Reasoning, Stop, Text, ToolCall
from multillama.core.codec import Misfit
from multillama.core.deltas import (
    Broken,
    Close,
    Count,
    Delta,
    End,
    Event,
    Finish,
    Sign,
    Start,
)
from multillama.core.parts import Parts
from multillama.core.shape import Members, Object
from multillama.dialects.gemini.answer import (
    FEEDBACK,
    REASON,
    choice_number,
    read_logprobs,
    read_start,
    read_stop,
    read_usage,
)
from multillama.dialects.gemini.calls import CALL, CallIds, beginning_of
from multillama.dialects.gemini.fault import error_in, fault_of
from multillama.dialects.gemini.parts import read_part
from multillama.dialects.gemini.pieces import CallInPieces
from multillama.dialects.gemini.request import FAMILY
from multillama.dialects.gemini.spelling import an_object_of, json_bytes, rows_of, undress


class _Choice(msgspec.Struct):
    """What is known of a choice that is not whole."""

    has_calls: bool = False
    reason: str | None = None
    call: CallInPieces | None = None
    extras: Extras = {}


class Chunks:
    """Takes the chunks of one stream, in order."""

    def __init__(self) -> None:
        self._parts = Parts()
        self._ids = CallIds("")
        self._choices: dict[int, _Choice] = {}
        self._usage: object = None
        self._told: Extras = {}
        self._extras: Extras = {}
        self._feedback: object = None
        self._has_begun = False
        self._is_over = False

    def take(self, value: Any) -> list[Event]:
        """Returns what a chunk says.

        Raises:
            Misfit: It is none.
        """
        if self._is_over:
            return []
        try:
            for row in value if isinstance(value, list) else (value,):
                self._take(an_object_of(row, "the event"))
        except RecursionError as error:
            raise Misfit("", "is nested too deep") from error
        return self._parts.take()

    def end(self, *, is_whole: bool = True) -> list[Event]:
        """Returns what is certain at the end of the bytes, with `End` if every choice has told its reason to finish.

        Args:
            is_whole: False where the framing has not come to its end.
        """
        if self._is_over or not self._has_begun:
            return []
        self._is_over = True
        events = self._parts
        feedback = self._feedback
        if not self._choices and isinstance(feedback, dict) and "blockReason" in feedback:
            events.events.append(Finish(Stop.REFUSED, extras={FEEDBACK: feedback}))
        else:
            if feedback is not None:
                self._extras[FEEDBACK] = feedback
            reasons = [row.reason for row in self._choices.values()]
            is_whole = is_whole and bool(reasons) and None not in reasons
        for number, choice in sorted(self._choices.items()):
            self._finish(number, choice)
        if is_whole:
            events.events.append(End(extras=self._extras))
        return events.take()

    def _finish(self, number: int, choice: _Choice) -> None:
        self._end_call(number, choice)
        self._parts.close(number)
        if choice.reason is not None:
            stop = read_stop(choice.reason, has_calls=choice.has_calls, extras=choice.extras)
            self._parts.events.append(Finish(stop, number, extras=choice.extras))

    def _take(self, chunk: Object) -> None:
        error = error_in(chunk)
        if error is not None:
            self._parts.events.append(Broken(fault_of(error)))
            self._is_over = True
            return
        usage = chunk.get("usageMetadata")
        if not self._has_begun:
            self._begin(chunk, usage)
        elif usage is not None and usage != self._usage:
            self._parts.events.append(Count(read_usage(an_object_of(usage, "usageMetadata"))))
        self._usage = usage
        candidates = chunk.get("candidates")
        if candidates is not None:
            for at, row in enumerate(rows_of(candidates)):
                self._candidate(row, f"candidates[{at}]")
        if len(chunk) > _PLAIN_MEMBERS or FEEDBACK in chunk:
            self._keep(chunk)

    def _begin(self, chunk: Object, usage: Any) -> None:
        self._has_begun = True
        identity, model, created = read_start(Members(chunk))
        self._ids = CallIds(beginning_of(identity, chunk))
        counted = None if usage is None else read_usage(an_object_of(usage, "usageMetadata"))
        self._told = {name: value for name, value in chunk.items() if name not in _KNOWN}
        self._parts.events.append(Start(identity, model, created, counted, self._told, FAMILY))

    def _keep(self, chunk: Object) -> None:
        """Keeps what a chunk says beside its candidates and for the first time, to be told at the end."""
        for name, value in chunk.items():
            if name == FEEDBACK:
                self._feedback = value
            elif name not in _KNOWN and self._told.get(name) != value:
                self._extras[name] = value

    def _candidate(self, row: Any, path: str) -> None:
        candidate = an_object_of(row, path)
        number = candidate.get("index") or 0
        if number.__class__ is not int or number:
            number = choice_number(Members(candidate, path))
        choice = self._choices.get(number)
        if choice is None:
            choice = self._choices[number] = _Choice(extras={})
        result = candidate.get("logprobsResult")
        logprobs = read_logprobs(result) if isinstance(result, dict) else None
        content = candidate.get("content")
        if content is not None:
            place = f"{path}.content"
            for at, part in enumerate(rows_of(an_object_of(content, place).get("parts"))):
                if part.__class__ is dict and len(part) == 1 and part.get("text").__class__ is str:
                    if part["text"]:
                        text: str = part["text"]
                        self._parts.say("text", text, choice=number, logprobs=logprobs)
                        logprobs = None
                else:
                    self._part(part, f"{place}.parts[{at}]", number, choice)
        for name, value in candidate.items():
            if name not in _READ and value is not None:
                _keep_beside(name, value, choice)

    def _part(self, row: Any, path: str, number: int, choice: _Choice) -> None:
        is_piece = choice.call is not None or _comes_in_pieces(row)
        if is_piece and self._take_piece(an_object_of(row, path), path, number, choice):
            return
        is_thought = isinstance(row, dict) and row.get("thought") is True
        for part in read_part(row, path, self._ids):
            self._tell(part, number, choice, is_thought=is_thought)

    def _tell(self, part: Part, number: int, choice: _Choice, *, is_thought: bool) -> None:
        parts = self._parts
        if isinstance(part, ToolCall):
            choice.has_calls = True
            self._whole(ToolCall(part.id, part.name, extras=part.extras), part.arguments, number)
        elif isinstance(part, Reasoning):
            if is_thought and not part.extras:
                parts.say("reasoning", part.text, choice=number)
                if part.signature is not None:
                    parts.sign(part.signature, choice=number)
                    parts.hush(number)
            else:
                empty = Reasoning("", extras=part.extras)
                self._whole(empty, part.text, number, signature=part.signature)
        elif isinstance(part, Text):
            if part.extras:
                self._whole(Text("", extras=part.extras), part.text, number)
            else:
                parts.say("text", part.text, choice=number)
        else:
            parts.whole(part, number)

    def _whole(self, empty: Part, text: str, number: int, *, signature: str | None = None) -> None:
        """Adds a part that comes in one piece and whose text is told as that of others."""
        parts = self._parts
        parts.hush(number)
        part = parts.begin(empty, number)
        if text:
            parts.events.append(Delta(part, text))
        if signature is not None:
            parts.events.append(Sign(part, signature))
        parts.events.append(Close(part))

    def _take_piece(self, row: Object, path: str, number: int, choice: _Choice) -> bool:
        """Takes a piece of a call; returns False for what is none."""
        inside = row.get(CALL)
        if inside is None:
            return False
        place = f"{path}.{CALL}"
        members = Members(an_object_of(inside, place), place)
        name = members.text("name")
        if choice.call is None or name:
            self._end_call(number, choice)
            if not members.rest.get("willContinue"):
                return False
            choice.call = CallInPieces(name or "", members.text("id"))
        if isinstance(row.get("thoughtSignature"), str):
            choice.call.signature = undress(row["thoughtSignature"])
        choice.call.take(members.take("partialArgs"), members.at("partialArgs"))
        if not members.flag("willContinue"):
            self._end_call(number, choice)
        return True

    def _end_call(self, number: int, choice: _Choice) -> None:
        """Tells the call that was coming, if any, as its last piece has come."""
        call, choice.call = choice.call, None
        if call is None:
            return
        choice.has_calls = True
        if call.signature is not None:
            self._whole(Reasoning(""), "", number, signature=call.signature)
        told = ToolCall(self._ids.of_call(call.name, call.id), call.name)
        self._whole(told, json_bytes(call.args, "partialArgs").decode(), number)


def _keep_beside(name: str, value: Any, choice: _Choice) -> None:
    """Keeps what a candidate says beside its content: lists of citations grow, all else is told anew."""
    if name == REASON:
        choice.reason = value if isinstance(value, str) else choice.reason
        return
    before = choice.extras.get(name)
    if name == _CITATIONS and isinstance(value, dict) and isinstance(before, dict):
        value = {
            key: before[key] + each
            if isinstance(each, list) and isinstance(before.get(key), list)
            else each
            for key, each in value.items()
        }
    choice.extras[name] = value


_CITATIONS: Final = "citationMetadata"
_READ: Final = ("content", "index", "logprobsResult")
_KNOWN: Final = ("candidates", "usageMetadata", "modelVersion", "responseId", FEEDBACK)
_PLAIN_MEMBERS: Final = 4
"""As many members has a chunk of which nothing is kept."""


def _comes_in_pieces(row: Any) -> bool:
    """Says whether a call begins whose arguments follow."""
    call = row.get(CALL) if isinstance(row, dict) else None
    return isinstance(call, dict) and bool(call.get("willContinue"))
