"""Streams of those who are less exact than OpenAI."""

import pytest

from multillama.core.canonical import (
    Reasoning,
    Stop,
    Text,
    ToolCall,
)  # fmt: skip
from multillama.core.deltas import (
    Close,
    Delta,
    Finish,
    Open,
)  # fmt: skip
from tests.dialects.openai_responses.spoken import event, read
from tests.dialects.openai_responses.streamed import (
    CALL,
    EMPTY,
    MESSAGE,
    TEXT,
    added,
    at,
    completed,
    delta,
    done,
    events,
)

HI = {**TEXT, "text": "hi"}
UNTIDY = [
    (
        "no part was announced",
        [added(MESSAGE), delta("output_text", "hi"), done({**MESSAGE, "content": [HI]})],
    ),
    ("no item was announced", [delta("output_text", "hi")]),
    ("no item has an end", [added(MESSAGE), delta("output_text", "hi")]),
    (
        "nothing has a place",
        [
            event("response.output_item.added", item=MESSAGE),
            event("response.content_part.added", item_id="msg_1", part=TEXT),
            event("response.output_text.delta", item_id="msg_1", delta="hi"),
            event("response.output_item.done", item={**MESSAGE, "content": [HI]}),
        ],
    ),
    (
        "ids change on the way",
        [
            added(MESSAGE),
            delta("output_text", "hi", **at("other")),
            done({**MESSAGE, "id": "third", "content": [HI]}),
        ],
    ),
    (
        "the item alone knows its id",
        [
            event("response.output_item.added", item=MESSAGE),
            event("response.output_text.delta", output_index=7, delta="hi"),
        ],
    ),
    (
        "the text comes when it is whole",
        [
            added(MESSAGE),
            event("response.content_part.added", **at(), part=TEXT),
            event("response.content_part.done", **at(), part=HI),
            done({**MESSAGE, "content": [HI]}),
        ],
    ),
    (
        "the text comes with its part",
        [added(MESSAGE), event("response.content_part.added", **at(), part=HI)],
    ),
    (
        "the text comes with the item's end",
        [
            added(MESSAGE),
            event("response.content_part.added", **at(), part=TEXT),
            done({**MESSAGE, "content": [HI]}),
        ],
    ),
    (
        "a part is announced twice",
        [
            added(MESSAGE),
            event("response.content_part.added", **at(), part=TEXT),
            event("response.content_part.added", **at(), part=TEXT),
            delta("output_text", "hi"),
        ],
    ),
    (
        "an item begins in another's place",
        [
            added(MESSAGE),
            delta("output_text", "hi"),
            added({"type": "reasoning"}),
        ],
    ),
]


@pytest.mark.parametrize(
    "pieces", [pieces for _, pieces in UNTIDY], ids=[name for name, _ in UNTIDY]
)
def test_a_text_is_read_even_if(pieces):
    found = events(*pieces)

    assert found[:3] == [Open(0, EMPTY), Delta(0, "hi"), Close(0)]


@pytest.mark.parametrize(
    "pieces",
    [
        [done({**MESSAGE, "content": [HI]})],
        [added(MESSAGE), done({**MESSAGE, "content": [HI]})],
        [added(MESSAGE), done({**MESSAGE, "content": [1, HI]})],
    ],
)
def test_a_text_that_comes_with_its_items_end_alone_is_whole(pieces):
    text = Text("hi", extras={"item": {"status": "in_progress"}}, item_id="msg_1")

    assert events(*pieces) == [Open(0, text), Close(0)]


def test_an_answer_that_comes_with_the_end_alone_is_whole():
    found = read(completed(output=[{**CALL, "arguments": "{}", "status": "completed"}, 1]))

    assert found[1:4] == [
        Open(0, ToolCall("c", "f", "{}", item_id="fc_1")),
        Close(0),
        Finish(Stop.CALLS),
    ]


def test_arguments_that_come_with_the_calls_beginning_or_end_come_once():
    whole = {**CALL, "arguments": "{}", "status": "completed"}
    call = ToolCall("c", "f", "{}", item_id="fc_1")

    assert events(added(whole), done(whole)) == [Open(0, call), Close(0)]
    assert events(added(CALL), done(whole))[1:] == [Delta(0, "{}"), Close(0)]


def test_an_item_that_ends_as_another_kind_keeps_what_came():
    call = Open(0, ToolCall("c", "f", item_id="fc_1"))

    assert events(added(CALL), done(MESSAGE)) == [call, Close(0, {"status": "in_progress"})]
    assert events(added({"type": "reasoning"}), done(MESSAGE)) == [Open(0, Reasoning("")), Close(0)]


def test_a_text_after_its_parts_end_is_another_part():
    found = events(
        added(MESSAGE),
        delta("output_text", "a"),
        event("response.content_part.done", **at(), part={**TEXT, "text": "a"}),
        delta("output_text", "b"),
        done(MESSAGE),
    )

    assert found == [
        Open(0, EMPTY), Delta(0, "a"), Close(0), Open(1, EMPTY), Delta(1, "b"), Close(1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "piece",
    [
        delta("function_call_arguments", "x"),
        delta("reasoning_text", "x"),
        event("response.output_text.annotation.added", annotation={}),
        event("response.content_part.added", part=TEXT),
        event("response.content_part.done", part=TEXT),
        added(MESSAGE) + event("response.content_part.added", **at(), part=1),
        added(MESSAGE) + event("response.content_part.done", **at(), part=1),
        added({"type": "reasoning"}) + event("response.content_part.done", **at(), part=TEXT),
        b": a comment\n\n",
        b"data: \n\n",
        b"data: [DONE]\n\n",
        event("keepalive"),
    ],
)
def test_what_belongs_to_nothing_is_left_out(piece):
    assert [one for one in events(piece) if not isinstance(one, Open | Close)] == []


def test_deltas_without_a_text_say_nothing():
    found = events(added(MESSAGE), delta("output_text", None), delta("refusal", 1, **at(part=1)))

    assert [one for one in found if isinstance(one, Delta)] == []
