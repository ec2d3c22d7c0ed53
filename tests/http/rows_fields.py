"""Rows: header fields and Host (RFC 9110 §5, §7.2; RFC 9112 §3.2, §5)."""

from tests.http.case import CHAT, HOST, LINE, answered, bare, post, refused, served

LENGTH = b"Content-Length: %d\r\n" % len(CHAT)

SYNTAX = (
    refused("a space before the colon", "RFC 9112 §5.1", post(b"X-A : b\r\n"), faults=(11,)),
    refused("a tab before the colon", "RFC 9112 §5.1", post(b"X-A\t: b\r\n"), faults=(11,)),
    refused("a space before the colon of the length", "RFC 9112 §5.1", bare(LENGTH.replace(b":", b" :"), CHAT),
            faults=(11,)),
    refused("a space before the first field", "RFC 9112 §2.2", post(host=b" " + HOST), faults=(11,)),
    refused("a field without a name", "RFC 9112 §5", post(b": b\r\n"), faults=(11,)),
    refused("a field without a colon", "RFC 9112 §5", post(b"X-A b\r\n"), faults=(11,)),
    refused("a name alone", "RFC 9112 §5", post(b"X-A\r\n"), faults=(11,)),
    *(
        refused(f"a name with {what}", "RFC 9110 §5.1", post(b"X-%bA: b\r\n" % byte), faults=(12,))
        for what, byte in (
            ("UTF-8", b"\xc3\xa9"), ("a NUL", b"\0"), ("a DEL", b"\x7f"), ("a bracket", b"("), ("a quote", b'"'),
            ("an at sign", b"@"), ("a slash", b"/"), ("a brace", b"{"), ("an equals sign", b"="), ("a space", b" "),
            ("a tab", b"\t"), ("an escape", b"\x1b"), ("a comma", b","), ("a semicolon", b";"),
        )
    ),
    *(
        refused(f"a value with {what}", "RFC 9110 §5.5", post(b"X-A: b%bc\r\n" % byte), faults=(12,))
        for what, byte in (
            ("a NUL", b"\0"), ("a bell", b"\x07"), ("a vertical tab", b"\x0b"), ("a form feed", b"\x0c"),
            ("a DEL", b"\x7f"), ("an escape", b"\x1b"), ("a backspace", b"\x08"),
        )
    ),
    served("a value with a tab", "RFC 9110 §5.5", post(b"X-A: b\tc\r\n")),
    served("a value of UTF-8", "RFC 9110 §5.5", post(b"X-A: \xc3\xa9\r\n")),
    served("a value of Latin-1", "RFC 9110 §5.5", post(b"X-A: \xe9\xff\r\n")),
    served("an empty value", "RFC 9110 §5.5", post(b"X-A:\r\nX-B: \r\n")),
    served("blanks around a value", "RFC 9112 §5.1", post(b"X-A: \t b \t \r\n")),
    served("no blank after the colon", "RFC 9112 §5.1", post(b"X-A:b\r\n", host=b"Host:gateway.test\r\n")),
    served("names in capitals", "RFC 9110 §5.1", post(b"X-ABC: b\r\n", host=b"HOST: gateway.test\r\n")),
    served("names in lower case", "RFC 9110 §5.1", bare(b"content-length: %d\r\n" % len(CHAT), CHAT,
                                                        host=b"host: gateway.test\r\n")),
    served("every letter of a token in a name", "RFC 9110 §5.6.2", post(b"!#$%&'*+-.^`|~0aZ: b\r\n")),
    served("a field that repeats", "RFC 9110 §5.3", post(b"X-A: b\r\nX-A: c\r\n")),
)  # fmt: skip

