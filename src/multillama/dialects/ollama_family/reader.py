"""Reads answers: each line of a stream has the form of a whole answer, and the last one says `done`.

A whole answer is a stream of one line, read by the same steps. Endpoints are forgiven: what is missing has its default.

HOT: runs for every line of every translated stream of Ollama's.

Source: Ollama's api/types.go (August 2026), `ChatResponse`, `GenerateResponse`; docs, "Streaming" (November 2026).
"""

from collections.abc import Callable
from typing import Any, Final

from multillama.core.canonical import Answer, Extras, Image, Source
from multillama.core.codec import Misfit
from multillama.core.deltas import Broken, Count, End, Event, Finish, Other, Start
from multillama.core.join import Joiner
from multillama.core.parts import Parts
from multillama.core.shape import Object, decode_object
from multillama.dialects.ollama_family.calls import answered_id, read_call
from multillama.dialects.ollama_family.fault import fault_in
from multillama.dialects.ollama_family.figures import NAME, read_stop, seconds_of, take_usage
from multillama.dialects.ollama_family.logprobs import read_logprobs
from multillama.dialects.ollama_family.pictures import media_type_of

LINE: Final = "line"
"""The kind of a line that has members of its own, such as an image model's progress."""
_BOM: Final = b"\xef\xbb\xbf"
_REMOTE: Final = ("remote_model", "remote_host")
"""What stands in every line of a model that runs elsewhere."""

Unfold = Callable[[Object], tuple[Any, Object, Any]]
"""Takes the text, the members that stand where thoughts and calls do, and the images out of a line."""


class LineReader:
    """Reads one stream."""

    def __init__(self, unfold: Unfold) -> None:
        """Takes what finds the text in a line of the dialect."""
        self._unfold = unfold
        self._parts = Parts()
        self._rest: list[bytes] = []
        self._is_over = False
        self._has_begun = False
        self._calls = 0

    def feed(self, data: bytes) -> list[Event]:
        """Takes bytes; returns the events of the lines that they complete.

        Raises:
            Misfit: A line is no JSON object.
        """
        if b"\n" not in data:
            self._rest.append(data)
            return []
        lines = b"".join((*self._rest, data)).split(b"\n")
        self._rest = [lines.pop()]
        events: list[Event] = []
        for line in lines:
            events += self._line(line)
        return events

    def end(self) -> list[Event]:
        """Takes note of the end of the bytes; the last line may lack its line end."""
        line, self._rest = b"".join(self._rest), []
        return self._line(line)

    def _line(self, line: bytes) -> list[Event]:
        if not self._has_begun:
            line = line.removeprefix(_BOM)
        if self._is_over or not line.strip():
            return []
        return self.take(decode_object(line))

    def take(self, line: Object) -> list[Event]:
        """Takes the members of a line; returns its events."""
        if line.get("error") is not None:
            self._is_over = True
            return [Broken(fault_in(line))]
        parts = self._parts
        at = line.pop("created_at", None)
        model = line.pop("model", None)
        text, inner, images = self._unfold(line)
        thinking, rows = inner.pop("thinking", None), inner.pop("tool_calls", None)
        chances = line.pop("logprobs", None)
        is_done = line.pop("done", None) is True
        if not self._has_begun:
            self._begin(line, at, model)
        if thinking or text or chances:
            self._say(thinking, text, chances)
        if images:
            self._show(images)
        if rows:
            self._call(rows, at)
        if is_done:
            self._finish(line)
        elif line:
            self._beside(line)
        return parts.take()

    def _begin(self, line: Object, at: Any, model: Any) -> None:
        self._has_begun = True
        extras: Extras = {name: line[name] for name in _REMOTE if name in line}
        if isinstance(at, str):
            extras["created_at"] = at
        name = model if isinstance(model, str) else ""
        self._parts.events.append(Start("", name, seconds_of(at), extras=extras, family=NAME))

    def _say(self, thinking: Any, text: Any, chances: Any) -> None:
        parts = self._parts
        logprobs = read_logprobs(chances) if chances else None
        if thinking and isinstance(thinking, str):
            parts.say("reasoning", thinking, logprobs=None if text else logprobs)
            if not text:
                return
        if logprobs or (text and isinstance(text, str)):
            parts.say("text", text if isinstance(text, str) else "", logprobs=logprobs)

    def _show(self, images: Any) -> None:
        for image in images if isinstance(images, list) else [images]:
            if isinstance(image, str):
                kind = media_type_of(image) or "image/png"
                self._parts.whole(Image(Source(image, media_type=kind)))

    def _call(self, rows: Any, at: Any) -> None:
        for row in rows if isinstance(rows, list) else ():
            if not isinstance(row, dict):
                continue
            call = read_call(row)
            call.id = call.id or answered_id(at, self._calls, call)
            self._parts.whole(call)
            self._calls += 1

    def _beside(self, line: Object) -> None:
        news = _news(line)
        if news:
            self._parts.events.append(Other(LINE, news))

    def _finish(self, line: Object) -> None:
        self._is_over = True
        parts = self._parts
        parts.close()
        usage = take_usage(line)
        stop, extras = read_stop(line.pop("done_reason", None), has_calls=self._calls > 0)
        extras.update(_news(line))
        parts.events.append(Finish(stop, extras=extras))
        if usage is not None:
            parts.events.append(Count(usage))
        parts.events.append(End())


def _news(line: Object) -> Extras:
    """Returns the members of a line that nobody has taken, but for those that every line has."""
    return {
        name: value for name, value in line.items() if value is not None and name not in _REMOTE
    }


def read_whole(body: bytes, unfold: Unfold) -> Answer:
    """Returns a whole answer.

    Raises:
        Misfit: It is none, or an error in the place of one.
    """
    line = decode_object(body)
    line["done"] = True
    told = line.get("error")
    if told is not None:
        raise Misfit("error", f"is told: {fault_in(line).message}")
    joiner = Joiner()
    joiner.take(LineReader(unfold).take(line))
    return joiner.answer
