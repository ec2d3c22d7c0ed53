"""Cures: what the doctor advises for each way in which an endpoint cannot be reached or refuses.

Pure words. What an endpoint says of itself is cleaned of keys before it is cut short.
"""

from collections.abc import Callable
from typing import Final

import msgspec

SHOWN: Final = 200
"""Characters of the endpoint's own words."""
_REFUSED: Final = frozenset({401, 403})
_CURES: Final = {
    401: "check its key",
    402: "its account has no credit: top it up, or choose another key",
    403: "check its key",
    404: "it does not serve this path or model: check the path of its URL",
    408: "it took too long: try again, or choose a smaller model",
    429: "a limit of its account is reached: wait, or raise the limit",
    503: "it is not ready: wait until its model is loaded",
}
_DNS_CURE: Final = "Check the spelling of the host in its URL, and this machine's DNS."
_TCP_CURE: Final = "Check that the server runs, the port of its URL, and any firewall between."
_TLS_CURES: Final = (
    (
        "self-signed",
        "Trust its certificate with SSL_CERT_FILE, or give it one of a known authority.",
    ),
    ("unable to get", "Trust its authority with SSL_CERT_FILE, or let it send the whole chain."),
    ("expired", "Renew its certificate, and check this machine's clock."),
    ("mismatch", "Use the host name its certificate is for in its URL."),
    ("WRONG_VERSION", "It seems to speak plain HTTP: try http:// in its URL."),
)
_TLS_CURE: Final = "Check that https:// is right, and its certificate."


def way_cure(step: str, told: str) -> str:
    """Say that a step of the way failed, why, and what to do.

    Args:
        step: `dns`, `tcp` or `tls`.
        told: The reason, a sentence.
    """
    if step == "dns":
        return f"It cannot be reached: {told} {_DNS_CURE}"
    if step == "tcp":
        return f"It cannot be reached: {told} {_TCP_CURE}"
    cure = next((cure for sign, cure in _TLS_CURES if sign in told), _TLS_CURE)
    return f"TLS failed: {told} {cure}"


def refusal_cure(status: int, body: bytes, clean: Callable[[str], str]) -> str:
    """Say that a request was refused, in the endpoint's own words where it has any, and what to do.

    Args:
        status: Of its answer.
        body: Of its answer; that of a refused key is not repeated.
        clean: Takes keys out of a text.
    """
    said = "" if status in _REFUSED else clean(_message(body))[:SHOWN]
    words = f' ("{said}")' if said else ""
    return f"It answered {status}{words}: {_CURES.get(status, 'see its own log')}."


def late(seconds: float) -> str:
    """Say that there was no whole answer in time, and what to do."""
    return f"It gave no whole answer within {seconds:.0f} s: see whether it is loading a model or overloaded."


def _message(body: bytes) -> str:
    """Return the endpoint's own words about a failure, `""` where it has none."""
    try:
        top = msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return ""
    error = top.get("error", top)
    found = error.get("message") or error.get("detail") if isinstance(error, dict) else error
    return found if isinstance(found, str) else ""
