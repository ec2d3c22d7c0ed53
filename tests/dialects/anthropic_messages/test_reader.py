import pytest

from multillama.core.canonical import Fault, Foreign, Reasoning, Stop, Text, ToolCall, Usage
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
    Start,
)
from multillama.core.join import Joiner
from multillama.dialects.anthropic_messages.reader import MessagesReader
from tests.dialects.anthropic_messages.spoken import sse

BEGIN = {
    "type": "message_start",
    "message": {"id": "msg_1", "model": "claude", "usage": {"input_tokens": 3, "output_tokens": 1}},
}
STOP = {"type": "message_stop"}
BEGUN = Start("msg_1", "claude", usage=Usage(3, output_tokens=1), family="anthropic")
ENDED = [Finish(Stop.END), End()]


def opened(block, index=0):
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(kind, index=0, **members):
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind} | members}


def closed(index=0):
    return {"type": "content_block_stop", "index": index}


def finished(reason="end_turn", **usage):
    return {
        "type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": None},
        "usage": usage,
    }


def read(data):
    reader = MessagesReader()
    return reader.feed(data) + reader.end()


TEXT = [opened({"type": "text", "text": ""}), delta("text_delta", text="Hi"), closed()]
SEARCHED = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}


@pytest.mark.parametrize(
    ("blocks", "events"),
    [
        ([], []),
        (TEXT, [Open(0, Text("")), Delta(0, "Hi"), Close(0)]),
        (
            [
                opened({"type": "thinking", "thinking": "", "signature": ""}),
                delta("thinking_delta", thinking="hm"), delta("thinking_delta", thinking=""),
                delta("signature_delta", signature="s"), delta("signature_delta", signature=""), closed(),
            ],
            [Open(0, Reasoning("")), Delta(0, "hm"), Sign(0, "s"), Close(0)],
        ),
        (
            [opened({"type": "redacted_thinking", "data": "r"}), closed()],
            [Open(0, Reasoning("", "r", is_redacted=True)), Close(0)],
        ),
        (
            [opened({"type": "text", "text": "", "citations": []}), delta("citations_delta", citation={"n": 1}),
            closed()],
            [
                Open(0, Text("", extras={"citations": []})),
                More(0, "citations_delta", {"type": "citations_delta", "citation": {"n": 1}}),
                Close(0),
            ],
        ),
        (
            [opened(SEARCHED), delta("input_json_delta", partial_json='{"q":1}'), closed()],
            [
                Open(0, Foreign("server_tool_use", SEARCHED)),
                More(0, "input_json_delta", {"type": "input_json_delta", "partial_json": '{"q":1}'}),
                Close(0, {"input": {"q": 1}}),
            ],
        ),
        (
            [opened({"type": "compaction", "content": None}), delta("compaction_delta", content="c", x=None),
            closed()],
            [
                Open(0, Foreign("compaction", {"type": "compaction", "content": None})),
                More(0, "compaction_delta", {"type": "compaction_delta", "content": "c", "x": None}),
                Close(0, {"content": "c"}),
            ],
        ),
        (
            [opened(SEARCHED), delta("input_json_delta", partial_json="{"), closed()],
            [
                Open(0, Foreign("server_tool_use", SEARCHED)),
                More(0, "input_json_delta", {"type": "input_json_delta", "partial_json": "{"}),
                Close(0),
            ],
        ),
        # what servers do otherwise
        ([TEXT[0], TEXT[1]], [Open(0, Text("")), Delta(0, "Hi"), Close(0)]),  # no end
        (TEXT[1:], [Open(0, Text("")), Delta(0, "Hi"), Close(0)]),  # no beginning
        ([delta("input_json_delta", partial_json="{")], []),  # of whose call?
        ([closed(7)], []),
        (
            [TEXT[0], TEXT[0]],
            [Open(0, Text("")), Close(0), Open(1, Text("")), Close(1)],
        ),
        ([{"type": "content_block_delta", "index": 0}], []),
        ([delta([])], []),
        ([TEXT[0], delta("text_delta", text=7), closed()], [Open(0, Text("")), Close(0)]),
        ([{"type": "ping"}, {"type": "new", "a": 1}], [Other("new", {"type": "new", "a": 1})]),
        ([BEGIN], []),
        (
            [opened({"type": "text"}, index="x"), delta("text_delta", index=[], text="Hi")],
            [Open(0, Text("")), Delta(0, "Hi"), Close(0)],
        ),
    ],
)  # fmt: skip
def test_blocks_become_parts(blocks, events):
    assert read(sse(BEGIN, *blocks, finished(), STOP)) == [BEGUN, *events, *ENDED]


@pytest.mark.parametrize(
    ("block", "pieces", "arguments"),
    [
        ({"input": {}}, ["", '{"a"', ":1}"], ['{"a"', ":1}"]),
        ({"input": {}}, [""], ["{}"]),
        ({}, [], ["{}"]),
        ({"input": {"a": 1}}, [], ['{"a":1}']),
        ({"input": {"a": 1}}, ['{"b":2}'], ['{"b":2}']),
    ],
)
def test_a_call_has_arguments_wherever_they_come(block, pieces, arguments):
    begun = opened(
        {"type": "tool_use", "id": "c", "name": "f", "caller": {"type": "direct"}} | block
    )
    deltas = [delta("input_json_delta", partial_json=piece) for piece in pieces]

    events = read(sse(BEGIN, begun, *deltas, closed(), finished("tool_use"), STOP))

    call = ToolCall("c", "f", extras={"caller": {"type": "direct"}})
    assert events[1:-2] == [Open(0, call), *[Delta(0, piece) for piece in arguments], Close(0)]
    assert events[-2] == Finish(Stop.CALLS)


