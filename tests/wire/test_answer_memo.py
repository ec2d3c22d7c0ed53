"""What is known of an endpoint's answers never says what the parser would not."""

import msgspec
import pytest
from hypothesis import given, strategies as st

from multillama.errors import GatewayError
from multillama.wire.answer_memo import AnswerMemo
from multillama.wire.answers import AnswerReader
from tests.wire.reading import answer

JSON = (b"Content-Type", b"application/json")


def told(reader):
    """All that a reader tells of an answer."""
    head = None if reader.head is None else msgspec.structs.asdict(reader.head)
    stays = reader.is_complete and reader.may_stay
    return head, b"".join(reader.parts), reader.is_complete, stays, reader.has_extra


def with_length(body, *fields, status=b"200 OK"):
    return answer(*fields, (b"Content-Length", b"%d" % len(body)), status=status, body=body)


def remembering(raw):
    memo = AnswerMemo()
    AnswerReader(memo=memo).feed(raw)
    return memo


def test_nothing_is_found_before_anything_is_kept():
    assert AnswerMemo().find(with_length(b"ok")) is None


@pytest.mark.parametrize("body", [b"", b"ok", b"x" * 12345])
def test_the_same_head_with_another_length_is_known(body):
    memo = remembering(with_length(b"first", JSON, (b"X-A", b"b")))

    found = memo.find(with_length(body, JSON, (b"X-A", b"b")))

    assert found is not None
    head, known_body = found
    assert (head.status, head.length, known_body) == (200, len(body), body)
    assert head.lines == [b"Content-Type: application/json", b"X-A: b"]


def test_a_head_that_is_known_is_a_head_of_its_own():
    raw = with_length(b"ok", JSON)
    memo = remembering(raw)

    for _ in range(2):
        found = memo.find(raw)
        assert found is not None
        found[0].lines.append(b"x-more: 1")

    assert memo.find(raw)[0].lines == [b"Content-Type: application/json"]


def test_lines_that_were_added_for_the_client_are_not_remembered():
    memo, raw = AnswerMemo(), with_length(b"ok", JSON)
    reader = AnswerReader(memo=memo)
    reader.feed(raw[:-1])
    reader.head.lines.append(b"x-more: 1")
    reader.feed(raw[-1:])

    found = memo.find(raw)

    assert reader.is_complete
    assert found is None


@pytest.mark.parametrize(
    "raw",
    [
        with_length(b"ok", status=b"201 Created"),
        with_length(b"ok", status=b"429 Too Many Requests"),
        with_length(b"", status=b"204 No Content"),
        with_length(b"ok", (b"Connection", b"close")),
        with_length(b"ok", (b"Content-Type", b"text/event-stream")),
        answer((b"Transfer-Encoding", b"chunked"), body=b"2\r\nok\r\n0\r\n\r\n"),
        answer((b"CONTENT-LENGTH", b"2"), body=b"ok"),
        answer((b"Content-Length", b"2 "), body=b"ok"),
    ],
)
def test_what_is_not_plain_is_read_anew(raw):
    assert remembering(raw).find(raw) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw[:-1],
        lambda raw: raw + b"x",
        lambda raw: raw + raw,
        lambda raw: raw.replace(b": 2", b": +2"),
        lambda raw: raw.replace(b": 2", b": 2 "),
        lambda raw: raw.replace(b": 2", b": "),
        lambda raw: raw.replace(b": 2", b": \xb2"),
        lambda raw: raw.replace(b": 2", b": 2\r\nContent-Length: 2"),
        lambda raw: raw.replace(b": 2", b": 0000000000000002"),
        lambda raw: raw.replace(b"200 OK", b"500 No"),
        lambda raw: raw.replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
)
def test_what_is_not_one_whole_answer_with_the_same_head_is_read_anew(change):
    raw = with_length(b"ok", JSON)

    found = remembering(raw).find(change(raw))

    assert found is None


def test_an_answer_after_interim_ones_is_known_afterwards():
    memo, raw = AnswerMemo(), with_length(b"ok", JSON)
    reader = AnswerReader(memo=memo)

    reader.feed(b"HTTP/1.1 100 Continue\r\n\r\n")
    reader.feed(raw)

    assert told(reader) == told_plainly(raw)
    assert memo.find(raw) is not None


def told_plainly(raw):
    """What a reader tells, or its failure."""
    reader = AnswerReader()
    try:
        reader.feed(raw)
    except GatewayError as error:
        return error.text
    return told(reader)


LINES = st.lists(
    st.sampled_from(
        [b"Content-Length: 2\r\n", b"content-length: 12\r\n", b"content-length:2\r\n", b"Content-Length: 002\r\n",
         b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"Connection: X-A\r\n",
         b"X-A: Content-Length: 2\r\n",
         b"X-Request-Id: req_1\r\n", b"Date: Mon, 23 Nov 2026 12:00:00 GMT\r\n", b"Content-Encoding: br\r\n",
         b"Content-Type: text/event-stream\r\n", b"Content-Length: 2 \r\n",
         b"X-Accel-Buffering: no\r\n", b"Set-Cookie: a=b\r\n"]
    ),
    max_size=4,
).map(b"".join)  # fmt: skip
STATUSES = st.sampled_from([b"1.1 200 OK", b"1.0 200 OK", b"1.1 204 None", b"1.1 500 No"])
BODIES = st.sampled_from([b"", b"ok", b"twelve bytes", b"2\r\nok\r\n0\r\n\r\n"])
ANSWERS = st.builds(b"HTTP/%b\r\n%b\r\n%b".__mod__, st.tuples(STATUSES, LINES, BODIES))


@given(
    kept=ANSWERS,
    other=ANSWERS,
    edit=st.tuples(st.integers(0, 200), st.binary(max_size=2)) | st.none(),
)
def test_the_memo_never_says_what_the_parser_would_not(kept, other, edit):
    memo = AnswerMemo()
    try:
        AnswerReader(memo=memo).feed(kept)
    except GatewayError:
        return
    if edit is not None:
        at, piece = edit
        other = kept[:at] + piece + kept[at + 1 :]

    for raw in (kept, other):
        found = memo.find(raw)
        if found is not None:
            head, body = found
            assert (msgspec.structs.asdict(head), body, True, True, False) == told_plainly(raw)
