import itertools
import time

import pytest
from hypothesis import given, settings, strategies as st

from multillama.errors import GatewayError
from multillama.wire.answers import (
    MAX_HEAD_BYTES,
    MAX_INTERIM,
    AnswerReader,
)
from tests.wire.reading import CONTINUE, OK, answer, failure, lines_of, one_by_one, read, read_head


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (OK, b"ok"),
        (answer((b"Content-Length", b"0")), b""),
        (answer((b"Transfer-Encoding", b"chunked"), body=b"2\r\nok\r\n0\r\n\r\n"), b"ok"),
        (
            answer((b"Transfer-Encoding", b"chunked"), body=b"1;a=b\r\no\r\n01\r\nk\r\n0\r\n\r\n"),
            b"ok",
        ),
        (answer(status=b"204 No Content"), b""),
        (answer((b"Content-Length", b"5"), status=b"304 Not Modified"), b""),
        (CONTINUE + OK, b"ok"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" * MAX_INTERIM + OK, b"ok"),
        # An endpoint may offer to upgrade; nobody takes the offer, so it is plain HTTP.
        (
            answer(
                (b"Upgrade", b"h2c"),
                (b"Connection", b"Upgrade"),
                (b"Content-Length", b"2"),
                body=b"ok",
            ),
            b"ok",
        ),
    ],
)
def test_a_whole_answer_is_complete_however_it_arrives(raw, body):
    whole = read([raw])

    assert whole[2:] == (body, True, True, False)
    assert read(one_by_one(raw)) == whole
    assert [read([raw[:at], raw[at:]]) for at in range(len(raw))] == [whole] * len(raw)


def test_trailers_end_here():
    raw = answer((b"Transfer-Encoding", b"chunked"), body=b"0\r\nContent-Type: x\r\nX-A: b\r\n\r\n")

    assert read([raw]) == (200, b"", b"", True, True, False)


def test_a_body_without_length_ends_with_its_connection():
    raw = answer(body=b"ok")

    assert read([raw]) == (200, b"", b"ok", False, False, False)
    assert read([raw], ends=True) == (200, b"", b"ok", True, False, False)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        OK[:10],
        OK[:-3],
        OK[:-1],
        CONTINUE,
        answer((b"Transfer-Encoding", b"chunked"), body=b"2\r\nok\r\n"),
        answer((b"Transfer-Encoding", b"chunked"), body=b"2\r\no"),
    ],
)
def test_an_answer_that_breaks_off_is_never_complete(raw):
    assert not read([raw], ends=True)[3]


def test_an_answer_is_begun_with_its_first_byte():
    reader = AnswerReader()

    before = reader.has_begun
    reader.feed(b"H")

    assert (before, reader.has_begun, reader.head) == (False, True, None)


@pytest.mark.parametrize(
    ("raw", "may_stay"),
    [
        (OK, True),
        (OK.replace(b"1.1", b"1.0"), False),
        (answer((b"Connection", b"close"), (b"Content-Length", b"0")), False),
        (answer((b"Connection", b"keep-alive"), (b"Content-Length", b"0")), True),
    ],
)
def test_the_endpoint_says_whether_the_connection_stays(raw, may_stay):
    reader = AnswerReader()

    reader.feed(raw)

    assert (reader.is_complete, reader.may_stay) == (True, may_stay)


@pytest.mark.parametrize(
    "extra", [b"x", b"HTTP/1.1 200 OK\r\n", OK, OK.replace(b"ok", b"ko"), b"\x00", b"0\r\n\r\n"]
)
def test_bytes_after_the_answer_spoil_the_connection_and_not_the_answer(extra):
    whole = read([OK + extra])

    assert whole == (200, b"", b"ok", True, True, True)
    assert read([OK, extra]) == whole
    assert read(one_by_one(OK + extra)) == whole


