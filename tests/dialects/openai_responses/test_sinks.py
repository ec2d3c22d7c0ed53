import pytest

from multillama.core.canonical import Logprob, Namespace, Reasoning, Refusal, Text, ToolCall
from multillama.core.join import MORE
from multillama.dialects.openai_responses.sinks import (
    CallSink,
    MessageSink,
    ReasoningSink,
    TextSink,
    WholeSink,
    Wire,
)  # fmt: skip
from tests.dialects.openai_responses.spoken import spoken, terms

EMPTY = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}


def told(wire):
    """Returns the events without their numbers, which must rise from 0."""
    rows = spoken(wire.take())
    assert [row.pop("sequence_number") for row in rows] == list(range(len(rows)))
    return rows


def message(wire, part=None):
    return MessageSink(wire, part or Text(""), terms(), index=0, item_id="msg_1")


def test_events_are_numbered_in_their_order():
    wire = Wire()

    wire.tell("a", x=1)
    wire.repeat("b", {"type": "other", "sequence_number": 99, "y": 2})

    assert told(wire) == [{"type": "a", "x": 1}, {"type": "b", "y": 2}]
    assert wire.take() == b""


def test_items_stand_in_the_order_of_their_places():
    wire = Wire()
    first, second = wire.next_index(), wire.next_index()
    wire.end_item(second, {"id": "b"})
    wire.end_item(first, {"id": "a"})

    assert wire.output() == [{"id": "a"}, {"id": "b"}]


def test_a_place_may_be_given_back():
    wire = Wire()
    wire.next_index()

    wire.give_back_index()

    assert wire.next_index() == 0


def test_a_text_is_told_from_its_beginning_to_its_end():
    wire = Wire()
    cites = [{"url": "https://x"}, {"url": "https://y"}]
    whole = {**EMPTY, "text": 'h"i', "annotations": cites}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}

    part = Text("", extras={"phase": "p"})
    sink = MessageSink(wire, part, terms(), index=0, item_id="msg_1")
    text = TextSink(sink, part)
    text.add('h"', [])
    text.add("i", [])
    text.more("annotation", cites[0])
    text.more("other", 1)
    text.sign("gAAA")
    text.close({"annotations": cites})
    sink.end("completed")

    item = {"id": "msg_1", "type": "message", "role": "assistant", "phase": "p"}
    assert told(wire) == [
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**item, "status": "in_progress", "content": []},
        },
        {"type": "response.content_part.added", **place, "part": EMPTY},
        {"type": "response.output_text.delta", **place, "delta": 'h"', "logprobs": []},
        {"type": "response.output_text.delta", **place, "delta": "i", "logprobs": []},
        {
            "type": "response.output_text.annotation.added",
            **place,
            "annotation_index": 0,
            "annotation": cites[0],
        },
        {
            "type": "response.output_text.annotation.added",
            **place,
            "annotation_index": 1,
            "annotation": cites[1],
        },
        {"type": "response.output_text.done", **place, "text": 'h"i', "logprobs": []},
        {"type": "response.content_part.done", **place, "part": whole},
        {
            "type": "response.output_item.done",
            "output_index": 0,
            "item": {**item, "status": "completed", "content": [whole]},
        },
    ]


def test_likelihoods_are_told_with_their_piece_and_with_the_whole():
    wire = Wire()
    row = {"token": "h", "bytes": [104], "logprob": -1.0, "top_logprobs": []}

    text = TextSink(message(wire), Text(""))
    text.add("h", [Logprob("h", -1.0)])
    text.close({})

    rows = {one["type"]: one for one in told(wire)}
    assert rows["response.output_text.delta"]["logprobs"] == [row]
    assert rows["response.output_text.done"]["logprobs"] == [row]
    assert rows["response.content_part.done"]["part"]["logprobs"] == [row]


