import pytest

from multillama.core import shape
from multillama.core.codec import Losses, Misfit
from multillama.core.shape import Members


@pytest.mark.parametrize(
    ("look", "good", "bad", "said"),
    [
        (shape.an_object, {"a": 1}, [], "must be an object"),
        (shape.a_list, [1], {}, "must be a list"),
        (shape.a_text, "x", 1, "must be a text"),
        (shape.a_number, 1.5, True, "must be a number"),
        (shape.a_whole, 3, 3.5, "must be a whole number"),
        (shape.a_bool, False, 0, "must be true or false"),
    ],
)
def test_a_value_of_the_right_kind_is_returned_and_any_other_told_with_its_place(
    look, good, bad, said
):
    assert look(good, "a.b") == good

    with pytest.raises(Misfit) as caught:
        look(bad, "a.b")

    assert (caught.value.path, caught.value.text, str(caught.value)) == ("a.b", said, f"a.b {said}")


def test_a_whole_number_may_be_written_with_a_point():
    assert shape.a_whole(16.0, "x") == 16


@pytest.mark.parametrize("wrong", ["1", None, True])
def test_what_only_looks_like_a_whole_number_is_none(wrong):
    with pytest.raises(Misfit):
        shape.a_whole(wrong, "x")


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 100_000, b'{"a":"\xed\xa0\x80"}'])
def test_bytes_that_are_no_json_are_a_misfit(data):
    with pytest.raises(Misfit, match="is not valid JSON"):
        shape.decode(data)


def test_a_body_must_be_an_object():
    assert shape.decode_object(b'{"a":[1]}') == {"a": [1]}

    with pytest.raises(Misfit, match="the body must be an object"):
        shape.decode_object(b"[]")


def test_members_are_taken_one_by_one_and_the_rest_is_left():
    members = Members(
        {
            "t": "x",
            "n": 1.5,
            "w": 2,
            "f": True,
            "l": [1],
            "o": {"p": 1},
            "s": ["a"],
            "any": 0,
            "z": 9,
        }
    )

    taken = (
        members.text("t"), members.number("n"), members.whole("w"), members.flag("f"), members.rows("l"),
        members.members("o"), members.texts("s"), members.take("any"),
    )  # fmt: skip

    assert taken == ("x", 1.5, 2, True, [1], {"p": 1}, ["a"], 0)
    assert members.rest == {"z": 9}


def test_members_that_are_missing_or_null_are_nothing():
    members = Members({"t": None})

    taken = (
        members.text("t"), members.number("n"), members.whole("w"), members.flag("f"), members.rows("l"),
        members.members("o"), members.texts("s"), members.take("any"),
    )  # fmt: skip

    assert taken == (None, None, None, None, [], None, [], None)


def test_one_text_stands_for_a_list_of_one():
    assert Members({"stop": "x"}).texts("stop") == ["x"]


def test_the_place_of_a_misfit_has_the_way_to_it():
    with pytest.raises(Misfit) as caught:
        Members({"stop": ["a", 1]}, "options").texts("stop")

    assert caught.value.path == "options.stop[1]"


def test_a_text_that_must_be_there_is_missed():
    assert Members({"model": "m"}).need_text("model") == "m"

    with pytest.raises(Misfit, match="model is missing"):
        Members({}).need_text("model")


def test_losses_keep_their_order_and_name_each_once():
    losses = Losses()

    for name in ("top_k", "image", "top_k"):
        losses.drop(name)

    assert losses.names == ("top_k", "image")


def test_a_misfit_without_a_place_is_its_text():
    assert str(Misfit("", "is not valid JSON")) == "is not valid JSON"
