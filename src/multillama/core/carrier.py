"""Carriers: how a provider's signature travels through a client of another dialect, and back to its origin only.

A model's reasoning is signed by its provider, who wants it back unchanged. A carrier holds such a signature with the
name of its origin, sealed by the gateway; clients keep it like any signature. What comes back is opened for the same
origin. Whatever else stands in a signature's place is foreign there and is left out: Claude refuses what it has not
signed.

The seal proves that the origin was not changed on the way. Who makes one himself harms his own request only.
"""

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from hashlib import blake2b
from typing import Final, NamedTuple

PREFIX: Final = "mlsig1-"
_PREFIX: Final = PREFIX.encode()
_SEAL_BYTES: Final = 12
MIN_CLAUDE_CHARS: Final = 100
"""Claude's shortest recorded signature has over 300 characters."""
CLAUDES: Final = frozenset(("anthropic", "bedrock", "azure"))
"""Providers who refuse a thinking block that they have not signed."""
_SHORT: Final = re.compile(rb'"signature"\s*:\s*"[^"]{0,%d}"' % (MIN_CLAUDE_CHARS - 1))
_BETWEEN: Final = "\n"
_SIGNED: Final = "s"
_REDACTED: Final = "r"


class Opened(NamedTuple):
    """What a carrier holds."""

    signature: str
    is_redacted: bool
    """As in `Reasoning`."""


def seal(signature: str, *, origin: str, key: bytes, is_redacted: bool = False) -> str:
    """Returns the carrier of a signature.

    Args:
        signature: As the endpoint gave it.
        is_redacted: True where it is all, and there is no text to read; some dialects cannot say it.
        origin: Whose it is: provider and model.
        key: The gateway's secret.
    """
    mark = _REDACTED if is_redacted else _SIGNED
    content = f"{origin}{_BETWEEN}{mark}{signature}".encode()
    return PREFIX + urlsafe_b64encode(_seal(content, key) + content).decode()


def unseal(text: str, *, origin: str, key: bytes) -> Opened | None:
    """Returns what a carrier holds for this origin; None for another origin's, and for no carrier."""
    if not text.startswith(PREFIX):
        return None
    try:
        sealed = urlsafe_b64decode(text[len(PREFIX) :].encode())
    except Error:
        return None
    content = sealed[_SEAL_BYTES:]
    if not hmac.compare_digest(sealed[:_SEAL_BYTES], _seal(content, key)):
        return None
    whose, _, signature = content.decode().partition(_BETWEEN)
    if whose != origin:
        return None
    return Opened(signature[1:], signature[0] == _REDACTED)


def key_of(api_key: bytes | None) -> bytes:
    """Returns the secret that seals: the same after a restart, and on every replica with this key."""
    return blake2b(api_key or b"", person=b"multillama seals").digest()


def holds_foreign(body: bytes, provider: str) -> bool:
    """Says whether a conversation holds a carrier of ours, or for Claude what Claude cannot have signed.

    HOT: once for every request in a dialect with signatures, whatever its length.
    """
    if body.find(_PREFIX) >= 0:
        return True
    return (
        provider in CLAUDES and body.find(b'"signature"') >= 0 and _SHORT.search(body) is not None
    )


def is_claudes(signature: str) -> bool:
    """Says whether this may be a signature of Claude's: vLLM and others put a short random word in its place."""
    return len(signature) >= MIN_CLAUDE_CHARS


def _seal(content: bytes, key: bytes) -> bytes:
    return blake2b(content, digest_size=_SEAL_BYTES, key=key[:64]).digest()
