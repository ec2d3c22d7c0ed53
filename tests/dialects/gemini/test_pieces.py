import pytest

from multillama.core.codec import Misfit
from multillama.dialects.gemini.pieces import CallInPieces


def joined(*pieces):
    call = CallInPieces("f", None)
    for piece in pieces:
        call.take([piece], "partialArgs")
    return call.args


def text(path, value, *, goes_on=False):
    return {"jsonPath": path, "stringValue": value, "willContinue": goes_on}


CASES = {
    "a text in pieces": (
        [text("$.location", "Bos", goes_on=True), text("$.location", "ton")],
        {"location": "Boston"},
    ),
    "a text told anew": ([text("$.a", "b"), text("$.a", "c")], {"a": "c"}),
    "a text after something else": (
        [{"jsonPath": "$.a", "numberValue": 1, "willContinue": True}, text("$.a", "c")],
        {"a": "c"},
    ),
    "numbers and truth": (
        [{"json_path": "$.a", "number_value": 1.5}, {"jsonPath": "$.b", "boolValue": False}],
        {"a": 1.5, "b": False},
    ),
    "nothing": ([{"jsonPath": "$.a", "nullValue": "NULL_VALUE"}], {"a": None}),
    "lists in objects in lists": (
        [
            text("$.rows[0].tags[0]", "a"),
            text("$.rows[0].tags[1]", "b"),
            text("$.rows[1]['a b']", "c"),
        ],
        {"rows": [{"tags": ["a", "b"]}, {"a b": "c"}]},
    ),
    "other names": ([text("""$['']["x.y"].z-1""", "a")], {"": {"x.y": {"z-1": "a"}}}),
    "a value that gives way": ([text("$.a", "b"), text("$.a.c", "d")], {"a": {"c": "d"}}),
}


@pytest.mark.parametrize("case", CASES)
def test_pieces_of_arguments_are_put_together(case):
    pieces, wanted = CASES[case]

    assert joined(*pieces) == wanted


WRONG = [
    1, {}, {"jsonPath": 1}, text("a", "b"), text("$", "b"), text("$.a[", "b"), text("$.a[1]", "b"), text("$[0]", "b"),
    text("$" + ".a" * 65, "b"), text("$..a", "b"), text("$.a[0000000]", "b"),
]  # fmt: skip


@pytest.mark.parametrize("piece", WRONG, ids=repr)
def test_a_piece_with_no_place_is_told(piece):
    with pytest.raises(Misfit, match=r"^partialArgs\[0\]"):
        joined(piece)


def test_a_list_has_no_names():
    with pytest.raises(Misfit, match="leads nowhere"):
        joined(text("$.a[0]", "b"), text("$.a.b", "c"))
