"""Recorded traffic of real providers: where it lies, how it is read, what an independent reader finds in it.

The recordings are other people's and not in the repository. `MULTILLAMA_FIXTURES` names their folder; without it,
`../shared/fixtures` beside the checkout is tried. A recording is a set of files with one stem: `.meta.json` (`method`,
`uri`, `status`, `headers`), `.req.json`, and `.resp.json`, `.resp.sse` or `.resp.ndjson` as the endpoint sent it.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from multillama.core.operations import BY_PATH, OPERATIONS, V1, Body, find_call

OLLAMAS = ("ollama",)
GEMINIS = ("gemini",)
STREAMS = ("text/event-stream", "application/x-ndjson")
MADE = ("candidatesTokenCount", "thoughtsTokenCount", "eval_count")
VARIABLE = "MULTILLAMA_FIXTURES"
BESIDE_US = Path(__file__).parents[3] / "shared" / "fixtures"
OF_THE_CONNECTION = (
    "connection",
    "transfer-encoding",
    "content-length",
    "content-encoding",
    "keep-alive",
    "date",
)
"""Headers that were about the recorded connection, not about the answer."""


class Recording(NamedTuple):
    """One exchange as it was recorded."""

    name: str
    host: str
    path: str
    """Of our operation."""
    request: bytes
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def model(self) -> str:
        call = find_call(self.path.encode())
        return str(json.loads(self.request)["model"]) if call is None else call[1]

    @property
    def dialects(self) -> tuple[str, ...]:
        """What an endpoint speaks that says this."""
        if self.path.startswith("/api/"):
            return OLLAMAS
        return GEMINIS if ":" in self.path else ()

    @property
    def is_stream(self) -> bool:
        return any(
            name.lower() == "content-type" and value.partition(";")[0] in STREAMS
            for name, value in self.headers
        )

    def usage(self) -> tuple[int | None, int | None]:
        """Returns input and output tokens, found by parsing the whole answer."""
        into = out = None
        for usage in _usages(_messages(self.body)):
            if usage.keys() & {"promptTokenCount", "prompt_eval_count", "eval_count"}:
                into = _first(usage, "promptTokenCount", "prompt_eval_count", otherwise=None)
                made = [usage[name] for name in MADE if name in usage]
                out = sum(made) if made else None
                continue
            beside = 0 if "prompt_tokens" in usage else _cached(usage)
            given = _first(usage, "prompt_tokens", "input_tokens", otherwise=None)
            into = into if given is None else given + beside
            out = _first(usage, "completion_tokens", "output_tokens", otherwise=out)
            if out is None and into is not None and "total_tokens" in usage:
                out = usage["total_tokens"] - into
        return into, out


def _cached(usage: dict[str, Any]) -> int:
    """Returns what Anthropic counts beside its `input_tokens`."""
    names = ("cache_read_input_tokens", "cache_creation_input_tokens")
    return sum(usage.get(name) or 0 for name in names)


def folder() -> Path | None:
    """Returns the folder of the recordings, None where there is none.

    A folder that was named and is not there is an error.
    """
    named = os.environ.get(VARIABLE)
    if named is None:
        return BESIDE_US if BESIDE_US.is_dir() else None
    assert Path(named).is_dir(), f"{VARIABLE} names {named}, which is no folder"
    return Path(named)


def read_all(root: Path) -> Iterator[Recording]:
    """Reads the recordings of operations that we have too."""
    for file in sorted(root.rglob("*.meta.json")):
        meta = json.loads(file.read_text())
        uri = urlsplit(meta["uri"])
        path = path_of(uri.path)
        stem = str(file).removesuffix(".meta.json")
        answers = [Path(f"{stem}.resp.{ending}") for ending in ("sse", "json", "ndjson")]
        answer = next((answer for answer in answers if answer.exists()), None)
        request = Path(f"{stem}.req.json")
        if path is None or answer is None or not (":" in path or _names_a_model(request)):
            continue
        headers = tuple(
            (name, value)
            for name, value in meta["headers"].items()
            if name.lower() not in OF_THE_CONNECTION
        )
        yield Recording(
            str(file.relative_to(root)).removesuffix(".meta.json"),
            uri.hostname or "", path, request.read_bytes(), meta["status"], headers, answer.read_bytes(),
        )  # fmt: skip


def path_of(path: str) -> str | None:
    """Returns the path under which we serve what a provider serves under his; None for what we do not."""
    if find_call(path.encode()) is not None or path.encode() in BY_PATH:
        return path
    if path.startswith("/api/") or path.startswith(("/v1/", "/v2/")):
        return None
    rows = [row for row in OPERATIONS if row.body is Body.JSON and row.prefixes == V1]
    rows.sort(key=lambda row: len(row.path), reverse=True)  # a chat completion is no completion
    return next((row.public_path for row in rows if path.endswith(row.path)), None)


def _names_a_model(request: Path) -> bool:
    try:
        asked = json.loads(request.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(asked, dict) and isinstance(asked.get("model"), str)


def _messages(body: bytes) -> list[object]:
    """Returns the values of a body: of the whole, of events, or of lines."""
    texts = [body]
    texts += [line.removeprefix(b"data:") for line in body.splitlines()]
    messages = []
    for text in texts:
        with contextlib.suppress(ValueError):  # `[DONE]`, and bodies that are no JSON
            messages.append(json.loads(text))
    return messages


def _usages(value: object) -> Iterator[dict[str, Any]]:
    """Finds every `usage`, however deep: some lie in an event's `message`, some in a `x_groq`."""
    if isinstance(value, dict):
        for name in ("usage", "usageMetadata"):
            if isinstance(value.get(name), dict):
                yield value[name]
        if "done" in value or "prompt_eval_count" in value:
            yield value
        value = value.values()
    elif not isinstance(value, list):
        return
    for inner in value:
        yield from _usages(inner)


def _first(usage: dict[str, Any], *names: str, otherwise: int | None) -> int | None:
    found = (usage[name] for name in names if isinstance(usage.get(name), int))
    return next(found, otherwise)
