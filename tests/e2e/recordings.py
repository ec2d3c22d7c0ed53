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

from multillama.core.operations import OPERATIONS, Body

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
        return str(json.loads(self.request)["model"])

    @property
    def is_stream(self) -> bool:
        return ("content-type", "text/event-stream") in (
            (name.lower(), value.partition(";")[0]) for name, value in self.headers
        )

    def usage(self) -> tuple[int | None, int | None]:
        """Returns input and output tokens, found by parsing the whole answer."""
        into = out = None
        for usage in _usages(_messages(self.body, is_stream=self.is_stream)):
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
    paths = [operation.path for operation in OPERATIONS if operation.body is Body.JSON]
    paths.sort(key=len, reverse=True)  # a chat completion is no completion
    for file in sorted(root.rglob("*.meta.json")):
        meta = json.loads(file.read_text())
        uri = urlsplit(meta["uri"])
        path = next((path for path in paths if uri.path.endswith(path)), None)
        stem = str(file).removesuffix(".meta.json")
        answers = [Path(f"{stem}.resp.{ending}") for ending in ("sse", "json", "ndjson")]
        answer = next((answer for answer in answers if answer.exists()), None)
        request = Path(f"{stem}.req.json")
        if path is None or answer is None or not _names_a_model(request):
            continue
        headers = tuple(
            (name, value)
            for name, value in meta["headers"].items()
            if name.lower() not in OF_THE_CONNECTION
        )
        yield Recording(
            str(file.relative_to(root)).removesuffix(".meta.json"),
            uri.hostname or "", f"/v1{path}", request.read_bytes(), meta["status"], headers, answer.read_bytes(),
        )  # fmt: skip


def _names_a_model(request: Path) -> bool:
    try:
        asked = json.loads(request.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(asked, dict) and isinstance(asked.get("model"), str)


def _messages(body: bytes, *, is_stream: bool) -> list[object]:
    texts = [body]
    if is_stream:
        texts = [line[5:] for line in body.splitlines() if line.startswith(b"data:")]
    messages = []
    for text in texts:
        with contextlib.suppress(ValueError):  # `[DONE]`, and bodies that are no JSON
            messages.append(json.loads(text))
    return messages


def _usages(value: object) -> Iterator[dict[str, Any]]:
    """Finds every `usage`, however deep: some lie in an event's `message`, some in a `x_groq`."""
    if isinstance(value, dict):
        if isinstance(value.get("usage"), dict):
            yield value["usage"]
        value = value.values()
    elif not isinstance(value, list):
        return
    for inner in value:
        yield from _usages(inner)


def _first(usage: dict[str, Any], *names: str, otherwise: int | None) -> int | None:
    found = (usage[name] for name in names if isinstance(usage.get(name), int))
    return next(found, otherwise)
