import re

import pytest
from hypothesis import given, strategies as st

from multillama.errors import GatewayError
from multillama.wire.heads import Head, HeadMemo
from multillama.wire.parse import parse_head


def facts(head):
    left_out = ("length", "outgoing", "accepted")
    return {name: getattr(head, name) for name in Head.__slots__ if name not in left_out}


def remembering(raw):
    memo = HeadMemo()
    memo.keep(raw, parse_head(raw))
    return memo


POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n%bX-A: b\r\n\r\n"


def test_nothing_is_found_before_anything_is_kept():
    assert HeadMemo().find(POST % b"") is None


@pytest.mark.parametrize(
    "spelling", [b"Content-Length: ", b"content-length: ", b"Content-length: "]
)
@pytest.mark.parametrize("length", [b"0", b"7", b"12345", b"007"])
def test_the_same_head_with_another_length_is_known(spelling, length):
    memo = remembering(POST % (spelling + b"5\r\n"))

    found = memo.find(POST % (spelling + length + b"\r\n"))

    assert found is not None
    assert found[1] == int(length)


@pytest.mark.parametrize("lines", [b"", b"Transfer-Encoding: chunked\r\n"])
def test_the_same_head_without_a_length_is_known(lines):
    memo = remembering(POST % lines)

    found = memo.find(POST % lines)

    assert found is not None
    assert (found[1], found[0].chunked) == (None, lines != b"")


@pytest.mark.parametrize(
    "line",
    [
        b"content-length:5\r\n",
        b"Content-Length:  5\r\n",
        b"CONTENT-LENGTH: 5\r\n",
        b"Content-Length: 0000000000000005\r\n",
    ],
)
def test_a_length_in_another_spelling_is_never_taken_for_none(line):
    memo = remembering(POST % line)

    assert memo.find(POST % line) is None


@pytest.mark.parametrize(
    "line",
    [b"Content-Length: \r\n", b"Content-Length: +5\r\n", b"Content-Length: 5 \r\n", b"Content-Length: 5\x00\r\n",
     b"Content-Length: 5\r\nContent-Length: 5\r\n", b"Content-Length: 1234567890123456\r\n", b"",
     b"Content-Length: \xb2\r\n"],
)  # fmt: skip
def test_what_is_not_the_same_head_is_read_anew(line):
    memo = remembering(POST % b"Content-Length: 5\r\n")

    assert memo.find(POST % line) is None


def test_a_head_that_is_not_worth_remembering_is_not_mixed_up_with_the_last():
    memo = remembering(POST % b"Content-Length: 5\r\n")
    odd = POST % b"content-length:7\r\n"

    memo.keep(odd, parse_head(odd))

    assert memo.find(POST % b"Content-Length: 5\r\n") is None
    assert memo.find(odd) is None


LINES = st.lists(
    st.sampled_from(
        [b"Content-Length: 5\r\n", b"content-length: 12\r\n", b"content-length:5\r\n", b"Content-Length: 007\r\n",
         b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"X-A: Content-Length: 5\r\n", b"X-B: 5\r\n",
         b"Connection: Upgrade\r\nUpgrade: h2c\r\n", b"Authorization: Bearer k\r\n", b"Expect: 100-continue\r\n",
         b"Content-Length: 5 \r\n", b"Host: b\r\n", b"X-Multillama-Only: a\r\n", b"x-multillama-only: b\r\n",
         b"X-Multillama-Local-Only: true\r\n"]
    ),
    max_size=4,
).map(b"".join)  # fmt: skip


@given(
    first=LINES,
    second=LINES,
    edit=st.tuples(st.integers(0, 200), st.binary(max_size=2)) | st.none(),
)
def test_the_memo_never_says_what_the_parser_would_not(first, second, edit):
    kept, asked = POST % first, POST % second
    if edit is not None:
        at, piece = edit
        asked = kept[:at] + piece + kept[at + 1 :]
    memo = HeadMemo()
    try:
        memo.keep(kept, parse_head(kept))
    except GatewayError:
        return

    found = memo.find(asked)

    if found is not None:
        head = parse_head(asked)
        assert facts(found[0]) == facts(head)
        assert found[1] == head.length
    elif asked == kept:
        assert re.search(rb"(?i)content-length:(?! \d{1,15}\r)", kept) or found is not None


@given(at=st.integers(0, 90), byte=st.integers(0, 255))
def test_a_head_that_differs_in_one_byte_is_another_head(at, byte):
    kept = POST % b"Content-Length: 5\r\n"
    at %= len(kept)
    asked = kept[:at] + bytes([byte]) + kept[at + 1 :]
    is_length = at == kept.index(b"5") and bytes([byte]).isdigit()

    found = remembering(kept).find(asked)

    assert (found is not None) == (asked == kept or is_length)


def test_a_head_with_another_wish_is_another_head():
    kept = POST % b"Content-Length: 5\r\nX-Multillama-Only: desk\r\n"

    found = remembering(kept).find(kept)

    assert found is not None
    assert found[0].wishes == {"only": b"desk"}
    assert remembering(kept).find(kept.replace(b"desk", b"disk")) is None
