import pytest

from multillama.core.canonical import Audio, Image, Source, ToolCall
from multillama.dialects.openai_chat.parts import (
    arguments_text,
    is_citation,
    read_audio,
    read_call,
    read_image,
    rest_of,
    rows_of,
    synthetic_id,
    write_annotation,
    write_audio,
    write_call,
    write_image,
)

NESTED = {"type": "url_citation", "url_citation": {"url": "u", "start_index": 0}}
FLAT = {"type": "url_citation", "url": "u", "start_index": 0}


def test_annotations_of_responses_get_their_members_a_level_deeper():
    assert write_annotation(FLAT) == NESTED
    assert is_citation(FLAT)


@pytest.mark.parametrize("row", [{"type": "file_citation", "file_id": "f"}, 5, NESTED])
def test_other_annotations_stay_as_they_are(row):
    assert write_annotation(row) == row


@pytest.mark.parametrize(
    ("row", "image"),
    [
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ=="}},
            Image(Source(data="QQ==", media_type="image/png")),
        ),
        ({"type": "image_url", "image_url": {"url": "https://a"}}, Image(Source(url="https://a"))),
    ],
)
def test_images_come_back(row, image):
    assert read_image(row) == image
    assert write_image(image) == row


@pytest.mark.parametrize("row", [None, 5, {}, {"image_url": 5}, {"image_url": {"url": 5}}])
def test_what_is_no_image_is_none(row):
    assert read_image(row) is None


def test_an_image_that_nobody_can_fetch_is_none():
    assert write_image(Image(Source(file_id="f"))) is None


def test_a_sound_comes_back():
    sound = {"id": "a", "data": "QQ==", "expires_at": 5, "transcript": "t"}

    audio = read_audio(sound)

    assert audio == Audio(Source(data="QQ=="), {"id": "a", "expires_at": 5, "transcript": "t"})
    assert write_audio(audio, is_ours=True) == sound
    assert write_audio(audio, is_ours=False) == {
        "id": "audio", "data": "QQ==", "expires_at": 0, "transcript": "",
    }  # fmt: skip
    assert read_audio({}) is None
    assert read_audio({"id": "a"}) == Audio(Source(data=""), {"id": "a"})


@pytest.mark.parametrize(
    ("row", "call"),
    [
        ({"id": "c", "function": {"name": "f", "arguments": "{}"}}, ToolCall("c", "f", "{}")),
        ({"function": {"name": "f", "arguments": {"a": 1}}}, ToolCall("made", "f", '{"a":1}')),
        ({"id": "c", "custom": {"name": "f", "input": "x"}}, ToolCall("c", "f", "x", True)),
        ({"id": 5, "function": 5}, ToolCall("made", "")),
        (None, ToolCall("made", "")),
    ],
)
def test_calls_are_read(row, call):
    assert read_call(row, "made") == call


def test_calls_are_written():
    assert write_call(ToolCall("c", "f")) == {
        "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"},
    }  # fmt: skip
    assert write_call(ToolCall("c", "f", "x", True)) == {
        "id": "c", "type": "custom", "custom": {"name": "f", "input": "x"},
    }  # fmt: skip


def test_ids_are_the_same_each_time_and_differ_between_answers():
    assert synthetic_id("a", 0) == synthetic_id("a", 0)
    assert len({synthetic_id("a", 0), synthetic_id("a", 1), synthetic_id("b", 0)}) == 3


def test_small_helpers_forgive():
    assert rows_of(None) == []
    assert rows_of([1]) == [1]
    assert rest_of({"a": 1, "b": None, "c": 2}, frozenset("a")) == {"c": 2}
    assert [arguments_text(value) for value in (None, "x", [1])] == ["", "x", "[1]"]
