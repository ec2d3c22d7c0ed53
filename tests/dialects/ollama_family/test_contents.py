from base64 import b64encode

import pytest

from multillama.core.canonical import (
    Audio,
    File,
    Foreign,
    Image,
    Reasoning,
    Refusal,
    Source,
    Text,
    ToolCall,
    ToolResult,
)
from multillama.core.codec import Losses
from multillama.dialects.ollama_family.contents import Contents


def sorted_out(*parts, is_ours=False):
    losses = Losses()
    contents = Contents(losses, is_ours=is_ours)
    for part in parts:
        contents.add(part)
    return contents, losses.names


def test_what_has_a_place_is_sorted_into_it():
    document = b64encode("ä".encode()).decode()

    contents, lost = sorted_out(
        Text("a"), Reasoning("hm", "signature"), Reasoning(""), Refusal("no"), Image(Source("AAAA")),
        Audio(Source("BBBB", media_type="audio/wav")), File(Source(text="plain"), "b.txt"),
        File(Source(document, media_type="text/markdown")),
    )  # fmt: skip

    assert contents.text("|") == "a|no|b.txt:\nplain|ä"
    assert contents.thoughts == ["hm"]
    assert contents.images == ["AAAA", "BBBB"]
    assert lost == ()


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (Image(Source(url="https://example.com")), "image.url"),
        (Image(Source(file_id="f")), "image.file_id"),
        (Image(Source()), "image"),
        (Image(Source("AAAA"), detail="high"), "image.detail"),
        (Audio(Source(file_id="f")), "audio.file_id"),
        (File(Source("AAAA", media_type="application/pdf")), "file"),
        (File(Source("A", media_type="text/plain")), "file"),
        (File(Source("/w==", media_type="text/plain")), "file"),
        (File(Source(url="https://example.com")), "file.url"),
        (Reasoning("", "sealed", is_redacted=True), "messages.reasoning"),
        (Foreign("server_tool_use", {}), "foreign:server_tool_use"),
        (ToolCall("c", "f"), "tool_calls"),
        (ToolResult("c"), "tool_result"),
        (Text("a", cache="5m"), "cache"),
        (Text("a", extras={"citations": []}), "extras.citations"),
    ],
)
def test_what_has_no_place_is_named(part, name):
    _, lost = sorted_out(part)

    assert lost == (name,)


def test_own_extras_are_not_lost():
    _, lost = sorted_out(
        Text("a", extras={"x": 1}), Image(Source("AAAA"), detail="auto"), is_ours=True
    )

    assert lost == ()
