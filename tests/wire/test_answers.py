import pytest

from multillama.wire.answers import (
    LONGEST_KNOWN,
    MAX_FIELDS,
    MAX_KNOWN,
    STATUS_LINES,
    AnswerReader,
    own_head,
    status_line,
)
from tests.wire.reading import answer, failure, lines_of, read_head


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
        b"x-multillama-endpoint", b"x-multillama-id", b"x-multillama-path",
        b"connection", b"content-length", b"transfer-encoding",
    ],
)  # fmt: skip
@pytest.mark.parametrize("spell", [bytes.lower, bytes.title, bytes.upper])
def test_framing_hop_by_hop_fields_and_claims_on_our_origin_end_here(name, spell):
    value = {b"content-length": b"5", b"transfer-encoding": b"chunked"}.get(name, b"x")

    head = read_head((spell(name), value), (b"X-Other", b"y"))

    assert lines_of(head) == b"X-Other: y\r\n"


@pytest.mark.parametrize(
    ("fields", "is_open"),
    [
        ([(b"Content-Type", b"text/event-stream")], True),
        ([(b"Content-Type", b"text/event-stream"), (b"Content-Encoding", b"br")], False),
        ([(b"Content-Type", b"text/event-stream"), (b"Content-Length", b"5")], False),
        ([(b"Content-Type", b"application/json")], False),
    ],
)
def test_events_can_be_read_and_added_where_they_are_plain_and_without_a_length(fields, is_open):
    head = read_head(*fields)

    assert head.has_open_events == is_open
    assert (b"Content-Encoding: br" in head.lines) == ((b"Content-Encoding", b"br") in fields)


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


@pytest.mark.parametrize(
    ("value", "has_lines"),
    [
        (b"application/x-ndjson", True),
        (b"Application/X-NDJSON", True),
        (b"text/event-stream", False),
    ],
)
def test_lines_of_json_are_a_stream_of_events_too(value, has_lines):
    head = read_head((b"Content-Type", value))

    assert (head.is_event_stream, head.has_lines) == (True, has_lines)


@pytest.mark.parametrize("name", [b"x-request-id", b"X-Request-Id", b"X-REQUEST-ID"])
def test_the_endpoints_request_id_is_kept_and_noted(name):
    head = read_head((name, b"req_1"))

    assert (head.has_request_id, lines_of(head)) == (True, name + b": req_1\r\n")
    assert not read_head((b"request-id", b"req_1")).has_request_id


@pytest.mark.parametrize("name", [b"date", b"Date", b"DATE"])
def test_the_endpoints_date_is_forwarded_and_told(name):
    head = read_head((name, b"Thu, 01 Jan 1970 00:00:00 GMT"))

    assert (head.has_date, lines_of(head)) == (True, name + b": Thu, 01 Jan 1970 00:00:00 GMT\r\n")
    assert not read_head((b"x-date", b"a")).has_date


def test_whether_events_may_be_buffered_is_forwarded_and_noted():
    head = read_head((b"X-Accel-Buffering", b"no"))

    assert (head.is_unbuffered, lines_of(head)) == (True, b"X-Accel-Buffering: no\r\n")


def test_a_head_that_comes_again_is_sorted_the_same_way_on_every_connection():
    known = {}
    raw = answer(
        (b"Server", b"x"),
        (b"Content-Type", b"text/event-stream"),
        (b"X-Request-Id", b"req_1"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Set-Cookie", b"a=b"),
        (b"Connection", b"X-Hop"),
        (b"X-Hop", b"c"),
        body=b"0\r\n\r\n",
    )

    def facts():
        reader = AnswerReader(known)
        reader.feed(raw)
        head = reader.head
        return lines_of(head), head.is_event_stream, head.has_request_id, head.chunked, head.length

    first, again = facts(), facts()

    lines = b"Server: x\r\nContent-Type: text/event-stream\r\nX-Request-Id: req_1\r\n"
    assert first == again == (lines, True, True, True, None)


def test_known_lines_are_few_and_short():
    known = {}
    reader = AnswerReader(known)

    for number in range(2 * MAX_KNOWN):
        long = b"x" * LONGEST_KNOWN
        fields = [(b"X-Id", b"%d" % number), (b"X-Long", long), (b"Content-Length", b"0")]
        reader.feed(answer(*fields))
        reader.reset()

    assert len(known) == MAX_KNOWN
    assert max(map(len, known)) <= LONGEST_KNOWN


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
