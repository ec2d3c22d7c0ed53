"""Errors: bodies of error answers, and what tells an error inside a stream.

The SDK raises at an `error` event whose members are nested; Codex reads `response.failed` alone.

Source: openai SDK 3.54.0 (`_exceptions.py`, `types/responses/response_error.py`); recorded errors of OpenAI.
"""

from typing import Any, Final

import msgspec

from multillama.core.canonical import Fault
from multillama.core.codec import Misfit
from multillama.core.shape import Object, decode
from multillama.dialects.openai_responses.terms import FAMILY

_WORDS: Final[dict[int, tuple[str, str | None]]] = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    402: ("insufficient_quota", "insufficient_quota"),
    403: ("permission_error", None),
    404: ("invalid_request_error", "model_not_found"),
    408: ("timeout", "timeout"),
    413: ("invalid_request_error", "request_too_large"),
    429: ("rate_limit_exceeded", "rate_limit_exceeded"),
    503: ("server_error", "server_is_overloaded"),
    504: ("timeout", "timeout"),
    529: ("server_error", "server_is_overloaded"),
}
"""Status to type and code, for errors told in other families' words."""
_STATUS: Final = {
    "invalid_api_key": 401,
    "insufficient_quota": 429,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "invalid_prompt": 400,
    "invalid_request_error": 400,
    "context_length_exceeded": 400,
    "model_not_found": 404,
    "server_is_overloaded": 503,
    "slow_down": 503,
}
"""Code or type to status, where an error inside a stream has none."""
_KNOWN: Final = frozenset(("message", "type", "code", "param", "detail", "sequence_number"))
_ENCODE: Final = msgspec.json.Encoder().encode


def read_fault(status: int, body: bytes) -> Fault:
    """Reads the body of an error answer, whatever it is; its own status counts where it came with a 200."""
    try:
        value = decode(body)
    except Misfit:
        return Fault(status, _words(body, status), family=FAMILY)
    return fault_of(status if status >= 400 else 0, value)


def _words(body: bytes, status: int) -> str:
    return body[:500].decode(errors="replace").strip() or f"status {status}"


def fault_of(status: int, value: Any) -> Fault:
    """Returns the error that a decoded body tells; servers beside OpenAI have other shapes of it.

    Args:
        status: 0 where the error came inside a stream; it is then told from the error's words.
        value: The whole body.
    """
    error = value.get("error", value) if isinstance(value, dict) else value
    if not isinstance(error, dict):
        message = error if isinstance(error, str) else _ENCODE(error).decode()
        return Fault(status or 502, message, family=FAMILY)
    told = error.get("message", error.get("detail"))
    code, kind, param = error.get("code"), error.get("type"), error.get("param")
    words = str(code) if isinstance(code, str | int) else None
    kind = kind if isinstance(kind, str) and kind != "error" else ""
    return Fault(
        status or _status(words, kind),
        told if isinstance(told, str) else _ENCODE(error).decode(),
        kind,
        words,
        param if isinstance(param, str) else None,
        family=FAMILY,
        extras={name: known for name, known in error.items() if name not in _KNOWN},
    )


def _status(code: str | None, kind: str) -> int:
    if code is not None and code.isdecimal() and 400 <= int(code[:4]) < 600:
        return int(code)
    return _STATUS.get(code or "") or _STATUS.get(kind) or 502


def error_members(fault: Fault) -> Object:
    """Returns the members of an error: in OpenAI's words, whoever told it."""
    kind, code = fault.type, fault.code
    if fault.family not in (FAMILY, "") or not kind:
        kind, known = _WORDS.get(fault.status, _word(fault.status))
        code = code if fault.family in (FAMILY, "") and code is not None else known
    members: Object = {"message": fault.message, "type": kind, "param": fault.param, "code": code}
    if fault.family == FAMILY:
        members = {**fault.extras, **members}
    if fault.origin is not None:
        members["origin"] = fault.origin
    return members


def _word(status: int) -> tuple[str, str | None]:
    return ("invalid_request_error", None) if status < 500 else ("server_error", "server_error")


def write_fault(fault: Fault) -> bytes:
    """Writes the body of an error answer."""
    return _ENCODE({"error": error_members(fault)})


def failed(fault: Fault) -> Object:
    """Returns the error of a response that failed, whose code must say something."""
    members = error_members(fault)
    return {"code": members["code"] or members["type"], "message": fault.message}


def write_fault_event(fault: Fault) -> bytes:
    """Writes the events that tell an error, for a stream of which nothing more is known."""
    error = _ENCODE({"type": "error", "error": error_members(fault)})
    response = {"object": "response", "status": "failed", "error": failed(fault), "output": []}
    end = _ENCODE({"type": "response.failed", "response": response})
    return b"event: error\ndata: %b\n\nevent: response.failed\ndata: %b\n\n" % (error, end)
