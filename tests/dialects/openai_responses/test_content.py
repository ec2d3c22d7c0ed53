import pytest

from multillama.core.canonical import (
    Audio,
    File,
    Foreign,
    Image,
    Logprob,
    Reasoning,
    Refusal,
    Source,
    Text,
    ToolCall,
    ToolResult,
)  # fmt: skip
from multillama.core.codec import Misfit
from multillama.dialects.openai_responses.content import (
    left,
    lose,
    read_logprobs,
    read_part,
    read_parts,
    write_foreign,
    write_input,
    write_logprobs,
)
from tests.dialects.openai_responses.spoken import terms

BREAK = {"mode": "explicit"}
PARTS = [
    ({"type": "input_text", "text": "hi"}, Text("hi")),
    ({"type": "input_text", "text": "hi", "prompt_cache_breakpoint": BREAK}, Text("hi", "")),
    (
        {"type": "input_text", "text": "hi", "prompt_cache_breakpoint": {**BREAK, "ttl": "12h"}},
        Text("hi", "12h"),
    ),
    ({"type": "input_text", "text": "hi", "new": 1}, Text("hi", extras={"new": 1})),
    (
        {"type": "input_image", "image_url": "data:image/gif;base64,QUJD", "detail": "low"},
        Image(Source(data="QUJD", media_type="image/gif"), "low"),
    ),
    (
        {"type": "input_image", "image_url": "https://x/y.png", "detail": "auto"},
        Image(Source(url="https://x/y.png"), "auto"),
    ),
    (
        {"type": "input_image", "file_id": "file-1", "detail": "high"},
        Image(Source(file_id="file-1"), "high"),
    ),
    (
        {
            "type": "input_file",
            "filename": "a.pdf",
            "file_data": "data:application/pdf;base64,QUJD",
        },
        File(Source(data="QUJD", media_type="application/pdf"), "a.pdf"),
    ),
    ({"type": "input_file", "file_data": "QUJD"}, File(Source(data="QUJD"))),
    ({"type": "input_file", "file_url": "https://x/y.pdf"}, File(Source(url="https://x/y.pdf"))),
    (
        {"type": "input_file", "file_id": "file-1", "filename": "b"},
        File(Source(file_id="file-1"), "b"),
    ),
    (
        {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}},
        Audio(Source(data="QUJD", media_type="audio/mp3")),
    ),
    (
        {"type": "computer_screenshot", "x": 1},
        Foreign("content.computer_screenshot", {"type": "computer_screenshot", "x": 1}),
    ),
]


@pytest.mark.parametrize(("raw", "part"), PARTS)
def test_a_part_is_read_and_written_as_it_was(raw, part):
    read = read_part(raw, "p")
    said = terms()

    assert read == part
    assert write_input(read, said) == raw
    assert said.losses.names == ()


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        ({"type": "text", "text": "hi"}, Text("hi")),
        ({"type": "output_text", "text": "hi", "annotations": [], "logprobs": None}, Text("hi")),
        (
            {"type": "output_text", "text": "hi", "annotations": [1]},
            Text("hi", extras={"annotations": [1]}),
        ),
        ({"type": "refusal", "refusal": "no"}, Refusal("no")),
        (
            {"type": "input_image", "image_url": "data:image/svg+xml,<svg/>"},
            Image(Source(url="data:image/svg+xml,<svg/>")),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "QQ"}},
            Audio(Source(data="QQ", media_type="audio/wav")),
        ),
        ({"type": "input_text", "text": "hi", "prompt_cache_breakpoint": None}, Text("hi")),
    ],
)
def test_a_part_is_read_from_other_forms_of_it(raw, part):
    assert read_part(raw, "p") == part


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        ("text", "p"),
        ({"text": "hi"}, "p.type"),
        ({"type": "input_text"}, "p.text"),
        ({"type": "input_text", "text": 1}, "p.text"),
        ({"type": "input_text", "text": "", "annotations": 1}, "p.annotations"),
        ({"type": "input_text", "text": "", "prompt_cache_breakpoint": {"ttl": 1}}, "p.prompt_cache_breakpoint.ttl"),
        ({"type": "input_image"}, "p.image_url"),
        ({"type": "input_file"}, "p.file_data"),
        ({"type": "input_audio"}, "p.input_audio.data"),
        ({"type": "refusal"}, "p.refusal"),
    ],
)  # fmt: skip
def test_what_is_no_part_is_told_with_its_place(raw, place):
    with pytest.raises(Misfit) as caught:
        read_part(raw, "p")

    assert caught.value.path == place


