"""Writes a whole answer, with all that the SDK demands.

Source: openai 3.54.0, `ChatCompletion`.
"""

from typing import Any, Final

import msgspec

from multillama.core.canonical import (
    Answer,
    Audio,
    Choice,
    Extras,
    Foreign,
    Image,
    Part,
    Reasoning,
    Refusal,
    Stop,
    Text,
    ToolCall,
)
from multillama.core.codec import Reply
from multillama.core.join import MORE
from multillama.core.shape import Object
from multillama.dialects.openai_chat.logprobs import write_logprobs
from multillama.dialects.openai_chat.parts import (
    ANNOTATION,
    CHUNK,
    DIALECT,
    MESSAGE,
    is_citation,
    rows_of,
    write_annotation,
    write_audio,
    write_call,
    write_image,
)
from multillama.dialects.openai_chat.reasoning import (
    signature_content,
    signatures_of_calls,
    write_reasoning,
)
from multillama.dialects.openai_family.stops import write_stop
from multillama.dialects.openai_family.usage import write_usage

_ENCODE: Final = msgspec.json.Encoder().encode


def write_answer(answer: Answer, reply: Reply) -> bytes:
    """Writes an answer for a client."""
    is_ours = answer.dialect == DIALECT
    value: Object = {
        "id": answer.id or f"chatcmpl-{reply.id}",
        "object": "chat.completion",
        "created": answer.created or reply.created,
        "model": reply.model,
    }
    rows = []
    extras = dict(answer.extras) if is_ours else {}
    for at, choice in enumerate(answer.choices):
        rows.append(_write_choice(choice, at, reply, is_ours=is_ours))
        chunk = choice.extras.get(CHUNK)
        if is_ours and isinstance(chunk, dict):
            extras.update(chunk)
    value["choices"] = rows
    if answer.usage is not None:
        value["usage"] = write_usage(answer.usage, is_ours=is_ours)
    if answer.service_tier is not None:
        value["service_tier"] = answer.service_tier
    for name, member in extras.items():
        if name not in value:
            value[name] = member
    return _ENCODE(value)


def _write_choice(choice: Choice, at: int, reply: Reply, *, is_ours: bool) -> Object:
    extras = choice.extras if is_ours else {}
    word = write_choice_stop(choice.stop or Stop.END, choice.parts, extras, reply)
    row: Object = {
        "index": at,
        "message": _write_message(choice, reply, is_ours=is_ours),
        "logprobs": None,
        "finish_reason": word,
    }
    tokens = [token for part in choice.parts if isinstance(part, Text) for token in part.logprobs]
    if tokens:
        row["logprobs"] = write_logprobs(tokens)
    for name, value in extras.items():
        if name not in row and name != CHUNK:
            row[name] = value
    return row


def write_choice_stop(stop: Stop, parts: list[Part], extras: Extras, reply: Reply) -> str:
    """Returns the finish reason, as it came where it came from this family."""
    word = extras.get("finish_reason")
    if isinstance(word, str):
        return word
    if stop is Stop.REFUSED and any(isinstance(part, Refusal) for part in parts):
        return "stop"  # the refusal stands in its own member
    if stop is Stop.CALLS and is_legacy(reply):
        return "function_call"
    return write_stop(stop)


def is_legacy(reply: Reply) -> bool:
    """Says whether the client speaks of functions, as before there were tools."""
    return any(tool.is_legacy for tool in reply.request.tools)


def _write_message(choice: Choice, reply: Reply, *, is_ours: bool) -> Object:
    message: Object = {"role": "assistant", "content": None, "refusal": None}
    signatures = signatures_of_calls(choice.parts)
    texts = [part for part in choice.parts if isinstance(part, Text)]
    thought = [
        part
        for at, part in enumerate(choice.parts)
        if isinstance(part, Reasoning) and at + 1 not in signatures
    ]
    calls = [
        _write_call(part, signatures.get(at), is_ours=is_ours)
        for at, part in enumerate(choice.parts)
        if isinstance(part, ToolCall)
    ]
    for part in choice.parts:
        if not isinstance(part, Text | Reasoning | ToolCall):
            _write_other(part, message, reply, is_ours=is_ours)
    if texts:
        message["content"] = "".join([text.text for text in texts])
        _write_annotations(texts, message, reply, is_ours=is_ours)
    if thought:
        write_reasoning(thought, message)
    if calls and is_legacy(reply):
        message["function_call"] = calls[0]["function"]
        if len(calls) > 1:
            reply.losses.drop("tool_calls")  # such a client knows one call
    elif calls:
        message["tool_calls"] = calls
    rest = choice.extras.get(MESSAGE) if is_ours else None
    if isinstance(rest, dict):
        message.update({name: v for name, v in rest.items() if message.get(name) is None})
    return message


def _write_call(call: ToolCall, signature: str | None, *, is_ours: bool) -> Object:
    row = write_call(call)
    if is_ours:
        row.update({name: value for name, value in call.extras.items() if name not in row})
    if signature is not None:
        row["extra_content"] = signature_content(signature, call.extras if is_ours else {})
    return row


def _write_other(part: Part, message: Object, reply: Reply, *, is_ours: bool) -> None:
    if isinstance(part, Refusal):
        message["refusal"] = (message["refusal"] or "") + part.text
    elif isinstance(part, Audio):
        message["audio"] = write_audio(part, is_ours=is_ours)
    elif isinstance(part, Image) and (image := write_image(part)) is not None:
        message.setdefault("images", []).append(image)
    elif isinstance(part, Foreign):
        reply.losses.drop(f"foreign:{part.kind}")
    else:
        reply.losses.drop(type(part).__name__.lower())


def _write_annotations(texts: list[Text], message: Object, reply: Reply, *, is_ours: bool) -> None:
    rows: list[Any] = []
    for text in texts:
        rows += rows_of(text.extras.get("annotations"))
        more = rows_of(text.extras.get(MORE))
        rows += [pair[1] for pair in more if isinstance(pair, tuple) and pair[0] == ANNOTATION]
        if text.extras.get("citations"):
            reply.losses.drop("citations")
    told = [row for row in rows if is_ours or is_citation(row)]
    if len(told) < len(rows):
        reply.losses.drop("annotations")
    if told:
        message["annotations"] = [write_annotation(row) for row in told]
