import pytest

from multillama.core.plan import NO_WISHES, Wishes
from multillama.core.wishes import HEADERS, read_wishes
from multillama.errors import GatewayError
from multillama.wire.heads import WISH_PREFIX, WISHES

NAMES = ("desk", "laptop", "api.openai.com")


def refusal(**raw):
    with pytest.raises(GatewayError) as caught:
        read_wishes({name.replace("_", "-"): value for name, value in raw.items()}, NAMES)
    assert (caught.value.kind, caught.value.status) == ("bad_wish", 400)
    return caught.value.text


def test_what_is_read_is_what_is_documented():
    assert [row.name for row in HEADERS] == [f"{WISH_PREFIX}{wish}" for wish in WISHES]


def test_no_header_is_no_wish():
    assert read_wishes({}, NAMES) == NO_WISHES


def test_all_wishes_are_read():
    raw = {
        "only": b"desk,laptop",
        "order": b" laptop , desk,",
        "local-only": b"true",
        "session": b"t1",
    }

    assert read_wishes(raw, NAMES) == Wishes(("desk", "laptop"), ("laptop", "desk"), True, b"t1")


def test_a_name_that_is_told_twice_counts_once():
    assert read_wishes({"order": b"desk,laptop,desk"}, NAMES).order == ("desk", "laptop")


@pytest.mark.parametrize("wish", ["only", "order"])
def test_an_endpoint_that_there_is_not_is_refused_with_those_that_are_like_it(wish):
    text = refusal(**{wish: b"desk,lapdog"})

    assert f"x-multillama-{wish} names 'lapdog'" in text
    assert "Did you mean laptop?" in text


def test_an_endpoint_like_no_other_is_refused_without_a_guess():
    assert "Did you mean" not in refusal(only=b"zzzzz")


def test_a_huge_name_is_not_told_back():
    assert len(refusal(only=b"x" * 30_000)) < 300


@pytest.mark.parametrize("value", [b"", b" ", b",,"])
def test_a_list_without_a_name_is_no_list(value):
    assert "names no endpoint" in refusal(only=value)


@pytest.mark.parametrize("value", [b"true", b"TRUE", b"1", b"yes", b"true,true", b"false,true"])
def test_yes_has_many_words_and_one_is_enough(value):
    assert read_wishes({"local-only": value}, NAMES).local_only


@pytest.mark.parametrize("value", [b"false", b"0", b"No"])
def test_no_has_many_words(value):
    assert not read_wishes({"local-only": value}, NAMES).local_only


@pytest.mark.parametrize("value", [b"", b"maybe", b"true,maybe", b"\xff"])
def test_what_is_neither_yes_nor_no_is_refused_and_not_guessed(value):
    assert "must be true or false" in refusal(local_only=value)


def test_a_session_without_a_name_is_none():
    assert read_wishes({"session": b""}, NAMES).session is None


@pytest.mark.parametrize(
    ("name", "meant"), [("localonly", "local-only"), ("local_only", "local-only"), ("onyl", "only")]
)
def test_a_misspelt_wish_is_refused_and_not_ignored(name, meant):
    with pytest.raises(GatewayError, match=f"Did you mean x-multillama-{meant}") as refusal:
        read_wishes({name: b"a"}, ["a"])

    assert refusal.value.kind == "bad_wish"


def test_a_wish_like_no_other_is_refused_too():
    with pytest.raises(GatewayError, match="There is no header x-multillama-zzz"):
        read_wishes({"zzz": b"a"}, ["a"])


def test_a_key_in_an_endpoints_place_is_not_repeated():
    with pytest.raises(GatewayError, match=r"names '\*\*\*', which is no endpoint here"):
        read_wishes({"only": b"sk-abc123456"}, ["desk"])
