import pytest

from multillama.core.canonical import (
    Foreign,
    Image,
    Logprob,
    Namespace,
    Reasoning,
    Refusal,
    Source,
    Text,
    ToolCall,
)  # fmt: skip
from multillama.core.join import MORE
from multillama.dialects.openai_responses.output import (
    SUMMARY_PART,
    call_item,
    content_of,
    content_part,
    flat_name,
    image_item,
    item_members,
    other_item,
    parts_of,
    reasoning_item,
    reasoning_of,
    together,
)
from tests.dialects.openai_responses.spoken import terms


def summary(*texts):
    return [{"type": "summary_text", "text": text} for text in texts]


@pytest.mark.parametrize(
    ("item", "parts"),
    [
        ({"type": "message", "content": [{"type": "output_text", "text": "a"}]}, [Text("a")]),
        ({"type": "message", "content": "a"}, [Text("a")]),
        ({"type": "message", "content": ["a", 1, {"text": "b"}]}, [Text("a"), Text("b")]),
        ({"type": "message"}, []),
        (
            {"type": "message", "id": "", "content": [{"type": "x"}]},
            [Foreign("content.x", {"type": "x"})],
        ),
        (
            {
                "type": "message",
                "id": "m",
                "status": "incomplete",
                "content": [{"type": "refusal", "refusal": "no"}],
            },
            [Refusal("no", "m")],
        ),
        ({"type": "reasoning", "id": "rs", "summary": []}, [Reasoning("", id="rs")]),
        ({"type": "reasoning", "summary": "hm"}, [Reasoning("hm", is_summary=True)]),
        ({"type": "reasoning", "summary": None, "encrypted_content": ""}, [Reasoning("")]),
        (
            {
                "type": "reasoning",
                "summary": summary("a"),
                "content": [{"text": "b"}],
                "status": "completed",
            },
            [Reasoning("a", extras={"content": [{"text": "b"}]}, is_summary=True)],
        ),
        ({"type": "function_call", "id": "fc", "name": "f"}, [ToolCall("fc", "f", item_id="fc")]),
        (
            {
                "type": "function_call",
                "call_id": "c",
                "name": "f",
                "arguments": "{}",
                "status": "incomplete",
                "async": True,
            },
            [ToolCall("c", "f", "{}", extras={"status": "incomplete", "async": True})],
        ),
        (
            {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "x"},
            [ToolCall("c", "f", "x", True)],
        ),
        (
            {"type": "web_search_call", "id": "ws"},
            [Foreign("web_search_call", {"type": "web_search_call", "id": "ws"})],
        ),
        ({}, [Foreign("", {})]),
    ],
)
def test_items_are_read_with_what_they_have(item, parts):
    assert parts_of(item) == parts


@pytest.mark.parametrize("row", [None, 1, []])
def test_what_is_no_part_of_a_message_is_left_out(row):
    assert content_of(row) is None


@pytest.mark.parametrize("name", ["summary", "content"])
def test_a_reasoning_in_parts_comes_back_in_parts(name):
    kind = {"summary": "summary_text", "content": "reasoning_text"}[name]
    rows = [{"type": kind, "text": text} for text in ("one", "two", "three")]
    item = {"id": "rs", "type": "reasoning", "summary": [], name: rows}

    (part,) = parts_of(item)

    assert part.text == "one\n\ntwo\n\nthree"
    assert part.extras[MORE] == [(SUMMARY_PART, 5), (SUMMARY_PART, 10)]
    assert reasoning_item(part, terms(), "rs") == item


def test_what_else_came_of_a_reasoning_begins_no_part():
    part = Reasoning("one", extras={MORE: [("x", 1)]})

    assert reasoning_item(part, terms(), None)["summary"] == summary("one")


def test_a_clients_reasoning_is_one_text():
    item = {"type": "reasoning", "summary": summary("one", "two")}

    assert reasoning_of(item) == Reasoning("one\n\ntwo", is_summary=True)


@pytest.mark.parametrize(
    ("group", "name", "flat"),
    [("mcp__db__", "get", "mcp__db__get"), ("crm", "get", "crm__get")],
)
def test_a_tool_of_a_group_has_a_name_of_its_own(group, name, flat):
    assert flat_name(group, name) == flat


