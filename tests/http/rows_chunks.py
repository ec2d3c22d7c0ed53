"""Rows: the chunked coding (RFC 9112 §7.1)."""

from tests.http.case import CHAT, LAST, Case, chunk, chunked, refused, served

FIRST, SECOND = CHAT[:10], CHAT[10:]


def sized(size: bytes) -> bytes:
    """The whole body in one chunk with this size line, then the end."""
    return chunked(size + b"\r\n" + CHAT + b"\r\n" + LAST)


def with_extension(extension: bytes) -> bytes:
    return sized(b"1b" + extension)


def with_trailer(*lines: bytes) -> bytes:
    return chunked(chunk(), b"0\r\n", *(line + b"\r\n" for line in lines), b"\r\n")


def dropped(name: str, line: bytes) -> Case:
    """A trailer that must not become a header of the request."""
    row = served(f"a trailer {name}", "RFC 9110 §6.5.1", with_trailer(line), faults=(34,))
    return row._replace(lacks=(b"stolen",))


SIZES = (
    served("two chunks", "RFC 9112 §7.1", chunked(chunk(FIRST), chunk(SECOND), LAST)),
    served("chunks of one byte", "RFC 9112 §7.1", chunked(*(chunk(CHAT[at : at + 1]) for at in range(len(CHAT))), LAST),
           faults=(35,)),
    served("a size in capitals", "RFC 9112 §7.1", sized(b"1B")),
    served("a size with a few zeros", "RFC 9112 §7.1", sized(b"0001b")),
    served("a last size of several zeros", "RFC 9112 §7.1", chunked(chunk(), b"000\r\n\r\n")),
    *(
        refused(f"a chunk size {what}", "RFC 9112 §7.1", sized(size), 400, 413, faults=(31,))
        for what, size in (
            ("with a plus", b"+1b"), ("with a minus", b"-1b"), ("of minus zero", b"-0"), ("with 0x", b"0x1b"),
            ("with an underscore", b"1_b"), ("with a blank before", b" 1b"), ("with a blank behind", b"1b "),
            ("with a tab behind", b"1b\t"), ("with a letter too far", b"1g"), ("that is empty", b""), ("with a point", b"1b.0"),
            ("with a comma", b"1b,1b"), ("in quotes", b'"1b"'), ("with a NUL", b"1b\0"), ("that is negative", b"-5"),
            ("of 17 digits", b"10000000000000000"), ("of 17 digits, the true one behind", b"1000000000000001b"),
            ("of 16 digits", b"ffffffffffffffff"), ("of 2^63", b"8000000000000000"), ("with 10,000 zeros", b"0" * 10_000 + b"1b"),
            ("of other digits", "１b".encode()), ("that is another base", b"033h"),
        )
    ),
)  # fmt: skip

EXTENSIONS = (
    served("an extension", "RFC 9112 §7.1.1", with_extension(b";a")),
    served("an extension with a value", "RFC 9112 §7.1.1", with_extension(b";a=b")),
    served("an extension in quotes", "RFC 9112 §7.1.1", with_extension(b';a="b c"')),
    served("two extensions", "RFC 9112 §7.1.1", with_extension(b";a=b;c")),
    served("an extension of the last chunk", "RFC 9112 §7.1.1", chunked(chunk(), b"0;a=b\r\n\r\n")),
    *(
        refused(f"an extension {what}", "RFC 9112 §7.1.1", with_extension(extension), faults=(32,))
        for what, extension in (
            ("of 1,100 bytes", b";" + b"a" * 1_100), ("of 40 kB", b";" + b"a" * 40_000), ("with a bare LF", b";a\nb"),
            ("with a bare CR", b";a\rb"), ("with a NUL", b";a\0b"), ("with a bell", b";a\x07b"), ("with a DEL", b";a\x7fb"),
            ("with an open quote", b';a="b'), ("that is only a semicolon", b";"), ("that ends in a bare LF", b";a\n"),
        )
    ),
    refused("an extension without a size", "RFC 9112 §7.1.1", sized(b";a=b"), faults=(32,)),
    refused("more extensions than data", "RFC 9112 §7.1.1",
            chunked(*(b"1;%b\r\n \r\n" % (b"a" * 900) for _ in range(100)), chunk(), LAST), faults=(32, 35)),
)  # fmt: skip

