"""The doctor's questions: one row for each thing an endpoint may be able to do.

A row says what is asked, of which kind of model, and what a good answer looks like. All of them
together cost some hundred tokens of one model at the most.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec

from multillama.control.lister import Answer
from multillama.providers.facts import model_facts
from multillama.providers.listing import Row, text_of

Judge = Callable[[Answer], str]
"""Returns what is wrong with an answer of status 200 and how to put it right, `""` if nothing is."""


class Question(NamedTuple):
    """One thing to try."""

    name: str
    """Of the check."""
    operation: str
    members: dict[str, object]
    """Of the request, without the model."""
    judge: Judge
    is_optional: bool = True
    """A server that does not serve it is well all the same."""
    of_embeddings: bool = False
    """It is asked of an embedding model."""


_MESSAGES: Final = [{"role": "user", "content": "Say OK."}]
_TOOL: Final = {
    "type": "function",
    "function": {
        "name": "say_ok",
        "description": "Says OK.",
        "parameters": {"type": "object", "properties": {"ok": {"type": "boolean"}}},
    },
}
_EMPTY: Final = "It answered 200 without an answer in it: see its own log."


def _has(member: str) -> Judge:
    """Return a judge that wants something in a top-level member."""

    def judge(answer: Answer) -> str:
        return "" if _members(answer.body).get(member) else _EMPTY

    return judge


def _streams(answer: Answer) -> str:
    kind = dict(answer.headers).get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind != b"text/event-stream":
        return "It answered a stream whole, so clients see nothing before the end: see whether a proxy gathers it."
    if b"data:" not in answer.body:
        return "Its stream has no events: see its own log."
    if b"data: [DONE]" not in answer.body[-64:].replace(b"data:[", b"data: ["):
        return (
            "Its stream ends without [DONE], so clients cannot tell it from a broken one: see its log,"
            " and the time limits of any proxy between."
        )
    return ""


def _calls(answer: Answer) -> str:
    choices = _members(answer.body).get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    if isinstance(message, dict) and message.get("tool_calls"):
        return ""
    return (
        "It does not call the tool it must with this model: choose one made for tools, or give it a chat template"
        " that knows them."
    )


CHAT: Final = Question(
    "chat", "chat", {"messages": _MESSAGES, "max_tokens": 1}, _has("choices"), is_optional=False
)
STREAM: Final = Question(
    "stream",
    "chat",
    {"messages": _MESSAGES, "max_tokens": 1, "stream": True},
    _streams,
    is_optional=False,
)
TOOLS: Final = Question(
    "tools",
    "chat",
    {"messages": _MESSAGES, "max_tokens": 64, "tools": [_TOOL], "tool_choice": "required"},
    _calls,
)
OTHERS: Final = (
    Question("embeddings", "embeddings", {"input": "OK"}, _has("data"), of_embeddings=True),
    Question("messages", "messages", {"messages": _MESSAGES, "max_tokens": 1}, _has("content")),
    # OpenAI takes no fewer
    Question(
        "responses", "responses", {"input": "Say OK.", "max_output_tokens": 16}, _has("output")
    ),
)
"""What is asked whether or not it chats."""
QUESTIONS: Final = tuple(question.name for question in (CHAT, STREAM, TOOLS, *OTHERS))
"""Names of all of them, in the order they are asked."""

_NO_CHAT: Final = re.compile(
    r"embed|rerank|whisper|tts|dall-e|image|moderation|guard|transcri|speech|audio|realtime|sora|veo"
    r"|imagen|\bbge\b|\bgte\b|\be5\b|nomic|minilm|clip|babbage|davinci|search|computer-use",
    re.I,
)
_EMBEDS: Final = re.compile(r"embed|\bbge\b|\bgte\b|\be5\b|nomic|minilm", re.I)
_SMALL: Final = re.compile(r"nano|(?<!ge)mini|lite|small|flash|haiku|tiny|instant", re.I)
_BILLIONS: Final = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)\s*([bm])(?![a-z])", re.I)


def chat_models(rows: Sequence[Row]) -> list[Row]:
    """Return the models that may chat, the cheapest and smallest first, as far as rows and names tell."""
    found = [row for row in rows if not _NO_CHAT.search(row.id) and not _is_of(row, "embedding")]
    return sorted(found, key=_cost)


def embedding_model(rows: Sequence[Row]) -> Row | None:
    """Return the first model that is made for embeddings, as far as rows and names tell."""
    return next((row for row in rows if _EMBEDS.search(row.id) or _is_of(row, "embedding")), None)


def _is_of(row: Row, kind: str) -> bool:
    return text_of(row.fields.get("type")).startswith(kind)


def _cost(row: Row) -> tuple[float, float, bool]:
    price = model_facts(row.fields).input_price
    sizes = [float(n) / (1000 if unit in "mM" else 1) for n, unit in _BILLIONS.findall(row.id)]
    infinite = float("inf")
    return (
        infinite if price is None else price,
        min(sizes, default=infinite),
        _SMALL.search(row.id) is None,
    )


def _members(body: bytes) -> dict[str, object]:
    try:
        return msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return {}
