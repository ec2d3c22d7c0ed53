"""What values the vendors take, one row for each dialect of theirs: what is beyond is brought within on the way.

Only what a vendor documents stands here. Runtimes of open models take what they are told, and have no row.

Source: the API references of Anthropic (Messages), Google (GenerationConfig, also Vertex AI's), OpenAI (Chat
Completions, Completions, Responses), DeepSeek, Groq, Mistral, Cerebras, Moonshot and Z.ai, November 2026.
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
_SOME: Final = Range(1)
_OPENAIS: Final = frozenset(("openai", "azure", "github", "copilot"))
_OPENAI: Final = _ranges(
    temperature=_TO_TWO, top_p=_SHARE, presence_penalty=_PENALTY, frequency_penalty=_PENALTY,
    top_logprobs=Range(0, 20), n=Range(1, 128), max_tokens=_SOME,
)  # fmt: skip

ROWS: Final = (
    Row(
        "anthropic.messages",
        Bounds(
            _ranges(
                temperature=_SHARE, top_p=_SHARE, top_k=Range(0, None, Beyond.LEAVE), max_tokens=_SOME
            ),
            models="claude",  # others are offered in this dialect, too, and are warmer
        ),
    ),
    Row(
        "gemini",
        Bounds(
            _ranges(
                temperature=_TO_TWO, top_p=_SHARE, top_k=Range(1, None, Beyond.LEAVE), max_tokens=_SOME,
                n=Range(1, 8), top_logprobs=Range(0, 20), seed=Range(-(2**31), 2**31 - 1, Beyond.WRAP),
                # 2 itself is out of bounds
                presence_penalty=Range(-2.0, 1.99), frequency_penalty=Range(-2.0, 1.99),
            ),
            stops=5,
        ),
    ),
    Row("openai.chat", Bounds(_OPENAI, stops=4), _OPENAIS),
    Row(
        "openai.completions",
        Bounds(
            MappingProxyType({**_OPENAI, "top_logprobs": Range(0, 5), "max_tokens": Range(0)}), stops=4
        ),
        _OPENAIS,
    ),
    Row(
        "openai.responses",
        Bounds(
            _ranges(
                temperature=_TO_TWO, top_p=_SHARE, top_logprobs=Range(0, 20), max_tokens=Range(16)
            )
        ),
        _OPENAIS,
    ),
    Row("openai.chat", Bounds(_ranges(temperature=_TO_TWO, top_p=_SHARE), stops=16), frozenset(("deepseek",))),
    Row("openai.chat", Bounds(_ranges(temperature=_TO_TWO, top_p=_SHARE), stops=4), frozenset(("groq",))),
    Row(
        "openai.chat",
        Bounds(_ranges(temperature=Range(0.0, 1.5), top_p=_SHARE)),
        frozenset(("mistral", "cerebras")),
    ),
    Row(
        "openai.chat",
        Bounds(_ranges(temperature=_SHARE, top_p=_SHARE)),
        frozenset(("moonshot", "zai", "bigmodel")),
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
