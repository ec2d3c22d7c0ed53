"""What requests of a model have in common: `options`, `think`, `format`, `keep_alive`, `stream`, `logprobs`.

Source: Ollama's api/types.go (August 2026), `Options`, `ThinkValue`; ollama 0.6.3 (Python), `Options`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from multillama.core.canonical import Extras, Format, Request, Thinking
from multillama.core.codec import Goal, Losses, Misfit
from multillama.core.shape import Members, Object
from multillama.dialects.ollama_family.figures import NAME

OPTION: Final = "options."
"""The beginning of the names of extras that stand in `options`."""
_NUMBERS: Final = (
    "temperature", "top_p", "min_p", "repeat_penalty", "presence_penalty", "frequency_penalty",
)  # fmt: skip
_WHOLES: Final = ("top_k", "seed")
_SIZES: Final = (("num_predict", "max_tokens"), ("num_ctx", "context_tokens"))
"""Options in tokens and their fields; 0 and less mean no bound, or the model's own."""
SAYS: Final = frozenset((
    *_NUMBERS, *_WHOLES, "max_tokens", "context_tokens", "stop", "format", "thinking", "keep_alive",
    "logprobs", "top_logprobs", "n",
))  # fmt: skip
"""Of `n` one answer is all it can say, which others say, too."""
NAMES: Final[Mapping[str, str]] = MappingProxyType({
    **{name: OPTION + name for name in (*_NUMBERS, *_WHOLES, "stop")},
    **{field: OPTION + name for name, field in _SIZES},
    "thinking": "think",
})  # fmt: skip
_EFFORTS: Final = frozenset(("none", "minimal", "low", "medium", "high", "xhigh", "max"))
_THINK: Final[Mapping[str, bool | str]] = MappingProxyType({
    "none": False, "minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "max",
    "max": "max",
})  # fmt: skip
_BUDGETS: Final = ((4096, "high"), (2048, "medium"))
"""The field's scale: from so many tokens on it is this."""


# --- reading ---------------------------------------------------------------------------------


def begin_request(members: Members) -> Request:
    """Returns a request with all that these have in common; the rest of the members is left.

    Raises:
        Misfit: A member is not what it must be.
    """
    request = Request(members.text("model") or "", family=NAME)
    streams = members.flag("stream")
    request.stream = streams is not False  # what nobody says is a stream
    _read_options(Members(members.members("options") or {}, "options"), request)
    request.thinking = _read_think(members)
    request.format = _read_format(members)
    request.keep_alive = read_keep_alive(members)
    request.logprobs = members.flag("logprobs")
    request.top_logprobs = members.whole("top_logprobs")
    return request


def _read_options(options: Members, request: Request) -> None:
    for name in _NUMBERS:
        setattr(request, name, options.number(name))
    for name in _WHOLES:
        setattr(request, name, options.whole(name))
    for name, field in _SIZES:
        size = options.whole(name)
        if size is not None and size > 0:
            setattr(request, field, size)
        elif size is not None:
            options.rest[name] = size
    request.stop = options.texts("stop")
    request.extras = option_extras(options.rest)


def option_extras(options: Object) -> Extras:
    """Returns options that have no word in the canonical form as extras."""
    return {OPTION + name: value for name, value in options.items() if value is not None}


def _read_think(members: Members) -> Thinking | None:
    value = members.take("think")
    if value is None:
        return None
    if isinstance(value, bool):
        return Thinking(is_on=value)
    if isinstance(value, str) and value in _EFFORTS:
        return Thinking(value)
    raise Misfit("think", "must be true, false, low, medium, high or max")


def _read_format(members: Members) -> Format | None:
    value = members.take("format")
    if value is None or value == "":
        return None
    if value == "json":
        return Format("json")
    if isinstance(value, dict):
        return Format("schema", value)
    raise Misfit("format", "must be json or a JSON schema")


def read_keep_alive(members: Members) -> object | None:
    """Returns how long the model stays: seconds, or a text such as `5m`."""
    value: Any = members.take("keep_alive")
    if isinstance(value, bool) or not isinstance(value, int | float | str | None):
        raise Misfit("keep_alive", "must be seconds, or a text such as 5m")
    return value


def rest_of(members: Members) -> Extras:
    """Returns what nobody has taken."""
    return {name: value for name, value in members.rest.items() if value is not None}


# --- writing ---------------------------------------------------------------------------------


def write_common(request: Request, goal: Goal, body: Object) -> None:
    """Adds all that requests have in common, extras included."""
    body["stream"] = goal.stream
    options = _options(request)
    if request.family == goal.family:
        write_extras(request.extras, body, options)
    if options:
        body["options"] = options
    if request.format is not None:
        _write_format(request.format, goal.losses, body)
    if request.thinking is not None:
        _write_think(request.thinking, goal.losses, body)
    for name in ("keep_alive", "logprobs", "top_logprobs"):
        value = getattr(request, name)
        if value is not None:
            body[name] = value
    if request.n is not None and request.n > 1:
        goal.losses.drop("n")


def _options(request: Request) -> Object:
    options: Object = {}
    for name in (*_NUMBERS, *_WHOLES):
        value = getattr(request, name)
        if value is not None:
            options[name] = value
    for name, field in _SIZES:
        value = getattr(request, field)
        if value is not None:
            options[name] = value
    if request.stop:
        options["stop"] = request.stop
    return options


def write_extras(extras: Extras, body: Object, options: Object) -> None:
    """Adds extras to the body and to its options."""
    for name, value in extras.items():
        if name.startswith(OPTION):
            options.setdefault(name[len(OPTION) :], value)
        else:
            body.setdefault(name, value)


def _write_format(form: Format, losses: Losses, body: Object) -> None:
    """Writes the schema alone: a grammar is made of it, so that it is strict, and nobody reads its name."""
    if form.kind == "text":
        return
    body["format"] = "json" if form.schema is None else form.schema
    if form.description is not None:
        losses.drop("format.description")


def _write_think(thinking: Thinking, losses: Losses, body: Object) -> None:
    if thinking.summary == "none":
        losses.drop("thinking.summary")
    think = _think(thinking)
    if think is not None:
        body["think"] = think


def _think(thinking: Thinking) -> bool | str | None:
    if thinking.effort is not None:
        return _THINK.get(thinking.effort, True)
    budget = thinking.budget
    if budget is None or budget < 0:
        return thinking.is_on if budget is None else True
    if budget == 0:
        return False
    return next((word for least, word in _BUDGETS if budget >= least), "low")
