"""Streams of Chat Completions, as a scripted endpoint sends them."""

import json
from typing import Any


def call(name: str, arguments: dict[str, Any]) -> bytes:
    """Returns a stream in which the model calls a function; its arguments come in two pieces."""
    text = json.dumps(arguments)
    begun = {"index": 0, "id": "call_1", "type": "function"}
    return stream(
        {"role": "assistant", "content": None},
        {"tool_calls": [{**begun, "function": {"name": name, "arguments": text[:5]}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": text[5:]}}]},
        end="tool_calls",
    )


def stream(*deltas: dict[str, Any], end: str) -> bytes:
    chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    rows = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    chunks: list[dict[str, Any]] = [
        {**chunk, "choices": [row]}
        for row in [*rows, {"index": 0, "delta": {}, "finish_reason": end}]
    ]
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
    chunks.append({**chunk, "choices": [], "usage": usage})
    events = [f"data: {json.dumps(one)}\n\n" for one in chunks]
    return "".join([*events, "data: [DONE]\n\n"]).encode()
