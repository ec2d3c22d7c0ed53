"""What providers make of Chat Completions: which members they want, under which names, and which they refuse.

One row for each that differs from the usual. The usual is what the many small clouds and local servers take.

Source: the vendors' pages on OpenAI compatibility, November 2026; Mistral's `extra_forbidden` from public reports of
2024 to 2026.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from multillama.core.canonical import Request
from multillama.core.codec import Losses

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""From the least to the most."""
_ALL: Final = frozenset(EFFORTS)


class Habits(msgspec.Struct, frozen=True):
    """How one provider takes a chat request."""

    max_tokens: str = "max_tokens"
    reasoning: str = ""
    """How it takes reasoning of earlier turns: `content` (`reasoning_content`), `plain` (`reasoning`), `details`
    (`reasoning_details`), `signatures` (Google's, at the calls); empty if not at all."""
    thinking: str = "effort"
    """How it is told how much to think: see `openai_chat/thinking.py`."""
    efforts: frozenset[str] = frozenset(("none", "low", "medium", "high"))
    has_thinking_budget: bool = False
    """It takes `thinking_budget_tokens`."""
    cache: str = ""
    """How it takes a prompt-cache marker: `breakpoint`, `control` (Anthropic's), or not at all."""
    is_openai: bool = False
    """It has roles, tools and choices that only OpenAI's own servers have."""
    has_samplers: bool = True
    """It takes `top_k`, `min_p` and a repetition penalty."""
    repeat_penalty: str = "repetition_penalty"
    seed: str = "seed"
    id_length: int = 0
    """Ids of calls must be letters and digits of just this number; 0 if anything will do."""
    id_max: int = 0
    """The most characters of a call's id; 0 if nobody counts."""
    has_named_choice: bool = True
    """False if `tool_choice` can be a word alone."""
    has_schemas: bool = True
    """False if `response_format` can ask for JSON, but not for a schema."""
    refuses: frozenset[str] = frozenset()
    """Members that lead to an error."""


USUAL: Final = Habits()
_NO_LOGPROBS: Final = frozenset(("logprobs", "top_logprobs", "logit_bias"))
_OPENAIS_OWN: Final = frozenset(("store", "prompt_cache_key", "verbosity", "service_tier"))
_OPENAI: Final = Habits(
    max_tokens="max_completion_tokens",
    efforts=_ALL,
    cache="breakpoint",
    is_openai=True,
    has_samplers=False,
    id_max=40,
)
_SWITCH: Final = Habits(reasoning="content", thinking="switch", has_samplers=False)

HABITS: Final[Mapping[str, Habits]] = MappingProxyType({
    "openai": _OPENAI,
    "azure": _OPENAI,
    "openrouter": Habits(reasoning="details", thinking="object", efforts=_ALL, cache="control"),
    "litellm": Habits(reasoning="content", efforts=_ALL, cache="control"),
    "vercel": Habits(reasoning="content", thinking="object", efforts=_ALL, cache="control"),
    "bedrock": Habits(cache="control", has_samplers=False),
    "gemini": Habits(
        reasoning="signatures", efforts=_ALL - {"xhigh", "max"}, has_samplers=False
    ),
    "mistral": Habits(
        efforts=frozenset(("none", "high")),
        has_samplers=False,
        seed="random_seed",
        id_length=9,
        refuses=_NO_LOGPROBS | _OPENAIS_OWN | {"stream_options", "user", "metadata", "name"},
    ),
    "groq": Habits(has_samplers=False, refuses=_NO_LOGPROBS | _OPENAIS_OWN | {"name"}),
    "cerebras": Habits(
        has_samplers=False,
        refuses=_OPENAIS_OWN | {"presence_penalty", "frequency_penalty", "logit_bias"},
    ),
    "deepseek": msgspec.structs.replace(_SWITCH, has_schemas=False),
    "zai": _SWITCH,
    "bigmodel": _SWITCH,
    "moonshot": _SWITCH,
    "volcengine": _SWITCH,
    "minimax": Habits(reasoning="details", has_samplers=False),
    "dashscope": Habits(reasoning="content", thinking="budget"),
    "siliconflow": Habits(reasoning="content", thinking="budget"),
    "fireworks": Habits(reasoning="content"),
    "xai": Habits(has_samplers=False),
    "cohere": Habits(has_samplers=False),
    "github": msgspec.structs.replace(_OPENAI, max_tokens="max_tokens", cache=""),
    "copilot": msgspec.structs.replace(_OPENAI, max_tokens="max_tokens", cache=""),
    "ollama": Habits(reasoning="plain", has_samplers=False),
    "ollama-cloud": Habits(reasoning="plain", has_samplers=False),
    "llama.cpp": Habits(
        reasoning="content",
        thinking="template",
        efforts=_ALL,
        has_thinking_budget=True,
        repeat_penalty="repeat_penalty",
        has_named_choice=False,
    ),
    "vllm": Habits(reasoning="content", thinking="template"),
    "sglang": Habits(reasoning="content", thinking="template"),
    "lm-studio": Habits(reasoning="content", repeat_penalty="repeat_penalty"),
})  # fmt: skip


def habits_of(provider: str) -> Habits:
    """Returns a provider's row, the usual one where it has none."""
    return HABITS.get(provider, USUAL)


def write_samplers(
    request: Request, losses: Losses, habits: Habits, body: dict[str, object]
) -> None:
    """Adds `top_k`, `min_p` and the repetition penalty where the provider takes them."""
    for field in ("top_k", "min_p", "repeat_penalty"):
        value = getattr(request, field)
        if value is None:
            continue
        if not habits.has_samplers:
            losses.drop(field)
        elif field == "repeat_penalty":
            body[habits.repeat_penalty] = value
        else:
            body[field] = value
