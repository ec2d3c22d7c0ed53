"""Rows: the request line and its target (RFC 9112 §2, §3)."""

from tests.http.case import (
    HOST,
    LINE,
    SILENCE,
    Case,
    answered,
    bare,
    get,
    post,
    refused,
    served,
)  # fmt: skip

PATH = b"/v1/chat/completions"


def to(target: bytes, *, host: bytes = HOST) -> bytes:
    """A good request to another target."""
    return post(line=b"POST %b HTTP/1.1\r\n" % target, host=host)


def versioned(version: bytes) -> bytes:
    return post(line=b"POST %b %b\r\n" % (PATH, version))


def elsewhere(name: str, target: bytes, *, faults: tuple[int, ...] = (15,)) -> Case:
    """A target that only a server which rewrites paths would take for an operation."""
    row = refused(name, "RFC 9110 §4.2.3", to(target), 400, 404, faults=faults)
    return row._replace(is_kept=None)


METHODS = (
    served("a plain request", "RFC 9112 §3", post()),
    refused("a method in lower case", "RFC 9110 §9.1", post(line=b"post %b HTTP/1.1\r\n" % PATH),
            400, 405, 501, faults=(17,))._replace(is_kept=None),
    refused("an unknown method", "RFC 9110 §9.1", post(line=b"BREW %b HTTP/1.1\r\n" % PATH),
            405, 501, faults=(17,))._replace(is_kept=None),
    refused("a method of 100 kB", "RFC 9112 §3", b"A" * 100_000 + b" / HTTP/1.1\r\n" + HOST + b"\r\n",
            400, 414, 431, 501, faults=(17,)),
    refused("no method", "RFC 9112 §3", post(line=b" %b HTTP/1.1\r\n" % PATH)),
    refused("a method with a bracket", "RFC 9112 §3.1", post(line=b"PO(ST %b HTTP/1.1\r\n" % PATH), 400, 501),
    refused("a method in quotes", "RFC 9112 §3.1", post(line=b'"POST" %b HTTP/1.1\r\n' % PATH), 400, 501),
    refused("a method with a colon", "RFC 9112 §3.1", post(line=b"POST: %b HTTP/1.1\r\n" % PATH), 400, 501),
    refused("a method with a NUL", "RFC 9112 §3.1", post(line=b"PO\0ST %b HTTP/1.1\r\n" % PATH), 400, 501),
    answered("GET of an operation", "RFC 9110 §15.5.6", get(PATH), 405)._replace(needs=(b"allow: ",)),
    # A body that nobody asked for need not be read, so these connections may end.
    answered("PUT of an operation", "RFC 9110 §15.5.6", post(line=b"PUT %b HTTP/1.1\r\n" % PATH), 405)
    ._replace(is_kept=None),
    answered("PATCH of an operation", "RFC 9110 §15.5.6", post(line=b"PATCH %b HTTP/1.1\r\n" % PATH), 405)
    ._replace(is_kept=None),
    answered("DELETE of an operation", "RFC 9110 §15.5.6", get(PATH, method=b"DELETE"), 405),
    answered("HEAD of an operation", "RFC 9110 §9.3.2", get(PATH, method=b"HEAD"), 405)._replace(is_head=True),
    answered("GET of the health", "RFC 9110 §9.3.1", get(), 200),
    answered("HEAD of the health", "RFC 9110 §9.3.2", get(method=b"HEAD"), 200)._replace(is_head=True),
    answered("GET of the models", "RFC 9110 §9.3.1", get(b"/v1/models"), 200),
    answered("HEAD of the models", "RFC 9110 §9.3.2", get(b"/v1/models", method=b"HEAD"), 200)._replace(is_head=True),
    answered("GET of one model", "RFC 9110 §9.3.1", get(b"/v1/models/m"), 200),
    answered("POST to the models", "RFC 9110 §15.5.6", post(line=b"POST /v1/models HTTP/1.1\r\n"), 405)
    ._replace(is_kept=None),
    answered("OPTIONS of an operation", "RFC 9110 §9.3.7", get(PATH, method=b"OPTIONS"),
             200, 204)._replace(needs=(b"allow: ",)),
    answered("OPTIONS of the server", "RFC 9110 §9.3.7", get(b"*", method=b"OPTIONS"), 200, 204, faults=(14,)),
    refused("CONNECT", "RFC 9110 §9.3.6", get(b"gateway.test:443", method=b"CONNECT"), 400, 405, 501, faults=(18,)),
    refused("CONNECT behind a bare LF", "RFC 9112 §2.2", b"\n" + get(b"gateway.test:443", method=b"CONNECT"), faults=(8, 18)),
    refused("CONNECT of a path", "RFC 9110 §9.3.6", get(PATH, method=b"CONNECT"), 400, 405, 501, faults=(18,)),
    refused("TRACE", "RFC 9110 §9.3.8", get(PATH, method=b"TRACE"), 405, 501, faults=(18,))._replace(is_kept=None),
)  # fmt: skip

