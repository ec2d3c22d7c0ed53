import pytest

from multillama.core.canonical import (
    Answer,
    Choice,
    Fault,
    Foreign,
    Image,
    Reasoning,
    Refusal,
    Source,
    Stop,
    Text,
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
)
from multillama.core.join import events_of as events_of_answer
from multillama.dialects.anthropic_messages.writer import MessagesWriter
from tests.dialects.anthropic_messages.spoken import events_of, reply

START = Start("chatcmpl-1", "gpt")
OWN = Start("msg_1", "claude", family="anthropic")
LAST = [Finish(Stop.END), End()]


def write(*events, to=None):
    """Returns the events that are written, of all at once and of one after another: they are the same."""
    whole = MessagesWriter(to or reply()).write(list(events))
    writer = MessagesWriter(to or reply())
    assert b"".join(writer.write([event]) for event in events) == whole
    return events_of(whole)


def blocks(*events, start=START):
    return write(start, *events, *LAST)[1:-2]


def began(index, **block):
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index, kind, **members):
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind} | members}


def stopped(index):
    return {"type": "content_block_stop", "index": index}


def test_a_stream_begins_and_ends_as_the_sdk_demands():
    usage = Usage(13, 10, output_tokens=5, reasoning_tokens=2, extras={"cost": 1})

    events = write(
        START, Finish(Stop.LENGTH, stop_sequence="x"), Count(Usage(13)), Count(usage), End()
    )

    message = {
        "id": "msg_chatcmpl-1", "type": "message", "role": "assistant", "model": "public", "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 0, "output_tokens": 0},
    }  # fmt: skip
    told = {
        "input_tokens": 3, "cache_read_input_tokens": 10, "output_tokens": 5,
        "output_tokens_details": {"thinking_tokens": 2},
    }  # fmt: skip
    assert events == [
        {"type": "message_start", "message": message},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "max_tokens", "stop_sequence": "x"},
            "usage": told,
        },
        {"type": "message_stop"},
    ]


def test_what_is_known_of_the_usage_at_the_beginning_is_told_there():
    first, last, _ = write(
        Start(usage=Usage(13)), Finish(Stop.END), Count(Usage(output_tokens=5)), End()
    )

    assert first["message"]["usage"] == {"input_tokens": 13, "output_tokens": 0}
    assert last["usage"] == {"input_tokens": 13, "output_tokens": 5}


@pytest.mark.parametrize(
    ("events", "rows"),
    [
        (
            [Open(0, Text("")), Delta(0, "H"), Delta(0, "ü\n"), Close(0)],
            [began(0, type="text", text=""), delta(0, "text_delta", text="H"), delta(0, "text_delta", text="ü\n"),
            stopped(0)],
        ),
        ([Open(0, Text("")), Delta(0, ""), Close(0)], []),  # no empty block
        ([Open(0, Text("Hi")), Close(0)], [began(0, type="text", text=""), delta(0, "text_delta", text="Hi"),
        stopped(0)]),
        (
            [Open(0, Refusal("")), Delta(0, "no"), Close(0)],
            [began(0, type="text", text=""), delta(0, "text_delta", text="no"), stopped(0)],
        ),
        (
            [Open(0, Reasoning("")), Sign(0, "s"), Delta(0, "hm"), Close(0)],
            [
                began(0, type="thinking", thinking="", signature=""), delta(0, "thinking_delta", thinking="hm"),
                delta(0, "signature_delta", signature="s"), stopped(0),
            ],
        ),
        (
            [Open(0, Reasoning("hm", "s")), Close(0)],
            [
                began(0, type="thinking", thinking="", signature=""), delta(0, "thinking_delta", thinking="hm"),
                delta(0, "signature_delta", signature="s"), stopped(0),
            ],
        ),
        (
            [Open(0, Reasoning("")), Sign(0, "s"), Close(0)],
            [
                began(0, type="thinking", thinking="", signature=""), delta(0, "signature_delta", signature="s"),
                stopped(0),
            ],
        ),
        ([Open(0, Reasoning("")), Close(0)], []),
        (
            [Open(0, Reasoning("", "r", is_redacted=True)), Close(0)],
            [began(0, type="redacted_thinking", data="r"), stopped(0)],
        ),
        (
            [Open(0, Reasoning("", is_redacted=True)), Sign(0, "r"), Close(0)],
            [began(0, type="redacted_thinking", data="r"), stopped(0)],
        ),
        (  # calls that overlap
            [
                Open(0, ToolCall("c.1", "f")), Delta(0, "{"), Open(1, ToolCall("d", "g", "{")), Delta(1, "}"),
                Delta(0, "}"),
                Close(0), Close(1),
            ],
            [
                began(0, type="tool_use", id="c_1", name="f", input={}), delta(0, "input_json_delta",
                partial_json=""),
                delta(0, "input_json_delta", partial_json="{"), delta(0, "input_json_delta", partial_json="}"),
                stopped(0),
                began(1, type="tool_use", id="d", name="g", input={}), delta(1, "input_json_delta", partial_json=""),
                delta(1, "input_json_delta", partial_json="{"), delta(1, "input_json_delta", partial_json="}"),
                stopped(1),
            ],
        ),
        (  # what is left out leaves no gap
            [
                Open(0, Image(Source())), Close(0), Open(1, Foreign("x", {})), More(1, "y", 1), Close(1),
                Open(2, Text("")), Open(3, Text(""), 1), Delta(3, "B"), Delta(2, "A"), Close(3), Close(2),
                Finish(Stop.LENGTH, 1),
            ],
            [began(0, type="text", text=""), delta(0, "text_delta", text="A"), stopped(0)],
        ),
    ],
)  # fmt: skip
def test_parts_become_blocks(events, rows):
    written = blocks(*events)

    assert [row for row in written if row["type"] != "message_delta"] == rows