ENDS = (
    refused("no line end after a chunk", "RFC 9112 §7.1", chunked(b"1b\r\n" + CHAT + LAST), faults=(33,)),
    refused("a bare LF after a chunk", "RFC 9112 §7.1", chunked(b"1b\r\n" + CHAT + b"\n" + LAST), faults=(33,)),
    refused("a bare CR after a chunk", "RFC 9112 §7.1", chunked(b"1b\r\n" + CHAT + b"\r" + LAST), faults=(33,)),
    refused("two other bytes after a chunk", "RFC 9112 §7.1", chunked(b"1b\r\n" + CHAT + b"xy" + LAST), faults=(33,)),
    refused("a bare LF after a size", "RFC 9112 §7.1", chunked(b"1b\n" + CHAT + b"\r\n" + LAST), faults=(33,)),
    refused("a bare CR after a size", "RFC 9112 §7.1", chunked(b"1b\r" + CHAT + b"\r\n" + LAST), faults=(33,)),
    refused("an empty line before a size", "RFC 9112 §7.1", chunked(b"\r\n", chunk(), LAST), faults=(33,)),
    refused("a chunk longer than its size", "RFC 9112 §7.1", chunked(b"1a\r\n" + CHAT + b"\r\n" + LAST), faults=(33,)),
    refused("a chunk shorter than its size", "RFC 9112 §7.1", chunked(b"1c\r\n" + CHAT + b"\r\n" + LAST), faults=(33,)),
    refused("a last chunk with a bare LF", "RFC 9112 §7.1", chunked(chunk(), b"0\n\n"), faults=(33,)),
    refused("a last line with a bare LF", "RFC 9112 §7.1", chunked(chunk(), b"0\r\n\n"), faults=(33,)),
)  # fmt: skip

TRAILERS = (
    dropped("x-sum", b"x-sum: stolen"),
    dropped("Host", b"Host: stolen.test"),
    dropped("Authorization", b"Authorization: Bearer stolen"),
    dropped("x-api-key", b"x-api-key: stolen"),
    dropped("Cookie", b"Cookie: stolen=1"),
    dropped("Content-Type", b"Content-Type: text/stolen"),
    dropped("Connection", b"Connection: stolen"),
    served("a trailer Content-Length", "RFC 9110 §6.5.1", with_trailer(b"Content-Length: 3"), faults=(34,)),
    served("a trailer Transfer-Encoding", "RFC 9110 §6.5.1", with_trailer(b"Transfer-Encoding: gzip"), faults=(34,)),
    served("two trailers", "RFC 9112 §7.1.2", with_trailer(b"x-a: b", b"x-c:"), faults=(34,)),
    *(
        refused(f"a trailer {what}", "RFC 9112 §7.1.2", with_trailer(line), 400, 431, faults=(34,))
        for what, line in (
            ("of 5 kB", b"x-a: " + b"a" * 5_000), ("of 200 kB", b"x-a: " + b"a" * 200_000), ("without a colon", b"x-a"),
            ("without a name", b": a"), ("with a space before the colon", b"x-a : b"), ("with a space before", b" x-a: b"),
            ("with a bare LF", b"x-a: b\nx-c: d"), ("with a bare CR", b"x-a: b\rx-c: d"), ("with a NUL", b"x-a: b\0"),
            ("with a name of UTF-8", b"x-\xc3\xa9: b"),
        )
    ),
    refused("a folded trailer", "RFC 9112 §5.2", with_trailer(b"x-a: b", b" c"), 400, 431, faults=(34,)),
    refused("many short trailers", "RFC 9112 §7.1.2", with_trailer(*[b"x: y"] * 2_000), 400, 431, faults=(34,)),
)  # fmt: skip

ROWS = SIZES + EXTENSIONS + ENDS + TRAILERS
