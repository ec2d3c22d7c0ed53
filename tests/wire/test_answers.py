import itertools
import time

import pytest
from hypothesis import given, settings, strategies as st

from multillama.errors import GatewayError
from multillama.wire.answers import (
    MAX_FIELDS,
    MAX_HEAD_BYTES,
    MAX_INTERIM,
    STATUS_LINES,
    AnswerReader,
    own_head,
    status_line,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def answer(*fields, status=b"200 OK", body=b""):
    lines = b"".join(b"%b: %b\r\n" % field for field in fields)
    return b"HTTP/1.1 %b\r\n%b\r\n%b" % (status, lines, body)


def read_head(*fields, status=b"200 OK"):
    reader = AnswerReader()
    reader.feed(answer(*fields, status=status))
    assert reader.head is not None
    return reader.head


def lines_of(head):
    return b"".join(line + b"\r\n" for line in head.lines)


def read(pieces, *, ends=False):
    """What a reader tells, as a tuple (status, header lines, body, complete, may stay, extra), or its failure."""
    reader = AnswerReader()
    try:
        for piece in pieces:
            reader.feed(piece)
        if ends:
            reader.end()
    except GatewayError as error:
        assert error.kind == "endpoint_malformed"
        return error.text
    head = reader.head
    facts = (head.status, lines_of(head)) if head is not None else (0, b"")
    stays = reader.is_complete and reader.may_stay
    return *facts, b"".join(reader.parts), reader.is_complete, stays, reader.has_extra


def one_by_one(data):
    return [data[at : at + 1] for at in range(len(data))]


def failure(raw):
    reader = AnswerReader()
    with pytest.raises(GatewayError) as caught:
        reader.feed(raw)
    assert (caught.value.kind, caught.value.status) == ("endpoint_malformed", 502)
    return caught.value.text


# --- heads ---------------------------------------------------------------------------------------


def test_what_speaks_for_the_endpoint_comes_back_as_it_was():
    fields = [
        (b"Date", b"Mon, 23 Nov 2026 12:00:00 GMT"),
        (b"Content-Type", b"application/json"),
        (b"x-ratelimit-remaining-requests", b"59"),
        (b"Retry-After", b"1"),
        (b"openai-processing-ms", b"caf\xe9"),
        (b"Set-Thing", b"a"),
        (b"Set-Thing", b"b"),
    ]

    head = read_head(*fields)

    assert lines_of(head) == b"".join(b"%b: %b\r\n" % field for field in fields)
    assert len(head.lines) == len(fields)


@pytest.mark.parametrize(
    "name",
    [
        b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authentication-info", b"te",
        b"trailer", b"upgrade", b"set-cookie", b"strict-transport-security", b"alt-svc", b"clear-site-data",
        b"x-multillama-endpoint", b"x-multillama-id",
        b"connection", b"content-length", b"transfer-encoding",
    ],
)  # fmt: skip
@pytest.mark.parametrize("spell", [bytes.lower, bytes.title, bytes.upper])
def test_framing_hop_by_hop_fields_and_claims_on_our_origin_end_here(name, spell):
    value = {b"content-length": b"5", b"transfer-encoding": b"chunked"}.get(name, b"x")

    head = read_head((spell(name), value), (b"X-Other", b"y"))

    assert lines_of(head) == b"X-Other: y\r\n"


def test_what_connection_names_ends_here_too():
    fields = [
        (b"X-Hop", b"a"),
        (b"Connection", b"close, X-HOP"),
        (b"X-Other", b"b"),
        (b"connection", b"x-third"),
        (b"x-hop", b"c"),
        (b"X-Third", b"d"),
    ]

    assert lines_of(read_head(*fields)) == b"X-Other: b\r\n"


@pytest.mark.parametrize("value", [b"close", b"keep-alive", b"Close", b"Keep-Alive, close"])
def test_a_plain_connection_takes_nothing_away(value):
    head = read_head((b"X-Other", b"y"), (b"Connection", value))

    assert lines_of(head) == b"X-Other: y\r\n"


@pytest.mark.parametrize(
    ("status", "fields", "length", "chunked", "ends_with_connection"),
    [
        (b"200", [(b"Content-Length", b"12")], 12, False, False),
        (b"200", [(b"content-length", b"0012\t")], 12, False, False),
        (b"200", [(b"CONTENT-LENGTH", b"0")], 0, False, False),
        (b"200", [(b"Transfer-Encoding", b"chunked")], None, True, False),
        (b"200", [(b"transfer-encoding", b"Chunked")], None, True, False),
        (b"200", [], None, False, True),
        (b"500", [], None, False, True),
        (b"204", [], None, False, False),
        (b"304", [], None, False, False),
        (b"304", [(b"Content-Length", b"12")], 12, False, False),
    ],
)
def test_the_end_of_the_body_is_told_by_length_chunks_or_the_connection(
    status, fields, length, chunked, ends_with_connection
):
    head = read_head(*fields, status=status)

    assert (head.length, head.chunked) == (length, chunked)
    assert head.ends_with_connection is ends_with_connection


@pytest.mark.parametrize(
    ("status", "may"), [(b"200", True), (b"204", False), (b"304", False), (b"404", True)]
)
def test_some_answers_never_have_a_body(status, may):
    assert read_head(status=status).may_have_body is may


@pytest.mark.parametrize(
    "coding", [b"gzip", b"gzip, chunked", b"chunked, chunked", b"identity", b"x"]
)
def test_another_transfer_coding_cannot_be_passed_on(coding):
    raw = answer((b"Transfer-Encoding", coding), body=b"0\r\n\r\n")

    assert failure(raw) == "uses a transfer coding other than chunked"


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (b"000", "sent interim answers we did not ask for"),
        (b"099", "sent interim answers we did not ask for"),
        (b"101", "sent interim answers we did not ask for"),
        (b"600", "sent an impossible head"),
        (b"999", "sent an impossible head"),
    ],
)
def test_a_status_that_ends_nothing_is_refused(status, reason):
    assert failure(answer(status=status)) == reason


