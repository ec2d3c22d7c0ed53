"""Which extra headers an endpoint may be given: none that frames a message, routes it or holds a key.

A test compares the names with what `wire/heads.py` treats specially.
"""

import re
from typing import Final

_TOKEN: Final = re.compile(r"[!#$%&'*+.^`|~0-9A-Za-z-]{1,128}")
_VALUE: Final = re.compile(r"[!-~]([ -~]*[!-~])?")

FRAMING: Final = frozenset({
    "host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection",
    "proxy-authenticate", "te", "trailer", "upgrade", "http2-settings", "expect", "content-type",
    "content-encoding", "accept-encoding",
})  # fmt: skip
"""Names that belong to one message or one connection, and are set for each."""
CREDENTIALS: Final = frozenset({
    "authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie",
})  # fmt: skip
"""Names that hold who one is."""


def header_problem(name: str, value: str) -> str | None:
    """Say what is wrong with an extra header; the value may be a secret and is not repeated."""
    lower = name.lower()
    if not _TOKEN.fullmatch(name):
        return "is no header's name: letters, digits and dashes only"
    if lower in FRAMING or lower.startswith("x-multillama-"):
        return "is set for each request by the gateway; leave it out"
    if lower in CREDENTIALS:
        return "holds a key; give it as key"
    if not _VALUE.fullmatch(value):
        return "must be one line of plain ASCII text"
    return None
