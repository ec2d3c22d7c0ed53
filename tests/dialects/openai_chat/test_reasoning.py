import pytest

from multillama.core.canonical import Reasoning, Text, ToolCall
from multillama.core.codec import Losses
from multillama.dialects.openai_chat.reasoning import (
    read_block,
    read_reasoning,
    signature_content,
    signatures_of_calls,
    take_signature,
    text_of,
    write_earlier,
    write_reasoning,
)  # fmt: skip

SIGNED = Reasoning("hm", "sig")


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ({"reasoning_content": "hm"}, [Reasoning("hm")]),
        ({"reasoning": "hm", "reasoning_content": None}, [Reasoning("hm")]),
        ({"reasoning": "hm", "reasoning_content": "hm"}, [Reasoning("hm")]),
        ({"reasoning_content": ""}, []),
        ({"reasoning": {"effort": "low"}}, []),
        (
            {
                "reasoning": "hm",
                "reasoning_details": [
                    {"type": "reasoning.text", "text": "hm", "signature": "sig", "format": "x", "index": 0},
                    {"type": "reasoning.encrypted", "data": "enc", "id": "r"},
                    {"type": "reasoning.summary", "summary": "sum"},
                ],
            },
            [
                Reasoning("hm", "sig", extras={"format": "x", "index": 0}),
                Reasoning("", "enc", is_redacted=True, id="r"),
                Reasoning("sum"),
            ],
        ),
        (
            {
                "thinking_blocks": [
                    {"type": "thinking", "thinking": "hm", "signature": "sig"},
                    {"type": "redacted_thinking", "data": "enc"},
                ]
            },
            [SIGNED, Reasoning("", "enc", is_redacted=True)],
        ),
        ({"reasoning_details": [{"text": ""}, 5], "reasoning_content": "hm"}, [Reasoning("hm")]),
    ],
)  # fmt: skip
def test_reasoning_is_read_in_all_its_forms(message, parts):
    assert read_reasoning(message) == parts


def test_what_is_written_for_a_client_is_read_again():
    parts = [SIGNED, Reasoning("", "enc", is_redacted=True), Reasoning("", "bare", id="r")]
    message = {}

    write_reasoning(parts, message)

    assert message["reasoning_content"] == "hm"
    again = read_reasoning(message)
    assert [(part.text, part.signature, part.is_redacted, part.id) for part in again] == [
        ("hm", "sig", False, None),
        ("", "enc", True, None),
        ("", "bare", False, "r"),
    ]


def test_reasoning_without_a_signature_is_its_text_alone():
    message = {}

    write_reasoning([Reasoning("a"), Reasoning("b")], message)

    assert message == {"reasoning_content": "ab"}


def test_what_has_no_text_is_its_signature_alone():
    message = {}

    write_reasoning([Reasoning("", "enc", is_redacted=True), Reasoning("", id="r")], message)

    assert message == {
        "reasoning_details": [
            {"type": "reasoning.encrypted", "data": "enc", "index": 0},
            {"type": "reasoning.text", "text": "", "id": "r", "index": 1},
        ]
    }


@pytest.mark.parametrize("form", ["content", "plain"])
def test_earlier_reasoning_without_a_text_is_lost_where_signatures_are_not_taken(form):
    message, losses = {}, Losses()

    write_earlier([Reasoning("", "enc", is_redacted=True)], message, form, losses)

    assert (message, losses.names) == ({}, ("messages.reasoning",))


@pytest.mark.parametrize(
    ("form", "message", "losses"),
    [
        ("content", {"reasoning_content": "hm"}, ()),
        ("plain", {"reasoning": "hm"}, ()),
        ("signatures", {}, ("messages.reasoning",)),
        ("", {}, ("messages.reasoning",)),
        (
            "details",
            {
                "reasoning_details": [
                    {"type": "reasoning.text", "text": "hm", "signature": "sig", "index": 0}
                ]
            },
            (),
        ),
    ],
)
def test_earlier_reasoning_is_written_as_the_provider_takes_it(form, message, losses):
    written, lost = {}, Losses()

    write_earlier([SIGNED], written, form, lost)

    assert (written, lost.names) == (message, losses)


@pytest.mark.parametrize(
    ("call", "signature", "rest"),
    [
        ({"id": "c"}, None, {"id": "c"}),
        ({"extra_content": {"google": "x"}}, None, {"extra_content": {"google": "x"}}),
        ({"extra_content": {"google": {"a": 1}}}, None, {"extra_content": {"google": {"a": 1}}}),
        ({"id": "c", "extra_content": {"google": {"thought_signature": "s"}}}, "s", {"id": "c"}),
        (
            {"extra_content": {"google": {"thought_signature": "s", "a": 1}, "b": 2}},
            "s",
            {"extra_content": {"google": {"a": 1}, "b": 2}},
        ),
    ],
)
def test_a_calls_signature_is_taken_and_put_back(call, signature, rest):
    assert take_signature(call) == (signature, rest)
    if signature is not None:
        assert signature_content(signature, rest) == call["extra_content"]


def test_a_bare_signature_belongs_to_the_call_behind_it():
    bare = Reasoning("", "s")

    assert signatures_of_calls([bare, ToolCall("c", "f"), SIGNED, ToolCall("d", "f")]) == {1: "s"}
    assert signatures_of_calls([bare, Text("a")]) == {}


@pytest.mark.parametrize("block", [None, 5, {}, {"text": ""}, {"signature": ""}])
def test_what_is_no_block_is_none(block):
    assert read_block(block) is None


@pytest.mark.parametrize(
    ("chunk", "text"),
    [
        ({"thinking": "hm"}, "hm"),
        ({"thinking": [{"text": "a"}, {"text": 1}, 5, {"text": "b"}]}, "ab"),
        ({}, ""),
    ],
)
def test_mistrals_thinking_is_text(chunk, text):
    assert text_of(chunk) == text