def test_texts_of_one_item_stand_together():
    a, b, c = Text("a", item_id="1"), Refusal("b", "1"), Text("c", item_id="2")
    call, thought = ToolCall("c", "f"), Reasoning("hm")

    groups = list(together([thought, a, b, c, call, Text("d"), Text("e")]))

    assert groups == [[thought], [a, b], [c], [call], [Text("d"), Text("e")]]


def test_nothing_makes_no_items():
    assert list(together([])) == []
    assert list(together([ToolCall("c", "f")])) == [[ToolCall("c", "f")]]


def test_a_text_is_told_with_all_that_belongs_to_it():
    cite = {
        "type": "url_citation",
        "url": "https://x",
        "start_index": 0,
        "end_index": 1,
        "title": "x",
    }
    text = Text(
        "a",
        logprobs=[Logprob("a", -1.0, [97])],
        extras={"annotations": [cite], "phase": "p", "new": 1},
    )

    assert content_part(text, terms()) == {
        "type": "output_text",
        "text": "a",
        "annotations": [cite],
        "logprobs": [{"token": "a", "bytes": [97], "logprob": -1.0, "top_logprobs": []}],
        "new": 1,
    }


def test_chats_citations_are_told_and_others_are_lost():
    inner = {"url": "https://x", "title": "x", "start_index": 0, "end_index": 1}
    rows = [{"type": "url_citation", "url_citation": inner}, {"type": "char_location"}, 1]
    said = terms(is_own=False)

    part = content_part(Text("a", extras={"annotations": rows, "citations": []}), said)

    assert part["annotations"] == [{"type": "url_citation", **inner}]
    assert said.losses.names == ("annotation", "extras.citations")


def test_citations_that_came_piece_by_piece_are_told_together():
    cite = {"type": "url_citation", "url": "https://x"}
    said = terms(is_own=False)

    part = content_part(Text("a", extras={MORE: [("annotation", cite), ("citations", {})]}), said)

    assert part["annotations"] == [cite]
    assert said.losses.names == ("citations",)


def test_annotations_that_are_no_list_are_none():
    assert content_part(Text("a", extras={"annotations": 1}), terms())["annotations"] == []


@pytest.mark.parametrize(
    ("part", "is_own", "members"),
    [
        (
            Text("a", extras={"phase": "p", "item": {"status": "incomplete"}}),
            True,
            {"phase": "p", "status": "incomplete"},
        ),
        (Text("a", extras={"item": 1}), True, {}),
        (Text("a", extras={"phase": "p"}), False, {}),
        (Refusal("no"), True, {}),
    ],
)
def test_a_text_knows_what_its_item_says(part, is_own, members):
    assert item_members(part, terms(is_own=is_own)) == members


def test_a_call_without_arguments_has_an_empty_object():
    call = ToolCall("c", "n__f", namespace=Namespace("n", "f"))

    assert call_item(call, terms(), "fc", "completed") == {
        "id": "fc", "type": "function_call", "status": "completed", "call_id": "c", "name": "f", "arguments": "{}",
        "namespace": "n",
    }  # fmt: skip


def test_an_image_is_told_as_a_call_that_made_it():
    item = image_item(Image(Source(data="QQ")), terms(), "ig")

    assert item == {
        "id": "ig",
        "type": "image_generation_call",
        "status": "completed",
        "result": "QQ",
    }


def test_an_image_elsewhere_cannot_be_told():
    said = terms()

    assert image_item(Image(Source(url="https://x")), said, "ig") is None
    assert said.losses.names == ("image",)


@pytest.mark.parametrize(
    ("part", "is_own", "item", "lost"),
    [
        (Foreign("x", {"type": "x"}), True, {"type": "x"}, ()),
        (Foreign("x", {"type": "x"}), False, None, ("foreign:x",)),
        (Foreign("content.x", {"type": "x"}), True, None, ("foreign:content.x",)),
        (Reasoning("hm"), True, None, ("messages.reasoning",)),
    ],
)
def test_other_parts_are_told_as_they_came_or_not_at_all(part, is_own, item, lost):
    said = terms(is_own=is_own)

    assert other_item(part, said) == item
    assert said.losses.names == lost
