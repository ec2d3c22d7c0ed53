"""Mid-stream resume: whether a broken-off answer can be continued, by which endpoint, and how that is asked for.

The client has bytes of the answer, so it is continued or it ends in an error; nothing is made up and nothing is said
twice. Where it is not known that an endpoint continues, it is not asked to: a second answer from the beginning would be
worse than the error.
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec

from multillama.core.partial import CHAT, COMPLETIONS, MESSAGES, UNREADABLE, Partial

MAX_RESUMES: Final = 3
"""Continuations in a row that break off without anything new: an answer may be what kills its endpoints."""
KEPT_BYTES: Final = 1024 * 1024
"""How much of a stream is kept to continue it; a longer one is not continued."""


class Form(Enum):
    """How an endpoint is asked to go on."""

    FINAL_MESSAGE = "final message"
    """A last assistant message, and `continue_final_message` to say that it is not whole."""
    PREFILL = "prefill"
    """A last assistant message; that is enough."""
    PROMPT = "prompt"
    """The text after the prompt."""


class How(NamedTuple):
    """What is known of a provider."""

    form: Form
    takes_reasoning: bool = False
    """It goes on with reasoning, too."""
    models: tuple[str, ...] = ()
    """Beginnings of the names of the models that allow it; empty for all."""


CLAUDE_WITH_PREFILL: Final = (
    "claude-3", "claude-haiku-4-5", "claude-sonnet-4-0", "claude-sonnet-4-2025", "claude-sonnet-4-5",
    "claude-opus-4-0", "claude-opus-4-1", "claude-opus-4-2025", "claude-opus-4-5",
)  # fmt: skip
"""From Claude 4.6 on a last assistant message is refused with 400.

Source: Anthropic's migration guide; the capability map of LiteLLM 1.109 (`supports_assistant_prefill`), 2026-11.
"""

_RAW: Final = (
    "llama.cpp", "vllm", "sglang", "lm-studio", "koboldcpp", "text-generation-webui", "tabbyapi", "tgi", "docker",
    "openai", "azure", "together", "fireworks",
)  # fmt: skip
"""Those of whose `/v1/completions` it is known that the model reads the prompt as it is, and so goes on behind it."""

HOWS: Final[Mapping[tuple[str, str], How]] = MappingProxyType(
    {
        # Tested against the real one. Without the member a server started with `--no-prefill-assistant` begins anew;
        # llama.cpp's `/v1/messages` knows no such member.
        ("llama.cpp", CHAT): How(Form.FINAL_MESSAGE, takes_reasoning=True),
        ("llama.cpp", MESSAGES): How(Form.PREFILL, takes_reasoning=True),
        # vllm-project/vllm#8942, sgl-project/sglang#4226
        ("vllm", CHAT): How(Form.FINAL_MESSAGE),
        ("sglang", CHAT): How(Form.FINAL_MESSAGE),
        ("anthropic", MESSAGES): How(Form.PREFILL, models=CLAUDE_WITH_PREFILL),
        **{(provider, COMPLETIONS): How(Form.PROMPT) for provider in _RAW},
    }
)
"""Provider and dialect to how an answer is continued there.

