import json

import pytest

from multillama.core.canonical import (
    Fault,
    File,
    Foreign,
    Image,
    Message,
    Namespace,
    Reasoning,
    Refusal,
    Source,
    Stop,
    Text,
    Tool,
    ToolCall,
    Usage,
)  # fmt: skip
from multillama.core.deltas import (
    Broken,
    Close,
    Count,
    Delta,
    End,
    Finish,
    More,
    Open,
    Other,
    Sign,
    Start,
)  # fmt: skip
from multillama.core.join import events_of
from multillama.dialects.openai_responses.codec import CODEC
from tests.dialects.openai_responses.spoken import (
    DIALECT,
    FAMILY,
    asked,
    joined,
    reply,
    written,
)

OWN = Start("resp_1", "gpt-x", 1600, Usage(input_tokens=3), {"billing": 1}, FAMILY, DIALECT)
OTHER = Start("chatcmpl-1", "gpt-x", 1600)


def types(rows):
    return [row["type"].removeprefix("response.") for row in rows]


def part(number, what, *pieces):
    return [Open(number, what), *(Delta(number, piece) for piece in pieces), Close(number)]


def told():
    return [
        OTHER,
        *part(0, Reasoning("")),
        Open(1, Reasoning("")),
        Delta(1, "hm"),
        Sign(1, "sig"),
        Close(1),
        *part(2, Text(""), "h", "i"),
        *part(3, Text(""), "ho"),
        *part(4, ToolCall("c1", "f"), "{}"),
        Open(5, ToolCall("c2", "crm__get")),
        Open(6, ToolCall("c3", "patch", is_custom=True)),
        Delta(6, "***"),
        Delta(5, '{"a":1}'),
        Close(6),
        Close(5),
        *part(7, Refusal(""), "no"),
        *part(8, Image(Source(data="QQ"))),
        Finish(Stop.CALLS),
        Count(Usage(3, output_tokens=4)),
        End(),
    ]


def to_whom():
    to = reply()
    to.request.tools = [Tool("crm__get", namespace=Namespace("crm", "get"))]
    to.request.messages = [Message("system", [Text("be kind")])]
    return to


def test_a_stream_is_whole_and_in_order():
    rows = written(told(), to_whom())

    message = ["content_part.added", "output_text.delta", "output_text.done", "content_part.done"]
    assert [row["sequence_number"] for row in rows] == list(range(len(rows)))
    assert types(rows) == [
        "created", "in_progress",
        "output_item.added", "output_item.done",
        "output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta",
        "reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done",
        "output_item.added", *message[:2], *message[1:], *message, "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done",
        "output_item.added", "output_item.added", "custom_tool_call_input.delta", "function_call_arguments.delta",
        "custom_tool_call_input.done", "output_item.done", "function_call_arguments.done", "output_item.done",
        "output_item.added", "content_part.added", "refusal.delta", "refusal.done", "content_part.done",
        "output_item.done",
        "output_item.added", "output_item.done",
        "completed",
    ]  # fmt: skip


def test_the_last_event_has_all_that_came_before():
    rows = written(told(), to_whom())

    items = {row["output_index"]: row["item"] for row in rows if row["type"].endswith("item.done")}
    begun = {
        row["output_index"]: row["item"]["id"] for row in rows if row["type"].endswith("item.added")
    }
    response = rows[-1]["response"]
    assert response["output"] == [items[index] for index in range(8)]
    assert [item["id"] for item in response["output"]] == [begun[index] for index in range(8)] == [
        "rs_r1_0", "rs_r1_1", "msg_r1_2", "fc_r1_3", "fc_r1_4", "ctc_r1_5", "msg_r1_6", "ig_r1_7",
    ]  # fmt: skip
    assert [content["text"] for content in response["output"][2]["content"]] == ["hi", "ho"]
    assert response["output"][4]["namespace"] == "crm"
    assert (response["id"], response["created_at"], response["model"]) == (
        "resp_r1",
        1600,
        "public",
    )
    assert response["usage"]["total_tokens"] == 7
    assert response["instructions"] == "be kind"


def test_a_stream_begins_as_the_last_event_ends_but_for_what_came_meanwhile():
    rows = written(told(), to_whom())

    first, last = rows[0]["response"], rows[-1]["response"]
    assert first == rows[1]["response"]
    assert first == {**last, "status": "in_progress", "output": [], "usage": None}


def test_a_stream_and_a_whole_answer_say_the_same():
    answer = joined(told()).answer

    whole = json.loads(CODEC.write_answer(answer, to_whom()))
    streamed = written(events_of(answer), to_whom())[-1]["response"]
    at_once = written(told(), to_whom())[-1]["response"]

    assert streamed == at_once
    assert streamed == whole