@pytest.mark.parametrize(
    ("events", "loss"),
    [
        ([Open(0, Text(""), 1), Close(0)], "choices"),
        ([Open(0, Image(Source())), Close(0)], "image"),
        ([Open(0, Foreign("x", {})), Close(0)], "foreign:x"),
        ([Open(0, Text("")), More(0, "cite", 1), Close(0)], "extras.cite"),
        ([Open(0, Text("")), Close(0, {"annotations": []})], "extras.annotations"),
    ],
)
def test_what_cannot_be_said_is_told(events, loss):
    to = reply()

    write(START, *events, *LAST, to=to)

    assert to.losses.names == (loss,)


def test_calls_are_the_reason_also_where_a_server_does_not_say_so():
    events = write(START, Open(0, ToolCall("c", "f")), Close(0), *LAST)

    assert events[-2]["delta"]["stop_reason"] == "tool_use"


@pytest.mark.parametrize(
    ("events", "rows"),
    [
        ([Open(0, Text("")), Close(0)], [began(0, type="text", text=""), stopped(0)]),
        ([Open(0, Foreign("x", {"type": "x", "a": 1})), Close(0, {"b": 2})], [began(0, type="x", a=1), stopped(0)]),
        ([Open(0, Foreign("x", 7)), Close(0)], []),
        (
            [Open(0, Foreign("x", {"type": "x"})), More(0, "x_delta", {"type": "x_delta", "a": 1}), More(0, "y", 7),
            Close(0)],
            [began(0, type="x"), delta(0, "x_delta", a=1), stopped(0)],
        ),
        (
            [Open(0, Text("", extras={"citations": []})), Delta(0, "a"), Close(0)],
            [began(0, type="text", text="", citations=[]), delta(0, "text_delta", text="a"), stopped(0)],
        ),
        (
            [Open(0, ToolCall("c", "f", extras={"caller": 1})), Delta(0, "{}"), Close(0)],
            [
                began(0, type="tool_use", id="c", name="f", input={}, caller=1),
                delta(0, "input_json_delta", partial_json=""), delta(0, "input_json_delta", partial_json="{}"),
                stopped(0),
            ],
        ),
        ([Other("new", {"type": "new", "a": 1}), Other("odd", 7)], [{"type": "new", "a": 1}]),
    ],
)  # fmt: skip
def test_what_only_this_family_has_is_written_as_it_came(events, rows):
    assert blocks(*events, start=OWN) == rows


def test_another_familys_events_are_not_written():
    assert blocks(Other("new", {"type": "new"})) == []


def test_what_comes_with_the_reason_stands_where_it_did():
    extras = {
        "stop_details": 1,
        "container": 2,
        "context_management": 3,
        "stop_reason": "compaction",
    }
    start = Start(
        "msg_1",
        "m",
        usage=Usage(3, extras={"speed": "fast"}),
        extras={"diagnostics": 4},
        family="anthropic",
    )

    first, last, _ = write(
        start,
        Count(Usage(cache_write_1h_tokens=1, extras={"iterations": []})),
        Finish(Stop.PAUSE, extras=extras),
        End(),
    )

    assert first["message"]["diagnostics"] == 4
    assert first["message"]["usage"]["speed"] == "fast"
    assert last == {
        "type": "message_delta", "context_management": 3,
        "delta": {"stop_reason": "compaction", "stop_sequence": None, "stop_details": 1, "container": 2},
        "usage": {"input_tokens": 3, "output_tokens": 0, "iterations": []},
    }  # fmt: skip


def test_a_whole_answer_becomes_a_stream():
    part = Text("a", extras={"citations": [{"n": 1}]})
    answer = Answer("msg_1", "m", choices=[Choice([part], Stop.END)], family="anthropic")

    events = write(*events_of_answer(answer))

    assert events[1:-2] == [
        began(0, type="text", text=""), delta(0, "text_delta", text="a"), delta(0, "citations_delta",
        citation={"n": 1}),
        stopped(0),
    ]  # fmt: skip


def test_an_error_is_told_in_the_stream():
    events = write(START, Open(0, Text("")), Delta(0, "a"), Broken(Fault(504, "Too slow.")))

    assert events[-1] == {
        "type": "error",
        "error": {"type": "timeout_error", "message": "Too slow."},
    }


@pytest.mark.parametrize("events", [LAST, [Open(0, Text("a")), Close(0), *LAST]])
def test_a_message_begins_even_if_nobody_said_so(events):
    assert write(*events)[0]["type"] == "message_start"
