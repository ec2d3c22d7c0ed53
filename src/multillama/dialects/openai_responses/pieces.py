"""What a reader of a stream keeps of the items that go on, and how an event finds its own."""

from multillama.core.canonical import Refusal, Text
from multillama.core.shape import Object
from multillama.dialects.openai_responses.output import mark_item, text_at


class Piece:
    """A part of an item."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.length = 0
        """Characters that have come; what comes whole at the end is only taken where nothing has come before."""
        self.is_open = True


class Item:
    """An item of the output that goes on."""

    def __init__(self, item: Object) -> None:
        self.item = item
        self.kind = text_at(item, "type")
        self.id = item.get("id")
        self.pieces: dict[int, Piece] = {}
        """By their place in the content."""
        self.part_at = 0
        """Which part of a reasoning goes on."""


def key_of(members: Object, item_id: object) -> int | str:
    """Returns what an item is known by: its place, or else its id. Some servers change ids on the way."""
    index = members.get("output_index")
    if isinstance(index, int):
        return index
    return item_id if isinstance(item_id, str) else ""


def mark_piece(part: Text | Refusal, entry: Item) -> None:
    """Writes down which item a text stands in; how that ends is not known yet."""
    mark_item([part], {**entry.item, "status": None})
