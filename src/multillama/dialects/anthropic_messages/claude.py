"""What each Claude takes, as data: one row for each model that differs. Nothing here knows how a request is written.

A model that is no Claude, such as a local server's, takes everything, and has no row.

Source: platform.claude.com, "Models overview", "Extended thinking", "Adaptive thinking", "Effort", "Structured outputs"
(November 2026); the model list of the anthropic SDK 2.12.0; the capability map of LiteLLM 1.109.1.
"""

from types import MappingProxyType
from typing import Final

import msgspec

DEFAULT_MAX_TOKENS: Final = 4096
"""For a model that is no Claude: small servers refuse what is more than their context."""
_MOST: Final = 32_000
"""As much as a Claude is asked for where the client does not say: some refuse if prompt and this exceed the context."""
_TEN_MINUTES: Final = 128_000 // 6
"""Tokens."""
_LOW_TO_HIGH: Final = ("low", "medium", "high")


class Claude(msgspec.Struct, frozen=True):
    """What one model takes."""

    max_output: int
    takes_sampling: bool = False
    """`temperature`, `top_p` and `top_k` other than their defaults."""
    takes_two_samplers: bool = False
    """`temperature` and `top_p` in one request."""
    takes_prefill: bool = False
    """A last message of the assistant, to be gone on with."""
    takes_force: bool = True
    """A tool choice of `any` or `tool`."""
    thinks: bool = True
    is_adaptive: bool = True
    """It thinks as much as it likes; else it wants a budget."""
    always_thinks: bool = False
    efforts: tuple[str, ...] = (*_LOW_TO_HIGH, "xhigh", "max")
    """What `output_config.effort` may be, from little to much."""
    takes_system_later: bool = True
    """Messages of the role `system` after the first."""
    takes_schema: bool = True
    """`output_config.format`, and tools that are `strict`."""

    @property
    def default_max_tokens(self) -> int:
        return min(self.max_output, _MOST)


def _old(max_output: int, *, thinks: bool = False) -> Claude:
    return Claude(
        max_output, takes_sampling=True, takes_two_samplers=True, takes_prefill=True, thinks=thinks,
        is_adaptive=False, efforts=(), takes_system_later=False, takes_schema=False,
    )  # fmt: skip


def _four_five(efforts: tuple[str, ...] = ()) -> Claude:
    return Claude(
        64_000, takes_sampling=True, takes_prefill=True, is_adaptive=False, efforts=efforts,
        takes_system_later=False,
    )  # fmt: skip


_FOUR_SIX: Final = Claude(
    128_000, takes_sampling=True, efforts=(*_LOW_TO_HIGH, "max"), takes_system_later=False
)
_FIVE: Final = Claude(128_000)
_FIVE_THINKING: Final = Claude(128_000, always_thinks=True)
_NEWEST: Final = Claude(128_000, always_thinks=True, takes_force=False)

_ROWS: Final = MappingProxyType(
    {
        "claude-2": _old(4096),
        "claude-3": _old(4096),
        "claude-3-5": _old(8192),
        "claude-3-7": _old(64_000, thinks=True),
        "claude-4-sonnet": _old(64_000, thinks=True),
        "claude-4-opus": _old(32_000, thinks=True),
        "claude-sonnet-4": _old(64_000, thinks=True),
        "claude-opus-4": _old(32_000, thinks=True),
        "claude-opus-4-1": msgspec.structs.replace(
            _old(32_000, thinks=True), takes_two_samplers=False, takes_schema=True
        ),
        "claude-haiku-4-5": _four_five(),
        "claude-sonnet-4-5": _four_five(),
        "claude-opus-4-5": _four_five(_LOW_TO_HIGH),
        "claude-sonnet-4-6": _FOUR_SIX,
        "claude-opus-4-6": _FOUR_SIX,
        "claude-opus-4-7": msgspec.structs.replace(_FIVE, takes_system_later=False),
        "claude-opus-4-8": _FIVE,
        "claude-sonnet-5": _FIVE,
        "claude-opus-5": _FIVE,
        "claude-haiku-5-5": _FIVE,
        "claude-fable-5": _FIVE_THINKING,
        "claude-mythos-5": _FIVE_THINKING,
        "claude-mythos-preview": msgspec.structs.replace(_FIVE_THINKING, takes_system_later=False),
        "claude-sonnet-5-5": _NEWEST,
        "claude-opus-5-5": _NEWEST,
        "claude-fable-5-1": _NEWEST,
        "claude-mythos-5-1": _NEWEST,
        "claude-": _NEWEST,  # one that is not known yet takes at least what the newest do
    }
)
_LONGEST_FIRST: Final = tuple(sorted(_ROWS.items(), key=lambda row: -len(row[0])))

OWN_MACHINES: Final = frozenset(
    {
        "docker", "gpt4all", "jan", "koboldcpp", "lemonade", "llama.cpp", "lm-studio", "ollama", "sglang", "tabbyapi",
        "text-generation-webui", "tgi", "vllm", "xinference",
    }
)  # fmt: skip
"""Runtimes of open models: what is called a Claude there is called so for its clients' sake."""


def claude_of(model: str, provider: str) -> Claude | None:
    """Returns what a model takes; None for one that is no Claude.

    Args:
        model: The endpoint's own name of it: `claude-opus-4-7`, `anthropic/claude-opus-4.7`,
            `us.anthropic.claude-opus-4-20250514-v1:0`, `claude-opus-4@20250514`.
        provider: Its row in the catalog.
    """
    _, claude, rest = model.lower().rpartition("claude-")
    if provider in OWN_MACHINES or not claude:
        return None
    name = claude + rest.replace(".", "-").replace("@", "-").replace("_", "-")
    return next(row for prefix, row in _LONGEST_FIRST if _begins_with(prefix, name))


def _begins_with(prefix: str, name: str) -> bool:
    """Says whether a name is this one, or one that goes on behind it: with a date, say."""
    if not name.startswith(prefix):
        return False
    return prefix == "claude-" or name[len(prefix) : len(prefix) + 1] in ("", "-", ":")


def is_claude(model: str, provider: str) -> bool:
    """Says whether a model is one of Anthropic's."""
    return claude_of(model, provider) is not None


def takes_long(model: str, provider: str, max_tokens: int | None) -> bool:
    """Says whether an answer may take more than ten minutes, for which Anthropic wants a stream.

    Source: anthropic SDK 2.12.0, `_calculate_nonstreaming_timeout`: an hour for 128,000 tokens.
    """
    claude = claude_of(model, provider)
    if claude is None:
        return False
    return (max_tokens or claude.default_max_tokens) > _TEN_MINUTES
