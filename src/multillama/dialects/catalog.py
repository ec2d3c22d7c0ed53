"""The dialects that can be translated, one row each."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from multillama.core.codec import Codec, CountCodec, EmbedCodec
from multillama.dialects.anthropic_messages import codec as anthropic_messages
from multillama.dialects.anthropic_messages.asks import asks_format as messages_ask_format
from multillama.dialects.gemini import codec as gemini
from multillama.dialects.ollama_chat import codec as ollama_chat
from multillama.dialects.ollama_embed import EMBED_CODEC as OLLAMA_EMBED
from multillama.dialects.ollama_embeddings import EMBED_CODEC as OLLAMA_EMBEDDINGS
from multillama.dialects.ollama_generate import codec as ollama_generate
from multillama.dialects.openai_chat import codec as openai_chat
from multillama.dialects.openai_completions import codec as openai_completions
from multillama.dialects.openai_embeddings import EMBED_CODEC as OPENAI_EMBED_CODEC
from multillama.dialects.openai_responses import codec as openai_responses
from multillama.dialects.openai_responses.asks import asks_format as responses_ask_format

CODECS: Final[Mapping[str, Codec]] = MappingProxyType(
    {
        "anthropic.messages": anthropic_messages.CODEC,
        "gemini": gemini.CODEC,
        "openai.chat": openai_chat.CODEC,
        "openai.completions": openai_completions.CODEC,
        "openai.responses": openai_responses.CODEC,
        "ollama.chat": ollama_chat.CODEC,
        "ollama.generate": ollama_generate.CODEC,
    }
)
"""Dialect to its row."""

EMBED_CODECS: Final[Mapping[str, EmbedCodec]] = MappingProxyType(
    {
        "gemini.embed": gemini.EMBED_CODEC,
        "gemini.batch_embed": gemini.BATCH_EMBED_CODEC,
        "openai.embeddings": OPENAI_EMBED_CODEC,
        "ollama.embed": OLLAMA_EMBED,
        "ollama.embeddings": OLLAMA_EMBEDDINGS,
    }
)

UNFRAMED: Final[Mapping[str, Codec]] = MappingProxyType({"gemini": gemini.UNFRAMED_CODEC})
"""Dialect to the row of its streams for clients that want them without events, as one JSON array."""

COUNT_CODECS: Final[Mapping[str, CountCodec]] = MappingProxyType(
    {
        "anthropic.messages": anthropic_messages.COUNT_CODEC,
        "gemini": gemini.COUNT_CODEC,
        "openai.responses": openai_responses.COUNT_CODEC,
    }
)

ASKS: Final[Mapping[tuple[str, str], Callable[[bytes], bool]]] = MappingProxyType(
    {
        ("anthropic.messages", "format"): messages_ask_format,
        ("openai.responses", "format"): responses_ask_format,
    }
)
"""Dialect and field of `Request` to a look whether a body asks for it, for providers that do not hear it there."""
