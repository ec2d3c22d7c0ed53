"""What a request asks for, seen without reading all of it: for endpoints that would ignore it.

HOT: once for every request that passes to such an endpoint: 0.4 µs for 1 kB where nothing is asked.
"""

from typing import Final

import msgspec


class _Format(msgspec.Struct):
    type: str


class _Text(msgspec.Struct):
    format: _Format | None = None


class _Request(msgspec.Struct):
    text: _Text | None = None


_REQUEST: Final = msgspec.json.Decoder(_Request)
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_KINDS: Final = ("json_schema", "json_object")


def asks_format(body: bytes) -> bool:
    """Says whether the answer must be JSON: `text.format`."""
    # from behind, because CPython searches three times as fast that way
    if body.rfind(b'"json_schema"') < 0 and body.rfind(b'"json_object"') < 0:
        return False
    try:
        text = _REQUEST.decode(body).text
    except _UNREADABLE:
        return False  # the endpoint has words for it
    return text is not None and text.format is not None and text.format.type in _KINDS
