"""Finds out which dialects an endpoint speaks, where that depends on its version: each is asked for once, at no cost.

An empty object is no request in any dialect, so nobody generates anything: who has the path complains about what is
missing, and who has not says that there is no such path.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from multillama.control.endpoints import provider_of
from multillama.control.lister import HEADERS, Answer, Headers, with_query
from multillama.core.operations import OPERATIONS
from multillama.core.snapshot import Endpoint
from multillama.errors import GatewayError

Send = Callable[[Endpoint, str, Headers, bytes], Awaitable[Answer]]
"""Sends `POST` with a body of JSON; else like `Fetch`."""

_ABSENT: Final = frozenset({404, 405, 501})
_OPERATION: Final = {row.dialect: row.name for row in reversed(OPERATIONS)}


async def find_dialects(endpoint: Endpoint, send: Send) -> frozenset[str] | None:
    """Return which of the dialects that it may speak an endpoint speaks.

    Returns:
        None where it could not be asked: then it is to be asked again.
    """
    if endpoint.are_dialects_given:
        return frozenset()
    found = set()
    for dialect in provider_of(endpoint).asks:
        path = with_query(endpoint.paths[_OPERATION[dialect]].decode("ascii"), endpoint)
        try:
            answer = await send(endpoint, path, HEADERS + endpoint.defaults, b"{}")
        except GatewayError:
            return None
        if answer.status not in _ABSENT:
            found.add(dialect)
    return frozenset(found)
