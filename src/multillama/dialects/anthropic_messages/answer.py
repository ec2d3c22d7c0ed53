"""Reads and writes whole answers, and what both whole and streamed ones are made of: blocks, usage, stop reasons.

What an endpoint says is read leniently: a member that is missing or odd is as if it were not said.

Source: anthropic SDK 2.12.0, `types/message.py`, `types/usage.py`; platform.claude.com, "Messages" (November 2026).
"""

from collections.abc import Iterable
from types import MappingProxyType
from typing import Any, Final, cast

import msgspec

from multillama.core.canonical import (
    Answer,
    Choice,
    Count,
    Extras,
    Foreign,
    Part,
    Reasoning,
    Refusal,
    Stop,
    Text,
    ToolCall,
    Usage,
)
from multillama.core.codec import Losses, Misfit, Reply
from multillama.core.join import MORE
from multillama.core.shape import Object, decode_object
from multillama.dialects.anthropic_messages.blocks import json_text, said
from multillama.dialects.anthropic_messages.parts import arguments_of, tool_id

FAMILY: Final = "anthropic"
_ENCODE: Final = msgspec.json.Encoder().encode

STOPS: Final = MappingProxyType(
    {
        "end_turn": Stop.END,
        "max_tokens": Stop.LENGTH,
        "stop_sequence": Stop.SEQUENCE,
        "tool_use": Stop.CALLS,
        "pause_turn": Stop.PAUSE,
        "compaction": Stop.PAUSE,
        "refusal": Stop.REFUSED,
        "model_context_window_exceeded": Stop.CONTEXT,
    }
)
_STOP_WORDS: Final = MappingProxyType(
    {
        Stop.END: "end_turn",
        Stop.SEQUENCE: "stop_sequence",
        Stop.LENGTH: "max_tokens",
        Stop.CONTEXT: "model_context_window_exceeded",
        Stop.CALLS: "tool_use",
        Stop.REFUSED: "refusal",
        Stop.PAUSE: "pause_turn",
        Stop.FAULT: "end_turn",
    }
)
OF_CHOICE: Final = frozenset({"stop_details", "context_management"})
"""Members of a message that come with the stop reason."""
_HEAD: Final = frozenset(
    {"id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"}
)
CITED: Final = "citations_delta"


# --- usage -----------------------------------------------------------------------------------


def _tokens(members: Object, name: str) -> int | None:
    value = members.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _object(value: Any) -> Object:
    return value if isinstance(value, dict) else {}


_FIGURES: Final = frozenset(
    {"input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
     "cache_creation", "output_tokens_details"}
)  # fmt: skip


def read_usage(members: Object) -> Usage:
    """Returns the usage; here the input is told without what was read from the cache or written to it."""
    fresh, read = _tokens(members, "input_tokens"), _tokens(members, "cache_read_input_tokens")
    written = _tokens(members, "cache_creation_input_tokens")
    return Usage(
        input_tokens=None if fresh is None else fresh + (read or 0) + (written or 0),
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=_tokens(
            _object(members.get("cache_creation")), "ephemeral_1h_input_tokens"
        ),
        output_tokens=_tokens(members, "output_tokens"),
        reasoning_tokens=_tokens(_object(members.get("output_tokens_details")), "thinking_tokens"),
        extras=said({n: value for n, value in members.items() if n not in _FIGURES}),
    )


