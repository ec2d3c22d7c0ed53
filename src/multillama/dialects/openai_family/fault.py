"""Errors: `{"error": {"message", "type", "param", "code"}}`, and the other forms that servers of the family send.

Source: openai 3.54.0 (`APIError`), recorded errors of OpenAI, Azure, Groq, OpenRouter, Mistral, Cohere and Voyage.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from multillama.core.canonical import Fault
from multillama.core.codec import Misfit
from multillama.core.shape import Object, decode
from multillama.dialects.openai_family.usage import NAME

_ENCODE: Final = msgspec.json.Encoder().encode
_LONGEST: Final = 2000
"""Characters of a body that is no JSON which are told on."""

_WORDS: Final[Mapping[int, tuple[str, str | None]]] = MappingProxyType({
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    402: ("insufficient_quota", "insufficient_quota"),
    403: ("permission_error", None),
    404: ("invalid_request_error", "model_not_found"),
    413: ("invalid_request_error", "request_too_large"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
    503: ("server_error", "overloaded"),
    504: ("server_error", "timeout"),
    529: ("server_error", "overloaded"),
})  # fmt: skip
"""Status to `type` and `code`, for errors of another family."""

_STATUS: Final = (
    ("rate_limit", 429), ("quota", 429), ("RESOURCE_EXHAUSTED", 429), ("overloaded", 503),
    ("authentication", 401), ("permission", 403), ("not_found", 404), ("invalid_request", 400),
    ("timeout", 504),
)  # fmt: skip
"""A word of a type or code to the status that an error inside a stream would have had."""


def read_fault(status: int, body: bytes) -> Fault:
    """Returns what an error answer says, whatever its body is; its own status counts where it came with a 200."""
    try:
        value = decode(body)
    except Misfit:
        text = body[: 4 * _LONGEST].decode("utf-8", "replace").strip()[:_LONGEST]
        return Fault(status, text or f"status {status}, without a word", family=NAME)
    return fault_in(value, status if status >= 400 else None)


def fault_in(value: Any, status: int | None = None) -> Fault:
    """Returns the error that a JSON value tells.

    Args:
        value: The whole body or event: an object with `error`, or one that is the error itself.
        status: Of the answer; None inside a stream, where the error itself may tell.
    """
    if isinstance(value, list) and value:
        value = value[0]  # Gemini wraps its errors so
    told = value.get("error", value) if isinstance(value, dict) else value
    error: Object = dict(told) if isinstance(told, dict) else {"message": told}
    type_, code = _word(error.pop("type", None)), error.pop("code", None)
    if not type_ and isinstance(error.get("status"), str):
        type_ = error.pop("status")
    param = error.pop("param", None)
    fault = Fault(
        status or _status_of(code, error, f"{type_} {code}"),
        _message(error),
        type=type_,
        code=None if code is None else _word(code) or str(code),
        param=param if isinstance(param, str) else None,
        retry_after_s=_retry_after_s(error.get("details")),
        family=NAME,
    )
    fault.extras = error
    return fault


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _message(error: Object) -> str:
    for name in ("message", "detail", "msg"):
        value = error.pop(name, None)
        if isinstance(value, str) and value:
            return value
        if value:
            return _ENCODE(value).decode()[:_LONGEST]
    return "no word of what is wrong"


def _status_of(code: Any, error: Object, words: str) -> int:
    for value in (code, error.get("status"), error.get("status_code")):
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3:
            value = int(value)
        if isinstance(value, int) and 400 <= value <= 599:
            return value
    return next((status for word, status in _STATUS if word in words), 500)


def _retry_after_s(details: Any) -> float | None:
    """Returns what Google's `RetryInfo` says, e.g. `34.4s`."""
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str) and delay.endswith("s"):
            seconds = delay[:-1]
            if seconds.isascii() and seconds.replace(".", "", 1).isdigit():
                return float(seconds)
    return None


def write_fault(fault: Fault) -> bytes:
    """Returns the body of an error answer."""
    return _ENCODE({"error": _error(fault)})


def write_fault_event(fault: Fault) -> bytes:
    """Returns the event that ends a broken stream; there is no `[DONE]` after it, as nothing is done."""
    return b"data: " + write_fault(fault) + b"\n\n"


def _error(fault: Fault) -> Object:
    type_, code = _words_of(fault)
    if fault.family in (NAME, ""):
        type_, code = fault.type or type_, fault.code
    error: Object = {
        "message": fault.message,
        "type": type_,
        "param": fault.param,
        "code": fault.code or code,
    }
    if fault.origin is not None:
        error["origin"] = fault.origin
    if fault.family == NAME:
        error = {**fault.extras, **error}
    return error


def _words_of(fault: Fault) -> tuple[str, str | None]:
    if fault.status in _WORDS:
        return _WORDS[fault.status]
    return ("invalid_request_error" if fault.status < 500 else "server_error"), None