LINE_ENDS = (
    refused("a bare LF between fields", "RFC 9112 §2.2", post(b"X-A: b\nX-B: c\r\n"), faults=(8,)),
    refused("a bare LF after Host", "RFC 9112 §2.2", post(host=b"Host: gateway.test\n"), faults=(8,)),
    refused("a bare LF at the end of the head", "RFC 9112 §2.2", LINE + HOST + LENGTH + b"\n" + CHAT, faults=(8,)),
    refused("only bare LFs", "RFC 9112 §2.2", post().replace(b"\r\n", b"\n"), faults=(8,)),
    refused("a bare CR within a value", "RFC 9112 §2.2", post(b"X-A: b\rX-B: c\r\n"), faults=(9,)),
    refused("a bare CR within a name", "RFC 9112 §2.2", post(b"X\r-A: b\r\n"), faults=(9,)),
    refused("a bare CR between fields", "RFC 9112 §2.2", post(b"X-A: b\r"), faults=(9,)),
    refused("CR CR LF after a field", "RFC 9112 §2.2", post(b"X-A: b\r\r\n"), faults=(9,)),
    refused("a bare CR that hides a coding", "RFC 9112 §2.2", post(b"X-A: b\rTransfer-Encoding: chunked\r\n"),
            faults=(9,)),
    refused("a bare CR at the end of the head", "RFC 9112 §2.2", LINE + HOST + LENGTH + b"\r" + CHAT, faults=(9,)),
    refused("a field folded with a space", "RFC 9112 §5.2", post(b"X-A: b\r\n c\r\n"), faults=(10,)),
    refused("a field folded with a tab", "RFC 9112 §5.2", post(b"X-A: b\r\n\tc\r\n"), faults=(10,)),
    refused("a folded Host", "RFC 9112 §5.2", post(host=b"Host:\r\n gateway.test\r\n"), faults=(10,)),
    refused("a folded coding", "RFC 9112 §5.2", bare(b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n"),
            faults=(10,)),
    refused("a folded length", "RFC 9112 §5.2", bare(b"Content-Length:\r\n 27\r\n", CHAT), faults=(10,)),
    refused("an empty fold", "RFC 9112 §5.2", post(b"X-A: b\r\n \r\n"), faults=(10,)),
)  # fmt: skip

HOSTS = (
    refused("no Host", "RFC 9112 §3.2", post(host=b""), faults=(13,)),
    served("no Host in HTTP/1.0", "RFC 9112 §3.2", post(line=LINE.replace(b"1.1", b"1.0"), host=b""))._replace(
        is_kept=False),
    refused("two different Hosts", "RFC 9112 §3.2", post(b"Host: other.test\r\n"), faults=(13,)),
    refused("two equal Hosts", "RFC 9112 §3.2", post(HOST), faults=(13,)),
    refused("two Hosts in HTTP/1.0", "RFC 9112 §3.2", post(HOST, line=LINE.replace(b"1.1", b"1.0")), faults=(13,)),
    *(
        refused(f"a Host {what}", "RFC 9110 §7.2", post(host=b"Host: %b\r\n" % value), faults=(13,))
        for what, value in (
            ("that is empty", b""), ("that is a list", b"gateway.test, other.test"), ("with a user", b"u@gateway.test"),
            ("with user and password", b"u:p@gateway.test"), ("with a path", b"gateway.test/v1"),
            ("with a query", b"gateway.test?x"), ("with a fragment", b"gateway.test#x"), ("with a scheme", b"http://gateway.test"),
            ("with a blank", b"gateway.test other.test"), ("with a port of letters", b"gateway.test:http"),
            ("with a port and a sign", b"gateway.test:+80"), ("with two ports", b"gateway.test:80:80"),
            ("with an open bracket", b"[::1"), ("with a bracket too many", b"[::1]]"), ("of UTF-8", b"gat\xc3\xa9way.test"),
            ("that is a comma", b","), ("with a backslash", b"gateway.test\\x"), ("with a quote", b'"gateway.test"'),
            ("that is only a port", b":80"), ("with a port of a million digits' start", b"gateway.test:" + b"9" * 40),
        )
    ),
    *(
        served(f"a Host {what}", "RFC 9110 §7.2", post(host=b"Host: %b\r\n" % value))
        for what, value in (
            ("with a port", b"gateway.test:8080"), ("that is an address", b"127.0.0.1:8080"),
            ("that is an IPv6 address", b"[::1]:8080"), ("with blanks around", b"  gateway.test\t"),
            ("with an underscore", b"my_gateway:80"), ("with a dot at the end", b"gateway.test."),
        )
    ),
)  # fmt: skip

UNDERSCORES = (
    served("Transfer_Encoding", "RFC 9110 §5.1", post(b"Transfer_Encoding: chunked\r\n"), faults=(7,))._replace(
        lacks=(b"transfer_encoding",)),
    served("Content_Length", "RFC 9110 §5.1", post(b"Content_Length: 5\r\n"), faults=(7,))._replace(
        lacks=(b"content_length",)),
    answered("Content_Length alone", "RFC 9110 §5.1", bare(b"Content_Length: 0\r\n"), 400, 411, faults=(7,))._replace(
        is_kept=None),
    served("X_Forwarded_For", "RFC 9110 §5.1", post(b"X_Forwarded_For: 192.0.2.1\r\n"))._replace(
        lacks=(b"forwarded",)),
)  # fmt: skip

LIMITS = (
    served("97 other fields", "RFC 6585 §5", post(b"".join(b"X-%d: a\r\n" % at for at in range(97)))),
    refused("101 fields", "RFC 6585 §5", post(b"".join(b"X-%d: a\r\n" % at for at in range(98))), 431, faults=(20,)),
    refused("1,000 fields", "RFC 6585 §5", post(b"X:\r\n" * 1000), 431, faults=(20,)),
    served("a head of 30 KiB", "RFC 6585 §5", post(b"X-A: %b\r\n" % (b"a" * 30_000))),
    refused("a head of more than 32 KiB", "RFC 6585 §5", post(b"X-A: %b\r\n" % (b"a" * 32_768)), 431, faults=(20,)),
    refused("a name of 40 kB", "RFC 6585 §5", post(b"X" * 40_000 + b": a\r\n"), 431, faults=(20,)),
    refused("a field that never ends", "RFC 6585 §5", LINE + HOST + b"X-A: " + b"a" * 100_000, 431,
            faults=(20,))._replace(has_probe=False),
    refused("a name that never ends", "RFC 6585 §5", LINE + HOST + b"X" * 100_000, 431,
            faults=(20,))._replace(has_probe=False),
)  # fmt: skip

SINGLE = tuple(
    refused(f"two fields {line.partition(b':')[0].decode()}", "RFC 9110 §5.3", post(line + line), faults=(27,))
    for line in (b"Authorization: Bearer k\r\n", b"x-api-key: k\r\n")
) + tuple(
    refused(f"two different {name.decode()}", "RFC 9110 §5.3", post(b"%b: a\r\n%b: b\r\n" % (name, name)), faults=(27,))
    for name in (b"x-api-key", b"api-key")
) + (
    refused("two Content-Encodings", "RFC 9110 §8.4", post(b"Content-Encoding: gzip\r\nContent-Encoding: br\r\n"),
            400, 415)._replace(is_kept=None),
    refused("two different Content-Types", "RFC 9110 §8.3", post(b"Content-Type: text/html\r\n"), faults=(27,)),
    refused("two different Authorizations", "RFC 9110 §11.6.2",
            post(b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"), faults=(27,)),
)  # fmt: skip

ROWS = SYNTAX + LINE_ENDS + HOSTS + UNDERSCORES + LIMITS + SINGLE