def test_too_many_fields_are_refused():
    fields = [(b"a", b"b")] * MAX_FIELDS

    assert len(read_head(*fields).lines) == MAX_FIELDS
    assert failure(answer(*fields, (b"a", b"b"))) == "sent an impossible head"


@pytest.mark.parametrize(
    ("value", "is_stream"),
    [
        (b"text/event-stream", True),
        (b"Text/Event-Stream; charset=utf-8", True),
        (b"application/json", False),
        (b"text/event", False),
        (b"", False),
    ],
)
def test_an_event_stream_is_known_by_its_type(value, is_stream):
    assert read_head((b"Content-Type", value)).is_event_stream is is_stream


@pytest.mark.parametrize("name", [b"x-request-id", b"X-Request-Id", b"X-REQUEST-ID"])
def test_the_endpoints_request_id_is_kept_and_noted(name):
    head = read_head((name, b"req_1"))

    assert (head.has_request_id, lines_of(head)) == (True, name + b": req_1\r\n")
    assert not read_head((b"request-id", b"req_1")).has_request_id


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (200, b"HTTP/1.1 200 OK\r\n"),
        (404, b"HTTP/1.1 404 Not Found\r\n"),
        (499, b"HTTP/1.1 499 Client Closed Request\r\n"),
        (529, b"HTTP/1.1 529 Overloaded\r\n"),
        (599, b"HTTP/1.1 599 Status\r\n"),
    ],
)
def test_the_phrase_is_ours(status, line):
    assert status_line(status) == line


@pytest.mark.parametrize(
    ("status", "length", "may_stay", "has_http_11", "lines"),
    [
        (200, 2, True, True, b"content-type: application/json\r\ncontent-length: 2\r\n"),
        (200, 0, True, True, b"content-length: 0\r\n"),
        (204, 0, True, True, b""),
        (204, 0, False, True, b"connection: close\r\n"),
        (204, 0, True, False, b"connection: keep-alive\r\n"),
        (204, 0, False, False, b"connection: close\r\n"),
    ],
)
def test_a_head_of_our_own_says_how_it_ends(status, length, may_stay, has_http_11, lines):
    head = own_head(status, length, b"x-a: b\r\n", may_stay=may_stay, has_http_11=has_http_11)

    assert head == status_line(status) + b"x-a: b\r\n" + lines + b"\r\n"


def test_no_interim_status_has_a_line():
    assert min(STATUS_LINES) == 200


# --- bodies --------------------------------------------------------------------------------------


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


def test_after_a_reset_the_next_answer_is_read():
    reader = AnswerReader()
    reader.feed(answer((b"X-A", b"b"), (b"Content-Length", b"2"), body=b"no"))
    reader.reset()
    emptied = (reader.head, [*reader.parts], reader.is_complete, reader.has_begun)

    reader.feed(CONTINUE + OK)

    assert emptied == (None, [], False, False)
    assert (lines_of(reader.head), reader.parts, reader.is_complete) == (b"", [b"ok"], True)


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
