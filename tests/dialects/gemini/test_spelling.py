import pytest

from multillama.core.codec import Misfit
from multillama.dialects.gemini.spelling import (
    an_object_of,
    camel,
    dress,
    json_bytes,
    plain_base64,
    rows_of,
    undress,
)


def test_members_may_be_spelled_in_both_ways():
    assert camel({"inline_data": 1, "fileData": 2, "text": 3, "a_": 4}) == {
        "inlineData": 1,
        "fileData": 2,
        "text": 3,
        "a": 4,
    }


def test_members_that_need_no_other_spelling_are_the_same_object():
    members = {"fileData": 2}

    assert camel(members) is members


def test_what_is_no_object_is_told_with_its_place():
    with pytest.raises(Misfit, match=r"^tools\[0\] must be an object"):
        an_object_of([], "tools[0]")


@pytest.mark.parametrize(("value", "rows"), [(None, []), ([1, 2], [1, 2]), ({"a": 1}, [{"a": 1}])])
def test_one_row_may_stand_for_a_list(value, rows):
    assert rows_of(value) == rows


@pytest.mark.parametrize(
    ("text", "plain"), [("a-_b", "a+/b"), ("YQ", "YQ=="), ("YWI", "YWI="), ("YWJj", "YWJj")]
)
def test_base64_gets_its_usual_alphabet_and_is_filled_up(text, plain):
    assert plain_base64(text) == plain


def test_a_signature_of_bytes_is_told_as_it_is():
    assert dress("QUI+/w==") == "QUI+/w=="
    assert undress("QUI-_w==") == "QUI+/w=="


@pytest.mark.parametrize("signature", ["mlsig1-abc_de-f=", "é!", "a", ""])
def test_a_signature_that_is_no_base64_comes_back_as_it_was(signature):
    dressed = dress(signature)

    assert undress(dressed.replace("+", "-").replace("/", "_").rstrip("=")) == signature


@pytest.mark.parametrize("text", ["bWxzaWc6=", "bWxzaWc6/w==", "bWxzaWc6!"])
def test_a_coat_with_nothing_of_ours_in_it_is_left_alone(text):
    assert undress(text) == plain_base64(text)


def test_values_nested_too_deep_are_told_with_their_place():
    deep = []
    for _ in range(100_000):
        deep = [deep]

    with pytest.raises(Misfit, match="args is nested too deep"):
        json_bytes(deep, "args")