@pytest.mark.parametrize("part", [Text("whole"), Refusal("whole")])
def test_a_text_that_comes_whole_is_one_piece(part):
    wire = Wire()

    TextSink(message(wire), part).close({})

    assert [row["delta"] for row in told(wire) if "delta" in row] == ["whole"]


def test_a_refusal_has_events_of_its_own():
    wire = Wire()
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}

    refusal = TextSink(message(wire), Refusal(""))
    refusal.add("no", [])
    refusal.close({})

    assert told(wire)[1:] == [
        {
            "type": "response.content_part.added",
            **place,
            "part": {"type": "refusal", "refusal": ""},
        },
        {"type": "response.refusal.delta", **place, "delta": "no"},
        {"type": "response.refusal.done", **place, "refusal": "no"},
        {
            "type": "response.content_part.done",
            **place,
            "part": {"type": "refusal", "refusal": "no"},
        },
    ]


def test_a_message_holds_the_texts_of_its_item_alone():
    sink = message(Wire(), Text("", item_id="a"))

    assert sink.may_hold(Refusal("", "a"))
    assert not sink.may_hold(Text("", item_id="b"))


def reasoning(part, *, is_own=True):
    wire = Wire()
    return wire, ReasoningSink(wire, part, terms(is_own=is_own), index=1, item_id="rs_1")


SUMMARY = [{"type": "summary_text", "text": "one"}, {"type": "summary_text", "text": "two"}]
ITEM = {"id": "rs_1", "type": "reasoning", "summary": []}


def test_a_summary_is_told_part_by_part():
    wire, sink = reasoning(Reasoning("", is_summary=True))

    sink.add("o", [])
    sink.add("ne", [])
    sink.more("summary_part", 5)
    sink.add("\n\n", [])
    sink.add("two", [])
    sink.sign("gAAA")
    sink.close({"status": "incomplete"})

    place = {"item_id": "rs_1", "output_index": 1}
    assert told(wire) == [
        {"type": "response.output_item.added", "output_index": 1, "item": ITEM},
        *[
            row
            for index, pieces in enumerate((("o", "ne"), ("two",)))
            for row in (
                {
                    "type": "response.reasoning_summary_part.added",
                    **place,
                    "summary_index": index,
                    "part": {"type": "summary_text", "text": ""},
                },
                *[
                    {
                        "type": "response.reasoning_summary_text.delta",
                        **place,
                        "summary_index": index,
                        "delta": piece,
                    }
                    for piece in pieces
                ],
                {
                    "type": "response.reasoning_summary_text.done",
                    **place,
                    "summary_index": index,
                    "text": "".join(pieces),
                },
                {
                    "type": "response.reasoning_summary_part.done",
                    **place,
                    "summary_index": index,
                    "part": SUMMARY[index],
                },
            )
        ],
        {
            "type": "response.output_item.done",
            "output_index": 1,
            "item": {
                **ITEM,
                "summary": SUMMARY,
                "encrypted_content": "gAAA",
                "status": "incomplete",
            },
        },
    ]


def test_thoughts_themselves_are_told_as_such():
    wire, sink = reasoning(Reasoning("", is_summary=False))

    sink.add("hm", [])
    sink.close({})

    part = {"type": "reasoning_text", "text": "hm"}
    rows = told(wire)
    assert [row["type"] for row in rows] == [
        "response.output_item.added", "response.content_part.added", "response.reasoning_text.delta",
        "response.reasoning_text.done", "response.content_part.done", "response.output_item.done",
    ]  # fmt: skip
    assert rows[-1]["item"] == {**ITEM, "content": [part]}


def test_a_reasoning_that_comes_whole_is_told_in_its_parts():
    wire, sink = reasoning(
        Reasoning(
            "one\n\ntwo", "gAAA", extras={MORE: [("summary_part", 5)], "x": 1}, is_summary=True
        )
    )

    sink.close({})

    rows = told(wire)
    assert [row["delta"] for row in rows if "delta" in row] == ["one", "two"]
    assert rows[-1]["item"] == {**ITEM, "summary": SUMMARY, "encrypted_content": "gAAA", "x": 1}


