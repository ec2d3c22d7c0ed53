"""What the tests of Ollama's dialects share: who reads and who is written to, and streams cut in many ways."""

import json

from multillama.core.canonical import Request
from multillama.core.codec import Goal, Losses, Reply

AT = 1_700_000_000
AT_TEXT = "2023-11-14T22:13:20Z"


def goal(family="ollama", *, stream=False, model="there"):
    return Goal(model, "ollama", family, stream, Losses())


def reply(request=None):
    return Reply(request or Request("public"), "public", "0a1b", AT, Losses())


def lines(data):
    """Returns the values of the lines of a stream; a blank line is none of them."""
    return [json.loads(line) for line in data.removesuffix(b"\n").split(b"\n")]


def events_of_pieces(reader, pieces):
    events = []
    for piece in pieces:
        events += reader.feed(piece)
    return events + reader.end()