SPACING = (
    refused("two spaces before the target", "RFC 9112 §3", post(line=b"POST  %b HTTP/1.1\r\n" % PATH)),
    refused("two spaces before the version", "RFC 9112 §3", post(line=b"POST %b  HTTP/1.1\r\n" % PATH)),
    refused("a tab before the target", "RFC 9112 §3", post(line=b"POST\t%b HTTP/1.1\r\n" % PATH), 400, 501),
    refused("a tab before the version", "RFC 9112 §3", post(line=b"POST %b\tHTTP/1.1\r\n" % PATH)),
    refused("a space after the version", "RFC 9112 §3", post(line=b"POST %b HTTP/1.1 \r\n" % PATH),
            400, 505, faults=(16,)),
    refused("a space before the method", "RFC 9112 §3", b" " + post()),
    refused("no target", "RFC 9112 §3", post(line=b"POST HTTP/1.1\r\n")),
    refused("an empty target", "RFC 9112 §3", post(line=b"POST  HTTP/1.1\r\n")),
    served("one empty line before the request", "RFC 9112 §2.2", b"\r\n" + post(), faults=(21,)),
    refused("a hundred empty lines before the request", "RFC 9112 §2.2", b"\r\n" * 100 + post(), faults=(21,)),
    refused("a bare LF before the request", "RFC 9112 §2.2", b"\n" + post(), faults=(8,)),
    refused("a bare CR before the request", "RFC 9112 §2.2", b"\r" + post(), faults=(9,)),
    refused("a bare LF after the request line", "RFC 9112 §2.2", post(line=LINE[:-2] + b"\n"), faults=(8,)),
    refused("a bare CR after the request line", "RFC 9112 §2.2", post(line=LINE[:-1]), faults=(9,)),
    refused("CR CR LF after the request line", "RFC 9112 §2.2", post(line=LINE[:-2] + b"\r\r\n"), faults=(9,)),
    refused("a bare CR within the target", "RFC 9112 §2.2", to(PATH + b"\r?a"), faults=(9, 15)),
    refused("a line before the first field", "RFC 9112 §2.2", post(line=LINE + b" x\r\n")),
)  # fmt: skip

VERSIONS = (
    served("HTTP/1.0", "RFC 9110 §2.5", versioned(b"HTTP/1.0"))._replace(is_kept=False),
    *(
        refused(f"version {version.decode()}", "RFC 9110 §15.6.6", versioned(version), 400, 505, faults=(16,))
        for version in (
            b"HTTP/0.9", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/3.0", b"HTTP/9.9", b"HTTP/2", b"HTTP/1",
            b"HTTP/1.", b"HTTP/.1", b"HTTP/11", b"HTTP/1.10", b"HTTP/01.1", b"HTTP/1,1", b"HTTP/1.1.1",
            b"http/1.1", b"HTTPS/1.1", b"HTTP 1.1", b"HTTP-1.1", b"HTTP/ 1.1", b"XHTTP/1.1", b"ICE/1.0",
            b"RTSP/1.0", b"HTTP/1.1;", b"HTTP/+1.1", b"HTTP/1.1\0",
        )
    ),
    refused("a request without a version", "RFC 9112 §3", post(line=b"POST %b\r\n" % PATH), 400, 505, faults=(16,)),
    refused("a request of HTTP/0.9", "RFC 9112 §3", b"GET /health\r\n", 400, 505, faults=(16,)),
    refused("OPTIONS of RTSP", "RFC 9112 §2.3", b"OPTIONS * RTSP/1.0\r\n" + HOST + b"\r\n", 400, 505, faults=(16,)),
    refused("a stream of Icecast", "RFC 9112 §2.3", b"SOURCE /v1/models ICE/1.0\r\n" + HOST + b"\r\n",
            400, 501, 505, faults=(16,)),
)  # fmt: skip

