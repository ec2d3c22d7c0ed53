import itertools
import time

import pytest
from hypothesis import given, settings, strategies as st

from multillama.errors import GatewayError
from multillama.wire.partial import MAX_BLANK_LINES, PartialHead

HEAD = b"GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n"


def read(pieces, target_limit=60, head_limit=100):
    """The head and what follows it, the kind of the refusal, or None while more is awaited."""
    partial = PartialHead(target_limit=target_limit, head_limit=head_limit)
    found = None
    try:
        for piece in pieces:
            if found is not None:
                found = (found[0], found[1] + piece)
                continue
            found = partial.add(piece)
    except GatewayError as error:
        return f"{error.kind}: {error.text}"
    return found


def one_by_one(data):
    return [data[at : at + 1] for at in range(len(data))]


@pytest.mark.parametrize(
    ("data", "head", "rest"),
    [
        (HEAD, HEAD, b""),
        (HEAD + b"body\r\n\r\n", HEAD, b"body\r\n\r\n"),
        (b"\r\n" * MAX_BLANK_LINES + HEAD, HEAD, b""),
        (b"GET / HTTP/1.0\r\n\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n", b"\r\n"),
        (b"A / HTTP/9.9\r\n:\r\n\r\n", b"A / HTTP/9.9\r\n:\r\n\r\n", b""),
    ],
)
def test_a_head_ends_with_its_blank_line(data, head, rest):
    assert read([data]) == (head, rest)
    assert read(one_by_one(data)) == (head, rest)


@pytest.mark.parametrize("cut", range(len(HEAD)))
def test_a_head_that_is_not_whole_is_awaited(cut):
    assert read([b"\r\n", HEAD[:cut]]) is None
    assert read([b"\r\n", HEAD[:cut], HEAD[cut:]]) == (HEAD, b"")


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        # RFC 9112 §2.2: a server should ignore at least one empty line before the request line
        (b"\r\n" * (MAX_BLANK_LINES + 1) + HEAD, "bad_request: Too many blank lines"),
        # other protocols: TLS, HTTP/2's preface is a valid line, SSH is not HTTP, noise
        (b"\x16\x03\x01\x02\x00\x01", "bad_request: This is no HTTP request"),
        (b"\nGET / HTTP/1.1\r\n\r\n", "bad_request: This is no HTTP request"),
        (b"\rGET / HTTP/1.1\r\n\r\n", "bad_request: This is no HTTP request"),
        (b" GET / HTTP/1.1\r\n\r\n", "bad_request: This is no HTTP request"),
        (b"\xff", "bad_request: This is no HTTP request"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "bad_request: The request line is malformed"),
        # §3
        (b"GET /\r\nHost: a\r\n\r\n", "bad_request: The request line is malformed"),
        (b"GET  / HTTP/1.1\r\n\r\n", "bad_request: The request line is malformed"),
        (b"GET / HTTP/1.1 \r\n\r\n", "bad_request: The request line is malformed"),
        (b"GET /a b HTTP/1.1\r\n\r\n", "bad_request: The request line is malformed"),
        (b"GET /\t HTTP/1.1\r\n\r\n", "bad_request: The request line is malformed"),
        (b"GET /\xe9 HTTP/1.1\r\n\r\n", "bad_request: The request line is malformed"),
        (b"GET / http/1.1\r\n\r\n", "bad_request: The request line is malformed"),
        (b"GET / HTTP/1.1\n", "bad_request: The request line is malformed"),
        (b"GET / HTTP/1.1\r\r\n", "bad_request: The request line is malformed"),
        # §2.2: a bare LF may not end a line
        (b"GET / HTTP/1.1\r\nHost: a\n", "bad_request: A header line ends without CR"),
        (b"GET / HTTP/1.1\r\n\n", "bad_request: A header line ends without CR"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\n", "bad_request: A header line ends without CR"),
        (b"GET /" + b"a" * 60, "target_too_long: The request line is longer than 60 bytes"),
        (b"G" * 61, "target_too_long: The request line is longer than 60 bytes"),
        (
            b"GET / HTTP/1.1\r\n" + b"a" * 100,
            "head_too_large: The request's head is larger than 100 bytes",
        ),
        (
            b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20 + b"\r\n",
            "head_too_large: The request's head is larger than 100 bytes",
        ),
    ],
)
def test_what_can_be_no_head_is_refused_by_its_first_offence(data, refusal):
    refused = read([data])

    assert isinstance(refused, str)
    assert refused.startswith(refusal)
    assert read(one_by_one(data)) == refused


@pytest.mark.parametrize("data", [b"\x16", b"G" * 61, b"GET /\r\n", b"GET / HTTP/1.1\r\na\n"])
def test_the_refusal_comes_with_the_offending_byte(data):
    assert read([data[:-1]]) is None
    assert isinstance(read([data]), str)


def test_a_head_of_exactly_the_limits_is_let_in():
    line = b"GET /" + b"a" * (60 - 5 - 10) + b" HTTP/1.1\r"
    head = line + b"\na: " + b"b" * (100 - 60 - 1 - 3 - 4) + b"\r\n\r\n"

    assert (len(line), len(head)) == (60, 100)
    assert read([head]) == (head, b"")
    assert read([head], head_limit=99).startswith("head_too_large")
    assert read([head], target_limit=59).startswith("target_too_long")


def test_blank_lines_count_for_no_limit():
    assert read([b"\r\n" * 8 + HEAD], target_limit=24, head_limit=len(HEAD)) == (HEAD, b"")


@pytest.mark.parametrize(
    ("data", "is_empty"), [(b"", True), (b"\r", True), (b"\r\n\r\n", True), (b"\r\nG", False)]
)
def test_nothing_but_blank_lines_is_nothing_lost(data, is_empty):
    partial = PartialHead(target_limit=60, head_limit=100)

    partial.add(data)

    assert partial.is_empty is is_empty


@pytest.mark.parametrize("line", [b"x: y\r\n", b"x" * 100_000])
def test_a_head_that_drips_in_costs_linear_time(line):
    data = b"GET / HTTP/1.1\r\n" + line * (100_000 // len(line))
    partial = PartialHead(target_limit=1000, head_limit=200_000)
    started = time.process_time()

    for piece in one_by_one(data):
        partial.add(piece)

    assert time.process_time() - started < 2  # 0.1 s here; quadratic work takes a minute


PIECES = st.lists(
    st.sampled_from(
        [b"GET ", b"/", b"/v1/models", b" ", b" HTTP/1.1\r\n", b" HTTP/1.1", b"\r\n", b"\r", b"\n",
         b"Host: a\r\n", b"x: y\n", b":", b"\r\n\r\n", b"a" * 40, HEAD]
    )
    | st.binary(max_size=3),
    max_size=10,
)  # fmt: skip


@settings(max_examples=500)
@given(
    pieces=PIECES,
    prefix=st.sampled_from([b"", b"GET / HTTP/1.1\r\n", b"\r\n" * 8]),
    cuts=st.lists(st.integers(0, 120), max_size=5),
    target_limit=st.integers(1, 60),
    head_limit=st.integers(1, 120),
)
def test_any_bytes_in_any_pieces_give_the_same_head_or_the_same_refusal(
    pieces, prefix, cuts, target_limit, head_limit
):
    data = prefix + b"".join(pieces)
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})

    whole = read([data], target_limit, head_limit)

    assert read(one_by_one(data), target_limit, head_limit) == whole
    cut = [data[a:b] for a, b in itertools.pairwise(edges)]
    assert read(cut, target_limit, head_limit) == whole
