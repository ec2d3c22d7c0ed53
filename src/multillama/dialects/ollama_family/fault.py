"""Errors: `{"error": "text"}`, as a body, and as a line of a stream.

Source: Ollama's docs, "Errors" (November 2026); ollama 0.6.3 (Python), `ResponseError`.
"""

from typing import Any, Final

import msgspec

from multillama.core.canonical import Fault
from multillama.core.codec import Misfit
from multillama.core.shape import Object, decode
from multillama.dialects.ollama_family.figures import NAME

_ENCODE: Final = msgspec.json.Encoder().encode
_LONGEST: Final = 2000
"""Characters of a body that is no JSON which are told on."""
_WORDLESS: Final = "no word of what is wrong"


def read_fault(status: int, body: bytes) -> Fault:
    """Returns what an error answer says, whatever its body is; its own status counts where it came with a 200."""
    try:
        value = decode(body)
    except Misfit:
        text = body[: 4 * _LONGEST].decode("utf-8", "replace").strip()[:_LONGEST]
        return Fault(status, text or _WORDLESS, family=NAME)
    return fault_in(value, status if status >= 400 else None)


def fault_in(value: Any, status: int | None = None) -> Fault:
    """Returns the error that a body or a line tells.

    Args:
        value: An object with `error`: a text, or in OpenAI's form, of a proxy in between.
        status: Of the answer; None inside a stream, where the line itself may tell.
    """
    members: Object = dict(value) if isinstance(value, dict) else {"error": value}
    told = members.pop("error", None)
    if isinstance(told, dict):
        members = {**members, **told}
        told = members.pop("message", None)
    own = members.pop("status_code", None)
    if status is None:
        status = own if type(own) is int and 400 <= own <= 599 else 500
    return Fault(
        status,
        told if isinstance(told, str) and told else _WORDLESS,
        type=_text(members.pop("type", None)) or "",
        code=_text(members.pop("code", None)),
        param=_text(members.pop("param", None)),
        origin=_text(members.pop("origin", None)),
        family=NAME,
        extras=members,
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def write_fault(fault: Fault) -> bytes:
    """Returns the body of an error answer: a text for the clients, and beside it what else is known."""
    body: Object = {"error": fault.message}
    if fault.code is not None:
        body["code"] = fault.code
    if fault.param is not None:
        body["param"] = fault.param
    if fault.origin is not None:
        body["origin"] = fault.origin
    if fault.family == NAME:
        body = {**fault.extras, **({"type": fault.type} if fault.type else {}), **body}
    return _ENCODE(body)


def write_fault_event(fault: Fault) -> bytes:
    """Returns the line that ends a broken stream."""
    return write_fault(fault) + b"\n"
