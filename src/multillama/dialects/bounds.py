"""What values the vendors take, one row for each dialect of theirs: what is beyond is brought within on the way.

Only what a vendor documents stands here, or what its API is on record to refuse; each row names where that was read
(November 2026). `top_p` is a share of the probability in all of them. Runtimes of open models take what they are told,
and have no row.
"""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

from multillama.core.bounds import Beyond, Bounds, Range
from multillama.dialects.anthropic_messages.claude import OWN_MACHINES


class Row(NamedTuple):
    """The bounds of one dialect, at some of those who speak it."""

    dialect: str
    bounds: Bounds
    providers: frozenset[str] = frozenset()
    """Their rows in the catalog; empty for all but runtimes of open models."""


def _ranges(**ranges: Range) -> Mapping[str, Range]:
    return MappingProxyType(ranges)


_SHARE: Final = Range(0.0, 1.0)
_TO_TWO: Final = Range(0.0, 2.0)
_PENALTY: Final = Range(-2.0, 2.0)
_OPENAIS: Final = frozenset(("openai", "azure", "github", "copilot"))

_LIKE_OPENAI: Final = _ranges(
    temperature=_TO_TWO, top_p=_SHARE, presence_penalty=_PENALTY, frequency_penalty=_PENALTY,
    top_logprobs=Range(0, 20),
)  # fmt: skip
_OPENAI: Final = MappingProxyType({**_LIKE_OPENAI, "n": Range(1, 128)})

ROWS: Final = (
    Row(
        # temperature: anthropic SDK 0.75, Messages reference (for versions and models that take it at all).
        # max_tokens: anthropic SDK 2.12, where 0 warms the cache. Below it they say "no limit", as with top_k.
        "anthropic.messages",
        Bounds(
            _ranges(
                temperature=_SHARE, top_p=_SHARE,
                top_k=Range(0, None, Beyond.LEAVE), max_tokens=Range(0, None, Beyond.LEAVE),
            ),
            models="claude",  # others are offered in this dialect, too (DeepSeek, Z.ai, MiniMax), and are warmer
        ),
    ),
    Row(
        # google-ai-generativelanguage 0.12, GenerationConfig: temperature, stops, logprobs, and the seed's type.
        # Penalties: Vertex AI's GenerationConfig, where 2 itself is out; google-genai 3.4 has it in.
        "gemini",
        Bounds(
            _ranges(
                temperature=_TO_TWO, top_p=_SHARE, top_k=Range(1, None, Beyond.LEAVE),
                top_logprobs=Range(0, 20), seed=Range(-(2**31), 2**31 - 1, Beyond.WRAP),
                presence_penalty=Range(-2.0, 1.99), frequency_penalty=Range(-2.0, 1.99),
            ),
            stops=5,
        ),
    ),
    # openai-openapi (n) and openai SDK 3.54; max_tokens: "less than the minimum of 1" (betalgo/openai issue 360)
    Row(
        "openai.chat",
        Bounds(MappingProxyType({**_OPENAI, "max_tokens": Range(1)}), stops=4),
        _OPENAIS,
    ),
    # openai-openapi, CreateCompletionRequest
    Row(
        "openai.completions",
        Bounds(
            MappingProxyType({**_OPENAI, "top_logprobs": Range(0, 5), "max_tokens": Range(0)}), stops=4
        ),
        _OPENAIS,
    ),
    # openai SDK 3.54; max_output_tokens: "Expected a value >= 16" (hindsight issue 58, inspect_evals issue 694)
    Row(
        "openai.responses",
        Bounds(
            _ranges(
                temperature=_TO_TWO, top_p=_SHARE, top_logprobs=Range(0, 20), max_tokens=Range(16)
            )
        ),
        _OPENAIS,
    ),
    # DeepSeek API reference, Create Chat Completion
    Row(
        "openai.chat",
        Bounds(
            _ranges(
                temperature=_TO_TWO, top_p=_SHARE, presence_penalty=_PENALTY, frequency_penalty=_PENALTY
            ),
            stops=16,
        ),
        frozenset(("deepseek",)),
    ),
    # groq SDK 1.7: other values of n are answered with 400
    Row(
        "openai.chat",
        Bounds(MappingProxyType({**_LIKE_OPENAI, "n": Range(1, 1)}), stops=4),
        frozenset(("groq",)),
    ),
    # cerebras_cloud_sdk 1.91; older pages of its documentation end the temperature at 1.5
    Row("openai.chat", Bounds(_LIKE_OPENAI, stops=4), frozenset(("cerebras",))),
    # Its documentation has a recommendation only; the API refuses more (SillyTavern pull request 4856)
    Row(
        "openai.chat",
        Bounds(_ranges(temperature=Range(0.0, 1.5), top_p=_SHARE)),
        frozenset(("mistral",)),
    ),
    # Kimi docs: "Migrating from OpenAI" (temperature), "Parameter Comparison" (n)
    Row(
        "openai.chat",
        Bounds(_ranges(temperature=_SHARE, top_p=_SHARE, n=Range(1, 5))),
        frozenset(("moonshot",)),
    ),
    # Z.ai API reference, Chat Completion; its SDK 0.2.3 serves both
    Row(
        "openai.chat",
        Bounds(_ranges(temperature=_SHARE, top_p=Range(0.01, 1.0))),
        frozenset(("zai", "bigmodel")),
    ),
)  # fmt: skip


@lru_cache(maxsize=256)
def bounds_of(dialect: str, provider: str) -> Bounds | None:
    """Returns what a provider takes in a dialect; None where that is everything, or nobody says."""
    for row in ROWS:
        is_its = provider in row.providers if row.providers else provider not in OWN_MACHINES
        if row.dialect == dialect and is_its:
            return row.bounds
    return None
