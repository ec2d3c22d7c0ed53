import json

import pytest

from multillama.core.canonical import Fault, Stop, Text
from multillama.core.codec import Misfit
from multillama.core.deltas import Broken, Delta, End, Finish, Open, Start
from multillama.dialects.gemini.array import ArrayReader, ArrayWriter
from tests.dialects.gemini.saying import parts_of, reply
from tests.dialects.gemini.test_stream import CHUNKS

TEXT = 'a "quoted\\" [text] {of} \\ signs ü'
CALL = {"functionCall": {"name": "f", "args": {"a": [[1], {"b": "]}"}]}}}
ROWS = [
    {"candidates": [{"content": {"parts": [{"text": TEXT}]}}]},
    {"candidates": [{"content": {"parts": [CALL]}, "finishReason": "STOP"}], "responseId": "r"},
]
TOLD = [["Text", TEXT], ["ToolCall", '{"a":[[1],{"b":"]}"}]}'], "CALLS"]


def framed(*rows):
    texts = [json.dumps(row, indent=2, ensure_ascii=False) for row in rows]
    return ("[" + "\n,\r\n".join(texts) + "\n]\n").encode()


def read(*cuts):
    reader = ArrayReader()
    events = [event for cut in cuts for event in reader.feed(cut)]
    return events + reader.end()


def is_whole(events):
    return any(isinstance(event, End) for event in events)


def test_an_array_is_a_stream():
    events = read(framed(*ROWS))

    assert (parts_of(events), is_whole(events)) == (TOLD, True)


def test_cuts_change_nothing():
    stream = b"\xef\xbb\xbf" + framed(*ROWS)
    whole = read(stream)

    assert parts_of(whole) == TOLD
    assert read(*(stream[at : at + 1] for at in range(len(stream)))) == whole
    assert all(read(stream[:at], stream[at:]) == whole for at in range(len(stream)))


def test_rows_are_told_as_soon_as_they_are_whole():
    reader = ArrayReader()
    first, rest = framed(*ROWS).split(b"\n,\r\n")

    begun = reader.feed(first)

    assert [type(event).__name__ for event in begun] == ["Start", "Open", "Delta"]
    assert reader.feed(rest)


def test_an_array_that_is_cut_off_is_not_whole():
    stream = framed(*ROWS).rstrip()

    assert not is_whole(read(stream[:-1]))
    assert not is_whole(read(stream[:-3]))
    assert not is_whole(read(stream[:40]))


def test_an_object_alone_is_an_answer():
    assert is_whole(read(json.dumps(ROWS[1]).encode()))


def test_an_error_alone_is_told():
    [event] = read(b'{"error": {"code": 404, "message": "no such model"}}')

    assert isinstance(event, Broken)
    assert event.fault.status == 404


def test_nothing_is_no_stream():
    assert read() == read(b"[]") == read(b"\xef\xbb") == []


@pytest.mark.parametrize(
    "stream", [b"<html>", b"[1]", b'["a"]', b"[{} x]", b"[{]}]", b'\xef\xbb\xbf"', b"[{'a'}]"]
)
def test_what_is_no_array_of_objects_is_told(stream):
    with pytest.raises(Misfit):
        read(stream)


def test_an_array_is_written():
    writer = ArrayWriter(reply())

    pieces = [
        writer.write([Start("r")]),
        writer.write([Open(0, Text("")), Delta(0, "a"), Delta(0, "b")]),
        writer.write([]),
        writer.write([Finish(Stop.END), End()]),
    ]

    assert (pieces[0], pieces[2]) == (b"", b"")
    assert pieces[1].startswith(b'[{"candidates"')
    assert b"},\r\n{" in pieces[1]
    assert pieces[3].endswith(b"}]")
    rows = json.loads(b"".join(pieces))
    assert [row["candidates"][0]["content"]["parts"][0]["text"] for row in rows] == ["a", "b", ""]


@pytest.mark.parametrize("begun", [[], [Start("r"), Open(0, Text("")), Delta(0, "a")]])
def test_an_error_ends_the_array(begun):
    writer = ArrayWriter(reply())

    stream = writer.write(begun) + writer.write_fault(Fault(503, "busy"))

    assert json.loads(stream)[-1] == {
        "error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}
    }


def test_both_forms_say_the_same():
    assert parts_of(read(framed(*CHUNKS)))[-1] == "END"
