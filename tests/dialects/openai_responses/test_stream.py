import pytest

from multillama.core.canonical import (
    Fault,
    Foreign,
    Logprob,
    Namespace,
    Reasoning,
    Refusal,
    Stop,
    Text,
    ToolCall,
    Usage,
)  # fmt: skip
from multillama.core.codec import Misfit
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
)  # fmt: skip
from tests.dialects.openai_responses.spoken import FAMILY, event, joined, read
from tests.dialects.openai_responses.streamed import (
    BARE,
    CALL,
    CREATED,
    MESSAGE,
    RESPONSE,
    START,
    TEXT,
    added,
    at,
    completed,
    delta,
    done,
    events,
)


def test_a_text_is_read_from_its_beginning_to_its_end():
    logprobs = [{"token": "i", "logprob": -1.0, "top_logprobs": []}]
    cite = {"type": "url_citation", "url": "https://x"}
    whole = {**TEXT, "text": "hi", "annotations": [cite]}
    usage = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}

    found = read(
        CREATED
        + event("response.in_progress", response=RESPONSE)
        + added({**MESSAGE, "phase": "final_answer"})
        + event("response.content_part.added", **at(), part=TEXT)
        + delta("output_text", "h")
        + event("response.output_text.delta", **at(), delta="i", logprobs=logprobs)
        + event(
            "response.output_text.annotation.added", **at(), annotation_index=0, annotation=cite
        )
        + event("response.output_text.done", **at(), text="hi", logprobs=[])
        + event("response.content_part.done", **at(), part=whole)
        + done({**MESSAGE, "status": "completed", "content": [whole]})
        + completed(usage=usage, service_tier="default")
    )

    assert found == [
        START, Open(0, Text("", extras={"phase": "final_answer"}, item_id="msg_1")), Delta(0, "h"),
        Delta(0, "i", [Logprob("i", -1.0)]), More(0, "annotation", cite), Close(0, {"annotations": [cite]}),
        Finish(Stop.END), Count(Usage(3, output_tokens=4)), End({"billing": {"payer": "x"}}, "default"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("item", "kind", "given", "call"),
    [
        (CALL, "function_call_arguments", "arguments", ToolCall("c", "f", item_id="fc_1")),
        (
            {**CALL, "namespace": "crm"},
            "function_call_arguments",
            "arguments",
            ToolCall("c", "crm__f", item_id="fc_1", namespace=Namespace("crm", "f")),
        ),
        (
            {"type": "custom_tool_call", "id": "fc_1", "call_id": "c", "name": "f", "input": ""},
            "custom_tool_call_input",
            "input",
            ToolCall("c", "f", is_custom=True, item_id="fc_1"),
        ),
    ],
)
def test_a_call_is_read_from_its_beginning_to_its_end(item, kind, given, call):
    place = {"item_id": "fc_1", "output_index": 0}

    found = events(
        added(item), delta(kind, '{"a"', **place), delta(kind, ":1}", **place),
        event(f"response.{kind}.done", **place, **{given: '{"a":1}'}),
        done({**item, given: '{"a":1}', "status": "completed"}),
    )  # fmt: skip

    assert found == [Open(0, call), Delta(0, '{"a"'), Delta(0, ":1}"), Close(0)]


def test_calls_that_overlap_are_kept_apart():
    other = {**CALL, "id": "fc_2", "call_id": "d"}

    found = events(
        added(CALL), added(other, 1), delta("function_call_arguments", "1", output_index=1),
        delta("function_call_arguments", "0", output_index=0), done({**CALL, "arguments": "0"}),
        done({**other, "arguments": "1", "status": "incomplete"}, 1),
    )  # fmt: skip

    assert found == [
        Open(0, ToolCall("c", "f", item_id="fc_1")), Open(1, ToolCall("d", "f", item_id="fc_2")), Delta(1, "1"),
        Delta(0, "0"), Close(0, {"status": "in_progress"}), Close(1, {"status": "incomplete"}),
    ]  # fmt: skip


def test_a_summary_in_parts_is_one_text():
    item = {"type": "reasoning", "id": "rs_1", "summary": []}
    rows = [{"type": "summary_text", "text": text} for text in ("one", "two")]

    found = events(
        added(item),
        *[
            piece
            for index, row in enumerate(rows)
            for piece in (
                event(
                    "response.reasoning_summary_part.added",
                    output_index=0,
                    summary_index=index,
                    part={},
                ),
                delta("reasoning_summary_text", row["text"], output_index=0, summary_index=index),
                event(
                    "response.reasoning_summary_part.done",
                    output_index=0,
                    summary_index=index,
                    part=row,
                ),
            )
        ],
        done({**item, "summary": rows, "encrypted_content": "gAAA"}),
    )

    assert found == [
        Open(0, Reasoning("", id="rs_1", is_summary=True)), Delta(0, "one"), More(0, "summary_part", 5),
        Delta(0, "\n\n"), Delta(0, "two"), Sign(0, "gAAA"), Close(0),
    ]  # fmt: skip
    assert joined(found).answer.choices[0].parts[0].text == "one\n\ntwo"


def test_thoughts_themselves_are_read():
    item = {"type": "reasoning", "id": "rs_1", "summary": []}
    rows = [{"type": "reasoning_text", "text": "hm"}]

    found = events(
        added(item), event("response.content_part.added", **at("rs_1"), part=rows[0]),
        delta("reasoning_text", "hm", **at("rs_1")), event("response.content_part.done", **at("rs_1"), part=rows[0]),
        done({**item, "content": rows}),
    )  # fmt: skip

    assert found == [Open(0, Reasoning("", id="rs_1", is_summary=False)), Delta(0, "hm"), Close(0)]


def test_thoughts_that_nobody_may_read_are_signed():
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}

    assert events(added(item), done(item)) == [Open(0, Reasoning("", "gAAA", id="rs_1")), Close(0)]


