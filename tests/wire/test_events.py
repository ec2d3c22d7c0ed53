import pytest

from multillama.wire.events import MAX_HALF_BYTES, WholeEvents, WholeLines

STREAMS = [
    b"data: 1\n\ndata: 2\n\n: ping\n\nevent: a\ndata: x\ndata: y\n\ndata: [DONE]\n\n",
    b"data: 1\r\n\r\ndata: 2\r\n\r\ndata: [DONE]\r\n\r\n",
    b"data: 1\r\rdata: 2\r\rdata: [DONE]\r\r",
    b"data: 1\n\r\ndata: 2\r\n\ndata: 3\n\n\n\n",
    b"data: 1\n\ndata: [DONE]\n",
]


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 11, 1000])
def test_what_comes_in_goes_out_however_it_is_cut(stream, size):
    events = WholeEvents()

    out = [events.take(stream[at : at + size]) for at in range(0, len(stream), size)]

    assert b"".join(out) + events.rest() == stream
    assert events.rest() == b""


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_only_whole_events_are_passed_on_and_none_is_late(end, size):
    stream = b"".join(b"data: %d%b" % (number, end) for number in range(50))
    events = WholeEvents()

    for at in range(0, len(stream), size):
        out = events.take(stream[at : at + size])
        come = stream[: at + size]
        whole = come.rpartition(end)[0] + end if end in come else b""

        assert out == b"" or out.endswith(end)
        assert events.half == come[len(whole) :]


def test_bytes_after_the_last_event_wait_for_their_own_end():
    events = WholeEvents()

    out = [events.take(b"data: 1\n\ndata: 2\n\nda"), events.take(b"ta: 3"), events.take(b"\n\n")]

    assert out == [b"data: 1\n\ndata: 2\n\n", b"", b"data: 3\n\n"]


def test_an_event_that_is_too_long_does_not_wait():
    events = WholeEvents()

    held = events.take(b"x" * MAX_HALF_BYTES)
    out = events.take(b"y")

    assert (held, out, events.half) == (b"", b"x" * MAX_HALF_BYTES + b"y", b"")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_are_passed_on_whole_however_they_are_cut(size):
    stream = b'{"a":1}\n{"b":2}\r\n\n{"half'
    lines = WholeLines()

    out = [lines.take(stream[at : at + size]) for at in range(0, len(stream), size)]

    assert b"".join(out) == b'{"a":1}\n{"b":2}\r\n\n'
    assert all(piece == b"" or piece.endswith(lines.ends) for piece in out)
    assert (lines.rest(), lines.rest()) == (b'{"half', b"")


def test_a_line_too_long_to_wait_for_goes_as_it_comes():
    lines = WholeLines()
    long = b"x" * (MAX_HALF_BYTES + 1)

    assert lines.take(long) == long
    assert lines.take(b"y") == b""
