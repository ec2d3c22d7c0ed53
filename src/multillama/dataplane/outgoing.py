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
    target = endpoint.paths[operation.name]
    if model is not None:
        target = target.replace(b"{model}", quote(model, safe="").encode())
    if head.query or endpoint.query:
        target += b"?" + _joined(endpoint.query, head.query)
    forward = head.forward
    if endpoint.owns:
        forward = list(forward)
        drop_fields(forward, endpoint.owns)
    names = {name.lower() for name in forward[::4]}
    defaults = [b"%b: %b\r\n" % pair for pair in endpoint.defaults if pair[0] not in names]
    lines = b"".join(
        (
            b"POST ", target, b" HTTP/1.1\r\n", endpoint.head_of(operation.name), *defaults, *forward,
            b"x-multillama-hops: %d\r\n" % (head.hops + 1),
        )
    )  # fmt: skip
    if model is not None:
        return lines
    if len(head.outgoing) >= MAX_KEPT:
        head.outgoing.clear()
    head.outgoing[endpoint] = lines
    return lines


def _joined(own: bytes, asked: bytes) -> bytes:
    """Returns the endpoint's parameters, then the client's but for those of the same names."""
    if not own or not asked:
        return own or asked
    pairs = own.split(b"&")
    names = {pair.partition(b"=")[0] for pair in pairs}
    pairs += [pair for pair in asked.split(b"&") if pair.partition(b"=")[0] not in names]
    return b"&".join(pairs)