@pytest.mark.parametrize(
    ("value", "parts"),
    [("hi", [Text("hi")]), (None, []), ([], []), ([{"type": "text", "text": "a"}], [Text("a")])],
)
def test_a_content_is_a_text_or_a_list(value, parts):
    assert read_parts(value, "p") == parts


@pytest.mark.parametrize(
    ("part", "raw", "lost"),
    [
        (
            Text("a", "5m", extras={"x": 1}),
            {"type": "input_text", "text": "a"},
            ("extras.x", "cache"),
        ),
        (
            Image(Source(data="QQ")),
            {"type": "input_image", "image_url": "data:image/png;base64,QQ", "detail": "auto"},
            (),
        ),
        (Image(Source(file_id="f")), None, ("image.file_id",)),
        (File(Source(file_id="f")), None, ("file.file_id",)),
        (
            File(Source(data="QQ")),
            {
                "type": "input_file",
                "filename": "file.pdf",
                "file_data": "data:application/pdf;base64,QQ",
            },
            (),
        ),
        (File(Source(text="plain")), {"type": "input_text", "text": "plain"}, ()),
        (
            File(Source(text="plain"), "a.txt"),
            {"type": "input_text", "text": "a.txt\n\nplain"},
            (),
        ),
        (
            Audio(Source(data="QQ", media_type="audio/mpeg")),
            {"type": "input_audio", "input_audio": {"data": "QQ", "format": "mp3"}},
            (),
        ),
        (
            Audio(Source(data="QQ")),
            {"type": "input_audio", "input_audio": {"data": "QQ", "format": "wav"}},
            (),
        ),
        (Audio(Source(url="https://x")), None, ("audio",)),
        (Refusal("no"), {"type": "input_text", "text": "no"}, ()),
        (Foreign("content.x", {}), None, ("foreign:content.x",)),
        (Reasoning("hm"), None, ("messages.reasoning",)),
        (ToolCall("c", "f"), None, ("tool_call",)),
        (ToolResult("c"), None, ("tool_result",)),
    ],
)
def test_a_part_of_another_family_is_written_with_what_can_be_said(part, raw, lost):
    said = terms(is_own=False)

    assert write_input(part, said) == raw
    assert said.losses.names == lost


def test_a_cache_mark_keeps_only_a_time_that_is_known_here():
    raw = write_input(Text("a", "5m"), terms())

    assert raw == {"type": "input_text", "text": "a", "prompt_cache_breakpoint": BREAK}


def test_a_foreign_part_without_members_cannot_be_written():
    said = terms()

    assert write_foreign(Foreign("x", 1), said) is None
    assert said.losses.names == ("foreign:x",)


def test_what_cannot_be_said_is_told():
    said = terms()

    assert lose(Image(Source()), said) is None
    assert said.losses.names == ("image",)


def test_members_that_say_nothing_are_left_out():
    assert left({"a": None, "b": 0, "more": 1}) == {"b": 0}


def test_likelihoods_come_back_as_they_were():
    top = [
        {"token": "a", "bytes": [97], "logprob": -0.5},
        {"token": "b", "bytes": [98], "logprob": -1},
    ]
    rows = [{"token": "a", "bytes": [97], "logprob": -0.5, "top_logprobs": top}]

    read = read_logprobs(rows)

    assert read == [Logprob("a", -0.5, [97], [Logprob("a", -0.5, [97]), Logprob("b", -1, [98])])]
    assert write_logprobs(read) == rows


def test_a_token_without_bytes_is_written_with_those_of_its_text():
    assert write_logprobs([Logprob("ä", -1.0)])[0]["bytes"] == [195, 164]


@pytest.mark.parametrize(
    "rows",
    [
        None,
        1,
        [1],
        [{"token": 1, "logprob": 0}],
        [{"token": "a", "logprob": True}],
        [{"token": "a", "logprob": "x"}],
    ],
)
def test_what_is_no_likelihood_is_left_out(rows):
    assert read_logprobs(rows) == []


def test_odd_bytes_and_odd_alternatives_are_left_out():
    rows = [
        {
            "token": "a",
            "logprob": -1,
            "bytes": ["x"],
            "top_logprobs": [1, {"token": "b", "logprob": -2}],
        }
    ]

    assert read_logprobs(rows) == [Logprob("a", -1, None, [Logprob("b", -2)])]
