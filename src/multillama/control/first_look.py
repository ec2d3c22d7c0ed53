"""The first look at an endpoint that somebody names: is it there, and does it ask for a key?

It costs no token: the models are listed, and a chat without a question is refused by whoever would
serve it, but by a key's guard first.
"""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from multillama.control.endpoints import provider_of
from multillama.control.lister import (
    HEADERS,
    Answer,
    Fetch,
    Headers,
    ListingFailed,
    list_models,
    with_query,
)
from multillama.core.snapshot import Endpoint
from multillama.errors import GatewayError

Send = Callable[[Endpoint, str, Headers, bytes], Awaitable[Answer]]
"""Sends `POST` with a body of JSON; else like `Fetch`."""

_REFUSED: Final = frozenset({401, 403})


class FirstLook(NamedTuple):
    """What an endpoint is like at first sight."""

    text: str
    """For people: its kind and models, or what is wrong and the cure."""
    is_reached: bool = True
    is_listed: bool = False
    wants_key: bool = False
    """It has refused what was sent, with the key given or without any; a cloud that was given none always does."""
    variable: str | None = None
    """Where its key stands by custom, e.g. `OPENAI_API_KEY`."""


async def first_look(endpoint: Endpoint, fetch: Fetch, send: Send) -> FirstLook:
    """Look at an endpoint, with the key it has."""
    try:
        listed = await list_models(endpoint, fetch)
    except ListingFailed as failure:
        keys = provider_of(endpoint).keys
        return FirstLook(
            failure.text,
            is_reached=failure.reached,
            wants_key=failure.wants_key,
            variable=keys[0] if keys else None,
        )
    provider, count = provider_of(listed.endpoint), len(listed.rows)
    # the list of a cloud may be public, and of llama.cpp it always is
    wants_key = bool(provider.keys) and not endpoint.has_key
    if not wants_key:
        wants_key = await _refuses(listed.endpoint, send)
    return FirstLook(
        f"{provider.title} with {count} model{'' if count == 1 else 's'}",
        is_listed=True,
        wants_key=wants_key,
        variable=provider.keys[0] if provider.keys else None,
    )


async def _refuses(endpoint: Endpoint, send: Send) -> bool:
    path = with_query(endpoint.paths["chat"].decode("ascii"), endpoint)
    try:
        answer = await send(endpoint, path, HEADERS, b"{}")
    except GatewayError:  # whoever has listed is there; what else it can do, the doctor finds out
        return False
    return answer.status in _REFUSED
