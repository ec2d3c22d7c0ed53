"""The body of a request for a completion, read and written.

Several prompts, and prompts of tokens, have no place in the canonical form: they are refused.

Source: openai 3.54.0, `CompletionCreateParams` of `completions`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from multillama.core.canonical import Reasoning, Refusal, Request, Text, ToolCall, ToolResult
from multillama.core.codec import Goal, Misfit
from multillama.core.shape import Members, Object, decode_object
from multillama.dialects.openai_completions.answer import DIALECT
from multillama.dialects.openai_family.habits import habits_of, write_samplers
from multillama.dialects.openai_family.usage import NAME

_ENCODE: Final = msgspec.json.Encoder().encode
SAYS: Final = frozenset((
    "suffix", "max_tokens", "temperature", "top_p", "top_k", "min_p", "presence_penalty",
    "frequency_penalty", "repeat_penalty", "seed", "stop", "n", "logprobs", "top_logprobs",
    "logit_bias", "user",
))  # fmt: skip
"""Fields of a request that the dialect has words for, beside the prompt."""
NAMES: Final[Mapping[str, str]] = MappingProxyType({
    "repeat_penalty": "repetition_penalty",
    "top_logprobs": "logprobs",
})  # fmt: skip
_PLAIN: Final = (
    "suffix", "max_tokens", "temperature", "top_p", "presence_penalty", "frequency_penalty", "n",
    "logit_bias", "user",
)  # fmt: skip


def read_request(body: bytes) -> Request:
    """Reads a client's request.

    Raises:
        Misfit: It is none, or has not exactly one prompt of text.
    """
    members = Members(decode_object(body))
    request = Request(
        members.text("model") or "",
        prompt=_prompt(members.take("prompt")),
        family=NAME,
        dialect=DIALECT,
    )
    request.stream = members.flag("stream") or False
    options = members.members("stream_options") or {}
    request.wants_usage = not request.stream or options.pop("include_usage", None) is True
    request.suffix, request.max_tokens = members.text("suffix"), members.whole("max_tokens")
    request.temperature, request.top_p = members.number("temperature"), members.number("top_p")
    request.top_k, request.min_p = members.whole("top_k"), members.number("min_p")
    request.presence_penalty = members.number("presence_penalty")
    request.frequency_penalty = members.number("frequency_penalty")
    repetition, repeat = members.number("repetition_penalty"), members.number("repeat_penalty")
    request.repeat_penalty = repetition if repeat is None else repeat
    request.seed, request.n = members.whole("seed"), members.whole("n")
    request.stop, request.user = members.texts("stop"), members.text("user")
    request.logit_bias = members.members("logit_bias")
    _read_logprobs(members, request)
    request.extras = {name: value for name, value in members.rest.items() if value is not None}
    return request


def _prompt(value: Any) -> str:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str):
        return value
    if value is None:
        raise Misfit("prompt", "is missing")
    raise Misfit("prompt", "must be one text: several prompts, or tokens, cannot be translated")


def _read_logprobs(members: Members, request: Request) -> None:
    """Takes a number of alternatives; 0 asks for the tokens' own alone. Some servers take `true`."""
    value = members.rest.get("logprobs")
    if isinstance(value, bool):
        request.logprobs = members.flag("logprobs")
        return
    request.top_logprobs = members.whole("logprobs")
    request.logprobs = None if request.top_logprobs is None else True


def write_request(request: Request, goal: Goal) -> bytes:
    """Writes a request for an endpoint; a conversation becomes plain text, and its roles a loss."""
    habits = habits_of(goal.provider)
    prompt = _told_plainly(request, goal) if request.prompt is None else request.prompt
    body: Object = {"model": goal.model, "prompt": prompt}
    plain = {name: getattr(request, name) for name in _PLAIN}
    body.update({name: value for name, value in plain.items() if value is not None})
    write_samplers(request, goal.losses, habits, body)
    if request.seed is not None:
        body[habits.seed] = request.seed
    if request.stop:
        body["stop"] = request.stop
    if request.logprobs:
        body["logprobs"] = request.top_logprobs or 0
    if goal.stream:
        body["stream"] = True
        if "stream_options" not in habits.refuses:
            body["stream_options"] = {"include_usage": True}
    if request.family == NAME:
        _write_extras(request, goal, body)
    return _ENCODE(body)


def _write_extras(request: Request, goal: Goal, body: Object) -> None:
    for name, extra in request.extras.items():
        if request.dialect != DIALECT:
            goal.losses.drop(name)
        elif name not in body:
            body[name] = extra


_NAMES: Final[Mapping[type, str]] = MappingProxyType(
    {Reasoning: "messages.reasoning", ToolCall: "tool_calls", ToolResult: "tool_result"}
)


def _told_plainly(request: Request, goal: Goal) -> str:
    goal.losses.drop("messages.role")
    texts = []
    parts = [part for message in request.messages for part in message.parts]
    for part in parts:
        if isinstance(part, Text | Refusal):
            texts.append(part.text)
        else:
            goal.losses.drop(_NAMES.get(type(part)) or type(part).__name__.lower())
        if isinstance(part, ToolResult):  # what it has found is worth reading, wherever it stands
            texts += [inner.text for inner in part.parts if isinstance(inner, Text)]
    return "\n\n".join(texts)
