"""Errors: the status of Google's APIs, as a body and inside a stream.

Source: google.aip.dev/193 "Errors", google/rpc/code.proto and error_details.proto (November 2026); recorded traffic: a
429 tells when to come back in `RetryInfo`, and in no header.
"""

from typing import Any, Final

import msgspec

from multillama.core.canonical import Extras, Fault
from multillama.core.codec import Misfit
from multillama.core.shape import Object, decode
from multillama.dialects.gemini.request import FAMILY
from multillama.dialects.gemini.spelling import rows_of

_TYPE: Final = "@type"
_RPC: Final = "type.googleapis.com/google.rpc."
_RETRY: Final = f"{_RPC}RetryInfo"
_INFO: Final = f"{_RPC}ErrorInfo"
_BAD_REQUEST: Final = f"{_RPC}BadRequest"
_DOMAIN: Final = "multillama"
_DETAILS: Final = "details"
_WORDS: Final = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED", 404: "NOT_FOUND", 408: "DEADLINE_EXCEEDED", 409: "ABORTED",
    429: "RESOURCE_EXHAUSTED", 499: "CANCELLED", 500: "INTERNAL", 501: "UNIMPLEMENTED",
    502: "UNAVAILABLE", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED", 529: "UNAVAILABLE",
}  # fmt: skip
_STATUSES: Final = {
    "INVALID_ARGUMENT": 400, "FAILED_PRECONDITION": 400, "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401, "PERMISSION_DENIED": 403, "NOT_FOUND": 404, "ABORTED": 409,
    "ALREADY_EXISTS": 409, "RESOURCE_EXHAUSTED": 429, "CANCELLED": 499, "INTERNAL": 500,
    "UNKNOWN": 500, "DATA_LOSS": 500, "UNIMPLEMENTED": 501, "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}  # fmt: skip
_LONGEST_S: Final = 366 * 24 * 3600.0
_ENCODE: Final = msgspec.json.Encoder().encode


def read_fault(status: int, body: bytes) -> Fault:
    """Reads an error, whatever its body is; its own status counts where it came with a 200, in a stream."""
    try:
        value = decode(body)
    except Misfit:
        value = None
    error = error_in(value)
    if error is None:
        message = body.decode("utf-8", "replace").strip() or f"status {status}"
        return Fault(status, message, type=_word(status), family=FAMILY)
    return fault_of(error, status)


def error_in(value: Any) -> Object | None:
    """Returns the error of an answer or of a chunk of a stream, None where it has none."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        return None
    error = value.get("error")
    if isinstance(error, str):
        return {"message": error}
    return error if isinstance(error, dict) and error else None


def fault_of(error: Object, status: int = 200) -> Fault:
    """Reads the members of an error."""
    code, word, message = error.get("code"), error.get("status"), error.get("message")
    word = word if isinstance(word, str) else ""
    if status < 400:
        is_status = isinstance(code, int) and 400 <= code <= 599
        status = code if is_status else _STATUSES.get(word, 500)  # type: ignore[assignment]
    fault = Fault(
        status,
        message if isinstance(message, str) else f"status {status}",
        type=word or _word(status),
        family=FAMILY,
        extras={},
    )
    for detail in rows_of(error.get(_DETAILS)):
        if isinstance(detail, dict):
            _read_detail(detail, fault)
    if error.get(_DETAILS):
        fault.extras[_DETAILS] = error[_DETAILS]
    return fault


def _read_detail(detail: Object, fault: Fault) -> None:
    kind = detail.get(_TYPE)
    if kind == _RETRY:
        fault.retry_after_s = _seconds(detail.get("retryDelay"))
    elif kind == _INFO:
        reason = detail.get("reason")
        fault.code = reason if isinstance(reason, str) else None
    elif kind == _BAD_REQUEST and fault.param is None:
        first = next(iter(rows_of(detail.get("fieldViolations"))), None)
        field = first.get("field") if isinstance(first, dict) else None
        fault.param = field if isinstance(field, str) and field else None


def _seconds(value: Any) -> float | None:
    """Returns the seconds of a duration, as `34.4s`."""
    if not isinstance(value, str) or not value.endswith("s"):
        return None
    try:
        seconds = float(value[:-1])
    except ValueError:
        return None
    return seconds if 0 <= seconds <= _LONGEST_S else None


def _word(status: int) -> str:
    return _WORDS.get(status, "INTERNAL" if status >= 500 else "INVALID_ARGUMENT")


def write_fault(fault: Fault) -> bytes:
    """Returns the body of an error answer."""
    return _ENCODE(_body(fault))


def write_fault_event(fault: Fault) -> bytes:
    """Returns what tells an error in a stream of server-sent events."""
    return b"data: " + _ENCODE(_body(fault)) + b"\n\n"


def _body(fault: Fault) -> Object:
    is_own = fault.family == FAMILY
    error: Object = {
        "code": fault.status,
        "message": fault.message,
        "status": fault.type if is_own and fault.type else _word(fault.status),
    }
    details = (fault.extras.get(_DETAILS) if is_own else None) or _details(fault)
    if details:
        error[_DETAILS] = details
    return {"error": error}


def _details(fault: Fault) -> list[Object]:
    details: list[Object] = []
    if fault.code is not None:
        info: Object = {_TYPE: _INFO, "reason": fault.code, "domain": _DOMAIN}
        if fault.origin is not None:
            info["metadata"] = {"origin": fault.origin}
        details.append(info)
    if fault.param is not None:
        violation: Extras = {"field": fault.param, "description": fault.message}
        details.append({_TYPE: _BAD_REQUEST, "fieldViolations": [violation]})
    if fault.retry_after_s is not None:
        details.append({_TYPE: _RETRY, "retryDelay": f"{fault.retry_after_s:g}s"})
    return details