def write_usage(usage: Usage | None, *, is_own: bool) -> Object:
    """Returns the figures that are known; `output_tokens` always."""
    if usage is None:
        return {"output_tokens": 0}
    read, written = usage.cache_read_tokens, usage.cache_write_tokens
    members: Object = {}
    if usage.input_tokens is not None:
        members["input_tokens"] = max(usage.input_tokens - (read or 0) - (written or 0), 0)
    if written is not None:
        members["cache_creation_input_tokens"] = written
    if read is not None:
        members["cache_read_input_tokens"] = read
    if usage.cache_write_1h_tokens is not None:
        hour = usage.cache_write_1h_tokens
        short = max((written or 0) - hour, 0)
        members["cache_creation"] = {
            "ephemeral_5m_input_tokens": short,
            "ephemeral_1h_input_tokens": hour,
        }
    members["output_tokens"] = usage.output_tokens or 0
    if usage.reasoning_tokens is not None:
        members["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    if is_own:
        members.update(usage.extras)
    return members


# --- stop reasons ----------------------------------------------------------------------------


def read_stop(word: Any, *, has_calls: bool) -> tuple[Stop | None, Extras]:
    """Returns why an answer ended, and the word itself where the canonical form has none for it."""
    if not isinstance(word, str):
        return None, {}
    stop = STOPS.get(word, Stop.END)
    if stop is Stop.END and has_calls:
        stop = Stop.CALLS  # some servers say `end_turn` all the same
    return stop, {} if word == _STOP_WORDS[stop] else {"stop_reason": word}


def write_stop(stop: Stop | None, extras: Extras, *, has_calls: bool, is_own: bool) -> str:
    """Returns the stop reason."""
    if is_own and isinstance(word := extras.get("stop_reason"), str):
        return word
    if stop in (None, Stop.END, Stop.FAULT) and has_calls:
        stop = Stop.CALLS
    return _STOP_WORDS[stop or Stop.END]


# --- reading ---------------------------------------------------------------------------------


def read_answer(data: bytes) -> Answer:
    """Returns the answer.

    Raises:
        Misfit: It is no message, or an error.
    """
    body = decode_object(data)
    content = body.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]  # of a server that takes its own short form
    if not isinstance(content, list):
        if content is not None or body.get("type") != "message":
            raise Misfit("content", "must be a list of blocks")
        content = []
    parts = [read_part(block) for block in content if isinstance(block, dict)]
    has_calls = any(isinstance(part, ToolCall) for part in parts)
    stop, extras = read_stop(body.get("stop_reason"), has_calls=has_calls)
    rest = said({name: value for name, value in body.items() if name not in _HEAD})
    extras |= {name: rest.pop(name) for name in OF_CHOICE & rest.keys()}
    usage = body.get("usage")
    return Answer(
        id=text_of(body, "id"),
        model=text_of(body, "model"),
        choices=[Choice(parts, stop, text_of(body, "stop_sequence") or None, extras)],
        usage=read_usage(usage) if isinstance(usage, dict) else None,
        family=FAMILY,
        extras=rest,
    )


def text_of(members: Object, name: str) -> str:
    """Returns a text; empty where it is missing or something else."""
    value = members.get(name)
    return value if isinstance(value, str) else ""


def read_part(block: Object) -> Part:
    """Returns the part of a block of an answer, also of one that begins in a stream."""
    kind = block.get("type")
    if kind == "text":
        return Text(text_of(block, "text"), extras=_rest(block, "text"))
    if kind == "thinking":
        signature = text_of(block, "signature") or None
        extras = _rest(block, "thinking", "signature")
        return Reasoning(text_of(block, "thinking"), signature, extras=extras)
    if kind == "redacted_thinking":
        data = text_of(block, "data")
        return Reasoning("", data, is_redacted=True, extras=_rest(block, "data"))
    if kind == "tool_use":
        arguments = input_text(block.get("input"))
        extras = _rest(block, "id", "name", "input")
        return ToolCall(text_of(block, "id"), text_of(block, "name"), arguments, extras=extras)
    return Foreign(text_of(block, "type"), block)


def input_text(value: Any) -> str:
    """Returns a call's input as JSON; an input that is a text is that already."""
    return value if isinstance(value, str) else json_text(value or {}, "content.input")


def _rest(block: Object, *names: str) -> Extras:
    known = {"type", *names}
    if block.keys() <= known:
        return {}
    return {n: value for n, value in block.items() if n not in known and value is not None}


# --- writing ---------------------------------------------------------------------------------