def test_a_refusal_is_read():
    part = {"type": "refusal", "refusal": ""}
    whole = {"type": "refusal", "refusal": "no"}

    found = read(
        CREATED + added(MESSAGE) + event("response.content_part.added", **at(), part=part) + delta("refusal", "no")
        + event("response.content_part.done", **at(), part=whole) + done({**MESSAGE, "content": [whole]}) + completed()
    )  # fmt: skip

    assert found[1:-1] == [
        Open(0, Refusal("", "msg_1")),
        Delta(0, "no"),
        Close(0),
        Finish(Stop.REFUSED),
    ]


def test_an_item_of_this_dialect_alone_comes_as_it_is():
    item = {"type": "web_search_call", "id": "ws_1", "status": "in_progress"}
    end = {**item, "status": "completed", "action": {"type": "search"}}
    searching = {"item_id": "ws_1", "output_index": 0}

    found = events(added(item), event("response.web_search_call.searching", **searching), done(end))

    assert found == [
        Open(0, Foreign("web_search_call", item)),
        Other(
            "response.web_search_call.searching",
            {"type": "response.web_search_call.searching", **searching},
        ),
        Close(0, end),
    ]
    assert joined([*found, Finish(Stop.END)]).answer.choices[0].parts == [
        Foreign("web_search_call", end)
    ]


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (
            event(
                "error",
                error={
                    "code": "rate_limit_exceeded",
                    "message": "slow",
                    "type": "requests",
                    "param": None,
                },
            ),
            Fault(429, "slow", "requests", "rate_limit_exceeded", family=FAMILY),
        ),
        (
            event("error", code="x", message="no", param=None, sequence_number=3),
            Fault(502, "no", "", "x", family=FAMILY),
        ),
        (b'data: {"error":{"message":"no"}}\n\n', Fault(502, "no", family=FAMILY)),
        (
            event(
                "response.failed",
                response={**RESPONSE, "error": {"code": "server_error", "message": "oh"}},
            ),
            Fault(502, "oh", "", "server_error", family=FAMILY),
        ),
        (
            event("response.failed", response=RESPONSE),
            Fault(502, "The response failed.", family=FAMILY),
        ),
    ],
)
def test_an_error_ends_the_stream(data, fault):
    found = read(CREATED + data + completed())

    assert found == [START, Broken(fault)]


def test_a_stream_that_begins_with_its_error_begins():
    assert read(event("error", message="no"))[0] == BARE


@pytest.mark.parametrize(
    ("response", "stop"),
    [
        (
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            Stop.LENGTH,
        ),
        ({"status": "cancelled"}, Stop.END),
    ],
)
def test_why_a_stream_ended_is_told(response, stop):
    found = read(CREATED + event("response.incomplete", response={**RESPONSE, **response}))

    assert found[1].stop is stop


def test_a_stream_without_its_end_has_none():
    assert read(CREATED + added(MESSAGE)) == [START]


def test_an_end_without_its_blank_line_is_an_end():
    assert isinstance(read(CREATED + completed().rstrip())[-1], End)


@pytest.mark.parametrize(
    "data", [b"data: {\n\n", b"data: 1\n\n", b"data: {}\n\n", b'data: {"type":1}\n\n']
)
def test_what_is_no_event_is_told(data):
    with pytest.raises(Misfit):
        read(data)


def test_line_ends_and_a_mark_at_the_beginning_do_not_matter():
    stream = CREATED + delta("output_text", "hi") + completed()

    assert read(b"\xef\xbb\xbf" + stream.replace(b"\n", b"\r\n")) == read(stream)


def test_cuts_do_not_matter():
    stream = CREATED + added(MESSAGE) + delta("output_text", "hié") + done(MESSAGE) + completed()
    whole = read(stream)

    assert all(read(stream, cut=size) == whole for size in range(1, 400))
