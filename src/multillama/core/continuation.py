"""The request that continues a broken-off answer: the client's own, and what it already has.

Every member that need not change keeps its bytes.
"""

from typing import Final

import msgspec

from multillama.core.partial import MESSAGES, Partial
from multillama.core.resume import Form, How

_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_ENCODE: Final = msgspec.json.encode
_NONE: Final = msgspec.Raw(b"[]")

CEILINGS: Final = ("max_tokens", "max_completion_tokens", "n_predict")
"""Members that say how many tokens may come."""


def continuation_body(body: bytes, partial: Partial, how: How | None) -> bytes:
    """Returns the request for the endpoint that continues.

    Args:
        body: The client's request, also where the answer was continued before.
        partial: What the client has; `why_not` has let it pass.
        how: The endpoint's way; None only where the client has no text yet.
    """
    if how is None or not partial.prefill:
        return body
    members = _MEMBERS.decode(body)
    if how.form is Form.PROMPT:
        prompt: str = msgspec.json.decode(members["prompt"])
        members["prompt"] = _raw(prompt + partial.prefill)
    else:
        members["messages"] = _with_answer(members.get("messages", _NONE), partial)
    if how.form is Form.FINAL_MESSAGE:
        members["continue_final_message"] = msgspec.Raw(b"true")
        members["add_generation_prompt"] = msgspec.Raw(b"false")
    for name in CEILINGS:
        limit = msgspec.json.decode(members[name]) if name in members else None
        if isinstance(limit, int) and limit > 0:
            members[name] = _raw(max(limit - partial.spent_tokens, 1))
    return _ENCODE(members)


def changed_members(body: bytes, continued: bytes) -> list[str]:
    """Returns the names of what differs in a continuation's request, for `explain`."""
    if continued is body:
        return []
    members, others = _MEMBERS.decode(body), _MEMBERS.decode(continued)
    return [name for name, value in others.items() if bytes(members.get(name, b"")) != bytes(value)]


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(_ENCODE(value))


def _with_answer(messages: msgspec.Raw, partial: Partial) -> msgspec.Raw:
    """Puts the answer behind the messages, or behind the prefill that the client sent itself."""
    items = _ITEMS.decode(messages)
    own = _MEMBERS.decode(items[-1]) if items else {}
    before = ""
    if own.get("role") is not None and msgspec.json.decode(own["role"]) == "assistant":
        before = msgspec.json.decode(own["content"])
        items.pop()
    items.append(_raw(_message(partial, before)))
    return msgspec.Raw(b"[" + b",".join(map(bytes, items)) + b"]")


def _message(partial: Partial, before: str) -> dict[str, object]:
    text = "" if partial.is_reasoning else before + partial.prefill
    if not partial.reasoning:
        return {"role": "assistant", "content": text}
    thought = partial.prefill if partial.is_reasoning else partial.reasoning
    if partial.dialect != MESSAGES:
        return {"role": "assistant", "content": text, "reasoning_content": thought}
    blocks = [{"type": "thinking", "thinking": thought, "signature": ""}]
    if text:
        blocks.append({"type": "text", "text": text})
    return {"role": "assistant", "content": blocks}