def test_a_signature_alone_is_told_with_the_item():
    wire, sink = reasoning(Reasoning("", "gAAA"))

    sink.close({})

    assert [row["item"] for row in told(wire)] == [ITEM, {**ITEM, "encrypted_content": "gAAA"}]


@pytest.mark.parametrize(("kind", "value"), [("summary_part", 2), ("other", 5)])
def test_a_border_that_comes_late_begins_nothing(kind, value):
    wire, sink = reasoning(Reasoning(""))

    sink.add("one", [])
    sink.more(kind, value)
    sink.close({})

    assert told(wire)[-1]["item"]["summary"] == [SUMMARY[0]]


@pytest.mark.parametrize(
    ("part", "kind", "given", "pieces"),
    [
        (ToolCall("c", "f"), "function_call", "arguments", ['{"a"', ":1}"]),
        (ToolCall("c", "f", is_custom=True), "custom_tool_call", "input", ["***", " Begin"]),
    ],
)
def test_a_call_is_told_from_its_beginning_to_its_end(part, kind, given, pieces):
    wire = Wire()
    place = {"item_id": "fc_1", "output_index": 2}
    name = {"arguments": "function_call_arguments", "input": "custom_tool_call_input"}[given]

    sink = CallSink(wire, part, terms(), index=2, item_id="fc_1")
    for piece in pieces:
        sink.add(piece, [])
    sink.sign("gAAA")
    sink.more("x", 1)
    sink.close({})

    item = {"id": "fc_1", "type": kind, "call_id": "c", "name": "f"}
    whole = "".join(pieces)
    assert told(wire) == [
        {"type": "response.output_item.added", "output_index": 2, "item": {**item, "status": "in_progress", given: ""}},
        *[{"type": f"response.{name}.delta", **place, "delta": piece} for piece in pieces],
        {"type": f"response.{name}.done", **place, given: whole},
        {"type": "response.output_item.done", "output_index": 2, "item": {**item, "status": "completed", given: whole}},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("part", "pieces"),
    [
        (ToolCall("c", "f", '{"a":1}'), ['{"a":1}']),
        (ToolCall("c", "f"), ["{}"]),
        (ToolCall("c", "f", is_custom=True), []),
    ],
)
def test_what_a_call_is_given_equals_its_pieces(part, pieces):
    wire = Wire()

    CallSink(wire, part, terms(), index=0, item_id="fc_1").close({})

    rows = told(wire)
    assert [row["delta"] for row in rows if "delta" in row] == pieces
    assert rows[-1]["item"]["input" if part.is_custom else "arguments"] == "".join(pieces)


def test_pieces_without_a_text_are_not_told():
    wire = Wire()
    call = CallSink(wire, ToolCall("c", "f"), terms(), index=1, item_id="fc_1")
    text = TextSink(message(wire), Text(""))
    thought = ReasoningSink(wire, Reasoning(""), terms(), index=2, item_id="rs_1")

    for sink in (call, text, thought):
        sink.add("", [])

    assert [row for row in told(wire) if "delta" in row] == []


def test_a_call_of_a_groups_tool_names_both():
    wire = Wire()
    call = ToolCall("c", "crm__get", namespace=Namespace("crm", "get"))

    CallSink(wire, call, terms(), index=0, item_id="fc_1").close({"async": True})

    item = told(wire)[-1]["item"]
    assert (item["name"], item["namespace"], item["async"]) == ("get", "crm", True)


def test_an_item_of_this_dialect_alone_is_told_as_it_came():
    wire = Wire()

    sink = WholeSink(wire, {"type": "x", "status": "in_progress"}, index=0)
    sink.add("x", [])
    sink.sign("x")
    sink.more("x", 1)
    sink.close({"status": "completed"})

    assert [row["item"] for row in told(wire)] == [
        {"type": "x", "status": "in_progress"},
        {"type": "x", "status": "completed"},
    ]