def test_what_an_endpoint_of_this_dialect_says_beside_is_told():
    item = {"type": "web_search_call", "id": "ws_1"}
    searching = {
        "type": "response.web_search_call.searching",
        "item_id": "ws_1",
        "sequence_number": 70,
    }

    rows = written([
        OWN, Open(0, Foreign("web_search_call", item)), Other("response.web_search_call.searching", searching),
        Close(0, {"status": "completed"}), Open(1, Text("", item_id="msg_1", extras={"phase": "p"})),
        More(1, "annotation", {"url": "https://x"}), Close(1), Finish(Stop.END), End({"tool_usage": 1}, "flex"),
    ])  # fmt: skip

    assert rows[3] == {**searching, "sequence_number": 3}
    response = rows[-1]["response"]
    assert (response["id"], response["billing"], response["tool_usage"]) == ("resp_1", 1, 1)
    assert response["service_tier"] == "flex"
    assert response["output"][0] == {**item, "status": "completed"}
    assert (response["output"][1]["id"], response["output"][1]["phase"]) == ("msg_1", "p")
    assert response["usage"]["input_tokens"] == 3


def test_what_another_dialect_says_beside_is_lost():
    to = reply()

    rows = written([
        Start("x", extras={"provider": "x"}), *part(0, Foreign("server_tool_use", {}), "x"),
        *part(1, Foreign("content.x", {})), *part(2, File(Source(data="QQ"))), Open(3, Text("")),
        More(3, "citations", {}), Close(3), Other("ping", {}),
        Open(4, Text(""), 1), Delta(4, "b"), Close(4), Finish(Stop.END, 1),
        Finish(Stop.LENGTH), End({"x": 1}),
    ], to)  # fmt: skip

    assert [item["type"] for item in rows[-1]["response"]["output"]] == ["message"]
    assert to.losses.names == (
        "extras.provider", "foreign:server_tool_use", "foreign:content.x", "file", "citations", "n", "extras.x",
    )  # fmt: skip


def test_chats_citations_are_told_as_they_come_and_with_the_whole():
    cite = {"type": "url_citation", "url": "https://x"}

    rows = written([
        OTHER, Open(0, Text("")), Delta(0, "hi"), More(0, "annotation", cite), Close(0), Finish(Stop.END), End(),
    ])  # fmt: skip

    assert [row["annotation"] for row in rows if "annotation" in row] == [cite]
    assert rows[-1]["response"]["output"][0]["content"][0]["annotations"] == [cite]


@pytest.mark.parametrize(
    ("stop", "kind", "status", "item"),
    [
        (Stop.END, "response.completed", "completed", "completed"),
        (Stop.LENGTH, "response.incomplete", "incomplete", "incomplete"),
        (Stop.REFUSED, "response.incomplete", "incomplete", "incomplete"),
        (Stop.FAULT, "response.failed", "failed", "incomplete"),
    ],
)
def test_a_stream_ends_as_its_answer_did(stop, kind, status, item):
    rows = written([OTHER, *part(0, Text(""), "hi"), Finish(stop), End()])

    assert rows[-1]["type"] == kind
    assert rows[-1]["response"]["status"] == status
    assert rows[-1]["response"]["output"][0]["status"] == item


def test_texts_of_two_items_are_two_messages():
    rows = written(
        [
            OWN,
            *part(0, Text("", item_id="msg_1"), "a"),
            *part(1, Text("", item_id="msg_2"), "b"),
            Finish(Stop.END),
            End(),
        ]
    )

    assert [item["id"] for item in rows[-1]["response"]["output"]] == ["msg_1", "msg_2"]


def test_an_error_is_told_the_sdk_and_codex_and_nothing_follows():
    fault = Fault(429, "slow", "rate_limit_error", family="anthropic")

    rows = written(
        [
            OTHER,
            *part(0, Text(""), "hi"),
            *part(1, ToolCall("c", "f")),
            Broken(fault),
            Finish(Stop.END),
            End(),
        ]
    )

    error, failed = rows[-2:]
    assert error["type"] == "error"
    assert error["error"]["code"] == "rate_limit_exceeded"
    assert failed["type"] == "response.failed"
    assert failed["response"]["id"] == "resp_r1"
    assert failed["response"]["error"] == {"code": "rate_limit_exceeded", "message": "slow"}
    assert len(failed["response"]["output"]) == 2


def test_a_stream_without_a_beginning_or_a_reason_is_still_one():
    rows = written([Delta(9, "x"), Close(9), *part(0, Text(""), "hi"), End()])

    assert types(rows)[:2] == ["created", "in_progress"]
    assert rows[-1]["type"] == "response.completed"


def test_a_second_beginning_says_nothing():
    assert types(written([OTHER, OTHER])) == ["created", "in_progress"]


def test_nothing_is_written_of_nothing():
    assert CODEC.writer(reply()).write([]) == b""


def test_the_request_is_repeated():
    to = reply(asked(input="hi", tools=[{"type": "local_shell"}], metadata={"a": "b"}))

    rows = written([OTHER, Finish(Stop.END), End()], to)

    assert rows[0]["response"]["tools"] == [{"type": "local_shell"}]
    assert rows[-1]["response"]["metadata"] == {"a": "b"}


def test_the_choice_that_is_told_is_the_first():
    rows = written([OTHER, Finish(Stop.LENGTH), Finish(Stop.END, 1), End()])

    assert rows[-1]["response"]["status"] == "incomplete"
