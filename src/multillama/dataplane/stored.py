"""What is answered from the store of responses: one of them, its input, and that it is deleted."""

import re
from typing import Final, NamedTuple
from urllib.parse import parse_qs

import msgspec

from multillama.core.auth import check_key, check_page, check_reader
from multillama.core.conversation import shown_item
from multillama.core.key_like import hide_keys
from multillama.core.operations import BY_PATH
from multillama.core.snapshot import Snapshot
from multillama.core.stored_responses import Item, ResponseStore, Stored
from multillama.dataplane.builtin import Answer
from multillama.errors import GatewayError
from multillama.wire.heads import Head

METHODS: Final = "GET, HEAD, DELETE, OPTIONS"
ITEMS_METHODS: Final = "GET, HEAD, OPTIONS"
DEFAULT_ITEMS: Final = 20
MAX_ITEMS: Final = 100
_PATH: Final = re.compile(rb"(?:/v1)?/responses/([^/]{1,200})(/input_items)?")
_ENCODE: Final = msgspec.json.Encoder().encode


class Place(NamedTuple):
    """What a path names."""

    response_id: str
    is_items: bool

    @property
    def allowed(self) -> str:
        return ITEMS_METHODS if self.is_items else METHODS


def find_stored(path: bytes) -> Place | None:
    """Returns what a path names in the store, None for any other path."""
    found = _PATH.fullmatch(path)
    if found is None or path in BY_PATH:
        return None
    return Place(found[1].decode("latin-1"), found[2] is not None)


def answer_stored(
    place: Place, head: Head, snapshot: Snapshot, store: ResponseStore | None, *, now: float
) -> Answer:
    """Answers a GET, HEAD or DELETE.

    Raises:
        GatewayError: `invalid_api_key`, `cross_site_request`, `host_not_allowed`, `response_not_found` or
            `bad_request` for a query that is not understood.
    """
    owner = head.credential
    check_key(owner, api_key=snapshot.api_key)
    is_deleted = head.method == b"DELETE"
    if snapshot.api_key is None and is_deleted:
        check_page(head.origin, host=head.host, bound=snapshot.bound)
    elif snapshot.api_key is None:
        check_reader(head.origin, host=head.host, hints=head.hints, bound=snapshot.bound)
    stored = None if store is None else store.get(owner, place.response_id, now=now)
    if store is None or stored is None:
        raise _not_found(place, has_store=store is not None)
    if is_deleted:
        store.delete(owner, place.response_id, now=now)
        body = _ENCODE({"id": stored.id, "object": "response", "deleted": True})
        return Answer("delete_response", 200, body)
    query = parse_qs(head.query.decode("latin-1"))
    if place.is_items:
        return Answer("input_items", 200, _listed(stored, query))
    if query.get("stream", ["false"])[-1] == "true":
        text = "A stored response is not streamed again: leave out `stream`."
        raise GatewayError("bad_request", text, param="stream")
    return Answer("get_response", 200, stored.body)


def _not_found(place: Place, *, has_store: bool) -> GatewayError:
    shown = hide_keys(place.response_id)
    if has_store:
        text = f"The response '{shown}' is not stored here for this key, or not any more."
    else:
        text = (
            f"The response '{shown}' is not here: this gateway stores none. Start it with --responses-store 1000, and"
            " it keeps those of endpoints that keep none themselves."
        )
    return GatewayError("response_not_found", text, param="response_id")


def _listed(stored: Stored, query: dict[str, list[str]]) -> bytes:
    """Returns a page of the input's items, the newest first unless asked otherwise."""
    order = query.get("order", ["desc"])[-1]
    if order not in ("asc", "desc"):
        raise GatewayError("bad_request", "`order` must be asc or desc.", param="order")
    rows = list(stored.input) if order == "asc" else list(reversed(stored.input))
    rows = rows[_place(rows, query, "after") + 1 :]
    before = _place(rows, query, "before")
    rows = rows[:before] if before >= 0 else rows
    limit = _limit(query)
    page = rows[:limit]
    ends = (page[0].id, page[-1].id) if page else (None, None)
    return b'{"object":"list","data":[%b],"first_id":%b,"last_id":%b,"has_more":%b}' % (
        b",".join(map(shown_item, page)), _ENCODE(ends[0]), _ENCODE(ends[1]), _ENCODE(len(rows) > limit),
    )  # fmt: skip


def _place(rows: list[Item], query: dict[str, list[str]], name: str) -> int:
    """Returns where the item is that a query names; -1 for none."""
    if name not in query:
        return -1
    ids = [item.id for item in rows]
    if query[name][-1] not in ids:
        raise GatewayError("bad_request", f"`{name}` names no item of this response.", param=name)
    return ids.index(query[name][-1])


def _limit(query: dict[str, list[str]]) -> int:
    text = query.get("limit", [str(DEFAULT_ITEMS)])[-1]
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= MAX_ITEMS):
        raise GatewayError("bad_request", f"`limit` must be 1 to {MAX_ITEMS}.", param="limit")
    return int(text)
