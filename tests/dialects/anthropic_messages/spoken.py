"""What the tests of this dialect share: a goal, a reply, a request read from plain values, events as plain values."""

import json

from multillama.core.canonical import Request
from multillama.core.codec import Goal, Losses, Reply
from multillama.dialects.anthropic_messages.request import read_request, write_request

HELLO = [{"role": "user", "content": "Hello"}]
LOCAL = ("qwen3", "llama.cpp")


def ask(**members):
    """Reads a request."""
    body = {"model": "m", "max_tokens": 100, "messages": HELLO} | members
    return read_request(json.dumps(body).encode())


def goal(model="claude-opus-4-7", provider="anthropic", *, stream=False, family="anthropic"):
    return Goal(model, provider, family, stream, Losses())


def written(request, aim=None):
    """Returns the body of a request, and what was lost."""
    aim = aim or goal()
    return json.loads(write_request(request, aim)), aim.losses.names


def reply(model="public", **members):
    return Reply(Request(model, **members), model, "abc", 7, Losses())


def sse(*events):
    """Returns the bytes of events."""
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps(event).encode())
        for event in events
    )


def events_of(data):
    """Returns the events of bytes as plain values; each must be named as it says itself."""
    rows = []
    for event in data.decode().split("\n\n")[:-1]:
        name, _, payload = event.partition("\n")
        row = json.loads(payload.removeprefix("data: "))
        assert name == f"event: {row['type']}"
        rows.append(row)
    return rows
