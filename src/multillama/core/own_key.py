"""Our own key in an endpoint's words: some repeat it when they refuse it, and clients are not to read it.

Every other byte stays, and the length, too: what is hidden is as long as what stood there.
"""

import re
from typing import Final

QUOTING: Final = frozenset((401, 403))
"""Statuses with which a key is refused."""
SHORTEST: Final = 8
"""A shorter one is a word such as `ollama`, and no secret."""
_SHOWN: Final = 3
"""Characters that a shortened key shows at its beginning, at least; at its end, one less."""
_FIELD: Final = re.compile(
    rb"^[^:\r\n]*(?:auth|key|token)[^:\r\n]*: *(?:Bearer +)?([^\r\n]+)", re.I | re.M
)
_SHORTENED: Final = re.compile(rb"([\w-]+)(?:\*{2,}|\.{3,}|\xe2\x80\xa6)([\w-]+)")


def hide_own_key(body: bytes, fixed_head: bytes) -> bytes:
    """Returns the body with asterisks in place of the keys in these header lines, whole or shortened (`sk-a…wxyz`)."""
    for key in _FIELD.findall(fixed_head):
        if len(key) >= SHORTEST:
            body = _hide(body, key)
    return body


def _hide(body: bytes, key: bytes) -> bytes:
    def hidden(match: re.Match[bytes]) -> bytes:
        begins, ends = match.groups()
        is_ours = (
            len(begins) >= _SHOWN
            and len(ends) >= _SHOWN - 1
            and key.startswith(begins)
            and key.endswith(ends)
        )
        return b"*" * len(match[0]) if is_ours else match[0]

    return _SHORTENED.sub(hidden, body.replace(key, b"*" * len(key)))
