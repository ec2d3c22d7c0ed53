import pytest

from multillama.core.canonical import Text
from multillama.dialects.openai_responses.pieces import Item, Piece, key_of, mark_piece


def test_a_piece_is_open_and_empty_at_first():
    piece = Piece(3)

    assert (piece.number, piece.length, piece.is_open) == (3, 0, True)


@pytest.mark.parametrize(
    ("members", "item_id", "key"),
    [
        ({"output_index": 2}, "x", 2),
        ({}, "x", "x"),
        ({"output_index": "2"}, "x", "x"),
        ({}, None, ""),
        ({}, [], ""),
    ],
)
def test_an_item_is_known_by_its_place_or_else_by_its_id(members, item_id, key):
    assert key_of(members, item_id) == key


def test_a_piece_knows_its_item_but_not_how_that_ends():
    text = Text("")

    mark_piece(text, Item({"type": "message", "id": "m", "status": "in_progress", "phase": "p"}))

    assert text == Text("", extras={"phase": "p"}, item_id="m")
