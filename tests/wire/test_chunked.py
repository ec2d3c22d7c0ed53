import itertools
import time

import pytest
from hypothesis import given, settings, strategies as st

from multillama.errors import GatewayError
from multillama.wire.chunked import (
    MAX_LINE_BYTES,
    MAX_OVERHEAD_BYTES,
    MAX_SIZE_DIGITS,
    MAX_TRAILER_BYTES,
    ChunkedReader,
)

END = b"0\r\n\r\n"


def read(pieces):
    """What came of these pieces: the data, whether the body is done, and what follows it; or the refusal."""
    reader = ChunkedReader()
    data, rest = b"", b""
    try:
        for piece in pieces:
            if reader.is_done:
                rest += piece
                continue
            data += b"".join(reader.feed(piece))
            rest = reader.rest
    except GatewayError as error:
        assert error.kind == "bad_request"
        return error.text
    return data, reader.is_done, rest


def one_by_one(body):
    return [body[at : at + 1] for at in range(len(body))]


def framed(*pieces):
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


@pytest.mark.parametrize(
    ("body", "data"),
    [
        (END, b""),
        (b"00000\r\n\r\n", b""),
        (framed(b"hello") + END, b"hello"),
        (framed(b"hello", b" ", b"world") + END, b"hello world"),
        (b"A\r\n0123456789\r\na\r\n0123456789\r\n" + END, b"0123456789" * 2),
        (b"000000000000005\r\nhello\r\n" + END, b"hello"),
        (framed(b"0\r\n\r\n") + END, b"0\r\n\r\n"),
        (b"5;a\r\nhello\r\n0;b=c\r\n\r\n", b"hello"),
        (b'5;a="b c;";d=\xc3\xa9\t\r\nhello\r\n' + END, b"hello"),
        (b"5; a = b\r\nhello\r\n" + END, b"hello"),
        (framed(b"hello") + b"0\r\nA: b\r\nC:\r\n\r\n", b"hello"),
        (framed(b"hello") + b"0\r\nA: b:c\xff\r\nA: b\r\n\r\n", b"hello"),
    ],
)
def test_a_body_is_read_however_it_arrives(body, data):
    whole = read([body + b"POST /next"])

    assert whole == (data, True, b"POST /next")
    assert read(one_by_one(body + b"POST /next")) == whole


@pytest.mark.parametrize("cut", range(len(framed(b"hello") + b"0\r\nA: b\r\n\r\n")))
def test_a_body_that_breaks_off_is_not_done(cut):
    body = (framed(b"hello") + b"0\r\nA: b\r\n\r\n")[:cut]

    data, is_done, rest = read([body])

    assert b"hello".startswith(data)
    assert (is_done, rest) == (False, b"")


SIZE = "a chunk's size is not a short hexadecimal number"
NO_CR = "a line ends without CR"
BARE_CR = "a line has a bare CR"
LONG = "a line of its framing is too long"
DATA_END = "a chunk's data does not end where its size says"
EXTENSION = "a chunk extension has illegal characters"
QUOTE = "a chunk extension has an open quote"
TRAILER = "its trailer is too long or not a header field"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        # RFC 9112 §7.1: chunk-size is 1*HEXDIG
        (b"\r\nhello", SIZE),
        (b";a\r\nhello", SIZE),
        (b"g\r\n", SIZE),
        (b"-5\r\nhello", SIZE),
        (b"+5\r\nhello", SIZE),
        (b"0x5\r\nhello", SIZE),
        (b"5_0\r\nhello", SIZE),
        (b" 5\r\nhello", SIZE),
        (b"5 \r\nhello", SIZE),
        (b"5 ;a\r\nhello", SIZE),
        (b"5,5\r\nhello", SIZE),
        (b"5\x00\r\nhello", SIZE),
        (b"\xef\xbc\x95\r\nhello", SIZE),
        (b"FFFFFFFFFFFFFFFF\r\n", SIZE),
        (b"0" * (MAX_SIZE_DIGITS + 1), SIZE),
        # §2.2: a line ends with CRLF, and a bare CR is nowhere
        (b"5\nhello", NO_CR),
        (b"5;a\nhello", NO_CR),
        (b"\n", NO_CR),
        (b"5\rhello", BARE_CR),
        (b"5\r\r\nhello", BARE_CR),
        (b"5\rx\nhello", BARE_CR),
        (b"g\nhello", SIZE),
        (b"5\rx" + b"a" * MAX_LINE_BYTES, BARE_CR),
        (b"5;" + b"a" * (MAX_LINE_BYTES - 2) + b"\rx", LONG),
        (b"5;" + b"a" * (MAX_LINE_BYTES - 3) + b"\rx", LONG),
        (b"5;" + b"a" * (MAX_LINE_BYTES - 4) + b"\rx", BARE_CR),
        (b"5;a\rb\r\nhello", BARE_CR),
        (b"\r5\r\nhello", BARE_CR),
        (b"0\r\nA: b\n\r\n", NO_CR),
        (b"0\r\nA: \rb\r\n\r\n", BARE_CR),
        (b"0\r\n\n", NO_CR),
        # §7.1: data is followed by CRLF
        (b"5\r\nhelloo", DATA_END),
        (b"5\r\nhello\n", DATA_END),
        (b"5\r\nhello\rX", DATA_END),
        (b"5\r\nhello0\r\n\r\n", DATA_END),
        # §7.1.1
        (b"5;\r\nhello", EXTENSION),
        (b"5; \t\r\nhello", EXTENSION),
        (b"5;a\x00b\r\nhello", EXTENSION),
        (b"5;a\x7f\r\nhello", EXTENSION),
        (b"5;a\x0bb\r\nhello", EXTENSION),
        (b'5;a="b\r\nhello', QUOTE),
        (b'5;"\r\nhello', QUOTE),
        (b"5;" + b"a" * MAX_LINE_BYTES, LONG),
        (b"5;" + b"a" * MAX_LINE_BYTES + b"\r\nhello", LONG),
        # §7.1.2
        (b"0\r\nA\r\n\r\n", TRAILER),
        (b"0\r\n: b\r\n\r\n", TRAILER),
        (b"0\r\nA : b\r\n\r\n", TRAILER),
        (b"0\r\n A: b\r\n\r\n", TRAILER),
        (b"0\r\nA: " + b"b" * MAX_TRAILER_BYTES, LONG),
        (b"0\r\n" + b"A: b\r\n" * (MAX_TRAILER_BYTES // 4 + 1) + b"\r\n", TRAILER),
    ],
)  # fmt: skip
def test_what_breaks_the_coding_is_refused_and_the_rule_is_named(body, reason):
    refusal = f"The chunked body is malformed: {reason}."

    assert read([body]) == refusal
    assert read(one_by_one(body)) == refusal


