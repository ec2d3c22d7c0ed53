"""Model lists: where a provider keeps its own, and how each shape is read.

The readers are liberal: a list is found wherever any known server puts it, and what a row says is
kept byte for byte. Any bytes give rows or `GatewayError("endpoint_malformed")`; nothing else is
ever raised.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import quote

import msgspec

from multillama.errors import GatewayError


class Shape(NamedTuple):
    """One way to write a list of models."""

    member: str
    """Top-level member that holds the rows."""
    id: str
    """Member of a row that holds the name a request must use."""
    cursor: str = ""
    """Top-level member that holds the next page's cursor."""
    parameter: str = ""
    """Query parameter that takes it."""


OPENAI: Final = Shape("data", "id", "last_id", "after_id")
"""OpenAI and Anthropic; only Anthropic has pages, and says `has_more`."""
OLLAMA: Final = Shape("models", "name", "nextPageToken", "pageToken")
"""Ollama's `/api/tags`; Gemini's own list has the same members, and pages."""
COHERE: Final = Shape("models", "name", "next_page_token", "page_token")
CLOUDFLARE: Final = Shape("result", "name")
"""Its `id` is a number no request understands."""
DATABRICKS: Final = Shape("endpoints", "name")
SHAPES: Final = (OPENAI, OLLAMA, COHERE, CLOUDFLARE, DATABRICKS)

CONTEXT_MEMBERS: Final = (
    "inputTokenLimit",  # Gemini
    "max_input_tokens",  # Anthropic
    "context_length",  # OpenRouter, Together
    "context_window",  # Groq
    "max_model_len",  # vLLM, SGLang
    "max_context_length",  # Mistral, LM Studio
    "meta.n_ctx",  # llama.cpp: what it was started with
    "meta.n_ctx_train",  # llama.cpp: what the model was made for
    "top_provider.context_length",  # OpenRouter
)
"""Where rows tell how many tokens fit in, the best first; what is behind a dot is a member of a member."""
_LAST_WHOLE: Final = 2**53
"""Beyond it, clients that read numbers as doubles would see another one."""

_NAMES: Final = ("id", "name", "model", "key")
"""Where else a row may hold its name; `key` is LM Studio's own list."""


class Listing(NamedTuple):
    """Where a provider's list is and how it is written."""

    path: str = "models"
    """Path and query, relative to the base of the OpenAI operations as a link would be."""
    shape: Shape = OPENAI


class Row(NamedTuple):
    """One model of an endpoint's list."""

    id: str
    """The name clients use."""
    fields: dict[str, msgspec.Raw]
    """All that the endpoint sent about it, byte for byte."""
    own: str | None = None
    """The name the endpoint uses, where it is another one."""


class Page(NamedTuple):
    """One page of a list."""

    rows: tuple[Row, ...]
    next: str | None
    """What to add to the query for the next page, e.g. `after_id=x`; None at the end."""


def read_listing(body: bytes, shape: Shape = OPENAI, *, id_prefix: str = "") -> Page:
    """Read one page of a list of models.

    Args:
        body: The whole body of the answer.
        shape: The expected shape, looked for first.
        id_prefix: Is taken off the ids that start with it.

    Returns:
        The rows in order, each id once. Rows without a usable name are left out.

    Raises:
        GatewayError: `endpoint_malformed`; the body is not a list of models in any known shape.
    """
    try:
        # through str: what is copied to clients unread must be valid UTF-8
        top = _decode(body.decode("utf-8-sig"))
        if not isinstance(top, dict):
            return Page(_rows(top, shape.id, id_prefix), None)
        for known in (shape, *SHAPES):
            if known.member in top:
                items = msgspec.json.decode(top[known.member], type=list[msgspec.Raw] | None)
                return Page(_rows(items or [], known.id, id_prefix), _next(top, known))
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise GatewayError("endpoint_malformed", "it did not answer with a list") from error
    raise GatewayError("endpoint_malformed", "it answered with JSON that is no list of models")


def _decode(text: str) -> dict[str, msgspec.Raw] | list[msgspec.Raw]:
    return msgspec.json.decode(text, type=dict[str, msgspec.Raw] | list[msgspec.Raw])


def _rows(items: list[msgspec.Raw], name: str, id_prefix: str) -> tuple[Row, ...]:
    rows: dict[str, Row] = {}
    for item in items:
        fields = msgspec.json.decode(item, type=dict[str, msgspec.Raw] | str | None)
        own = fields if isinstance(fields, str) else _name(fields or {}, name)
        public = own.removeprefix(id_prefix)
        if public and public.isprintable() and public not in rows:
            kept = fields if isinstance(fields, dict) else {}
            rows[public] = Row(public, kept, own if own != public else None)
    return tuple(rows.values())


def _name(fields: dict[str, msgspec.Raw], name: str) -> str:
    for member in (name, *_NAMES):
        if text := text_of(fields.get(member)):
            return text
    return ""


def _next(top: dict[str, msgspec.Raw], shape: Shape) -> str | None:
    cursor = text_of(top.get(shape.cursor))
    if not cursor or (shape is OPENAI and bytes(top.get("has_more", b"")) != b"true"):
        return None
    return f"{shape.parameter}={quote(cursor, safe='')}"


def text_of(value: msgspec.Raw | None) -> str:
    """Return the text of a JSON string, `""` for anything else."""
    try:
        return "" if value is None else msgspec.json.decode(value, type=str)
    except msgspec.MsgspecError:
        return ""


def whole_of(value: msgspec.Raw | None) -> int:
    """Return a JSON number as a whole one, 0 for anything else and beyond all bounds."""
    try:
        number = 0.0 if value is None else msgspec.json.decode(value, type=int | float)
    except msgspec.MsgspecError:
        return 0
    return int(number) if 0 <= number <= _LAST_WHOLE else 0


def context_length(fields: Mapping[str, msgspec.Raw]) -> int | None:
    """Return how many tokens a model takes, where its row tells.

    Args:
        fields: Of a `Row`, or of a row of our own list, which keeps them all.
    """
    for member in CONTEXT_MEMBERS:
        outer, _, inner = member.rpartition(".")
        holder = _members_of(fields.get(outer)) if outer else fields
        if tokens := whole_of(holder.get(inner)):
            return tokens
    return None


def _members_of(value: msgspec.Raw | None) -> Mapping[str, msgspec.Raw]:
    try:
        return {} if value is None else msgspec.json.decode(value, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError:
        return {}
