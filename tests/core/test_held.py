import pytest

from multillama.core.held import FAILURE_S, HELD_BYTES, SIGNS_S, cause_of_held, is_clear, wait_s
from multillama.wire.answer_memo import AnswerHead

ERROR = b'{"error": {"message": "Provider returned error", "code": 502}}'


def head(status=200, *, stream=False, length=None):
    made = AnswerHead(status)
    made.is_event_stream, made.length = stream, length
    return made


@pytest.mark.parametrize(
    ("answer", "held", "follows", "clear"),
    [
        # bodies
        (head(), b"", False, False),
        (head(), b'{"id":"c1"', False, True),
        (head(), b"x", False, True),
        (head(), b"\n  \n", False, False),
        (head(), b'\n {"er', False, False),
        (head(), b' {\n "error" : {', False, False),
        (head(), b'{"erratum"', False, True),
        (head(), b'[ {"error":', False, False),
        (head(), b"[", False, False),
        (head(), b"[[", False, True),
        (head(length=HELD_BYTES), ERROR, False, False),
        (head(length=HELD_BYTES + 1), ERROR, False, True),
        (head(), b"{" + b" " * HELD_BYTES, False, True),
        # streams
        (head(stream=True), b"data: a\n\n", False, True),
        (head(stream=True), b": PROCESSING\n\n", False, False),
        (head(stream=True), b": PROCESSING\n\ndata: a\n\n", False, True),
        # failures
        (head(500), b"whatever", False, False),
        (head(500), b"x" * (HELD_BYTES + 1), False, True),
        # the rest of a stream
        (head(), b"x", True, False),
        (head(stream=True), b"data: a\n\n", True, True),
    ],
)
def test_an_answer_is_clear_as_soon_as_it_can_be_told_what_it_is(answer, held, follows, clear):
    assert is_clear(answer, held, follows=follows) is clear


@pytest.mark.parametrize(
    ("answer", "held", "follows", "cause"),
    [
        (head(), b"", False, "empty"),
        (head(204), b"", False, None),
        (head(204), b"", True, "empty"),
        (head(), b"{}", True, "malformed"),
        (head(), ERROR, False, "bad_gateway"),
        (head(201), ERROR, False, None),
        (head(stream=True), b'data: {"error":{"code":429}}\n\n', False, "rate_limited"),
        (head(502), b"", False, "bad_gateway"),
        (head(400), b"{}", False, None),
        (head(400), b"{}", True, "internal"),
    ],
)
def test_a_failure_is_known_by_what_is_held(answer, held, follows, cause):
    assert cause_of_held(answer, held, follows=follows) == cause


def test_a_body_that_is_not_whole_is_no_error_yet():
    assert cause_of_held(head(), ERROR, follows=False, is_whole=False) is None


@pytest.mark.parametrize(
    ("answer", "held", "seconds"),
    [
        (head(500), b"", FAILURE_S),
        (head(), b"", None),
        (head(), b" ", SIGNS_S),
        (head(), b'{"error"', FAILURE_S),
        (head(stream=True), b": a\n\n", SIGNS_S),
        (head(stream=True), b"", None),
    ],
)
def test_what_is_not_clear_is_held_back_for_so_long(answer, held, seconds):
    assert wait_s(answer, held) == seconds
