"""Makes one answer of a stream, and a stream of one answer."""

from typing import cast

import msgspec

from multillama.core.canonical import (
    Answer,
    Choice,
    Foreign,
    Part,
    Reasoning,
    Refusal,
    Stop,
    Text,
    ToolCall,
    Usage,
)
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

MORE = "more"
"""In the extras of a part: what came of it that only its own family understands, in order."""


def add_usage(first: Usage | None, then: Usage) -> Usage:
    """Returns a usage that has the last word on each figure."""
    if first is None:
        return then
    figures = {
        field: value if (value := getattr(then, field)) is not None else getattr(first, field)
        for field in Usage.__struct_fields__
        if field != "extras"
    }
    return Usage(**figures, extras={**first.extras, **then.extras})


class Joiner:
    """Takes the events of a stream and holds the answer that they make."""

    def __init__(self) -> None:
        self.answer = Answer()
        self.broken: Broken | None = None
        """The error that the endpoint told inside the stream."""
        self.is_whole = False
        self._parts: dict[int, Part] = {}
        self._texts: dict[int, list[str]] = {}

    def take(self, events: list[Event]) -> None:
        """Takes further events, in order."""
        for event in events:
            if isinstance(event, Delta):
                self._texts[event.part].append(event.text)
                part = self._parts[event.part]
                if event.logprobs and isinstance(part, Text):
                    part.logprobs.extend(event.logprobs)
            elif isinstance(event, Open | Sign | More | Close):
                self._take_part(event)
            else:
                self._take_other(event)

    def _take_part(self, event: Open | Sign | More | Close) -> None:
        if isinstance(event, Open):
            self._parts[event.part] = event.what
            self._texts[event.part] = []
            self._choice(event.choice).parts.append(event.what)
            return
        part = self._parts[event.part]
        if isinstance(event, Sign):
            if isinstance(part, Reasoning):
                part.signature = event.signature
        elif isinstance(event, More):
            if not isinstance(part, Refusal | Foreign):
                more = cast("list[tuple[str, object]]", part.extras.setdefault(MORE, []))
                more.append((event.kind, event.value))
        else:
            self._close(event, part)

    def _close(self, event: Close, part: Part) -> None:
        text = "".join(self._texts.pop(event.part, ()))
        if isinstance(part, Text | Reasoning | Refusal):
            part.text += text
        elif isinstance(part, ToolCall):
            part.arguments += text
        if isinstance(part, Foreign):
            if event.extras and isinstance(part.value, dict):
                part.value = {**part.value, **event.extras}
        elif not isinstance(part, Refusal):
            part.extras.update(event.extras)

    def _take_other(self, event: Event) -> None:
        answer = self.answer
        if isinstance(event, Start):
            answer.id, answer.model, answer.created = event.id, event.model, event.created
            answer.usage, answer.family = event.usage, event.family
            answer.dialect = event.dialect
            answer.extras.update(event.extras)
        elif isinstance(event, Count):
            answer.usage = add_usage(answer.usage, event.usage)
        elif isinstance(event, Finish):
            choice = self._choice(event.choice)
            choice.stop, choice.stop_sequence = event.stop, event.stop_sequence
            choice.extras.update(event.extras)
        elif isinstance(event, Broken):
            self.broken = event
        elif isinstance(event, End):
            self.is_whole = True
            answer.service_tier = event.service_tier or answer.service_tier
            answer.extras.update(event.extras)

    def _choice(self, number: int) -> Choice:
        choices = self.answer.choices
        while len(choices) <= number:
            choices.append(Choice())
        return choices[number]


def events_of(answer: Answer) -> list[Event]:
    """Returns the stream that makes this answer: each part in one piece."""
    events: list[Event] = [
        Start(
            answer.id,
            answer.model,
            answer.created,
            extras=dict(answer.extras),
            family=answer.family,
            dialect=answer.dialect,
        )
    ]
    number = 0
    for index, choice in enumerate(answer.choices):
        for part in choice.parts:
            events += _part_events(number, part, index)
            number += 1
        stop = choice.stop or Stop.END
        events.append(Finish(stop, index, choice.stop_sequence, dict(choice.extras)))
    if answer.usage is not None:
        events.append(Count(answer.usage))
    events.append(End(service_tier=answer.service_tier))
    return events


def _part_events(number: int, part: Part, choice: int) -> list[Event]:
    extras = {} if isinstance(part, Refusal | Foreign) else dict(part.extras)
    more = cast("list[tuple[str, object]]", extras.pop(MORE, []))
    events: list[Event] = [Open(number, part, choice)]
    if isinstance(part, Text):
        events[0] = Open(number, Text("", part.cache, item_id=part.item_id), choice)
        events.append(Delta(number, part.text, list(part.logprobs)))
    elif isinstance(part, Refusal):
        events = [Open(number, Refusal("", part.item_id), choice), Delta(number, part.text)]
    elif isinstance(part, ToolCall):
        empty = msgspec.structs.replace(part, arguments="", extras={})
        events = [Open(number, empty, choice), Delta(number, part.arguments)]
    elif isinstance(part, Reasoning):
        if not part.is_redacted:
            empty_ = Reasoning("", id=part.id, is_summary=part.is_summary)
            events = [Open(number, empty_, choice), Delta(number, part.text)]
        if part.signature is not None and not part.is_redacted:
            events.append(Sign(number, part.signature))
    events += [More(number, kind, value) for kind, value in more]
    events.append(Close(number, extras))
    return events
