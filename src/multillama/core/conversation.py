"""Requests that go on from a stored response, and responses on their way into the store; JSON in, JSON out.

Items keep their bytes: what an endpoint has said is told again as it said it.
"""

from typing import Final, NamedTuple

import msgspec

from multillama.core.stored_responses import Item, Owner, ResponseStore, Stored
from multillama.errors import GatewayError
from multillama.wire.peek import edit_members, replace_member

PREVIOUS: Final = "previous_response_id"
KEPT: Final = frozenset(("completed", "incomplete"))
"""How a response may have ended that is kept."""
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_INPUT: Final = msgspec.json.Decoder(str | list[msgspec.Raw] | None)
_ENCODE: Final = msgspec.json.Encoder().encode
_PREFIXES: Final = {
    "message": "msg", "reasoning": "rs", "function_call": "fc", "function_call_output": "fco",
}  # fmt: skip
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class _Asked(msgspec.Struct):
    input: msgspec.Raw = msgspec.Raw(b"null")
    previous_response_id: str | None = None
    store: bool | None = None


class _Names(msgspec.Struct):
    id: str | None = None
    type: str | None = None
    role: str | None = None


class _Made(msgspec.Struct):
    id: str
    status: str
    output: list[msgspec.Raw]


class _Event(msgspec.Struct):
    type: str
    response: msgspec.Raw


_ASKED: Final = msgspec.json.Decoder(_Asked)
_NAMES: Final = msgspec.json.Decoder(_Names)
_MADE: Final = msgspec.json.Decoder(_Made)
_EVENT: Final = msgspec.json.Decoder(_Event)


class Turn(NamedTuple):
    """One request, as far as it is about what is stored."""

    body: bytes
    """What the endpoint is to be asked."""
    input: tuple[bytes, ...]
    """All items that it holds, as JSON."""
    known: tuple[Item, ...]
    """Those of the responses before, which come first."""
    previous: str | None
    """The response it goes on from, if the store has that."""
    missing: str | None
    """What it refers to and the store has not: a member of the request with its value."""
    is_to_store: bool
    """True unless its client wants nothing kept."""
    says_store: bool
    """True if its client has said that it is to be stored."""


def read_turn(body: bytes, store: ResponseStore | None, owner: Owner, *, now: float) -> Turn:
    """Reads a request, and puts what it refers to in the place of the references.

    Args:
        body: The client's request.
        store: None where nothing is stored.
        owner: Who asks.
        now: As the store has it.

    Raises:
        GatewayError: `bad_request` for a member that has another type.
    """
    try:
        asked = _ASKED.decode(body)
    except _UNREADABLE as error:
        raise GatewayError("bad_request", f"The request cannot be read: {error}.") from error
    wants = asked.store is not False
    previous_id = asked.previous_response_id
    if store is None:
        missing = None if previous_id is None else f"{PREVIOUS} {previous_id!r}"
        return Turn(body, (), (), None, missing, False, False)
    items = _items(asked.input)
    told, missing = _resolved(items, store, owner, now=now)
    known: tuple[Item, ...] = ()
    previous = None if previous_id is None else store.get(owner, previous_id, now=now)
    if previous is not None:
        known = previous.items
    elif previous_id is not None:
        missing = f"{PREVIOUS} {previous_id!r}"
    whole = (*(item.raw for item in known), *told)
    if missing is None and (previous is not None or told != items):
        rows = b"[" + b",".join(whole) + b"]"
        body = edit_members(body, {"input": rows, PREVIOUS: None})
    found = None if previous is None else previous.id
    return Turn(body, whole, known, found, missing, wants, asked.store is True)


def _items(raw: msgspec.Raw) -> tuple[bytes, ...]:
    """Returns the items of an input, a text as the message that it is."""
    try:
        value = _INPUT.decode(raw)
    except _UNREADABLE:
        return ()  # the endpoint has words for it
    if isinstance(value, str):
        part = {"type": "input_text", "text": value}
        return (_ENCODE({"type": "message", "role": "user", "content": [part]}),)
    return tuple(bytes(row) for row in value or ())


def _resolved(
    items: tuple[bytes, ...], store: ResponseStore, owner: Owner, *, now: float
) -> tuple[tuple[bytes, ...], str | None]:
    """Returns the items with those that references mean, and a reference that means none, if there is one."""
    found: list[bytes] = []
    missing = None
    for item in items:
        item_id = _referred(item)
        known = None if item_id is None else store.item(owner, item_id, now=now)
        if item_id is not None and known is None:
            missing = f"the item {item_id!r}"
        found.append(item if known is None else known)
    return tuple(found), missing


def _referred(item: bytes) -> str | None:
    """Returns whose id stands in an item that is a reference; None for all others."""
    names = _names(item)
    is_reference = names.type == "item_reference" or (names.type is None and names.role is None)
    return names.id if is_reference else None


def _names(item: bytes) -> _Names:
    try:
        return _NAMES.decode(item)
    except _UNREADABLE:
        return _Names(type="")


# --- what comes back -------------------------------------------------------------------------


def response_in(event_data: bytes) -> bytes | None:
    """Returns the whole response from the data of a stream's last event; None for any other event."""
    try:
        event = _EVENT.decode(event_data)
    except _UNREADABLE:
        return None
    is_last = event.type in ("response.completed", "response.incomplete")
    return bytes(event.response) if is_last else None


def stored_from(response: bytes, turn: Turn) -> Stored | None:
    """Returns what is to be stored of a response; None for one that is not over, or that is none.

    Its body is the endpoint's, but for two members that only the gateway can know: that it is stored, and what it went
    on from.
    """
    try:
        made = _MADE.decode(response)
    except _UNREADABLE:
        return None
    if made.status not in KEPT or not made.id:
        return None
    body = replace_member(response, "store", b"true")
    if turn.previous is not None:
        body = replace_member(body, PREVIOUS, _ENCODE(turn.previous))
    count = len(turn.known)
    told = [_item(raw, made.id, f"i{at}") for at, raw in enumerate(turn.input[count:], count)]
    said = [_item(bytes(raw), made.id, f"o{at}") for at, raw in enumerate(made.output)]
    return Stored(made.id, body, (*turn.known, *told), tuple(said))


def _item(raw: bytes, response_id: str, place: str) -> Item:
    names = _names(raw)
    prefix = _PREFIXES.get(names.type or "message", "item")
    return Item(names.id or f"{prefix}_{response_id.removeprefix('resp_')}_{place}", raw)


def shown_item(item: Item) -> bytes:
    """Returns an item as its list shows it: with an id, and a message with its type and its content in parts."""
    try:
        members = _MEMBERS.decode(item.raw)
    except _UNREADABLE:
        return item.raw
    members = {"id": msgspec.Raw(_ENCODE(item.id)), **members}
    members["id"] = msgspec.Raw(_ENCODE(item.id))
    if "role" in members:
        members.setdefault("type", msgspec.Raw(b'"message"'))
        members.setdefault("status", msgspec.Raw(b'"completed"'))
        members["content"] = _parts(members)
    return _ENCODE(members)


def _parts(members: dict[str, msgspec.Raw]) -> msgspec.Raw:
    content = members.get("content", msgspec.Raw(b"[]"))
    if not bytes(content).startswith(b'"'):
        return content
    if bytes(members["role"]) == b'"assistant"':
        return msgspec.Raw(b'[{"type":"output_text","annotations":[],"text":%b}]' % bytes(content))
    return msgspec.Raw(b'[{"type":"input_text","text":%b}]' % bytes(content))
