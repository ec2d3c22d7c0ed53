import httptools
import pytest

from multillama.wire.chunks import IMPOSSIBLE, chunk_of, ends_with_chunk


def framed(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.mark.parametrize("size", [1, 9, 15, 16, 17, 255, 256, 257, 4095, 4096, 70_000])
def test_a_chunk_looks_as_framing_the_data_writes_it(size):
    chunk = framed(b"x" * size)

    line, data, data_bytes = chunk_of(len(chunk))

    assert (line, data_bytes) == (b"%x\r\n" % size, size)
    assert chunk[data] == b"x" * size


def test_each_length_is_that_of_one_chunk_or_of_none():
    told = {len(framed(b"x" * size)): b"%x\r\n" % size for size in range(1, 5000)}

    lines = {length: chunk_of(length).line for length in range(5000)}

    assert lines == {length: told.get(length, IMPOSSIBLE.line) for length in range(5000)}


def pieces_of(segment):
    class Parts:
        def __init__(self):
            self.found = []

        def on_body(self, data):
            self.found.append(data)

    parts = Parts()
    parser = httptools.HttpResponseParser(parts)
    parser.feed_data(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    parser.feed_data(segment)
    return parts.found


@pytest.mark.parametrize(
    "stream",
    [
        framed(b"data: 1\n\n") + framed(b"data: 22\n\n"),
        framed(b"\r\n") + framed(b"2\r\n\r\n\r\n"),
        framed(b"2\r\n\r\n") * 3,
    ],
)
def test_a_segment_ends_with_a_chunk_exactly_where_one_ends(stream):
    ends = {at for at in range(1, len(stream) + 1) if stream[at - 2 : at] == b"\r\n"}

    seen = set()
    for at in range(1, len(stream) + 1):
        found = pieces_of(stream[:at])
        if ends_with_chunk(stream[:at], found[-1] if found else b""):
            seen.add(at)

    first = len(framed(pieces_of(stream)[0]))
    assert seen <= ends
    assert {first, len(stream)} <= seen
    for at in seen:
        rest = pieces_of(stream[:at])
        assert b"".join(framed(piece) for piece in rest) == stream[:at]


def test_a_size_with_zeros_before_it_is_not_taken_for_ours():
    assert not ends_with_chunk(b"005\r\nab\r\n", b"ab\r\n")
    assert not ends_with_chunk(b"05\r\nabcde\r\n", b"")
