"""The canonical form of a stream: what its events say, one after another, in no dialect's words.

    Start (Open (Delta | Sign | More)* Close)* … Finish* Count* End          or Broken, at any place

Parts have numbers, from 0 in the order in which they open. Parts of one choice may overlap (parallel calls); a writer
whose dialect cannot do that uses `core/serial.py`. A stream without `End` is not whole.

HOT: some of these are made for every event of every translated stream.
"""

import msgspec

from multillama.core.canonical import Extras, Fault, Logprob, Part, Stop, Usage


class Start(msgspec.Struct, gc=False):
    """The stream begins; comes once, first."""

    id: str = ""
    model: str = ""
    created: int = 0
    usage: Usage | None = None
    """What is known of it already, e.g. the input."""
    extras: Extras = {}
    family: str = ""
    """Whose `extras` these are, of this event and of all that follow."""
    dialect: str = ""
    """In whose words they are, where two dialects of a family would misunderstand each other."""


class Open(msgspec.Struct, gc=False):
    """A part begins; `what` is as empty as it begins, or whole where it comes in one piece (an image)."""

    part: int
    what: Part
    choice: int = 0


class Delta(msgspec.Struct, gc=False):
    """More text of an open part: of `Text`, `Reasoning`, `Refusal`, or of a `ToolCall`'s arguments."""

    part: int
    text: str
    logprobs: list[Logprob] = []


class Sign(msgspec.Struct, gc=False):
    """The signature of an open `Reasoning`."""

    part: int
    signature: str


class More(msgspec.Struct, gc=False):
    """Something of an open part that only its own family understands, e.g. a citation."""

    part: int
    kind: str
    value: object


class Close(msgspec.Struct, gc=False):
    """A part is whole; `extras` are members that came only at its end, of a `Foreign` members of its value."""

    part: int
    extras: Extras = {}


class Finish(msgspec.Struct, gc=False):
    """A choice is whole."""

    stop: Stop
    choice: int = 0
    stop_sequence: str | None = None
    extras: Extras = {}


class Count(msgspec.Struct, gc=False):
    """The usage so far; a later one has the last word on each of its figures."""

    usage: Usage


class Broken(msgspec.Struct, gc=False):
    """The endpoint told an error inside the stream; nothing follows."""

    fault: Fault


class Other(msgspec.Struct, gc=False):
    """An event that only its own family understands, as it came."""

    kind: str
    value: object


class End(msgspec.Struct, gc=False):
    """The stream has ended as its dialect has it; comes once, last."""

    extras: Extras = {}
    service_tier: str | None = None


Event = Start | Open | Delta | Sign | More | Close | Finish | Count | Broken | Other | End