Left out are those who go on or begin anew as the model or a flag has it, which nobody tells (`TRUSTED`): Ollama renders
a last assistant message by the model's template, which leaves it open or closes it (llama3.2's closes it), or by code
of its own (`server/prompt.go`, `template/template.go`); KoboldCpp leaves it open unless it was started with `--jinja`;
LM Studio does as the template has it. Mistral, DeepSeek and Moonshot mark a prefill each in another way that we could
not try. text-generation-webui says the prefill again (`continue_`), which cannot be told from news.
"""

TRUSTED: Final = How(Form.PREFILL)
"""Where the operator says that a last assistant message is gone on with."""
_TURNS: Final = frozenset((CHAT, MESSAGES))
"""Dialects whose requests are messages."""
_BEGIN_ANEW: Final = frozenset((
    ("openai", CHAT), ("azure", CHAT), ("github", CHAT), ("copilot", CHAT), ("text-generation-webui", CHAT),
    # the prompt becomes a user's message in the model's template
    ("ollama", COMPLETIONS), ("ollama-cloud", COMPLETIONS),
))  # fmt: skip
"""Those that do not go on, whatever anybody says."""


def find_how(provider: str, dialect: str, *, is_trusted: bool = False) -> How | None:
    """Returns how an endpoint of this provider continues an answer, None where it does not.

    Args:
        provider: Name of its row in the catalogue.
        dialect: Of the answer.
        is_trusted: The operator says that it goes on (`prefill` of the policy); what is known goes before it.
    """
    how = HOWS.get((provider, dialect))
    if how is not None or not is_trusted or (provider, dialect) in _BEGIN_ANEW:
        return how
    return How(Form.PROMPT) if dialect == COMPLETIONS else TRUSTED


def find_translated_how(provider: str, dialect: str, *, into: str) -> How | None:
    """Returns how an endpoint continues an answer that is asked of it in another dialect, None where it does not.

    A last assistant message is all that comes through a translation: a prompt would become a user's message, and no
    other dialect has a word for `continue_final_message`. An operator's word is not enough here: for some models the
    translation leaves a prefill out, and they would begin anew.

    Args:
        provider: Name of its row in the catalogue.
        dialect: Of the answer.
        into: What the endpoint is asked in.
    """
    how = HOWS.get((provider, into))
    if how is None or how.form is not Form.PREFILL or dialect not in _TURNS:
        return None
    return how._replace(takes_reasoning=False)


def why_not(
    partial: Partial, body: bytes, how: How | None, *, model: str, resumes: int = 0
) -> str | None:
    """Says why an answer cannot be continued by a target, as a sentence; None if it can.

    Args:
        partial: What the client has.
        body: The client's request.
        how: The target's row of `HOWS`.
        model: The name that the target knows the model by.
        resumes: Continuations since the client got something new.
    """
    if resumes >= MAX_RESUMES:
        return f"The last {MAX_RESUMES} continuations brought nothing new."
    if partial.finish is not None:
        return "The whole answer was sent; there is nothing to continue."
    if partial.oddity is not None:
        return partial.oddity
    if not partial.text and not partial.reasoning:
        return None  # the same request again, for anybody
    if how is None:
        return "It is not known that this endpoint can continue an answer."
    if how.models and not model.startswith(how.models):
        return f"The model {model} does not continue an answer."
    if partial.reasoning and not how.takes_reasoning:
        return "The model reasons, and this endpoint cannot be told what it has thought."
    try:
        request = _REQUEST.decode(body)
    except UNREADABLE:
        return "The request has members that a continuation cannot work with."
    return _why_request(request, how) or _why_budget(request, partial)


class _Turn(msgspec.Struct):
    role: str = ""
    content: str | list[msgspec.Raw] | None = None
    tool_calls: Any = None


class _Typed(msgspec.Struct):
    type: str = ""


class _OutputConfig(msgspec.Struct):
    format: _Typed | None = None


class _Request(msgspec.Struct):
    prompt: str | list[msgspec.Raw] | None = None
    messages: list[_Turn] = []
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n_predict: int | None = None
    n: int | None = None
    best_of: int | None = None
    echo: bool | None = None
    suffix: str | None = None
    logprobs: bool | int | None = None
    thinking: _Typed | None = None
    tool_choice: str | _Typed | None = None
    response_format: _Typed | None = None
    output_config: _OutputConfig | None = None
    output_format: _Typed | None = None
    structured_outputs: Any = None
    grammar: Any = None
    json_schema: Any = None
    guided_json: Any = None
    guided_regex: Any = None
    guided_choice: Any = None
    guided_grammar: Any = None
    regex: Any = None
    ebnf: Any = None


_REQUEST: Final = msgspec.json.Decoder(_Request)
_GRAMMARS: Final = (
    "structured_outputs", "grammar", "json_schema", "guided_json", "guided_regex", "guided_choice",
    "guided_grammar", "regex", "ebnf",
)  # fmt: skip


def _why_request(request: _Request, how: How) -> str | None:
    """Says what of the request forbids it."""
    if max(request.n or 1, request.best_of or 1) > 1:
        return "Several answers were asked for, and only one can be continued."
    if request.logprobs is not None and request.logprobs is not False:
        return "Log probabilities were asked for, and those of the prefill would be missing."
    if request.echo or request.suffix:
        return "The answer is more than what follows the prompt."
    if _is_constrained(request):
        # The grammar would begin anew after the prefill: `{"a": {"a": 1}`.
        return "The output follows a grammar, and the grammar would begin anew."
    if how.form is Form.PROMPT and not isinstance(request.prompt, str):
        return "The prompt is not one text."
    if request.thinking is not None and not how.takes_reasoning and _is_on(request.thinking.type):
        return "The request asks for thinking, which no prefill goes with."
    last = request.messages[-1] if request.messages else _Turn()
    if last.role == "assistant" and (not isinstance(last.content, str) or last.tool_calls):
        return "The request ends in a prefill of its own that is not plain text."
    return None


def _is_on(thinking: str) -> bool:
    return thinking not in ("disabled", "")


def _is_constrained(request: _Request) -> bool:
    choice = request.tool_choice
    if (choice if isinstance(choice, str) else choice.type if choice else "auto") not in (
        "auto",
        "none",
        "",
    ):
        return True
    shape = request.response_format
    if shape is not None and shape.type not in ("text", ""):
        return True
    if request.output_format is not None:
        return True
    if request.output_config is not None and request.output_config.format is not None:
        return True
    return any(getattr(request, name) for name in _GRAMMARS)


def _why_budget(request: _Request, partial: Partial) -> str | None:
    for limit in (request.max_tokens, request.max_completion_tokens, request.n_predict):
        if limit is not None and 0 < limit <= partial.spent_tokens:
            return "All the tokens that were asked for are sent; only the end is missing."
    return None
