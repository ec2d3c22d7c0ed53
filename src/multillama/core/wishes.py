"""What a client asks of routing in its headers, from raw values to `Wishes`.

A wish that cannot be understood is refused: who asks for `local-only` must not be served as if he had not.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Final, NamedTuple

from multillama.core.key_like import hide_keys
from multillama.core.plan import Wishes
from multillama.errors import GatewayError

PREFIX: Final = "x-multillama-"
MAX_SHOWN: Final = 100
"""Characters of a header that an error repeats."""
_YES: Final = frozenset({b"true", b"1", b"yes"})
_NO: Final = frozenset({b"false", b"0", b"no"})


class Header(NamedTuple):
    """One header, for the docs."""

    name: str
    example: str
    text: str


HEADERS: Final = (
    Header(
        "x-multillama-only",
        "desk, laptop",
        "Only these endpoints may serve the request. None of them can: it fails.",
    ),
    Header(
        "x-multillama-order",
        "laptop, desk",
        "These endpoints are preferred, in this order, before tiers and strategy; the others follow.",
    ),
    Header(
        "x-multillama-local-only",
        "true",
        "The request never leaves for an endpoint that is not local, whatever fails.",
    ),
    Header(
        "x-multillama-session",
        "thread-42",
        "Requests with the same value like the same target: as strategy `affinity`, with this instead of the text.",
    ),
)


def read_wishes(raw: Mapping[str, bytes], names: Sequence[str]) -> Wishes:
    """Reads the headers.

    Args:
        raw: Name without `x-multillama-` to value, as `wire/heads.py` keeps them.
        names: The names of all endpoints.

    Raises:
        GatewayError: `bad_wish` for an endpoint that there is not, or a truth that is none.
    """
    known = {header.name.removeprefix(PREFIX) for header in HEADERS}
    for wish in raw.keys() - known:
        close = get_close_matches(wish[:MAX_SHOWN], known, n=1, cutoff=0.5)
        hint = f" Did you mean {PREFIX}{close[0]}?" if close else ""
        raise GatewayError(
            "bad_wish", f"There is no header {PREFIX}{wish[:MAX_SHOWN]} to wish by.{hint}"
        )
    return Wishes(
        only=_endpoints("only", raw, names),
        order=_endpoints("order", raw, names),
        local_only=_truth("local-only", raw),
        session=raw.get("session") or None,
    )


def _endpoints(wish: str, raw: Mapping[str, bytes], names: Sequence[str]) -> tuple[str, ...]:
    if wish not in raw:
        return ()
    wanted = [name.strip() for name in raw[wish].decode("utf-8", "replace").split(",")]
    found = tuple(dict.fromkeys(filter(None, wanted)))
    if not found:
        raise GatewayError("bad_wish", f"The header x-multillama-{wish} names no endpoint.")
    for name in found:
        if name not in names:
            close = get_close_matches(name[:MAX_SHOWN], names, n=3, cutoff=0.5)
            hint = f" Did you mean {' or '.join(close)}?" if close else ""
            raise GatewayError(
                "bad_wish",
                f"The header x-multillama-{wish} names '{hide_keys(name[:MAX_SHOWN])}', which is no endpoint here."
                + hint,
            )
    return found


def _truth(wish: str, raw: Mapping[str, bytes]) -> bool:
    """Reads true or false; of a header that came twice, each value, and one true is enough."""
    if wish not in raw:
        return False
    words = {word.strip().lower() for word in raw[wish].split(b",")}
    if words <= _YES | _NO:
        return bool(words & _YES)
    raise GatewayError("bad_wish", f"The header x-multillama-{wish} must be true or false.")
