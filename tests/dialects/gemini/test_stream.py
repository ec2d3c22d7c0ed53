import json

import pytest

from multillama.core.canonical import Fault, Stop, Text
from multillama.core.codec import Misfit
from multillama.core.deltas import Broken, Delta, End, Finish, Open, Start
from multillama.dialects.gemini.fault import write_fault_event
from multillama.dialects.gemini.stream import Reader, Writer
from tests.dialects.gemini.saying import parts_of, reply

CHUNKS = [
    {"candidates": [{"content": {"parts": [{"text": "think", "thought": True}], "role": "model"}, "index": 0}]},
    {"candidates": [{"content": {"parts": [{"text": "Grüße \u2028"}]}}], "usageMetadata": {"promptTokenCount": 5}},
    {"candidates": [{"content": {"parts": [{"text": "", "thoughtSignature": "QQ=="}]}, "finishReason": "STOP"}]},
]  # fmt: skip
TOLD = [["Reasoning", "think"], ["Text", "Grüße \u2028"], ["Reasoning", "", "QQ=="], "END"]


def framed(*chunks, end="\r\n"):
    return "".join(
        f"data: {json.dumps(chunk, ensure_ascii=False)}{end}{end}" for chunk in chunks
    ).encode()


def read(*cuts):
    reader = Reader()
    events = [event for cut in cuts for event in reader.feed(cut)]
    return events + reader.end()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_stream_is_read_whatever_ends_its_lines(end):
    assert parts_of(read(framed(*CHUNKS, end=end))) == TOLD


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_cuts_change_nothing(end):
    stream = framed(*CHUNKS, end=end)
    whole = read(stream)

    assert read(*(stream[at : at + 1] for at in range(len(stream)))) == whole
    assert all(read(stream[:at], stream[at:]) == whole for at in range(len(stream)))


def test_what_is_no_chunk_is_passed_over():
    stream = b"\xef\xbb\xbf: hello\n\n" + framed(CHUNKS[0]) + b"event: a\n\n\r\ndata:\n\n"
    stream += framed(*CHUNKS[1:]).replace(b"data: ", b"event: x\ndata:") + b"data: [DONE]\n\n"

    assert parts_of(read(stream)) == TOLD


def test_the_last_event_may_lack_its_blank_line():
    assert parts_of(read(framed(*CHUNKS).rstrip())) == TOLD


def test_half_an_event_is_none():
    events = read(framed(*CHUNKS)[:-20])

    assert parts_of(events) == [["Reasoning", "think"], ["Text", "Grüße \u2028"]]
    assert not any(isinstance(event, End) for event in events)


def test_an_event_that_is_no_json_is_told():
    with pytest.raises(Misfit, match="is not valid JSON"):
        read(b"data: {\n\n")


def test_an_error_in_the_stream_is_told():
    events = read(framed(CHUNKS[0]), write_fault_event(Fault(429, "slow down")))

    assert isinstance(events[-1], Broken)
    assert events[-1].fault.status == 429


def test_events_are_one_line_of_data_and_a_blank_one():
    writer = Writer(reply())

    begun = writer.write([Start("r"), Open(0, Text("")), Delta(0, "a\nb")])
    ended = writer.write([Finish(Stop.END), End()])

    assert begun == (
        b'data: {"candidates":[{"content":{"parts":[{"text":"a\\nb"}],"role":"model"},"index":0}],'
        b'"modelVersion":"gemini-2.5-flash","responseId":"r"}\n\n'
    )
    assert ended == (
        b'data: {"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],'
        b'"modelVersion":"gemini-2.5-flash","responseId":"r"}\n\n'
    )


def test_nothing_is_written_of_nothing():
    assert Writer(reply()).write([Start("r")]) == b""
