"""What a well-behaved LLM server says: the body of each operation, whole or as a stream of events.

The words lie in `texts/`: `chat.json` is a whole body, `chat.sse` a stream, in which the event with
`$word` is repeated. The same on every run: no clock, no dice. Faults are made in `behaviours`.
"""

import base64
import json
import struct
from collections.abc import Iterable, Iterator
from importlib.resources import files
from itertools import islice
from string import Template
from typing import Any, Final, NamedTuple

from multillama.testing.prefill import rest_of

PROMPT_TOKENS: Final = 9
"""Of every prompt, without a prefill; an answer has one token for each word."""
VECTOR: Final = (0.25, -0.5, 1.0)
"""Every embedding; exact as float32, which `encoding_format: base64` carries."""
MAX_WORDS: Final = 10_000
"""Of a whole body; a stream has no limit."""
OPERATIONS: Final = {
    "/chat/completions": "chat",
    "/completions": "completions",
    "/embeddings": "embeddings",
    "/messages": "messages",
    "/messages/count_tokens": "count_tokens",
    "/responses": "responses",
}
"""Path without `/v1` to the name of its texts."""


class Answer(NamedTuple):
    """A body in the parts it is sent in: one for each `$word` of a stream, one for a whole body."""

    content_type: str
    parts: Iterable[bytes]
    is_stream: bool = False


def answer_to(target: str, body: bytes, *, models: Iterable[str], words: Iterable[str]) -> Answer:
    """Answers one request; what is no operation is told back as JSON.

    `words` are the text of the answer, an event each, and may be endless if the request streams.
    """
    path = path_of(target)
    if path == "/models":
        rows = [{"id": m, "object": "model", "created": 0, "owned_by": "scripted"} for m in models]
        return _json({"object": "list", "data": rows})
    asked = _parse(body)
    name = OPERATIONS.get(path)
    if name is None or asked is None:
        return _json({"target": target, "body": body.decode("latin-1")})
    stream = files(__package__) / "texts" / f"{name}.sse"
    had, words = rest_of(words, asked)
    if asked.get("stream") and stream.is_file():
        parts = _stream(stream.read_text(), asked, words, had=had)
        return Answer("text/event-stream; charset=utf-8", parts, is_stream=True)
    whole = (files(__package__) / "texts" / f"{name}.json").read_text()
    return Answer(
        "application/json", [_fill(whole, asked, list(islice(words, MAX_WORDS)), had=had)]
    )


def path_of(target: str) -> str:
    """Returns what follows `/v1`, wherever a provider has that: `/engines/v1/models` is `/models`."""
    path = target.partition("?")[0]
    _, version, rest = path.partition("/v1/")
    return f"/{rest}" if version else path


def _parse(body: bytes) -> dict[str, Any] | None:
    try:
        asked = json.loads(body)
    except ValueError:
        return None
    return asked if isinstance(asked, dict) else None


def _json(value: object) -> Answer:
    return Answer("application/json", [json.dumps(value).encode()])


def _fill(text: str, asked: dict[str, Any], said: list[str], *, had: int) -> bytes:
    text_value = json.dumps("".join(said))
    values = {
        "model": json.dumps(asked.get("model")),
        "text": text_value,
        "word": text_value,
        "tokens": len(said),
        "prompt_tokens": PROMPT_TOKENS + had,
        "total_tokens": PROMPT_TOKENS + had + len(said),
        "vectors": json.dumps(_vectors(asked)),
    }
    return Template(text).substitute(values).encode()


def _stream(text: str, asked: dict[str, Any], words: Iterable[str], *, had: int) -> Iterator[bytes]:
    """Gives one part for each word and one for the end; what opens the stream is in the first."""
    events = text.split("\n\n")
    middle = next(i for i, event in enumerate(events) if "$word" in event)
    opening, repeated, closing = events[:middle], events[middle], events[middle + 1 :]
    if not (asked.get("stream_options") or {}).get("include_usage"):
        closing = [event for event in closing if '"choices":[]' not in event]
    prefix, said = _fill("\n\n".join([*opening, ""]), asked, [], had=had), []
    for word in words:
        said.append(word)
        yield prefix + _fill(repeated + "\n\n", asked, [word], had=had)
        prefix = b""
    yield prefix + _fill("\n\n".join(closing), asked, said, had=had)


def _vectors(asked: dict[str, Any]) -> list[dict[str, Any]]:
    texts = asked.get("input")
    vector: object = list(VECTOR)
    if asked.get("encoding_format") == "base64":
        vector = base64.b64encode(struct.pack("<3f", *VECTOR)).decode()
    count = len(texts) if isinstance(texts, list) else 1
    return [{"object": "embedding", "index": i, "embedding": vector} for i in range(count)]
