"""Keys that stand in the request's target, for clients that cannot send a header.

Two forms are taken: `/k/<key>/api/chat`, and Google's `?key=` behind a path that is only Google's. The key is taken
out, so that no record, log or endpoint ever sees it.
"""

from typing import Final
from urllib.parse import unquote_to_bytes

PREFIX: Final = b"/k/"
GOOGLES: Final = (b"/v1beta/", b"/v1alpha/")
_SHARED: Final = (b"/v1/models/", b"/models/")
"""Google's only where a verb follows the model's name."""
_GOOGLES_PARAMETER: Final = b"key="


def split_path_key(path: bytes) -> tuple[bytes, bytes | None]:
    """Returns the path without its key, and the key if it has one."""
    if not path.startswith(PREFIX):
        return path, None
    key, slash, rest = path[len(PREFIX) :].partition(b"/")
    key = unquote_to_bytes(key)
    # What a header could not carry is no key.
    if not key or not all(0x21 <= byte <= 0x7E for byte in key):
        return path, None
    return slash + rest or b"/", key


def has_path_key(raw: bytes) -> bool:
    """Says whether a request's head, as received, had its key in the path."""
    return raw.partition(b" ")[2].startswith(PREFIX)


def split_query_key(path: bytes, query: bytes) -> tuple[bytes, bytes | None]:
    """Returns the query without Google's `key`, and the key if it has one and the path is one of Google's."""
    is_googles = path.startswith(GOOGLES) or (path.startswith(_SHARED) and b":" in path)
    if _GOOGLES_PARAMETER not in query or not is_googles:
        return query, None
    parts = query.split(b"&")
    keys = [part for part in parts if part.startswith(_GOOGLES_PARAMETER)]
    if len(keys) != 1 or not (key := unquote_to_bytes(keys[0].partition(b"=")[2])):
        return query, None
    return b"&".join(part for part in parts if part is not keys[0]), key
