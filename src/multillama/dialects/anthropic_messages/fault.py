"""Reads and writes errors, of a whole answer and inside a stream.

Source: platform.claude.com, "Errors" (November 2026); anthropic SDK 2.12.0, `types/shared/`.
"""

from types import MappingProxyType
from typing import Any, Final

import msgspec

from multillama.core.canonical import Fault
from multillama.core.codec import Misfit
from multillama.core.shape import Object, decode

FAMILY: Final = "anthropic"
_ENCODE: Final = msgspec.json.Encoder().encode
_LONGEST: Final = 2000
"""Characters of a body that is no JSON: enough of a proxy's page to see whose it is."""

_TYPES: Final = MappingProxyType(
    {
        400: "invalid_request_error",
        401: "authentication_error",
        402: "billing_error",
        403: "permission_error",
        404: "not_found_error",
        408: "timeout_error",
        409: "conflict_error",
        413: "request_too_large",
        429: "rate_limit_error",
        500: "api_error",
        503: "overloaded_error",
        504: "timeout_error",
        529: "overloaded_error",
    }
)
_STATUSES: Final = MappingProxyType(
    {kind: status for status, kind in _TYPES.items() if status not in (408, 503)}
)
_QUOTA: Final = "insufficient_quota"
"""OpenAI's word for an account without money, told with 429."""


def read_fault(status: int, body: bytes) -> Fault:
    """Returns what an error answer tells; also of a server or a proxy that has a form of its own.

    The error's own status counts where it came with a 200.
    """
    try:
        value = decode(body)
    except Misfit:
        text = body.decode("utf-8", "replace").strip()
        return Fault(status, text[:_LONGEST] or f"status {status}", family=FAMILY)
    return fault_of(status if status >= 400 else None, value)


def fault_of(status: int | None, value: Any) -> Fault:
    """Returns what an error object tells.

    Args:
        status: None inside a stream, where the error's type has to tell it.
        value: The body or the event, as plain JSON values.
    """
    body = value if isinstance(value, dict) else {}
    error = body.get("error")
    members: Object = error if isinstance(error, dict) else {}
    kind = _text(members.get("type")) or ""
    if status is None:
        status = _status_of(kind, members.get("code"))
    message = _text(members.get("message")) or _text(error) or _text(body.get("message"))
    message = message or _text(body.get("detail")) or (value if isinstance(value, str) else None)
    details = members.get("details")
    code = details.get("error_code") if isinstance(details, dict) else members.get("code")
    extras: Object = {"details": details} if details is not None else {}
    if _text(body.get("request_id")):
        extras["request_id"] = body["request_id"]
    return Fault(
        status=status,
        message=message or f"status {status}",
        type=kind,
        code=_text(code),
        param=_text(members.get("param")),
        family=FAMILY,
        extras=extras,
    )


def _status_of(kind: str, code: object) -> int:
    if kind in _STATUSES:
        return _STATUSES[kind]
    return code if isinstance(code, int) and 400 <= code <= 599 else 500


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def write_fault(fault: Fault) -> bytes:
    """Returns the body of an error answer."""
    is_own = fault.family == FAMILY
    error: Object = {"type": _type_of(fault, is_own=is_own), "message": fault.message}
    told = {"param": fault.param, "code": fault.code, "origin": fault.origin}
    error |= {name: value for name, value in told.items() if value is not None}
    body: Object = {"type": "error", "error": error}
    if is_own and "details" in fault.extras:
        error["details"] = fault.extras["details"]
    if is_own and "request_id" in fault.extras:
        body["request_id"] = fault.extras["request_id"]
    return _ENCODE(body)


def _type_of(fault: Fault, *, is_own: bool) -> str:
    if is_own and fault.type:
        return fault.type
    if _QUOTA in (fault.code, fault.type):
        return "billing_error"
    usual = "invalid_request_error" if 400 <= fault.status <= 499 else "api_error"
    return _TYPES.get(fault.status, usual)


def write_fault_event(fault: Fault) -> bytes:
    """Returns the event that ends a broken stream: the SDK raises at it."""
    return b"event: error\ndata: " + write_fault(fault) + b"\n\n"
