"""How many tokens a request has, by rule of thumb: for endpoints that count none themselves.

Source: four characters of English to a token, as OpenAI and Ollama estimate; an image of common size is about a
thousand tokens at Anthropic (width x height / 750) and at OpenAI (765 for 1024 x 1024).
"""

from typing import Final

import msgspec

from multillama.core.canonical import (
    Audio,
    File,
    Foreign,
    Image,
    Part,
    Request,
    ToolCall,
    ToolResult,
)

CHARACTERS_PER_TOKEN: Final = 4
TOKENS_PER_IMAGE: Final = 1000
TOKENS_PER_MESSAGE: Final = 4
_ENCODE: Final = msgspec.json.Encoder().encode


def estimate_tokens(request: Request) -> int:
    """Returns about how many tokens the model would read."""
    tokens = TOKENS_PER_MESSAGE * len(request.messages)
    characters = len(request.prompt or "")
    for message in request.messages:
        for part in message.parts:
            more, others = _weigh(part)
            characters += more
            tokens += others
    for tool in request.tools:
        characters += len(tool.name) + len(tool.description or "") + len(_ENCODE(tool.schema))
    return tokens + -(-characters // CHARACTERS_PER_TOKEN)


def _weigh(part: Part) -> tuple[int, int]:
    """Returns the characters of a part, and the tokens that it has beside them."""
    if isinstance(part, Image):
        return 0, TOKENS_PER_IMAGE
    if isinstance(part, ToolCall):
        return len(part.name) + len(part.arguments), 0
    if isinstance(part, ToolResult):
        weights = [_weigh(inner) for inner in part.parts]
        return sum(weight[0] for weight in weights), sum(weight[1] for weight in weights)
    if isinstance(part, Audio | File):
        return len(part.source.text or part.source.data or ""), 0
    if isinstance(part, Foreign):
        return len(_ENCODE(part.value)), 0
    return len(part.text), 0
