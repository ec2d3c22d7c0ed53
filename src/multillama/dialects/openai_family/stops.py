"""Finish reasons: why an answer ended, in the words of the family and of those who speak its dialect.

Source: openai 3.54.0; Mistral, DeepSeek, Z.ai, vLLM, SGLang and TGI for the words beyond it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from multillama.core.canonical import Stop

_READ: Final[Mapping[str, Stop]] = MappingProxyType({
    "stop": Stop.END,
    "length": Stop.LENGTH,
    "tool_calls": Stop.CALLS,
    "function_call": Stop.CALLS,
    "content_filter": Stop.REFUSED,
    "eos": Stop.END,
    "eos_token": Stop.END,
    "end_turn": Stop.END,
    "stop_sequence": Stop.SEQUENCE,
    "max_tokens": Stop.LENGTH,
    "model_length": Stop.CONTEXT,  # Mistral
    "model_context_window_exceeded": Stop.CONTEXT,  # Z.ai
    "tool_use": Stop.CALLS,
    "sensitive": Stop.REFUSED,  # Z.ai
    "error": Stop.FAULT,  # OpenRouter, Mistral
    "network_error": Stop.FAULT,  # Z.ai
    "insufficient_system_resource": Stop.FAULT,  # DeepSeek
    "abort": Stop.FAULT,  # vLLM, SGLang
})  # fmt: skip
_WRITTEN: Final[Mapping[Stop, str]] = MappingProxyType({
    Stop.END: "stop",
    Stop.SEQUENCE: "stop",
    Stop.LENGTH: "length",
    Stop.CONTEXT: "length",
    Stop.CALLS: "tool_calls",
    Stop.REFUSED: "content_filter",
    Stop.PAUSE: "length",
    Stop.FAULT: "stop",
})  # fmt: skip


def read_stop(word: str, *, has_calls: bool = False, has_refusal: bool = False) -> Stop:
    """Returns why an answer ended; an unknown word is its plain end.

    Many say `stop` where the answer calls a tool or is a refusal: what it holds is believed more than the word.
    """
    stop = _READ.get(word, Stop.END)
    if stop is not Stop.END:
        return stop
    if has_calls:
        return Stop.CALLS
    return Stop.REFUSED if has_refusal else Stop.END


def write_stop(stop: Stop) -> str:
    """Returns the finish reason."""
    return _WRITTEN[stop]
