"""The recorded exchanges of the dialects that are translated."""

import json
import pathlib
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.recorded import recorded

PATHS = {
    "openai.chat": r"/chat/completions",
    "openai.completions": r"/v1/completions",
    "openai.responses": r"/v1/responses",
    "anthropic.messages": r"/v1/messages",
    "gemini": r"/models/[^/]+:(?:streamG|g)enerateContent",
    "ollama.chat": r"/api/chat",
    "ollama.generate": r"/api/generate",
}
"""Dialect to the paths of its operation."""
ENDINGS = (".resp.json", ".resp.sse", ".resp.ndjson")


class Taken(NamedTuple):
    """A recorded exchange that went well."""

    name: str
    dialect: str
    request: bytes
    answer: bytes
    is_stream: bool


def dialect_of(meta: dict[str, str]) -> str | None:
    path = urlsplit(meta["uri"]).path
    found = (name for name, form in PATHS.items() if re.search(form + "$", path))
    return next(found, None)


def all_taken() -> list[Taken]:
    """Returns all of them; skips the test where there are none on this machine."""
    return [taken for meta in recorded("*/*/*.meta.json") if (taken := take(meta)) is not None]


def take(path: pathlib.Path) -> Taken | None:
    meta = json.loads(path.read_bytes())
    dialect = dialect_of(meta)
    stem = str(path).removesuffix(".meta.json")
    request = pathlib.Path(f"{stem}.req.json")
    answers = [each for ending in ENDINGS if (each := pathlib.Path(stem + ending)).exists()]
    if dialect is None or meta["status"] != 200 or not answers or not request.exists():
        return None
    body = answers[0].read_bytes()
    is_stream = not answers[0].name.endswith(".resp.json")
    if dialect == "gemini" and body.startswith(b"["):
        body, is_stream = framed(body), True
    if b"filtered due to the prompt" in body:
        return None  # Azure's filter, with the status 200: there is nothing to take over
    name = f"{path.parent.parent.name}/{path.name.removesuffix('.meta.json')}"
    return Taken(name, dialect, request.read_bytes(), body, is_stream)


def framed(array: bytes) -> bytes:
    """Returns an array of Gemini's as the same server would send it with `alt=sse`."""
    return b"".join(b"data: %s\r\n\r\n" % json.dumps(row).encode() for row in json.loads(array))
