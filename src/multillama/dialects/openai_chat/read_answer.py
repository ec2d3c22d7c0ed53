"""Reads a whole answer. It forgives what it can do without; what is no answer is told.

Source: openai 3.54.0, `ChatCompletion`; Mistral's content lists, OpenRouter's images, vLLM's `stop_reason`.
"""

from typing import Any, Final

from multillama.core.canonical import (
    Answer,
    Choice,
    Foreign,
    Part,
    Reasoning,
    Refusal,
    Stop,
    Text,
    ToolCall,
)
from multillama.core.codec import Misfit
from multillama.core.shape import Object, decode_object
from multillama.dialects.openai_chat.logprobs import read_logprobs
from multillama.dialects.openai_chat.parts import (
    DIALECT,
    MESSAGE,
    read_audio,
    read_call,
    read_image,
    rest_of,
    rows_of,
    synthetic_id,
)
from multillama.dialects.openai_chat.reasoning import (
    MEMBERS as REASONING,
    read_reasoning,
    take_signature,
    text_of,
)
from multillama.dialects.openai_family.stops import read_stop, write_stop
from multillama.dialects.openai_family.usage import NAME, count, read_usage

_TOLD: Final = frozenset(("id", "object", "created", "model", "choices", "usage", "service_tier"))
_CHOICE_TOLD: Final = frozenset(("index", "message", "logprobs", "finish_reason"))
_MESSAGE_TOLD: Final = REASONING | {
    "role", "content", "refusal", "tool_calls", "function_call", "annotations", "audio", "images",
}  # fmt: skip
_MADE: Final = frozenset(("audio", "images", "tool_calls", "function_call"))


def read_answer(body: bytes) -> Answer:
    """Reads an endpoint's answer.

    Raises:
        Misfit: It is none, or tells an error in an answer's place.
    """
    value = decode_object(body)
    rows = value.get("choices")
    if not isinstance(rows, list) or (not rows and value.get("error")):
        raise _no_answer(value)
    answer = Answer(
        _text(value.get("id")),
        _text(value.get("model")),
        count(value.get("created")) or 0,
        family=NAME,
        dialect=DIALECT,
    )
    answer.choices = [_read_choice(row, answer.id, at) for at, row in enumerate(rows)]
    usage, tier = value.get("usage"), value.get("service_tier")
    if isinstance(usage, dict):
        answer.usage = read_usage(usage)
    answer.service_tier = tier if isinstance(tier, str) else None
    if len(value) > len(_TOLD) - 1:
        answer.extras = rest_of(value, _TOLD)
    return answer


def _no_answer(value: Object) -> Misfit:
    error = value.get("error")
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        return Misfit("error", f"says: {error['message']}")
    return Misfit("choices", "must be a list")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _read_choice(row: Any, seed: str, at: int) -> Choice:
    if not isinstance(row, dict):
        raise Misfit(f"choices[{at}]", "must be an object")
    message = row.get("message")
    message = message if isinstance(message, dict) else {}
    choice = Choice(_read_message(message, seed, at))
    rest = rest_of(message, _MESSAGE_TOLD)
    if message.get("content") == "":
        if not choice.parts:
            choice.parts.append(Text(""))
        elif not any(isinstance(part, Text) for part in choice.parts):
            rest["content"] = ""
    tokens = read_logprobs(row.get("logprobs")) if row.get("logprobs") else []
    if tokens:
        text = next((part for part in choice.parts if isinstance(part, Text)), None)
        if text is not None:
            text.logprobs = tokens
    choice.extras = rest_of(row, _CHOICE_TOLD)
    if message.get("annotations") == []:
        rest["annotations"] = []
    if rest:
        choice.extras[MESSAGE] = rest
    _read_stop(row, choice)
    return choice


def _read_stop(row: Object, choice: Choice) -> None:
    word, matched = row.get("finish_reason"), row.get("stop_reason")
    if not isinstance(word, str):
        return
    kinds = {type(part) for part in choice.parts}
    choice.stop = read_stop(word, has_calls=ToolCall in kinds, has_refusal=Refusal in kinds)
    if write_stop(choice.stop) != word:
        choice.extras["finish_reason"] = word
    if isinstance(matched, str) and choice.stop is Stop.END:
        choice.stop, choice.stop_sequence = Stop.SEQUENCE, matched  # vLLM


def _read_message(message: Object, seed: str, at: int) -> list[Part]:
    parts: list[Part] = []
    if not REASONING.isdisjoint(message):
        parts += read_reasoning(message)
    content = message.get("content")
    if isinstance(content, str):
        if content:
            parts.append(Text(content))
    elif isinstance(content, list):
        parts += [part for row in content if (part := read_content_part(row)) is not None]
    if annotations := message.get("annotations"):
        _read_annotations(annotations, parts)
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal:
        parts.append(Refusal(refusal))
    if not _MADE.isdisjoint(message):
        parts += _read_made(message, seed, at)
    return parts


def _read_made(message: Object, seed: str, at: int) -> list[Part]:
    """Reads what a message holds beside words: sounds, images, calls."""
    parts: list[Part] = []
    audio = read_audio(message.get("audio"))
    if audio is not None:
        parts.append(audio)
    parts += [
        image for row in rows_of(message.get("images")) if (image := read_image(row)) is not None
    ]
    for number, row in enumerate(rows_of(message.get("tool_calls"))):
        parts += _read_call(row, synthetic_id(f"{seed}:{at}", number))
    function = message.get("function_call")
    if isinstance(function, dict):
        parts.append(read_call({"function": function}, synthetic_id(seed, at)))
    return parts


def read_content_part(row: Any) -> Part | None:
    """Returns a part of a content that is a list, as Mistral's."""
    if not isinstance(row, dict):
        return Text(row) if isinstance(row, str) else None
    kind, text = row.get("type"), row.get("text")
    if kind == "thinking":
        signature = row.get("signature")
        return Reasoning(text_of(row), signature if isinstance(signature, str) else None)
    if kind == "image_url":
        return read_image(row)
    if isinstance(text, str):
        return Text(text)
    return Foreign(kind if isinstance(kind, str) else "part", row)


def _read_annotations(rows: Any, parts: list[Part]) -> None:
    text = next((part for part in parts if isinstance(part, Text)), None)
    if isinstance(rows, list):
        if text is None:
            text = Text("")
            parts.append(text)
        text.extras["annotations"] = rows


def _read_call(row: Any, id_: str) -> list[Part]:
    signature, row = take_signature(row if isinstance(row, dict) else {})
    call = read_call(row, id_)
    call.extras = rest_of(row, frozenset(("id", "type", "function", "custom", "index")))
    return [call] if signature is None else [Reasoning("", signature), call]
