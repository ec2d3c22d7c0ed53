"""What a client reads when we cannot serve: the error body, and the in-stream error event of each dialect."""

from typing import Final

import msgspec

from multillama.errors import GatewayError

_PLAIN: Final = msgspec.json.Encoder()
_GEMINI_STATUS: Final = {
    401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED", 500: "INTERNAL", 501: "UNIMPLEMENTED", 502: "UNAVAILABLE", 503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}  # fmt: skip


def error_object(error: GatewayError) -> dict[str, str | None]:
    """Returns the public facts of a failure: `message`, `type`, `param`, `code`, `origin`."""
    return {
        "message": error.text,
        "type": error.failure.error_type,
        "param": error.param,
        "code": error.kind,
        "origin": error.origin,
    }


def error_body(error: GatewayError, dialect: str = "openai.chat") -> bytes:
    """Returns the JSON body of an error answer.

    It has OpenAI's shape everywhere; where an Anthropic client reads, it is that dialect's envelope as well. Only
    Gemini's own cannot be both: its `code` is the status.

    Source: google.rpc.Status and ErrorInfo, AIP-193.
    """
    facts = error_object(error)
    if dialect.startswith("gemini"):
        return _PLAIN.encode({"error": _gemini_object(error)})
    if dialect.startswith("ollama"):
        return _PLAIN.encode(_ollama_object(error))
    if dialect == "anthropic.messages":
        return _PLAIN.encode({"type": "error", "error": facts})
    return _PLAIN.encode({"error": facts})


def _ollama_object(error: GatewayError) -> dict[str, object]:
    """Returns what Ollama's clients read, who look for a text in `error`, with the other facts beside it."""
    return {"error": error.text, "code": error.kind, "param": error.param, "origin": error.origin}


def _gemini_object(error: GatewayError) -> dict[str, object]:
    details = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": error.kind,
        "domain": "multillama",
        "metadata": {"origin": error.origin},
    }
    return {
        "code": error.status,
        "message": error.text,
        "status": _GEMINI_STATUS.get(error.status) or _other_status(error.status),
        "details": [details],
        "origin": error.origin,
    }


def _other_status(status: int) -> str:
    return "INTERNAL" if status >= 500 else "INVALID_ARGUMENT"


def error_row(error: GatewayError) -> bytes:
    """Returns the last row of a broken stream that is one JSON array, as Gemini's without `alt=sse`."""
    return _PLAIN.encode({"error": _gemini_object(error)})


def error_event(error: GatewayError, dialect: str) -> bytes:
    """Returns the event that ends a broken stream in the client's dialect: no `[DONE]`, no finish reason.

    It begins with a blank line, which ends an event that the endpoint left unfinished and is nothing otherwise.

    Source: the openai and anthropic SDKs of November 2026, run against each form: both raise at these.
    """
    if dialect.startswith("ollama"):
        return _PLAIN.encode(_ollama_object(error)) + b"\n"
    if dialect.startswith("gemini"):
        return b"\n\ndata: " + _PLAIN.encode({"error": _gemini_object(error)}) + b"\n\n"
    facts = error_object(error)
    if dialect in ("anthropic.messages", "openai.responses"):
        body = _PLAIN.encode({"type": "error", "error": facts})
        return b"\n\nevent: error\ndata: " + body + b"\n\n"
    return b"\n\ndata: " + _PLAIN.encode({"error": facts}) + b"\n\n"