@pytest.mark.parametrize("before", [b"", CONTINUE * MAX_INTERIM])
@pytest.mark.parametrize("connection", [b"keep-alive", b"x-a"])
def test_after_a_reset_the_next_answer_is_read_as_if_it_were_the_first(before, connection):
    reader = AnswerReader()
    fields = ((b"X-A", b"b"), (b"Connection", connection), (b"Content-Length", b"2"))
    reader.feed(before + answer(*fields, body=b"no"))
    reader.reset()
    emptied = (reader.head, [*reader.parts], reader.is_complete, reader.has_begun)

    reader.feed(
        CONTINUE * MAX_INTERIM + answer((b"X-A", b"b"), (b"Content-Length", b"2"), body=b"ok")
    )

    assert emptied == (None, [], False, False)
    assert (lines_of(reader.head), reader.parts, reader.is_complete) == (
        b"X-A: b\r\n",
        [b"ok"],
        True,
    )


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"SSH-2.0-OpenSSH", "did not answer in HTTP/1.x"),
        (b"HTTP/2.0 200 OK\r\n\r\n", "did not answer in HTTP/1.x"),
        (b"\r\nHTTP/1.1 200 OK\r\n\r\n", "did not answer in HTTP/1.x"),
        (b"{", "did not answer in HTTP/1.x"),
        (CONTINUE + b"x", "did not answer in HTTP/1.x"),
        (CONTINUE * (MAX_INTERIM + 1), "sent interim answers we did not ask for"),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
            "sent interim answers we did not ask for",
        ),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * MAX_HEAD_BYTES, "sent an over-long head"),
        (answer((b"X", b"a" * MAX_HEAD_BYTES)), "sent an over-long head"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_the_endpoints_failure(raw, reason):
    assert failure(raw) == reason
    assert read(one_by_one(raw)) == reason


@pytest.mark.parametrize(
    "fields",
    [
        [(b"Content-Length", b"2"), (b"Content-Length", b"2")],
        [(b"Content-Length", b"2, 2")],
        [(b"Content-Length", b"-2")],
        [(b"Content-Length", b"")],
        [(b"Content-Length", b"1_0")],
        [(b"Content-Length", b"2"), (b"Transfer-Encoding", b"chunked")],
        [(b"Transfer-Encoding", b"chunked"), (b"Content-Length", b"2")],
        [(b"X A", b"b")],
        [(b"X", b"a\x00")],
        [(b"X", b"a\nb")],
    ],
)
def test_a_head_that_two_readers_may_read_differently_is_refused(fields):
    assert failure(answer(*fields)).startswith("sent bytes that are not HTTP")


def test_what_came_before_broken_framing_is_kept():
    raw = answer((b"Transfer-Encoding", b"chunked"), body=b"2\r\nok\r\nxx")

    reader = AnswerReader()

    with pytest.raises(GatewayError, match="sent bytes that are not HTTP"):
        reader.feed(raw)

    assert (reader.parts, reader.is_complete) == ([b"ok"], False)


def test_a_head_that_drips_in_costs_linear_time():
    raw = answer((b"X", b"a" * 60_000))
    started = time.process_time()

    read(one_by_one(raw))

    assert time.process_time() - started < 2  # 0.3 s here; llhttp alone takes a minute


PIECES = st.lists(
    st.sampled_from(
        [b"\r\n", b"Content-Length: 5\r\n", b"Content-Length: ", b"0", b"5", b" ", b"\t", b"_", b"hello",
         b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: ", b"gzip", b",", b"Connection: ", b"close",
         b"Content-Type: text/event-stream\r\n", b"99999999999999999999", b": ", b"X-A", CONTINUE, OK,
         b"5\r\nhello\r\n", b"0\r\n\r\n", b"Upgrade: h2c\r\n", b"x-request-id: "]
    )
    | st.binary(max_size=3),
    max_size=12,
)  # fmt: skip


@settings(max_examples=500)
@given(
    pieces=PIECES,
    line=st.sampled_from([b"200 OK", b"204", b"304 x", b"999", b"100", b"101", b"199", b"000"]),
    cuts=st.lists(st.integers(0, 120), max_size=4),
    ends=st.booleans(),
)
def test_any_bytes_in_any_pieces_give_the_same_answer_or_the_same_failure(pieces, line, cuts, ends):
    raw = b"HTTP/1.1 %b\r\n%b\r\n\r\n" % (line, b"".join(pieces))
    edges = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})

    whole = read([raw], ends=ends)

    assert read(one_by_one(raw), ends=ends) == whole
    assert read([raw[a:b] for a, b in itertools.pairwise(edges)], ends=ends) == whole


@settings(max_examples=100)
@given(
    body=st.lists(st.binary(min_size=1, max_size=20), max_size=5),
    framing=st.sampled_from(["length", "chunked", "close"]),
    extra=st.sampled_from([b"", b"x"]),
)
def test_what_an_endpoint_sends_is_what_is_read(body, framing, extra):
    whole = b"".join(body)
    if framing == "length":
        raw = answer((b"Content-Length", b"%d" % len(whole)), body=whole + extra)
    elif framing == "chunked":
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in body)
        raw = answer((b"Transfer-Encoding", b"chunked"), body=chunks + b"0\r\n\r\n" + extra)
    else:
        raw, whole = answer(body=whole + extra), whole + extra

    found = read([raw], ends=True)

    assert found[2:4] == (whole, True)
    assert found[5] is (extra != b"" and framing != "close")


NAMES = st.sampled_from([b"content-type", b"x-request-id", b"connection", b"te", b"x-a", b"x-b"])


@given(
    st.lists(st.tuples(NAMES, st.sampled_from([b"x-a", b"X-B, close", b"close", b"1"])), max_size=9)
)
def test_every_field_comes_back_in_order_or_is_one_that_ends_here(fields):
    values = [value.lower() for name, value in fields if name == b"connection"]
    gone = {b"connection", b"te", *b",".join(values).replace(b" ", b"").split(b",")}

    lines = read_head(*fields).lines

    kept = [field for field in fields if field[0] not in gone]
    assert lines == [b"%b: %b" % field for field in kept]
