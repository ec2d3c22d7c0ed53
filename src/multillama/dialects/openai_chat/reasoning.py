"""Reasoning beside a message's content, in the four forms that servers and clients give it.

OpenAI's own chat API has none of it. `reasoning_content` is DeepSeek's and most others', `reasoning` vLLM's, Groq's and
Ollama's; `reasoning_details` is OpenRouter's and `thinking_blocks` LiteLLM's, both with signatures. Google signs calls,
in their `extra_content`. Reading never raises: what is not understood is no reasoning.
"""

from itertools import pairwise
from typing import Any, Final

from multillama.core.canonical import Part, Reasoning, ToolCall
from multillama.core.codec import Losses
from multillama.core.shape import Object

MEMBERS: Final = frozenset(
    ("reasoning_content", "reasoning", "reasoning_details", "thinking_blocks")
)
"""Of a message or of a delta."""
_OWN: Final = frozenset(("type", "text", "summary", "signature", "data", "id", "thinking"))


def read_reasoning(message: Object) -> list[Reasoning]:
    """Returns the reasoning of a message; the form that has signatures counts where there are two."""
    for name in ("reasoning_details", "thinking_blocks"):
        blocks = message.get(name)
        if isinstance(blocks, list) and blocks:
            parts = [part for block in blocks if (part := read_block(block)) is not None]
            if parts:
                return parts
    for name in ("reasoning_content", "reasoning"):
        text = message.get(name)
        if isinstance(text, str) and text:
            return [Reasoning(text)]
    return []


def read_block(block: Any) -> Reasoning | None:
    """Returns one of the details or blocks, None for what is none."""
    if not isinstance(block, dict):
        return None
    text = next(
        (t for n in ("text", "summary", "thinking") if isinstance(t := block.get(n), str)), ""
    )
    data, signature, id_ = block.get("data"), block.get("signature"), block.get("id")
    id_ = id_ if isinstance(id_, str) else None
    extras = {name: value for name, value in block.items() if name not in _OWN}
    if isinstance(data, str) and not text:
        return Reasoning("", data, is_redacted=True, id=id_, extras=extras)
    signature = signature if isinstance(signature, str) and signature else None
    if not text and signature is None:
        return None
    return Reasoning(text, signature, id=id_, extras=extras)


def text_of(chunk: Any) -> str:
    """Returns the text of Mistral's `{"type": "thinking", "thinking": [{"type": "text", "text": …}]}`."""
    inner = chunk.get("thinking")
    if isinstance(inner, str):
        return inner
    rows = inner if isinstance(inner, list) else ()
    texts = (row.get("text") for row in rows if isinstance(row, dict))
    return "".join(text for text in texts if isinstance(text, str))


def take_signature(call: Object) -> tuple[str | None, Object]:
    """Returns Google's signature of a call, and the call's other members of its own."""
    content = call.get("extra_content")
    google = content.get("google") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(google, dict):
        return None, call
    signature = google.get("thought_signature")
    if not isinstance(signature, str):
        return None, call
    rest = {name: value for name, value in call.items() if name != "extra_content"}
    inner = {name: value for name, value in google.items() if name != "thought_signature"}
    outer = {name: value for name, value in content.items() if name != "google"}
    if inner:
        outer["google"] = inner
    if outer:
        rest["extra_content"] = outer
    return signature, rest


def signature_content(signature: str, extras: Object) -> Object:
    """Returns the `extra_content` of a signed call, with what it had beside."""
    content = extras.get("extra_content")
    content = dict(content) if isinstance(content, dict) else {}
    google = content.get("google")
    google = dict(google) if isinstance(google, dict) else {}
    return {**content, "google": {**google, "thought_signature": signature}}


def signatures_of_calls(parts: list[Part]) -> dict[int, str]:
    """Returns the signatures that belong to calls, by the place of the call: of a reasoning without text before it."""
    return {
        at + 1: part.signature
        for at, (part, then) in enumerate(pairwise(parts))
        if is_of_call(part) and isinstance(part, Reasoning) and isinstance(then, ToolCall)
        if part.signature is not None
    }


def is_of_call(part: Part) -> bool:
    """Says whether it is a bare signature."""
    return (
        isinstance(part, Reasoning)
        and not part.text
        and not part.is_redacted
        and part.signature is not None
    )


def detail(part: Reasoning, index: int) -> Object:
    """Returns a row of `reasoning_details`."""
    row: Object = {"type": "reasoning.text", "text": part.text}
    if part.is_redacted:
        row = {"type": "reasoning.encrypted", "data": part.signature}
    elif part.signature is not None:
        row["signature"] = part.signature
    if part.id is not None:
        row["id"] = part.id
    row["index"] = index
    return row


def write_reasoning(parts: list[Reasoning], message: Object) -> None:
    """Adds the reasoning of an answer to its message: its text, and the signatures for who sends them back."""
    text = "".join(part.text for part in parts)
    if text:
        message["reasoning_content"] = text
    if any(part.signature is not None for part in parts):
        message["reasoning_details"] = [detail(part, index) for index, part in enumerate(parts)]


def write_earlier(parts: list[Reasoning], message: Object, form: str, losses: Losses) -> None:
    """Adds the reasoning of an earlier turn, in the form that the provider takes.

    Args:
        parts: The reasoning.
        message: Gets it.
        form: `Habits.reasoning`.
        losses: Gets `messages.reasoning` where it is left out.
    """
    text = "".join(part.text for part in parts)
    if form == "content" and text:
        message["reasoning_content"] = text
    elif form == "plain" and text:
        message["reasoning"] = text
    elif form == "details":
        message["reasoning_details"] = [detail(part, index) for index, part in enumerate(parts)]
    else:
        losses.drop("messages.reasoning")