def write_answer(answer: Answer, reply: Reply) -> bytes:
    """Returns the body of an answer; of several choices only the first one."""
    is_own = answer.family == FAMILY
    choice = answer.choices[0] if answer.choices else Choice()
    if len(answer.choices) > 1:
        reply.losses.drop("choices")
    blocks = [write_block(part, is_own=is_own, losses=reply.losses) for part in choice.parts]
    content = [block for block in blocks if block is not None]
    has_calls = any(block.get("type") == "tool_use" for block in content)
    members: Object = {
        "id": message_id(answer.id, reply, is_own=is_own),
        "type": "message",
        "role": "assistant",
        "model": reply.model or answer.model,
        "content": content,
        "stop_reason": write_stop(choice.stop, choice.extras, has_calls=has_calls, is_own=is_own),
        "stop_sequence": choice.stop_sequence,
        "usage": {"input_tokens": 0} | write_usage(answer.usage, is_own=is_own),
    }
    if is_own:
        members = answer.extras | choice.extras | members
    return _ENCODE(members)


def message_id(given: str, reply: Reply, *, is_own: bool) -> str:
    """Returns the id of a message, which begins with `msg_` unless its endpoint has it otherwise."""
    if is_own and given:
        return given
    return given if given.startswith("msg_") else f"msg_{given or reply.id}"


def write_block(part: Part, *, is_own: bool, losses: Losses) -> Object | None:
    """Returns the block of a part; None for one that is empty, or that cannot be said here, which is a loss."""
    if isinstance(part, Text | Refusal):
        return _write_text(part, is_own=is_own, losses=losses)
    if isinstance(part, Reasoning):
        return _write_reasoning(part, is_own=is_own)
    if isinstance(part, ToolCall):
        block: Object = {"type": "tool_use", "id": tool_id(part.id), "name": part.name}
        block["input"] = arguments_of(part.arguments)
        return block | part.extras if is_own else block
    if is_own and isinstance(part, Foreign) and isinstance(part.value, dict):
        return part.value
    losses.drop(kind_of(part))
    return None


def kind_of(part: Part) -> str:
    """Returns the name of a part that is dropped."""
    return f"foreign:{part.kind}" if isinstance(part, Foreign) else type(part).__name__.lower()


def _write_text(part: Text | Refusal, *, is_own: bool, losses: Losses) -> Object | None:
    if not part.text and not is_own:
        return None  # a client would send it back, and an empty text is refused
    block: Object = {"type": "text", "text": part.text}
    extras = {} if isinstance(part, Refusal) else part.extras
    if not is_own:
        drop_extras(extras, losses)
        return block
    cited = [*cast("list[object]", extras.get("citations", [])), *_cited(extras)]
    rest = {name: value for name, value in extras.items() if name != MORE}
    return block | rest | ({"citations": cited} if cited else {})


def drop_extras(names: Iterable[str], losses: Losses) -> None:
    """Takes note of members of a part that only its own family understands."""
    for name in names:
        losses.drop(f"extras.{name}")


def _cited(extras: Extras) -> list[object]:
    """Returns the citations that came one by one in a stream."""
    more = cast("list[tuple[str, object]]", extras.get(MORE, []))
    return [_object(value).get("citation") for kind, value in more if kind == CITED]


def _write_reasoning(part: Reasoning, *, is_own: bool) -> Object | None:
    extras = {n: value for n, value in part.extras.items() if n != MORE} if is_own else {}
    if part.is_redacted:
        return {"type": "redacted_thinking", "data": part.signature or "", **extras}
    if not part.text and not part.signature and not is_own:
        return None
    signature = part.signature or ""
    return {"type": "thinking", "thinking": part.text, "signature": signature, **extras}


# --- counts ----------------------------------------------------------------------------------


def read_count(data: bytes) -> Count:
    """Returns how many tokens were counted.

    Raises:
        Misfit: It is no such answer.
    """
    tokens = _tokens(decode_object(data), "input_tokens")
    if tokens is None:
        raise Misfit("input_tokens", "must be a whole number")
    return Count(tokens)


def write_count(count: Count) -> bytes:
    """Returns the body that tells a count."""
    return _ENCODE({"input_tokens": count.input_tokens})
