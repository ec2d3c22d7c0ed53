import base64

import msgspec
import pytest

from multillama.core.canonical import (
    Audio,
    File,
    Foreign,
    Image,
    Reasoning,
    Refusal,
    Request,
    Source,
    Text,
    ToolCall,
    ToolResult,
)  # fmt: skip
from multillama.dialects.anthropic_messages.aim import Aim
from multillama.dialects.anthropic_messages.parts import arguments_of, tool_id, write_part
from tests.dialects.anthropic_messages.spoken import LOCAL, goal

PLAIN = base64.b64encode("Grüße".encode()).decode()


def aim_of(family="", model="claude-opus-4-7", provider="anthropic"):
    where = goal(model, provider)
    return Aim.of(Request("m", family=family), where), where.losses


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (Text("a"), {"type": "text", "text": "a"}),
        (Text("a", ""), {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}),
        (Text("a", "5m"), {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "5m"}}),
        (Text("a", "12h"), {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}),
        (Text(" "), None),
        (Refusal("no"), {"type": "text", "text": "no"}),
        (Reasoning("hm", "s"), {"type": "thinking", "thinking": "hm", "signature": "s"}),
        (Reasoning("", "s", is_redacted=True), {"type": "redacted_thinking", "data": "s"}),
        (Reasoning(""), None),
        (ToolCall("c.1", "f"), {"type": "tool_use", "id": "c_1", "name": "f", "input": {}}),
        (ToolResult("c.1", [Text("42")]), {"type": "tool_result", "tool_use_id": "c_1", "content": "42"}),
        (ToolResult("c", is_error=True), {"type": "tool_result", "tool_use_id": "c", "is_error": True}),
        (
            ToolResult("c", [Text("a"), Image(Source(url="http://a/b"))]),
            {
                "type": "tool_result", "tool_use_id": "c",
                "content": [
                    {"type": "text", "text": "a"}, {"type": "image", "source": {"type": "url", "url": "http://a/b"}},
                ],
            },
        ),
        (
            Image(Source(data="/9j/4AA")),
            {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "/9j/4AA"}},
        ),
        (
            Image(Source(data="????", media_type=""), "auto"),
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "????"}},
        ),
        (
            File(Source(data="JVBE"), "a.pdf"),
            {
                "type": "document", "title": "a.pdf",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
            },
        ),
        (
            File(Source(data=PLAIN, media_type="text/markdown")),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Grüße"}},
        ),
        (
            File(Source(text="x")),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}},
        ),
        (
            File(Source(url="http://a/b")),
            {"type": "document", "source": {"type": "url", "url": "http://a/b"}},
        ),
    ],
)  # fmt: skip
def test_a_part_of_another_dialect_is_written_without_loss(part, block):
    aim, losses = aim_of()

    assert (write_part(part, aim), losses.names) == (block, ())


@pytest.mark.parametrize(
    ("part", "loss"),
    [
        (Reasoning("hm"), "messages.reasoning"),
        (Audio(Source(data="aa", media_type="audio/wav")), "audio"),
        (Image(Source(file_id="f")), "image.file_id"),
        (Image(Source()), "image"),
        (Image(Source(data="aa", media_type="image/bmp")), "image.media_type"),
        (File(Source(file_id="f")), "file.file_id"),
        (File(Source(data="aa", media_type="application/zip")), "file.media_type"),
        (File(Source(data="?", media_type="text/plain")), "file.media_type"),
        (Foreign("server_tool_use", {}), "foreign:server_tool_use"),
    ],
)
def test_a_part_that_cannot_be_said_is_dropped_by_name(part, loss):
    aim, losses = aim_of()

    assert (write_part(part, aim), losses.names) == (None, (loss,))


@pytest.mark.parametrize(
    ("part", "loss"),
    [
        (Image(Source(url="http://a/b"), "high"), "image.detail"),
        (Text("a", extras={"annotations": []}), "extras.annotations"),
        (ToolCall("c", "f", extras={"google": 1}), "extras.google"),
    ],
)
def test_a_member_that_cannot_be_said_is_dropped_by_name(part, loss):
    aim, losses = aim_of()

    assert write_part(part, aim)
    assert losses.names == (loss,)


def test_a_local_server_is_given_thoughts_that_nobody_signed():
    aim, losses = aim_of("", *LOCAL)

    block = write_part(Reasoning("hm"), aim)

    assert (block, losses.names) == ({"type": "thinking", "thinking": "hm", "signature": ""}, ())


def test_a_local_server_is_given_pictures_of_any_type():
    aim, losses = aim_of("", *LOCAL)

    block = write_part(Image(Source(data="aa", media_type="image/bmp")), aim)

    assert (block["source"]["media_type"], losses.names) == ("image/bmp", ())


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (Text("", extras={"citations": [1]}), {"type": "text", "text": "", "citations": [1]}),
        (Foreign("x", {"type": "x"}), {"type": "x"}),
        (Image(Source(file_id="f")), {"type": "image", "source": {"type": "file", "file_id": "f"}}),
        (
            File(Source(data="aa", media_type="application/zip")),
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/zip", "data": "aa"},
            },
        ),
    ],
)
def test_a_part_of_this_dialect_is_written_as_it_came(part, block):
    aim, losses = aim_of("anthropic")

    assert (write_part(part, aim), losses.names) == (block, ())


def test_arguments_keep_the_order_and_the_form_of_their_values():
    arguments = '{"b":1e2,"a":[1.50, {"c": "\\u00e9"}]}'

    assert msgspec.json.encode(arguments_of(arguments)).decode() == arguments


@pytest.mark.parametrize("arguments", ["{", "[1]", "7", '"a"', "nope"])
def test_arguments_that_are_no_object_are_not_lost(arguments):
    assert arguments_of(arguments) == {"_raw": arguments}


@pytest.mark.parametrize("arguments", ["", "  ", "{}"])
def test_no_arguments_are_an_empty_object(arguments):
    assert arguments_of(arguments) == {}


@pytest.mark.parametrize(
    ("call", "own"), [("toolu_1-A", "toolu_1-A"), ("a b/ü", "a_b__"), ("", "toolu")]
)
def test_an_id_is_written_in_the_letters_that_are_allowed(call, own):
    assert tool_id(call) == own
