"""Streams of each dialect as the real servers send them, for the tests of what continues them."""

import json
from collections.abc import Sequence
from typing import Any

from multillama.core.partial import CHAT, COMPLETIONS, MESSAGES, Partial, read_partial
from multillama.wire.sse import data_of, split_events

DIALECTS = (CHAT, COMPLETIONS, MESSAGES)
DONE = b"data: [DONE]\n\n"


def chunk(**members: Any) -> bytes:
    return b"data: " + json.dumps(members).encode() + b"\n\n"


def event(kind: str, **members: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n".encode()


def delta(identity: str = "one", /, *, finish: str | None = None, **members: Any) -> bytes:
    """Returns a chunk of a chat."""
    choice = {"finish_reason": finish, "index": 0, "delta": members}
    return chunk(choices=[choice], created=1, id=identity, model=f"model-{identity}")


def chat(
    pieces: Sequence[str], identity: str = "one", *, prompt: int = 10, thoughts: Sequence[str] = ()
) -> list[bytes]:
    """Returns a chat as llama.cpp streams it; the prompt has so many tokens."""
    said = len(pieces) + len(thoughts)
    usage = {"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said}
    return [
        delta(identity, role="assistant", content=None),
        *(delta(identity, reasoning_content=piece) for piece in thoughts),
        *(delta(identity, content=piece) for piece in pieces),
        delta(identity, finish="stop"),
        chunk(choices=[], created=1, id=identity, model=f"model-{identity}", usage=usage),
        DONE,
    ]


def completions(pieces: Sequence[str], identity: str = "one", *, prompt: int = 10) -> list[bytes]:
    said = len(pieces)
    usage = {"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said}

    def choice(text: str, finish: str | None) -> list[dict[str, Any]]:
        return [{"text": text, "index": 0, "logprobs": None, "finish_reason": finish}]

    return [
        *(chunk(choices=choice(piece, None), id=identity) for piece in pieces),
        chunk(choices=choice("", "stop"), id=identity, usage=usage),
        DONE,
    ]


def messages(
    pieces: Sequence[str], identity: str = "one", *, prompt: int = 10, thoughts: Sequence[str] = ()
) -> list[bytes]:
    message = {"id": identity, "role": "assistant", "content": [],
               "usage": {"input_tokens": 1, "cache_read_input_tokens": prompt - 1, "output_tokens": 0}}  # fmt: skip
    events = [event("message_start", message=message)]
    index = 0
    for kind, name, block in (("thinking", "thinking", thoughts), ("text", "text", pieces)):
        if not block:
            continue
        begun = {"type": kind, name: ""}
        events.append(event("content_block_start", index=index, content_block=begun))
        for piece in block:
            said = {"type": f"{kind}_delta", name: piece}
            events.append(event("content_block_delta", index=index, delta=said))
        events.append(event("content_block_stop", index=index))
        index += 1
    usage = {"output_tokens": len(pieces) + len(thoughts)}
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    return [*events, event("message_delta", delta=end, usage=usage), event("message_stop")]


def stream(
    dialect: str, pieces: Sequence[str], identity: str = "one", *, prompt: int = 10
) -> list[bytes]:
    make = {CHAT: chat, COMPLETIONS: completions, MESSAGES: messages}[dialect]
    return make(pieces, identity, prompt=prompt)


def decoded(events: Sequence[bytes]) -> list[Any]:
    """Returns what the events say, `[DONE]` left out."""
    data = [data_of(one) for one in split_events(b"".join(events))[0]]
    return [json.loads(one) for one in data if one is not None and one != b"[DONE]"]


def read(dialect: str, events: Sequence[bytes]) -> Partial:
    return read_partial(dialect, b"".join(events))
