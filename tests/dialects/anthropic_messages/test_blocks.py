import pytest

from multillama.core.canonical import (
    File,
    Foreign,
    Image,
    Reasoning,
    Source,
    Text,
    ToolCall,
    ToolResult,
)
from multillama.core.codec import Misfit
from multillama.dialects.anthropic_messages.blocks import json_text, read_block, read_content

CACHED = {"type": "ephemeral"}
DOCUMENT = {"type": "document", "title": "T"}
SEARCH = {"type": "search_result", "source": "s", "title": "t", "content": []}


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "text", "text": "a"}, Text("a")),
        ({"type": "text", "text": "a", "citations": None}, Text("a")),
        ({"type": "text", "text": "a", "cache_control": CACHED}, Text("a", "")),
        ({"type": "text", "text": "a", "cache_control": CACHED | {"ttl": "1h"}}, Text("a", "1h")),
        (
            {"type": "text", "text": "a", "cache_control": CACHED | {"scope": "x"}},
            Text("a", "", extras={"cache_control": CACHED | {"scope": "x"}}),
        ),
        ({"type": "text", "text": "a", "citations": [1]}, Text("a", extras={"citations": [1]})),
        ({"type": "thinking", "thinking": "hm", "signature": "s"}, Reasoning("hm", "s")),
        ({"type": "thinking", "thinking": "hm", "signature": ""}, Reasoning("hm")),
        ({"type": "redacted_thinking", "data": "s"}, Reasoning("", "s", is_redacted=True)),
        (
            {"type": "tool_use", "id": "c", "name": "f", "input": {"b": 1.0, "a": None}},
            ToolCall("c", "f", '{"b":1.0,"a":null}'),
        ),
        (
            {"type": "tool_use", "id": "c", "name": "f", "caller": {"type": "direct"}},
            ToolCall("c", "f", "{}", extras={"caller": {"type": "direct"}}),
        ),
        (
            {"type": "tool_result", "tool_use_id": "c", "content": "42", "cache_control": CACHED},
            ToolResult("c", [Text("42")], cache=""),
        ),
        (
            {"type": "tool_result", "tool_use_id": "c", "is_error": True},
            ToolResult("c", is_error=True),
        ),
        (
            {
                "type": "tool_result",
                "tool_use_id": "c",
                "content": [{"type": "tool_reference", "tool_name": "g"}],
            },
            ToolResult(
                "c", [Foreign("tool_reference", {"type": "tool_reference", "tool_name": "g"})]
            ),
        ),
        (
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": "aa"},
            },
            Image(Source(data="aa", media_type="image/png")),
        ),
        (
            {
                "type": "image",
                "source": {"type": "url", "url": "http://a/b"},
                "cache_control": CACHED,
            },
            Image(Source(url="http://a/b"), cache=""),
        ),
        ({"type": "image", "source": {"type": "file", "file_id": "f"}}, Image(Source(file_id="f"))),
        (
            {"type": "image", "source": {"type": "new"}},
            Foreign("image", {"type": "image", "source": {"type": "new"}}),
        ),
        (
            DOCUMENT
            | {"source": {"type": "text", "media_type": "text/plain", "data": "x"}, "context": "c"},
            File(Source(text="x", media_type="text/plain"), "T", extras={"context": "c"}),
        ),
        (
            DOCUMENT | {"source": {"type": "content", "content": "x"}},
            File(
                Source(text="x", media_type="text/plain"),
                "T",
                extras={"source": {"type": "content", "content": "x"}},
            ),
        ),
        (
            DOCUMENT | {"source": {"type": "content", "content": [1]}},
            Foreign("document", DOCUMENT | {"source": {"type": "content", "content": [1]}}),
        ),
        (SEARCH, Foreign("search_result", SEARCH, "t\ns")),
        (
            {"type": "search_result", "content": [{"type": "text", "text": "found"}]},
            Foreign(
                "search_result",
                {"type": "search_result", "content": [{"type": "text", "text": "found"}]},
                "found",
            ),
        ),
    ],
)
def test_a_block_is_read_as(block, part):
    assert read_block(block, "here") == part


def test_a_document_in_blocks_is_one_text_and_keeps_how_it_is_cut():
    rows = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    source = {"type": "content", "content": rows}

    part = read_block({"type": "document", "source": source}, "here")

    assert part == File(Source(text="a\nb", media_type="text/plain"), extras={"source": source})


@pytest.mark.parametrize(
    ("block", "path"),
    [
        (7, "here"),
        ({}, "here.type"),
        ({"type": 1}, "here.type"),
        ({"type": "text"}, "here.text"),
        ({"type": "text", "text": 7}, "here.text"),
        ({"type": "thinking"}, "here.thinking"),
        ({"type": "tool_use", "id": "c"}, "here.name"),
        ({"type": "tool_use", "id": "c", "name": "f", "input": "{}"}, "here.input"),
        ({"type": "tool_result"}, "here.tool_use_id"),
        ({"type": "tool_result", "tool_use_id": "c", "content": 7}, "here.content"),
        ({"type": "tool_result", "tool_use_id": "c", "content": [{}]}, "here.content[0].type"),
        ({"type": "image"}, "here.source"),
        ({"type": "image", "source": {}}, "here.source.type"),
        ({"type": "image", "source": {"type": "base64"}}, "here.source.data"),
        ({"type": "document", "source": {"type": "content", "content": 7}}, "here.source.content"),
    ],
)
def test_a_block_that_would_be_misunderstood_is_told_with_its_place(block, path):
    with pytest.raises(Misfit) as caught:
        read_block(block, "here")

    assert caught.value.path == path


@pytest.mark.parametrize(
    ("content", "text"), [(None, "is missing"), (7, "must be a text or a list of blocks")]
)
def test_content_must_be_a_text_or_blocks(content, text):
    with pytest.raises(Misfit) as caught:
        read_content(content, "here")

    assert (caught.value.path, caught.value.text) == ("here", text)


def test_values_that_are_nested_too_deeply_are_told():
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]

    with pytest.raises(Misfit, match="nested too deeply"):
        json_text(deep, "here")
    while deep:  # taken apart from outside, as Python would do it from inside
        deep = deep[0]
