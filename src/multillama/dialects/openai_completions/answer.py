"""A whole completion, read and written.

Source: openai 3.54.0, `Completion`.
"""

from typing import Any, Final

import msgspec

from multillama.core.canonical import Answer, Choice, Extras, Part, Refusal, Stop, Text, ToolCall
from multillama.core.codec import Losses, Misfit, Reply
from multillama.core.shape import Object, decode_object
from multillama.dialects.openai_completions.logprobs import read_logprobs, write_logprobs
from multillama.dialects.openai_family.stops import read_stop, write_stop
from multillama.dialects.openai_family.usage import NAME, count, read_usage, write_usage

_ENCODE: Final = msgspec.json.Encoder().encode
TOLD: Final = frozenset(("id", "object", "created", "model", "choices", "usage"))
"""Members of an answer and of a chunk."""
CHOICE_TOLD: Final = frozenset(("index", "text", "logprobs", "finish_reason"))
LOGPROBS: Final = "text_logprobs"
"""In the extras of a choice: its `logprobs` as they came, for the offsets."""
DIALECT: Final = "openai.completions"


def read_answer(body: bytes) -> Answer:
    """Reads an endpoint's answer.

    Raises:
        Misfit: It is none.
    """
    value = decode_object(body)
    rows = value.get("choices")
    if not isinstance(rows, list):
        raise Misfit("choices", "must be a list")
    id_, model = value.get("id"), value.get("model")
    answer = Answer(
        id_ if isinstance(id_, str) else "",
        model if isinstance(model, str) else "",
        count(value.get("created")) or 0,
        [_read_choice(row, f"choices[{at}]") for at, row in enumerate(rows)],
        family=NAME,
        dialect=DIALECT,
    )
    usage = value.get("usage")
    if isinstance(usage, dict):
        answer.usage = read_usage(usage)
    answer.extras = rest_of(value, TOLD)
    return answer


def rest_of(value: Object, told: frozenset[str]) -> Extras:
    """Returns the members that have no word of ours."""
    return {
        name: member for name, member in value.items() if name not in told and member is not None
    }


def _read_choice(row: Any, path: str) -> Choice:
    if not isinstance(row, dict):
        raise Misfit(path, "must be an object")
    text, word, raw = row.get("text"), row.get("finish_reason"), row.get("logprobs")
    part = Text(text if isinstance(text, str) else "", logprobs=read_logprobs(raw))
    choice = Choice([part], extras=rest_of(row, CHOICE_TOLD))
    if raw is not None:
        choice.extras[LOGPROBS] = raw
    if isinstance(word, str):
        choice.stop = read_stop(word)
        choice.stop_sequence = matched_of(choice.extras, choice.stop)
        if choice.stop_sequence is not None:
            choice.stop = Stop.SEQUENCE
        elif write_stop(choice.stop) != word:
            choice.extras["finish_reason"] = word
    return choice


def matched_of(extras: Extras, stop: Stop) -> str | None:
    """Returns the stop text that came, as vLLM tells it."""
    matched = extras.get("stop_reason")
    return matched if isinstance(matched, str) and stop is Stop.END else None


def write_answer(answer: Answer, reply: Reply) -> bytes:
    """Writes an answer for a client."""
    is_ours = answer.dialect == DIALECT
    value: Object = {
        "id": answer.id or f"cmpl-{reply.id}",
        "object": "text_completion",
        "created": answer.created or reply.created,
        "model": reply.model,
        "choices": [
            _write_choice(choice, at, reply, is_ours=is_ours)
            for at, choice in enumerate(answer.choices)
        ],
    }
    if answer.usage is not None:
        value["usage"] = write_usage(answer.usage, is_ours=is_ours)
    if is_ours:
        value.update({name: v for name, v in answer.extras.items() if name not in value})
    return _ENCODE(value)


def _write_choice(choice: Choice, at: int, reply: Reply, *, is_ours: bool) -> Object:
    extras = choice.extras if is_ours else {}
    texts = [part for part in choice.parts if isinstance(part, Text | Refusal)]
    drop_others(choice.parts, reply.losses)
    tokens = [token for text in texts if isinstance(text, Text) for token in text.logprobs]
    row: Object = {
        "index": at,
        "text": "".join([text.text for text in texts]),
        "logprobs": extras.get(LOGPROBS) or (write_logprobs(tokens) if tokens else None),
        "finish_reason": write_word(choice.stop or Stop.END, extras),
    }
    rest = {name: v for name, v in extras.items() if name not in row and name != LOGPROBS}
    return {**row, **rest}


def write_word(stop: Stop, extras: Extras) -> str:
    """Returns the finish reason; there are no calls here."""
    word = extras.get("finish_reason")
    if isinstance(word, str):
        return word
    return "stop" if stop is Stop.CALLS else write_stop(stop)


def drop_others(parts: list[Part], losses: Losses) -> None:
    """Tells which parts of an answer are no text, and left out."""
    for part in parts:
        if not isinstance(part, Text | Refusal):
            losses.drop("tool_calls" if isinstance(part, ToolCall) else type(part).__name__.lower())
