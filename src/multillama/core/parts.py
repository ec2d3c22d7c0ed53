"""Makes parts of pieces: for readers of dialects whose streams have no beginnings and ends of parts.

HOT: runs for every event of such a stream.
"""

from collections.abc import Hashable

from multillama.core.canonical import Logprob, Part, Reasoning, Refusal, Text, ToolCall
from multillama.core.deltas import Close, Delta, Event, More, Open, Sign

_EMPTY = {"text": Text, "reasoning": Reasoning, "refusal": Refusal}


class Parts:
    """The parts of one stream; what is said of them is collected in `events`, in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._next = 0
        self._talking: dict[int, tuple[str, int]] = {}
        """Choice to the kind and the number of the part that its text goes to."""
        self._calls: dict[int, dict[Hashable, int]] = {}
        """Choice to the calls that are open, by the dialect's own key."""

    def take(self) -> list[Event]:
        """Returns what has been said since the last time."""
        events, self.events = self.events, []
        return events

    def say(
        self, kind: str, text: str, *, choice: int = 0, logprobs: list[Logprob] | None = None
    ) -> None:
        """Adds to the text that goes on, or begins another part where the kind is another.

        Args:
            kind: `text`, `reasoning` or `refusal`.
            text: Maybe empty, which begins a part, too.
            choice: Its number.
            logprobs: Of these tokens.
        """
        number = self._talk(kind, choice)
        if text or logprobs:
            self.events.append(Delta(number, text, logprobs or []))

    def sign(self, signature: str, *, choice: int = 0) -> None:
        """Signs the reasoning that goes on; where there is none, one without text is made."""
        self.events.append(Sign(self._talk("reasoning", choice), signature))

    def more(self, kind: str, value: object, *, choice: int = 0) -> None:
        """Adds something to the text that goes on, or to one that begins, that only its own family understands."""
        self.events.append(More(self._talk("text", choice), kind, value))

    def _talk(self, kind: str, choice: int) -> int:
        talking = self._talking.get(choice)
        if talking is not None and talking[0] == kind:
            return talking[1]
        self.hush(choice)
        number = self.begin(_EMPTY[kind](""), choice)
        self._talking[choice] = kind, number
        return number

    def begin(self, what: Part, choice: int = 0) -> int:
        """Opens a part that the caller closes himself; returns its number."""
        number = self._next
        self._next += 1
        self.events.append(Open(number, what, choice))
        return number

    def whole(self, what: Part, choice: int = 0) -> None:
        """Adds a part that comes in one piece."""
        self.hush(choice)
        self.events.append(Close(self.begin(what, choice)))

    def hush(self, choice: int = 0) -> None:
        """Ends the text that goes on."""
        talking = self._talking.pop(choice, None)
        if talking is not None:
            self.events.append(Close(talking[1]))

    def call(self, key: Hashable, what: ToolCall, choice: int = 0) -> None:
        """Begins a call, known by this key until the choice ends; a second time it is the same one."""
        calls = self._calls.setdefault(choice, {})
        if key not in calls:
            self.hush(choice)
            calls[key] = self.begin(what, choice)

    def has_call(self, key: Hashable, choice: int = 0) -> bool:
        """Says whether a call has begun."""
        return key in self._calls.get(choice, ())

    def argue(self, key: Hashable, arguments: str, choice: int = 0) -> None:
        """Adds to the arguments of a call that has begun."""
        if arguments:
            self.events.append(Delta(self._calls[choice][key], arguments))

    def close(self, choice: int = 0) -> None:
        """Ends all parts of a choice."""
        self.hush(choice)
        for number in self._calls.pop(choice, {}).values():
            self.events.append(Close(number))
