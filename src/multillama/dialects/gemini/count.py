"""Counting of tokens: `countTokens`, of contents alone or of a whole request.

Source: google-genai 3.4.0 `models._CountTokensParameters_to_mldev`; ai.google.dev/api/tokens (November 2026).
"""

from typing import Final

import msgspec

from multillama.core.canonical import Count, Request
from multillama.core.codec import Goal, Misfit
from multillama.core.shape import Members, an_object, decode_object
from multillama.dialects.gemini.embed import model_path
from multillama.dialects.gemini.request import body_of, request_of
from multillama.dialects.gemini.spelling import camel, json_bytes

_INSIDE: Final = "generateContentRequest"
_UNCOUNTED: Final = ("store", "serviceTier")
_ENCODE: Final = msgspec.json.Encoder().encode


def read_count_request(body: bytes) -> Request:
    """Reads a request to count; the caller fills in `model`.

    Raises:
        Misfit: It is none, with the place.
    """
    members = camel(decode_object(body))
    inside = members.get(_INSIDE)
    return request_of(members if inside is None else an_object(inside, _INSIDE))


def write_count_request(request: Request, goal: Goal) -> bytes:
    """Returns the body of a request to count."""
    inside = {"model": model_path(goal.model), **body_of(request, goal)}
    for name in _UNCOUNTED:
        inside.pop(name, None)
    return json_bytes({_INSIDE: inside})


def read_count(body: bytes) -> Count:
    """Reads how many tokens there are.

    Raises:
        Misfit: It is not told.
    """
    members = Members(camel(decode_object(body)))
    tokens = members.whole("totalTokens")
    if tokens is None:
        raise Misfit("totalTokens", "is missing")
    return Count(tokens, members.whole("cachedContentTokenCount"))


def write_count(count: Count) -> bytes:
    """Returns how many tokens there are."""
    body = {"totalTokens": count.input_tokens}
    if count.cache_read_tokens is not None:
        body["cachedContentTokenCount"] = count.cache_read_tokens
    return _ENCODE(body)
