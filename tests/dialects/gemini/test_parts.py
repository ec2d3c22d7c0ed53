import pytest

from multillama.core.canonical import (
    Foreign,
    Image,
    Message,
    Reasoning,
    Refusal,
    Request,
    Source,
    Text,
    ToolCall,
)
from multillama.core.codec import Losses, Misfit
from multillama.dialects.gemini.calls import CallIds
from multillama.dialects.gemini.models import SKIP_SIGNATURE
from multillama.dialects.gemini.parts import PartWriter, read_part
from tests.dialects.gemini.saying import write

SIGNED = {"thoughtSignature": "QUJD"}
CALL = {"functionCall": {"name": "f", "args": {}, "id": "c1"}}
CODE = {"executableCode": {"language": "PYTHON", "code": "1"}, **SIGNED}
THOUGHT_IMAGE = {"inlineData": {"mimeType": "image/png", "data": "iVBO"}, "thought": True, **SIGNED}

CASES = {
    "a text": ({"text": "a"}, [Text("a")]),
    "a text that is no thought": ({"text": "a", "thought": False}, [Text("a")]),
    "a thought": ({"text": "a", "thought": True}, [Reasoning("a")]),
    "a signed thought": ({"text": "a", "thought": True, **SIGNED}, [Reasoning("a", "QUJD")]),
    "a signed text": ({"text": "a", **SIGNED}, [Reasoning("", "QUJD"), Text("a")]),
    "a signature at the end": ({"text": "", **SIGNED}, [Reasoning("", "QUJD")]),
    "a signature alone": (SIGNED, [Reasoning("", "QUJD")]),
    "a signed call": ({**CALL, **SIGNED}, [Reasoning("", "QUJD"), ToolCall("c1", "f", "{}")]),
    "a text with a note": (
        {"text": "a", "partMetadata": {"b": 1}},
        [Text("a", extras={"partMetadata": {"b": 1}})],
    ),
    "code that ran": (CODE, [Foreign("executableCode", CODE)]),
    "something new": ({"somethingNew": 1}, [Foreign("somethingNew", {"somethingNew": 1})]),
    "an image that is a thought": (THOUGHT_IMAGE, [Foreign("thought", THOUGHT_IMAGE)]),
    "an empty text": ({"text": ""}, []),
    "nothing": ({"text": None}, []),
}


@pytest.mark.parametrize("case", CASES)
def test_a_part_is_read_with_its_signature_before_it(case):
    part, wanted = CASES[case]

    assert read_part(part, "parts[0]", CallIds("")) == wanted


ODD = ("a text that is no thought", "a signature alone", "an empty text", "nothing")


@pytest.mark.parametrize("case", [case for case in CASES if case not in ODD])
def test_a_part_comes_back_as_it_was(case):
    part, parts = CASES[case]

    assert PartWriter(Losses(), same=True).write(parts) == [part]


@pytest.mark.parametrize(
    ("part", "place"),
    [
        (1, r"parts\[0\] must be an object"),
        ({"text": 1}, r"text must be"),
        ({**SIGNED, "thoughtSignature": 1}, "thoughtSignature must be"),
    ],
)
def test_what_is_no_part_is_told_with_its_place(part, place):
    with pytest.raises(Misfit, match=place):
        read_part(part, "parts[0]", CallIds(""))


def of_others(*parts, model="gemini-2.5-pro"):
    messages = [Message("user", [Text("a")]), Message("assistant", list(parts))]
    body, lost = write(Request("m", messages, family="anthropic"), model)
    contents = body["contents"]
    return (contents[1]["parts"] if len(contents) > 1 else []), lost


def test_signatures_that_lost_their_places_go_to_the_calls_in_order():
    parts = [
        Reasoning("think", "QQ=="),
        Reasoning("", "Qg=="),
        Text("a"),
        ToolCall("c1", "f"),
        ToolCall("c2", "g"),
    ]

    rows, lost = of_others(*parts)

    assert (rows, lost) == (
        [
            {"text": "think", "thought": True},
            {"text": "a"},
            {"functionCall": {"name": "f", "args": {}, "id": "c1"}, "thoughtSignature": "QQ=="},
            {"functionCall": {"name": "g", "args": {}, "id": "c2"}, "thoughtSignature": "Qg=="},
        ],
        (),
    )


def test_a_signature_without_a_call_stands_at_the_end():
    rows, _ = of_others(Reasoning("", "QQ=="), Text("a"))

    assert rows == [{"text": "a"}, {"text": "", "thoughtSignature": "QQ=="}]


def test_two_signatures_in_a_row_both_come_back():
    rows = PartWriter(Losses(), same=True).write(
        [Reasoning("", "QQ=="), Reasoning("", "Qg=="), Text("a")]
    )

    assert rows == [
        {"text": "", "thoughtSignature": "QQ=="},
        {"text": "a", "thoughtSignature": "Qg=="},
    ]


def test_the_first_call_of_another_model_has_a_stand_in_for_gemini_3():
    rows, _ = of_others(Text("a"), ToolCall("c1", "f"), ToolCall("c2", "f"), model="gemini-3-pro")

    assert [row.get("thoughtSignature") for row in rows] == [None, SKIP_SIGNATURE, None]


def test_a_signed_call_needs_no_stand_in():
    rows, _ = of_others(Reasoning("", "QQ=="), ToolCall("c1", "f"), model="gemini-3-pro")

    assert rows[0]["thoughtSignature"] == "QQ=="


LOST = {
    "a refusal is a text": (Refusal("no"), [{"text": "no"}], ()),
    "an empty refusal is nothing": (Refusal(""), [], ()),
    "an empty text is nothing": (Text(""), [], ()),
    "a text to keep": (Text("a", cache="1h"), [{"text": "a"}], ("cache",)),
    "notes on a text": (
        Text("a", extras={"annotations": [1], "empty": []}),
        [{"text": "a"}],
        ("extras.annotations",),
    ),
    "a foreign part": (Foreign("server_tool_use", {"a": 1}), [], ("foreign:server_tool_use",)),
    "a foreign file": (Image(Source(file_id="a")), [], ("image.file_id",)),
}


@pytest.mark.parametrize("case", LOST)
def test_what_gemini_cannot_be_told_is_named(case):
    part, rows, lost = LOST[case]

    assert of_others(part) == (rows, lost)


def test_what_a_client_of_another_family_joined_is_not_told():
    text = Text("a", extras={"more": [("citation", 1)], "partMetadata": 1})

    assert PartWriter(Losses(), same=True).write([text]) == [{"text": "a", "partMetadata": 1}]
