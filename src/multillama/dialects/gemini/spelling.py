"""How Gemini spells: names of members, bytes, and signatures.

Its JSON is that of protocol buffers: a member may be called `inline_data` or `inlineData`, bytes are base64 of either
alphabet, and one message may stand where a list of them belongs. A signature is bytes, too: clients take it apart and
put it together again, so that one which is no base64 needs a coat.

Source: protobuf.dev "ProtoJSON format" (November 2026); google-genai 3.4.0 `types.Part.thought_signature`.
"""

import re
from base64 import b64decode, b64encode
from typing import Any, Final

import msgspec

from multillama.core.codec import Misfit
from multillama.core.shape import Object, an_object

_ENCODE: Final = msgspec.json.Encoder().encode
_URL_SAFE: Final = str.maketrans("-_", "+/")
_BASE64: Final = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_COAT: Final = b"mlsig:"
_COAT_TEXT: Final = b64encode(_COAT).decode()
"""Six bytes are eight letters of base64, whatever follows them."""


def camel(members: Object) -> Object:
    """Returns members by their own names, whichever way they are spelled."""
    for name in members:
        if "_" in name:
            return {_camel(name): value for name, value in members.items()}
    return members


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in others)


def an_object_of(value: Any, path: str) -> Object:
    """Returns the members of an object by their own names, or raises Misfit."""
    return camel(an_object(value, path))


def rows_of(value: Any) -> list[Any]:
    """Returns the rows of a list, one row where it is none, and no rows of null."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def json_bytes(value: Any, path: str = "") -> bytes:
    """Returns the JSON text of plain values.

    Raises:
        Misfit: They are nested deeper than what was read may be.
    """
    try:
        return _ENCODE(value)
    except RecursionError as error:
        raise Misfit(path, "is nested too deep") from error


def plain_base64(text: str) -> str:
    """Returns base64 in its usual alphabet, filled up."""
    if "-" in text or "_" in text:
        text = text.translate(_URL_SAFE)
    return text + "=" * (-len(text) % 4)


def dress(signature: str) -> str:
    """Returns a signature that clients can take for bytes."""
    if _BASE64.fullmatch(signature):
        return signature
    return b64encode(_COAT + signature.encode()).decode()


def undress(text: str) -> str:
    """Returns the signature that was dressed; any other in the usual alphabet."""
    text = plain_base64(text)
    if not (text.startswith(_COAT_TEXT) and _BASE64.fullmatch(text)):
        return text
    try:
        return b64decode(text)[len(_COAT) :].decode()
    except UnicodeDecodeError:
        return text