@pytest.mark.parametrize(
    "body", [b"g", b"5 ", b"-", b"5\rx", b"5\r\nhelloX", b"0\r\nA\rb", b"5;a\rb", b"0" * 16]
)
def test_what_can_never_be_right_is_not_waited_on(body):
    assert isinstance(read([body[:-1]]), tuple)
    assert isinstance(read([body]), str)


@pytest.mark.parametrize(
    "line", [b"1;" + b"a" * (MAX_LINE_BYTES - 3), b'1;a="' + b" " * (MAX_LINE_BYTES - 7) + b'"']
)
def test_the_longest_line_is_read(line):
    assert len(line) + len(b"\r") == MAX_LINE_BYTES
    assert read([line + b"\r\nx\r\n" + END]) == (b"x", True, b"")


def test_the_longest_trailer_is_read():
    trailer = b"A: " + b"b" * (MAX_TRAILER_BYTES - 5)

    assert read([b"0\r\n" + trailer + b"\r\n\r\n"]) == (b"", True, b"")


def test_framing_may_not_outgrow_the_data():
    tiny = b"1;" + b"a" * 1000 + b"\r\nx\r\n"
    allowed = MAX_OVERHEAD_BYTES // (len(tiny) - 1)

    assert isinstance(read([tiny * allowed]), tuple)
    assert read([tiny * (allowed + 2)]) == (
        "The chunked body is malformed: its framing is larger than its data."
    )


def test_a_body_in_chunks_of_one_byte_is_read():
    data = b"x" * 3_000

    assert read([framed(*one_by_one(data)) + END]) == (data, True, b"")


def test_nothing_is_held_back_within_a_chunk():
    reader = ChunkedReader()

    pieces = [reader.feed(piece) for piece in (b"a\r\nhel", b"lo", b" wo", b"rl\r\n")]

    assert pieces == [[b"hel"], [b"lo"], [b" wo"], [b"rl"]]


@pytest.mark.parametrize(
    "body",
    [
        b"5;" + b"a" * 1000,
        b"0\r\nA: " + b"b" * 4000,
        framed(b"x" * 100_000),
        framed(*[b"x"] * 20_000),
    ],
)
def test_single_bytes_cost_linear_time(body):
    started = time.process_time()

    read(one_by_one(body))

    assert time.process_time() - started < 2


PIECES = st.lists(
    st.sampled_from(
        [b"0", b"5", b"a", b"\r\n", b"\r", b"\n", b";", b'"', b":", b" ", b"\x00", b"x" * 5, b"g",
         END, framed(b"hello"), b"A: b\r\n", b";" + b"e" * 1018, b"t" * 4090]
    )
    | st.binary(max_size=4),
    max_size=16,
)  # fmt: skip


@settings(max_examples=400)
@given(
    pieces=PIECES,
    prefix=st.sampled_from([b"", b"0\r\n", b"5;", b"5\r\nhel"]),
    cuts=st.lists(st.integers(0, 60), max_size=4),
)
def test_any_bytes_in_any_pieces_give_the_same_data_or_the_same_refusal(pieces, prefix, cuts):
    body = prefix + b"".join(pieces)
    edges = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})

    whole = read([body])

    assert read(one_by_one(body)) == whole
    assert read([body[a:b] for a, b in itertools.pairwise(edges)]) == whole


@given(pieces=st.lists(st.binary(min_size=1, max_size=40), max_size=8), rest=st.binary(max_size=20))
def test_what_was_framed_is_what_is_read(pieces, rest):
    assert read([framed(*pieces) + END + rest]) == (b"".join(pieces), True, rest)


def test_a_body_that_is_mostly_framing_is_refused():
    data = b"x" * 20_000

    assert read([framed(*one_by_one(data)) + END]) == (
        "The chunked body is malformed: its framing is larger than its data."
    )


@pytest.mark.parametrize("trailer", [b"A: \x00", b"A: b\x7f", "Ä: b".encode(), b"A b: c", b": c"])
def test_what_is_no_header_field_is_no_trailer(trailer):
    assert read([b"0\r\n" + trailer + b"\r\n\r\n"]) == (
        "The chunked body is malformed: its trailer is too long or not a header field."
    )


def test_a_chunk_is_known_before_its_data():
    reader = ChunkedReader()

    reader.feed(b"2\r\nab\r\nffffff\r\nx")

    assert reader.announced_bytes == 2 + 0xFFFFFF
