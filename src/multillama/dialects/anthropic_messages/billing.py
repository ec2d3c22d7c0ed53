"""Claude Code's billing text: out of requests to models that are no Claude.

The first text of its system prompt is `x-anthropic-billing-header: …; cch=xxxxx;`. It changes with every request, so
that a local server could never use its prefix cache, and it says nothing to a model.

Source: Claude Code's gateway contract (code.claude.com/docs/en/llm-gateway-protocol); llama.cpp masks the same text.
"""

from typing import Final

from multillama.core.canonical import Request, Text

_MARK: Final = "x-anthropic-billing-header:"


def normalise_billing(request: Request) -> None:
    """Takes the billing line out of the system prompt, and the part and the message if nothing else is in it."""
    message = request.messages[0] if request.messages else None
    part = message.parts[0] if message and message.role == "system" and message.parts else None
    if message is None or not isinstance(part, Text) or not part.text.startswith(_MARK):
        return
    rest = part.text.partition("\n")[2].lstrip("\n")
    kept = [Text(rest, part.cache, extras=part.extras)] if rest else []
    message.parts = [*kept, *message.parts[1:]]
    if not message.parts:
        request.messages = request.messages[1:]
