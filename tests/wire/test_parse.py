import pytest
from hypothesis import given, settings, strategies as st

from multillama.errors import GatewayError
from multillama.wire.heads import Head
from multillama.wire.parse import parse_head


def head(*lines, line=b"POST /v1/chat/completions HTTP/1.1", host=b"Host: a"):
    return b"\r\n".join([line, *([host] if host else []), *lines, b"", b""])


def failure(raw):
    with pytest.raises(GatewayError) as caught:
        parse_head(raw)
    return caught.value


def test_a_head_is_read_into_its_facts():
    raw = head(
        b"Content-Type: application/json", b"Content-Length: 12", b"X-Title: \t caf\xc3\xa9 "
    )

    read = parse_head(raw)

    assert (read.method, read.path, read.host) == (b"POST", b"/v1/chat/completions", b"a")
    assert (read.length, read.chunked, read.keep_alive, read.has_http_11) == (12, False, True, True)
    assert b"".join(read.forward) == (b"Content-Type: application/json\r\nX-Title: caf\xc3\xa9\r\n")


def test_http_10_closes_and_needs_no_host():
    read = parse_head(b"GET / HTTP/1.0\r\n\r\n")

    assert (read.has_http_11, read.keep_alive, read.host) == (False, False, None)


@pytest.mark.parametrize("blank", [b"", b" ", b"\t \t"])
def test_blanks_around_a_value_are_no_part_of_it(blank):
    # RFC 9112 §5.1
    fields = [b"Host:%ba%b", b"Connection:%bclose%b", b"X-Api-Key:%bk%b", b"Expect:%b100-continue%b",
              b"Content-Encoding:%bidentity%b", b"Content-Length:%b5%b", b"X-A:%bb c%b"]  # fmt: skip

    read = parse_head(head(*(field % (blank, blank) for field in fields), host=None))

    assert (read.host, read.credential, read.length) == (b"a", b"k", 5)
    assert (read.keep_alive, read.expects_continue) == (False, True)
    assert b"".join(read.forward) == b"Content-Encoding: identity\r\nX-A: b c\r\n"


@pytest.mark.parametrize("version", [b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.2", b"HTTP/3.0"])
def test_another_version_is_named_as_the_reason(version):
    error = failure(head(line=b"GET / " + version))

    assert (error.kind, error.status) == ("version_not_supported", 505)


@pytest.mark.parametrize(
    "line",
    [
        b"GET /",
        b"GET / HTTP/11",
        b"GET / HTTP/1.10",
        b"GET /HTTP/2.0",
        b"GET",
        b"",
        b"x",
        b"GET / http/1.1",
    ],
)
def test_a_line_that_names_no_version_is_malformed(line):
    assert failure(head(line=line)).kind == "bad_request"


@pytest.mark.parametrize("method", [b"BREW", b"get", b"G" * 1000])
def test_an_unknown_method_is_not_implemented(method):
    error = failure(head(line=method + b" / HTTP/1.1"))

    assert (error.kind, error.status) == ("not_implemented", 501)


@pytest.mark.parametrize(
    "raw",
    [
        head(b"X-A : b"),
        head(b"X\x00: b"),
        head(b"X-A: b\x00"),
        head(b"X-A: b\rc"),
        head(b"X-A: b\nX-B: c"),
        head(b" folded"),
        head(b"no colon"),
        head(b"Content-Length: 5", b"Content-Length: 5"),
        head(b"Content-Length: 5, 5"),
        head(b"Content-Length: +5"),
        head(b"Content-Length:"),
        head(b"Transfer-Encoding: chunked", b"Content-Length: 5"),
        head(line=b"GET  / HTTP/1.1"),
        head()[:-2],
    ],
)
def test_broken_syntax_is_the_clients_fault(raw):
    error = failure(raw)

    assert (error.kind, error.origin) == ("bad_request", "client")


@pytest.mark.parametrize(
    "offer",
    [
        # Every stock JDK client sends this with its first request; browsers send websocket.
        (
            b"Connection: Upgrade, HTTP2-Settings",
            b"HTTP2-Settings: AAEAAEAAAAIAAAAA",
            b"Upgrade: h2c",
        ),
        (b"upgrade:h2c", b"connection:upgrade"),
        (b"Connection: Upgrade", b"Upgrade: websocket"),
        (b"Connection: Upgrade", b"Upgrade: h2c", b"Upgrade: websocket"),
    ],
)
@pytest.mark.parametrize("framing", [b"Content-Length: 12", b"Transfer-Encoding: chunked"])
def test_an_offer_to_upgrade_is_taken_out_and_the_rest_served(offer, framing):
    read = parse_head(head(*offer, framing, b"X-Title: b"))

    assert (read.length, read.chunked) in ((12, False), (None, True))
    assert b"".join(read.forward) == b"X-Title: b\r\n"
    assert read.keep_alive


def test_what_else_connection_says_stays_when_an_offer_is_taken_out():
    raw = head(
        b"Connection: close, Upgrade, X-Title", b"Upgrade: h2c", b"X-Title: b", b"X-Other: c"
    )

    read = parse_head(raw)

    assert not read.keep_alive
    assert b"".join(read.forward) == b"X-Other: c\r\n"


def test_an_upgrade_that_is_no_offer_changes_nothing():
    read = parse_head(head(b"Upgrade: h2c", b"Content-Length: 12"))

    assert (read.length, read.forward) == (12, [])


def test_connect_is_not_served():
    error = failure(head(line=b"CONNECT a:443 HTTP/1.1"))

    assert (error.kind, error.status) == ("method_not_allowed", 405)


PIECES = st.lists(
    st.sampled_from(
        [b"\r\n", b"\n", b"\r", b"Host: a", b"Upgrade: h2c", b"Connection: Upgrade", b"Content-Length: 5",
         b"Transfer-Encoding: chunked", b"CONNECT ", b"GET ", b"/", b"*", b" HTTP/1.1", b"HTTP/2.0",
         b"Authorization: Bearer k", b"x-api-key: k", b"Expect: 100-continue", b": ", b"Host: b", b"http://a/",
         b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"SOURCE ", b"Content-Encoding: gzip", b"?key=x", b"/?a#b"]
    )
    | st.binary(max_size=4),
    max_size=14,
)  # fmt: skip


@settings(max_examples=500)
@given(pieces=PIECES, prefix=st.sampled_from([b"", b"POST / HTTP/1.1\r\nHost: a\r\n"]))
def test_any_bytes_give_facts_or_a_failure_of_the_client(pieces, prefix):
    raw = prefix + b"".join(pieces) + b"\r\n\r\n"
    try:
        read = parse_head(raw[: raw.index(b"\r\n\r\n") + 4])
    except GatewayError as error:
        assert error.origin == "client"
    else:
        assert isinstance(read, Head)
        assert read.has_http_11 is False or read.host is not None
        assert not (read.chunked and read.length is not None)
