"""Whole answers: the response object, in and out of the canonical form.

Source: openai SDK 3.54.0, `types/responses/response.py`; recorded responses of OpenAI.
"""

from typing import Any, Final

import msgspec

from multillama.core.canonical import (
    Answer,
    Choice,
    Image,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from multillama.core.codec import Misfit, Reply
from multillama.core.shape import Object, a_list, decode_object
from multillama.dialects.openai_responses.content import left
from multillama.dialects.openai_responses.envelope import (
    ECHOED,
    REASON,
    STATUS,
    Envelope,
    ending,
    item_status,
    stop_of,
)
from multillama.dialects.openai_responses.fault import fault_of
from multillama.dialects.openai_responses.output import (
    COMPLETED,
    call_item,
    content_part,
    image_item,
    item_members,
    message_item,
    other_item,
    parts_of,
    reasoning_item,
    together,
)
from multillama.dialects.openai_responses.terms import DIALECT, FAMILY, Terms
from multillama.dialects.openai_responses.usage import read_usage

_KNOWN: Final = ECHOED | {
    "id", "object", "created_at", "model", "output", "usage", "error", "service_tier", STATUS, REASON,
}  # fmt: skip
_ENCODE: Final = msgspec.json.Encoder().encode


# --- reading ---------------------------------------------------------------------------------


def read_answer(data: bytes) -> Answer:
    """Reads a whole answer.

    Raises:
        Misfit: It is none, or it tells that the endpoint failed.
    """
    response = decode_object(data)
    if response.get(STATUS) == "failed" or (response.get("error") and "output" not in response):
        fault = fault_of(0, response)
        raise Misfit(STATUS, f"is failed: {fault.message}")
    parts: list[Part] = []
    for item in a_list(response.get("output"), "output"):
        if isinstance(item, dict):
            parts += parts_of(item)
    stop, extras = stop_of(response, {type(part) for part in parts})
    return Answer(
        text_of(response, "id"),
        text_of(response, "model"),
        created_at(response),
        [Choice(parts, stop, extras=extras)],
        read_usage(response.get("usage")),
        text_of(response, "service_tier") or None,
        FAMILY,
        rest_of(response),
        DIALECT,
    )


def text_of(response: Object, name: str) -> str:
    """Returns a member's text, empty where it has none."""
    value = response.get(name)
    return value if isinstance(value, str) else ""


def created_at(response: Object) -> int:
    """Returns when a response was made, 0 where it does not say."""
    value: Any = response.get("created_at")
    is_time = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if is_time else 0


def rest_of(response: Object) -> Object:
    """Returns what a response says beside what is read of it and what the request has said."""
    return left({name: value for name, value in response.items() if name not in _KNOWN})


# --- writing ---------------------------------------------------------------------------------


def write_answer(answer: Answer, reply: Reply) -> bytes:
    """Writes a whole answer for a client."""
    if len(answer.choices) > 1:
        reply.losses.drop("n")
    choice = answer.choices[0] if answer.choices else Choice()
    envelope = Envelope(reply)
    envelope.address(answer.id, answer.created, answer.dialect)
    terms = Terms(envelope.is_own, reply.losses)
    envelope.extras = terms.own(answer.extras)
    end = ending(choice, is_own=envelope.is_own)
    output = _items(choice.parts, reply, terms)
    last = output[-1] if output else {}
    if last.get("type") == "message" and last.get(STATUS) == COMPLETED:
        last[STATUS] = item_status(end)
    return _ENCODE(envelope.response(end, output, answer.usage, answer.service_tier))


def _items(parts: list[Part], reply: Reply, terms: Terms) -> list[Object]:
    output: list[Object] = []
    groups = calls_named(reply)
    for group in together(parts):
        part = group[0]
        if isinstance(part, ToolCall) and part.namespace is None and part.name in groups:
            group[0] = msgspec.structs.replace(part, namespace=groups[part.name])
        item = _item(group, f"{reply.id}_{len(output)}", terms)
        if item is not None:
            output.append(item)
    return output


def calls_named(reply: Reply) -> dict[str, Any]:
    """Returns the groups of the client's tools, by the names that the model knows these by."""
    return {tool.name: tool.namespace for tool in reply.request.tools if tool.namespace is not None}


def _item(group: list[Part], suffix: str, terms: Terms) -> Object | None:
    part = group[0]
    if isinstance(part, Reasoning):
        return reasoning_item(part, terms, part.id or f"rs_{suffix}")
    if isinstance(part, ToolCall):
        return call_item(part, terms, part.item_id or call_id_of(part, suffix), COMPLETED)
    if isinstance(part, Image):
        return image_item(part, terms, f"ig_{suffix}")
    texts = [text for text in group if isinstance(text, Text | Refusal)]
    if not texts:
        return other_item(part, terms)
    content = [content_part(text, terms) for text in texts]
    item_id = texts[0].item_id or f"msg_{suffix}"
    return message_item(item_id, content, COMPLETED, item_members(texts[0], terms))


def call_id_of(call: ToolCall, suffix: str) -> str:
    """Returns the id of a call's item, where it was given none."""
    return f"{'ctc' if call.is_custom else 'fc'}_{suffix}"
