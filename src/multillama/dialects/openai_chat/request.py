"""The body of a chat request, read and written. Messages are in `messages.py` and `write_messages.py`.

Source: openai 3.54.0, `CompletionCreateParams`; `top_k`, `min_p` and the repetition penalty as vLLM and llama.cpp
take them.
"""

from collections.abc import Mapping
from operator import attrgetter
from types import MappingProxyType
from typing import Final

import msgspec

from multillama.core.canonical import Request
from multillama.core.codec import Goal
from multillama.core.shape import Members, Object, decode_object
from multillama.dialects.openai_chat.messages import read_messages
from multillama.dialects.openai_chat.parts import DIALECT
from multillama.dialects.openai_chat.thinking import read_thinking, write_thinking
from multillama.dialects.openai_chat.tools import (
    read_choice,
    read_format,
    read_tools,
    write_format,
    write_tools,
)
from multillama.dialects.openai_chat.write_messages import write_messages
from multillama.dialects.openai_family.habits import Habits, habits_of, write_samplers
from multillama.dialects.openai_family.usage import NAME

_ENCODE: Final = msgspec.json.Encoder().encode

SAYS: Final = frozenset((
    "max_tokens", "temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty",
    "repeat_penalty", "seed", "stop", "n", "logprobs", "top_logprobs", "logit_bias", "tools",
    "tool_choice", "parallel_tools", "format", "thinking", "verbosity", "modalities", "user",
    "service_tier", "cache_key", "metadata", "store",
))  # fmt: skip
"""Fields of a request that the dialect has words for."""
NAMES: Final[Mapping[str, str]] = MappingProxyType({
    "max_tokens": "max_completion_tokens",
    "repeat_penalty": "repetition_penalty",
    "parallel_tools": "parallel_tool_calls",
    "format": "response_format",
    "thinking": "reasoning_effort",
    "cache_key": "prompt_cache_key",
})  # fmt: skip
"""Field to the dialect's own word for it."""

_PLAIN: Final = (
    ("temperature", "temperature"),
    ("top_p", "top_p"),
    ("presence_penalty", "presence_penalty"),
    ("frequency_penalty", "frequency_penalty"),
    ("n", "n"),
    ("logprobs", "logprobs"),
    ("top_logprobs", "top_logprobs"),
    ("logit_bias", "logit_bias"),
    ("verbosity", "verbosity"),
    ("user", "user"),
    ("service_tier", "service_tier"),
    ("cache_key", "prompt_cache_key"),
    ("metadata", "metadata"),
)
"""Field to member, for what is written as it is."""
_PLAIN_MEMBERS: Final = tuple(member for _, member in _PLAIN)
_PLAIN_VALUES: Final = attrgetter(*(field for field, _ in _PLAIN))
"""The values of those fields, in this order."""
_UNSAID: Final[Object] = {"truncation": "disabled", "background": False, "stream_options": {}}
"""What Responses says and is so anyway."""


def read_request(body: bytes) -> Request:
    """Reads a client's request.

    Raises:
        Misfit: It is no chat request.
    """
    members = Members(decode_object(body))
    request = Request(
        members.text("model") or "",
        read_messages(members.rows("messages")),
        family=NAME,
        dialect=DIALECT,
    )
    _read_stream(members, request)
    if len(members.rest) > 0:
        _read_options(members, request)
    request.extras = {name: value for name, value in members.rest.items() if value is not None}
    return request


def _read_stream(members: Members, request: Request) -> None:
    request.stream = members.flag("stream") or False
    options = members.members("stream_options") or {}
    request.wants_usage = not request.stream or options.pop("include_usage", None) is True
    if options:
        members.rest["stream_options"] = options


def _read_options(members: Members, request: Request) -> None:
    old, new = members.whole("max_tokens"), members.whole("max_completion_tokens")
    request.max_tokens = old if new is None else new
    request.temperature = members.number("temperature")
    request.top_p, request.top_k = members.number("top_p"), members.whole("top_k")
    request.min_p = members.number("min_p")
    request.presence_penalty = members.number("presence_penalty")
    request.frequency_penalty = members.number("frequency_penalty")
    repetition, repeat = members.number("repetition_penalty"), members.number("repeat_penalty")
    request.repeat_penalty = repetition if repeat is None else repeat
    seed = members.whole("seed")
    request.seed = members.whole("random_seed") if seed is None else seed
    request.stop, request.n = members.texts("stop"), members.whole("n")
    request.logprobs, request.top_logprobs = members.flag("logprobs"), members.whole("top_logprobs")
    request.logit_bias = members.members("logit_bias")
    request.tools, request.tool_choice = read_tools(members), read_choice(members)
    request.parallel_tools = members.flag("parallel_tool_calls")
    request.format, request.thinking = read_format(members), read_thinking(members)
    request.verbosity, request.modalities = members.text("verbosity"), members.texts("modalities")
    identifier, user = members.text("safety_identifier"), members.text("user")
    request.user = identifier if user is None else user
    if user is not None and identifier not in (None, user):
        members.rest["safety_identifier"] = identifier
    request.service_tier = members.text("service_tier")
    request.cache_key = members.text("prompt_cache_key")
    request.metadata, request.store = members.members("metadata"), members.flag("store")


def write_request(request: Request, goal: Goal) -> bytes:
    """Writes a request for an endpoint, as its provider wants it."""
    habits = habits_of(goal.provider)
    messages = write_messages(request, goal, habits)
    if request.prompt is not None:
        goal.losses.drop("prompt")  # it becomes what a user says, inside of the model's template
        messages.append({"role": "user", "content": request.prompt})
    body: Object = {"model": goal.model, "messages": messages}
    _write_options(request, goal, habits, body)
    if request.family == NAME:
        _write_extras(request, goal, body)
    for name in [name for name in body if name in habits.refuses]:
        del body[name]
        if name != "stream_options":
            goal.losses.drop(name)
    if body.get("top_logprobs"):
        # The one is refused without the other; in Responses it stands alone.
        body.setdefault("logprobs", True)
    return _ENCODE(body)


def _write_options(request: Request, goal: Goal, habits: Habits, body: Object) -> None:
    for name, value in zip(_PLAIN_MEMBERS, _PLAIN_VALUES(request), strict=True):
        if value is not None:
            body[name] = value
    _write_renamed(request, habits, body)
    write_samplers(request, goal.losses, habits, body)
    if request.tools or request.tool_choice is not None:
        write_tools(request, goal, habits, body)
    if request.format is not None:
        body["response_format"] = write_format(request.format, goal, habits)
    if request.thinking is not None:
        write_thinking(request.thinking, habits, body)
    if goal.stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}


def _write_renamed(request: Request, habits: Habits, body: Object) -> None:
    if request.max_tokens is not None:
        body[habits.max_tokens] = request.max_tokens
    if request.seed is not None:
        body[habits.seed] = request.seed
    if request.stop:
        body["stop"] = request.stop
    if request.modalities:
        body["modalities"] = request.modalities
    if request.store is not None and (request.store or habits.is_openai):
        body["store"] = request.store  # elsewhere nothing is stored anyway
    if habits.is_openai and "user" in body:
        body["safety_identifier"] = body.pop("user")


def _write_extras(request: Request, goal: Goal, body: Object) -> None:
    for name, value in request.extras.items():
        if request.dialect != DIALECT:
            if _UNSAID.get(name, ...) != value:
                goal.losses.drop(name)  # OpenAI refuses members of the family's other dialects
        elif name not in body:
            if name != "stream_options":
                body[name] = value
        elif isinstance(value, dict) and isinstance(body[name], dict):
            body[name] = {**body[name], **value}
