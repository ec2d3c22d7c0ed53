import json
from itertools import pairwise
from unittest.mock import patch

import pytest
from hypothesis import given, strategies as st

from multillama.wire import sse
from multillama.wire.sse import (
    BOM,
    LONG_BYTES,
    Splitter,
    data_of,
    events_in,
    one_line,
    split_events,
)

PIECES = st.sampled_from(
    [b"\n", b"\r", b"\r\n", b"data: x", b"data", b"data:", b"event: a", b": note", b"id: 1", b" ", b":",
     BOM, "data: \u2028\u0085".encode(), b'data: {"a":1}']
)  # fmt: skip
STREAMS = st.lists(PIECES, max_size=30).map(b"".join)


def lines_of(stream: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Splits into lines and their ends, byte by byte, as the standard tells it; what has no certain end is last."""
    lines = []
    at = begun = 0
    while at < len(stream):
        if stream[at : at + 1] not in (b"\n", b"\r"):
            at += 1
            continue
        size = 2 if stream[at : at + 2] == b"\r\n" else 1
        if stream[at:] == b"\r":
            break
        lines.append((stream[begun:at], stream[at : at + size]))
        begun = at = at + size
    return lines, stream[begun:]


def events_of(stream: bytes) -> tuple[list[bytes], bytes]:
    events = []
    event = b""
    lines, rest = lines_of(stream)
    for line, end in lines:
        event += line + end
        if not line:
            events.append(event)
            event = b""
    return events, event + rest


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_an_event_ends_at_a_blank_line(end: bytes) -> None:
    event = b"event: a" + end + b"data: 1" + end + end

    assert split_events(event * 2 + b"data: 2" + end) == ([event, event], b"data: 2" + end)


def test_a_blank_line_of_cr_counts_once_it_cannot_be_half_a_crlf() -> None:
    assert split_events(b"data: 1\r\r") == ([], b"data: 1\r\r")
    assert split_events(b"data: 1\r\rdata") == ([b"data: 1\r\r"], b"data")
    assert split_events(b"data: 1\r\r\n") == ([b"data: 1\r\r\n"], b"")


def test_a_blank_line_between_events_is_one_without_fields() -> None:
    events, rest = split_events(b"\ndata: 1\n\n\r\n")

    assert (events, rest) == ([b"\n", b"data: 1\n\n", b"\r\n"], b"")
    assert [data_of(event) for event in events] == [None, b"1", None]


@given(STREAMS)
def test_events_are_found_as_the_standard_tells(stream: bytes) -> None:
    assert split_events(stream) == events_of(stream)


@given(STREAMS, st.lists(st.integers(0, 300), max_size=8))
def test_cuts_do_not_change_the_events(stream: bytes, cuts: list[int]) -> None:
    found = []
    rest = b""
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})

    for start, end in pairwise(places):
        whole, rest = split_events(rest + stream[start:end])
        found += whole

    assert (found, rest) == split_events(stream)


@given(STREAMS, st.lists(st.integers(0, 300), max_size=30), st.sampled_from([4, 7, 65_536]))
def test_a_stream_in_pieces_is_split_into_the_same_events(stream, cuts, long_bytes):
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    splitter, found = Splitter(), []

    with patch.object(sse, "LONG_BYTES", long_bytes):
        for start, end in pairwise(places):
            found += splitter.take(stream[start:end])

    assert (found, splitter.rest()) == split_events(stream)
    assert splitter.rest() == b""


def test_a_long_event_is_not_searched_anew_with_each_of_its_pieces():
    splitter, searched = Splitter(), []

    with patch.object(
        sse, "split_events", side_effect=lambda data: searched.append(len(data)) or ([], data)
    ):
        for _ in range(1000):
            splitter.take(b"x" * 65_536)

    assert sum(searched) == 65_536
    assert len(splitter.rest()) == 65_536_000


@given(STREAMS)
def test_byte_by_byte_gives_the_same_events(stream: bytes) -> None:
    found = []
    rest = b""

    for byte in stream:
        whole, rest = split_events(rest + bytes([byte]))
        found += whole

    assert (found, rest) == split_events(stream)


def test_the_last_of_whole_events_may_end_in_cr() -> None:
    assert events_in(b"data: 1\n\ndata: 2\r\r") == [b"data: 1\n\n", b"data: 2\r\r"]
    assert events_in(b"data: 1\n\n") == [b"data: 1\n\n"]


@given(STREAMS)
def test_no_byte_is_lost_or_changed(stream: bytes) -> None:
    whole, rest = split_events(stream)

    assert b"".join(whole) + rest == stream


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b"data: 1\n\n", b"1"),
        (b"data: \n\n", b""),
        (b"data:1\n\n", b"1"),
        (b"data:  1\n\n", b" 1"),
        (b"data\n\n", b""),
        (b"data: 1\r\n\r\n", b"1"),
        (b"data: 1\rdata: 2\r\r\n", b"1\n2"),
        (b"data: 1\ndata: 2\n\n", b"1\n2"),
        (b"event: a\ndata: 1\nid: 7\n\n", b"1"),
        (b": note\n\n", None),
        (b"data2: 1\n\n", None),
        (b"\n", None),
        (BOM + b"data: 1\n\n", b"1"),
        ("data: a\u2028b\u0085c\n\n".encode(), "a\u2028b\u0085c".encode()),
    ],
)
def test_the_data_of_an_event(event: bytes, data: bytes | None) -> None:
    assert data_of(event) == data


@given(st.text())
def test_no_client_takes_a_text_for_two_lines(text):
    data = json.dumps({"a": text}, ensure_ascii=False).encode("utf-8", "replace")

    line = one_line(data)

    assert len(line.decode().splitlines()) == 1
    assert json.loads(line) == json.loads(data)


def test_the_data_of_events_are_found_and_events_without_any_are_passed_over():
    splitter = Splitter()

    found = splitter.payloads(b": note\n\ndata: 1\n\nevent: ping\n\ndata\n\ndata: 2")

    assert (found, splitter.last(), splitter.last()) == ([b"1", b""], b"2", None)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r", b"\r\n", b"\r\n\r"])
def test_a_last_event_may_lack_its_end(end):
    splitter = Splitter()

    assert splitter.payloads(b"data: 1" + end) == []
    assert splitter.last() == b"1"


def test_a_long_event_in_pieces_is_found_at_its_end():
    splitter, long = Splitter(), b"x" * LONG_BYTES

    before = [splitter.payloads(piece) for piece in (b"data: " + long, long, b"\n")]
    found = splitter.payloads(b"\ndata: 2\n\n")

    assert (before, found, splitter.last()) == ([[], [], []], [long * 2, b"2"], None)