TARGETS = (
    served("a query", "RFC 9112 §3.2.1", to(PATH + b"?api-version=1&x=%20")),
    served("a path without prefix", "RFC 9112 §3.2.1", to(b"/chat/completions")),
    served("an absolute target", "RFC 9112 §3.2.2", to(b"http://gateway.test" + PATH)),
    served("an absolute target in capitals", "RFC 9110 §4.2.3", to(b"HTTP://GATEWAY.test" + PATH)),
    refused("an absolute target of another host", "RFC 9112 §3.2.2", to(b"http://other.test" + PATH), faults=(14,)),
    refused("an absolute target with a user", "RFC 9110 §4.2.4", to(b"http://u@gateway.test" + PATH), faults=(14,)),
    refused("an absolute target without a host", "RFC 9110 §4.2.1", to(b"http://" + PATH), faults=(14,)),
    refused("an absolute target without Host", "RFC 9112 §3.2.2", to(b"http://gateway.test" + PATH, host=b"")),
    refused("an absolute target of another scheme", "RFC 9112 §3.2.2", to(b"ftp://gateway.test" + PATH)),
    refused("an absolute target of no sense", "RFC 9112 §3.2.2", to(b"s://]ufd/:"), faults=(14,)),
    refused("* with GET", "RFC 9112 §3.2.4", get(b"*"), faults=(14,)),
    refused("* with POST", "RFC 9112 §3.2.4", to(b"*"), faults=(14,)),
    refused("an authority with POST", "RFC 9112 §3.2.3", to(b"gateway.test:80")),
    refused("a relative target", "RFC 9112 §3.2", to(b"v1/chat/completions")),
    refused("a target that is only a query", "RFC 9112 §3.2", to(b"?model=m")),
    refused("a fragment", "RFC 9112 §3.2", to(PATH + b"#x"), faults=(15,)),
    refused("a fragment after a query", "RFC 9112 §3.2", to(PATH + b"?a#x"), faults=(15,)),
    refused("a raw space in a target", "RFC 9112 §3.2", to(PATH + b" x"), faults=(15,)),
    refused("a NUL in a target", "RFC 9112 §3.2", to(PATH + b"\0"), faults=(15,)),
    refused("a DEL in a target", "RFC 9112 §3.2", to(PATH + b"\x7f"), faults=(15,)),
    refused("an escape in a target", "RFC 9112 §3.2", to(PATH + b"?\x1b[2J"), faults=(15,)),
    refused("raw UTF-8 in a target", "RFC 9112 §3.2", to(PATH + b"?\xc3\xa9"), faults=(15,)),
    refused("a quote in a target", "RFC 9112 §3.2", to(PATH + b'?"')),
    refused("angle brackets in a target", "RFC 9112 §3.2", to(PATH + b"?<x>")),
    elsewhere("a backslash in a path", b"/v1\\chat\\completions"),
    elsewhere("an encoded NUL", PATH + b"%00"),
    elsewhere("an encoded line end", PATH + b"%0d%0aX:y"),
    elsewhere("a broken percent", PATH + b"%zz"),
    elsewhere("dots that lead to an operation", b"/x/.." + PATH),
    elsewhere("a dot in the path", b"/v1/./chat/completions"),
    elsewhere("encoded dots", b"/x/%2e%2e" + PATH),
    elsewhere("two slashes", b"/" + PATH),
    elsewhere("two slashes within", b"/v1//chat/completions"),
    elsewhere("a slash at the end", PATH + b"/"),
    elsewhere("an encoded slash", b"/v1%2fchat/completions"),
    elsewhere("an overlong slash", b"/v1%c0%afchat/completions"),
    elsewhere("capitals in the path", b"/V1/Chat/Completions"),
    elsewhere("a parameter in the path", PATH + b";x=y"),
    elsewhere("an encoded letter", b"/v1/ch%61t/completions"),
    elsewhere("an unknown path", b"/v1/nothing/here", faults=()),
    served("a target of 8,000 bytes", "RFC 9110 §4.1", to(PATH + b"?" + b"q" * 7_900)),
    refused("a target of one byte too many", "RFC 9110 §15.5.15", to(PATH + b"?" + b"q" * 8_172), 414, faults=(19,)),
    refused("a target of 40 kB", "RFC 9110 §15.5.15", to(PATH + b"?" + b"q" * 40_000), 414, faults=(19,)),
)  # fmt: skip

STRANGERS = tuple(
    refused(name, "RFC 9112 §3", raw, SILENCE, 400, 405, 501, 505, faults=(22,))
    for name, raw in (
        ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9)),
        ("a TLS hello", bytes.fromhex("16030100a1010000 9d0303") + bytes(range(1, 128))),
        ("an SSH banner", b"SSH-2.0-OpenSSH_9.6\r\n"),
        ("PROXY version 1", b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n" + post()),
        ("PROXY version 2", b"\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c" + bytes(12) + post()),
        ("noise", bytes(range(256))),
        ("zeros", bytes(64)),
        ("a mail client", b"HELO client.test\r\nQUIT\r\n"),
        ("a line of Redis", b"*1\r\n$4\r\nPING\r\n"),
        ("an answer instead of a request", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    )
)

ROWS = METHODS + SPACING + VERSIONS + TARGETS + STRANGERS + (
    refused("a POST without any framing", "RFC 9112 §6.3", bare(b""), 400, 411)._replace(is_kept=None),
)  # fmt: skip
