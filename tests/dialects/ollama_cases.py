"""What the tests of Ollama's dialects share: who reads and who is written to, and streams cut in many ways."""

import contextlib
import json

from hypothesis import strategies as st

from multillama.core.canonical import Request
from multillama.core.codec import Goal, Losses, Misfit, Reply

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


# fuzz of both dialects of chats

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
MEMBERS = (
    "model", "messages", "prompt", "system", "suffix", "raw", "images", "context", "options", "think", "format",
    "keep_alive", "tools", "stream", "created_at", "message", "response", "thinking", "tool_calls", "logprobs",
    "done", "done_reason", "error", "eval_count", "content", "function", "name", "arguments", "image", "role",
)  # fmt: skip
OBJECTS = st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=6)
NESTED = st.builds(
    lambda outer, inner: (
        outer | {"message": inner, "messages": [inner], "tools": [inner], "options": inner}
    ),
    OBJECTS,
    OBJECTS,
)
BODIES = st.binary(max_size=60) | (OBJECTS | NESTED).map(lambda value: json.dumps(value).encode())
DEEP = [b"[" * 100_000, b'{"message":' * 5_000, b'{"tools":[' * 900 + b"1" + b"]}" * 900]


def check(codec, body):
    """Any bytes into any reader of a row give values or a Misfit, and what is read can be written."""
    with contextlib.suppress(Misfit):
        codec.write_request(codec.read_request(body), goal())
    with contextlib.suppress(Misfit):
        codec.write_answer(codec.read_answer(body), reply())
    with contextlib.suppress(Misfit):
        read = codec.reader()
        events = read.feed(body) + read.feed(b"\n") + read.end()
        codec.writer(reply()).write(events)
    codec.write_fault(codec.read_fault(500, body))
