"""What the openai SDK can see of recorded bodies and streams, so that two of them can be compared."""

import json
import pathlib
from typing import Any
from urllib.parse import urlsplit

from multillama.core.canonical import Request
from multillama.core.codec import Losses, Reply
from multillama.core.deltas import Event

_UNSEEN = ("obfuscation",)
"""Padding of a random length."""


def stem_of(meta: pathlib.Path) -> str:
    return str(meta).removesuffix(".meta.json")


def is_of(meta: pathlib.Path, path: str) -> bool:
    """Say whether a recording is of a path, e.g. `/chat/completions`."""
    return urlsplit(json.loads(meta.read_text())["uri"]).path.endswith(path)


def status_of(meta: pathlib.Path) -> int:
    status: int = json.loads(meta.read_text())["status"]
    return status


def seen(value: Any) -> Any:
    """Return a value without nulls, which the SDK cannot tell from missing members, and without padding."""
    if isinstance(value, dict):
        members = {name: seen(member) for name, member in value.items() if name not in _UNSEEN}
        return {name: member for name, member in members.items() if member is not None}
    if isinstance(value, list):
        return [seen(row) for row in value]
    return value


def chunks_of(stream: bytes) -> list[Any]:
    """Return the chunks of a stream, as any reader of lines finds them."""
    lines = stream.replace(b"\r\n", b"\n").split(b"\n")
    datas = [line[5:].strip() for line in lines if line.startswith(b"data:")]
    return [seen(json.loads(data)) for data in datas if data != b"[DONE]"]


def reply_to(request: Request, model: str = "public") -> Reply:
    return Reply(request, model, "0a1b", 1_700_000_000, Losses())


def events_in_bytes(reader: Any, stream: bytes, size: int) -> list[Event]:
    """Return the events of a stream that comes in pieces of one size."""
    events: list[Event] = []
    for at in range(0, len(stream), size):
        events += reader.feed(stream[at : at + size])
    return events + reader.end()
