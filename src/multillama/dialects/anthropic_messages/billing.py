"""Claude Code's billing text: out of requests to models that are no Claude.

The first text of its system prompt is `x-anthropic-billing-header: …; cch=xxxxx;`. It changes with every conversation
or request, so that a local server could never use its prefix cache, and it says nothing to a model.

Source: Claude Code's gateway contract (code.claude.com/docs/en/llm-gateway-protocol), and what Claude Code 2.1.326
sends; llama.cpp masks `cch` in the same text, and nothing else of it.
"""

from typing import Final

import msgspec

from multillama.core.canonical import Request, Text
from multillama.wire.peek import replace_member

_MARK: Final = "x-anthropic-billing-header:"
_MARK_BYTES: Final = _MARK.encode()


class _System(msgspec.Struct):
    system: str | list[msgspec.Raw] | None = None


class _Block(msgspec.Struct):
    text: str = ""


_SYSTEM: Final = msgspec.json.Decoder(_System)
_BLOCK: Final = msgspec.json.Decoder(_Block)
_ENCODE: Final = msgspec.json.Encoder().encode
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def normalise_billing(request: Request) -> None:
    """Takes the billing line out of the system prompt, and the part and the message if nothing else is in it."""
    message = request.messages[0] if request.messages else None
    part = message.parts[0] if message and message.role == "system" and message.parts else None
    if message is None or not isinstance(part, Text) or not part.text.startswith(_MARK):
        return
    rest = _behind(part.text)
    kept = [Text(rest, part.cache, extras=part.extras)] if rest else []
    message.parts = [*kept, *message.parts[1:]]
    if not message.parts:
        request.messages = request.messages[1:]


def without_billing(body: bytes) -> bytes:
    """Returns a request of Messages without the billing line; the same object where there is none.

    Only the member `system` is written anew, and of that only the first text: everything else keeps its bytes.
    """
    if body.find(_MARK_BYTES) < 0:
        return body
    try:
        system = _SYSTEM.decode(body).system
        kept = _kept(system) if isinstance(system, list) else _kept_text(system)
    except _UNREADABLE:
        return body  # the endpoint has words for it
    return body if kept is None else replace_member(body, "system", kept)


def _kept_text(system: str | None) -> bytes | None:
    if system is None or not system.startswith(_MARK):
        return None
    return _ENCODE(_behind(system))


def _kept(system: list[msgspec.Raw]) -> bytes | None:
    text = _BLOCK.decode(system[0]).text if system else ""
    if not text.startswith(_MARK):
        return None
    blocks = [bytes(block) for block in system[1:]]
    if rest := _behind(text):
        blocks.insert(0, replace_member(bytes(system[0]), "text", _ENCODE(rest)))
    return b"[" + b",".join(blocks) + b"]"


def _behind(text: str) -> str:
    """Returns what stands behind the billing line."""
    return text.partition("\n")[2].lstrip("\n")
