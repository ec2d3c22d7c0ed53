"""The dialects that can be translated, one row each."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from multillama.core.codec import Codec, CountCodec, EmbedCodec
from multillama.dialects.anthropic_messages import codec as anthropic_messages

CODECS: Final[Mapping[str, Codec]] = MappingProxyType(
    {
        "anthropic.messages": anthropic_messages.CODEC,
    }
)
"""Dialect to its row."""

EMBED_CODECS: Final[Mapping[str, EmbedCodec]] = MappingProxyType({})
COUNT_CODECS: Final[Mapping[str, CountCodec]] = MappingProxyType(
    {
        "anthropic.messages": anthropic_messages.COUNT_CODEC,
    }
)
