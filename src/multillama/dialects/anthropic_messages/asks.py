"""What a request asks for, seen without reading all of it: for endpoints that would ignore it.

HOT: once for every request that passes to such an endpoint: 0.4 µs for 1 kB where nothing is asked.
"""

from typing import Final

import msgspec

_KIND: Final = "json_schema"


class _Format(msgspec.Struct):
    type: str


class _Config(msgspec.Struct):
    format: _Format | None = None


class _Request(msgspec.Struct):
    output_config: _Config | None = None
    output_format: _Format | None = None


_REQUEST: Final = msgspec.json.Decoder(_Request)
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def asks_format(body: bytes) -> bool:
    """Says whether the answer must fit a schema: `output_config.format`, or the older `output_format`."""
    # from behind, because CPython searches three times as fast that way
    if body.rfind(b'"json_schema"') < 0:
        return False
    try:
        request = _REQUEST.decode(body)
    except _UNREADABLE:
        return False  # the endpoint has words for it
    config = request.output_config
    form = (config.format if config is not None else None) or request.output_format
    return form is not None and form.type == _KIND
