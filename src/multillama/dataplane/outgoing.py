"""The head of the request that an endpoint receives, always built from parsed parts."""

from typing import Final
from urllib.parse import quote

from multillama.core.operations import Operation
from multillama.core.snapshot import Endpoint
from multillama.wire.heads import Head, drop_fields

MAX_KEPT: Final = 64
"""Endpoints for which one head's lines are kept."""


def opening_lines(
    head: Head, operation: Operation, endpoint: Endpoint, *, model: str | None = None
) -> bytes:
    """Returns request line and header lines up to the framing, which the caller adds.

    Order: what the endpoint needs, its defaults where the client is silent, what the client sent, the hop count.
    A connection that repeats its head repeats these lines, so they are kept with the head. Where the path names the
    model, it is the endpoint's own name of it.
    """
    known = head.outgoing.get(endpoint)
    if known is not None:
        return known
    query = _joined(endpoint.query, head.query)
    forward = head.forward
    if endpoint.owns:
        forward = list(forward)
        drop_fields(forward, endpoint.owns)
    names = {name.lower() for name in forward[::4]}
    defaults = [b"%b: %b\r\n" % pair for pair in endpoint.defaults if pair[0] not in names]
    target = target_of(endpoint, operation.name, model=model, query=query)
    lines = b"".join((target, *defaults, *forward, hops_line(head)))
    return lines if model is not None else keep(head, endpoint, lines)


def target_of(endpoint: Endpoint, operation: str, *, model: str | None, query: bytes) -> bytes:
    """Returns the request line of an operation, and the header lines that the endpoint is always sent."""
    path = endpoint.paths[operation]
    if model is not None:
        path = path.replace(b"{model}", quote(model, safe="").encode())
    if query:
        path += b"?" + query
    return b"".join((b"POST ", path, b" HTTP/1.1\r\n", endpoint.head_of(operation)))


def hops_line(head: Head) -> bytes:
    """Returns the line by which a circle of gateways is found out."""
    return b"x-multillama-hops: %d\r\n" % (head.hops + 1)


def keep(head: Head, for_whom: object, lines: bytes) -> bytes:
    """Keeps lines with the head that they were made of."""
    if len(head.outgoing) >= MAX_KEPT:
        head.outgoing.clear()
    head.outgoing[for_whom] = lines
    return lines


def _joined(own: bytes, asked: bytes) -> bytes:
    """Returns the endpoint's parameters, then the client's but for those of the same names."""
    if not own or not asked:
        return own or asked
    pairs = own.split(b"&")
    names = {pair.partition(b"=")[0] for pair in pairs}
    pairs += [pair for pair in asked.split(b"&") if pair.partition(b"=")[0] not in names]
    return b"&".join(pairs)