def test_the_usage_at_the_end_completes_that_of_the_beginning():
    begin = {
        "type": "message_start",
        "message": {"usage": {"input_tokens": 3, "cache_read_input_tokens": 10, "speed": "fast"}},
    }

    events = read(
        sse(begin, finished(output_tokens=5, server_tool_use={"web_search_requests": 1}), STOP)
    )

    extras = {"server_tool_use": {"web_search_requests": 1}}
    assert events[1] == Count(Usage(13, 10, output_tokens=5, extras=extras))


def test_what_comes_with_the_reason_is_kept():
    end = {
        "type": "message_delta", "usage": None, "context_management": {"applied_edits": []},
        "input_transformations": [],
        "delta": {"stop_reason": "stop_sequence", "stop_sequence": "x", "stop_details": None,
        "container": {"id": "k"}},
    }  # fmt: skip

    events = read(sse(BEGIN, end, STOP))

    extras = {
        "context_management": {"applied_edits": []},
        "input_transformations": [],
        "container": {"id": "k"},
    }
    assert events[1:] == [Finish(Stop.SEQUENCE, stop_sequence="x", extras=extras), End()]


def test_a_second_reason_changes_nothing_but_the_usage():
    events = read(
        sse(
            BEGIN,
            finished("max_tokens", output_tokens=4),
            finished("end_turn", output_tokens=5),
            STOP,
        )
    )

    assert events[1:] == [
        Count(Usage(3, output_tokens=4)), Finish(Stop.LENGTH), Count(Usage(3, output_tokens=5)), End(),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "events"),
    [
        (sse(STOP), [Start(family="anthropic"), *ENDED]),
        (sse(finished()), [Start(family="anthropic"), *ENDED]),
        (sse(BEGIN, STOP), [BEGUN, *ENDED]),
        (sse(BEGIN, finished()), [BEGUN, *ENDED]),  # all was said
        (sse(BEGIN, finished()) + b"data: [DONE]\n\n", [BEGUN, *ENDED]),
        (sse(BEGIN, finished(), STOP) + b"data: [DONE]\n\n" + sse(*TEXT), [BEGUN, *ENDED]),
        (sse(BEGIN, finished(), STOP)[:-2], [BEGUN, *ENDED]),  # the last blank line
        (sse(BEGIN, *TEXT[:2]), [BEGUN, Open(0, Text("")), Delta(0, "Hi")]),  # broke off
        (sse(BEGIN) + b"data: [DONE]\n\n", [BEGUN]),
        (sse(BEGIN, *TEXT[:1]) + b"event: x\ndata: {", [BEGUN, Open(0, Text(""))]),
        (b": hello\n\n" + sse({"type": "new"}, BEGIN), [BEGUN]),
        (b"", []),
    ],
)
def test_a_stream_is_whole_if_all_of_it_came(data, events):
    assert read(data) == events


def test_an_error_ends_the_stream():
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Busy."}}

    events = read(sse(BEGIN, error, *TEXT, STOP))

    assert events == [BEGUN, Broken(Fault(529, "Busy.", "overloaded_error", family="anthropic"))]


@pytest.mark.parametrize(
    "data", [b"data: {\n\n", b"data: []\n\n", b"data: \xff\n\n", b"data: nope\n\n"]
)
def test_an_event_that_is_none_of_this_dialect_is_told(data):
    with pytest.raises(Misfit):
        MessagesReader().feed(data)


STREAM = sse(
    BEGIN, {"type": "ping"}, *TEXT, opened({"type": "tool_use", "id": "c", "name": "f", "input": {}}, 1),
    delta("input_json_delta", 1, partial_json='{"ü": "\u2028"}'), closed(1), finished("tool_use", output_tokens=9),
    STOP,
)  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        STREAM,
        STREAM.replace(b"\n", b"\r\n"),
        STREAM.replace(b"\n", b"\r"),
        b"\xef\xbb\xbf" + STREAM,
    ],
)
def test_the_events_do_not_depend_on_the_cuts(data):
    whole = read(data)

    for at in range(len(data)):
        reader = MessagesReader()
        assert reader.feed(data[:at]) + reader.feed(data[at:]) + reader.end() == whole
    reader = MessagesReader()
    single = [event for at in range(len(data)) for event in reader.feed(data[at : at + 1])]
    assert single + reader.end() == whole
    assert whole[-2:] == [Finish(Stop.CALLS), End()]


def test_a_block_that_only_this_family_has_is_joined_whole():
    joiner = Joiner()

    joiner.take(
        read(
            sse(
                BEGIN,
                opened(SEARCHED),
                delta("input_json_delta", partial_json='{"q":1}'),
                closed(),
                finished(),
                STOP,
            )
        )
    )

    assert joiner.answer.choices[0].parts == [
        Foreign("server_tool_use", SEARCHED | {"input": {"q": 1}})
    ]
    assert joiner.answer.family == "anthropic"
