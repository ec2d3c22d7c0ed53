"""Rows: where a body ends (RFC 9112 §6, §7; RFC 9110 §8.6)."""

from tests.http.case import (
    CHAT,
    HEALTH,
    HOST,
    JSON,
    LAST,
    LINE,
    SILENCE,
    Case,
    answered,
    bare,
    chunk,
    chunked,
    cut,
    get,
    post,
    refused,
    served,
)  # fmt: skip

LENGTH = b"Content-Length: %d\r\n" % len(CHAT)
CODING = b"Transfer-Encoding: chunked\r\n"
HALF = len(CHAT) // 2
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: gateway.test\r\n\r\n"


def of_length(value: bytes, body: bytes = CHAT) -> bytes:
    return bare(b"Content-Length: %b\r\n" % value, body)


def of_coding(value: bytes, *, line: bytes = LINE) -> bytes:
    return bare(b"Transfer-Encoding:%b\r\n" % value, chunk() + LAST, line=line)


def unread(name: str, raw: bytes, *statuses: int) -> Case:
    """A body that the method does not need: it may be skipped, or end the connection, but is never a request."""
    return answered(name, "RFC 9110 §9.3", raw, *statuses, faults=(38,))._replace(is_kept=None)


LENGTHS = (
    refused("a length, then a coding", "RFC 9112 §6.3", bare(LENGTH + CODING, chunk() + LAST), faults=(1,)),
    refused("a coding, then a length", "RFC 9112 §6.3", bare(CODING + LENGTH, chunk() + LAST), faults=(1,)),
    refused("a short length and a coding", "RFC 9112 §6.3", bare(b"Content-Length: 3\r\n" + CODING, LAST + SMUGGLED),
            faults=(1,)),
    refused("a length of zero and a coding", "RFC 9112 §6.3", bare(b"Content-Length: 0\r\n" + CODING, LAST + SMUGGLED),
            faults=(1,)),
    refused("two equal lengths", "RFC 9112 §6.3", bare(LENGTH + LENGTH, CHAT), faults=(2,)),
    refused("two different lengths", "RFC 9112 §6.3", bare(LENGTH + b"Content-Length: 5\r\n", CHAT), faults=(2,)),
    refused("a list of equal lengths", "RFC 9110 §8.6", of_length(b"27, 27"), faults=(2,)),
    refused("a list of different lengths", "RFC 9110 §8.6", of_length(b"27, 5"), faults=(2,)),
    *(
        refused(f"a length {what}", "RFC 9110 §8.6", of_length(value), faults=(3,))
        for what, value in (
            ("with a plus", b"+27"), ("with a minus", b"-27"), ("of minus zero", b"-0"), ("in hexadecimal", b"0x1b"),
            ("with an underscore", b"2_7"), ("that is empty", b""), ("with an exponent", b"2e1"), ("with a point", b"27.0"),
            ("with a blank within", b"2 7"), ("with a semicolon", b"27;"), ("with a comma", b"27,"), ("in quotes", b'"27"'),
            ("of Arabic digits", "٢٧".encode()), ("that is no number", b"NaN"), ("with a NUL", b"27\0"), ("with a form feed", b"27\x0c"),
        )
    ),
    *(
        refused(f"a length of {what}", "RFC 9110 §8.6", of_length(b"%d" % value), 400, 413, faults=(4,))
        for what, value in (
            ("2^31", 1 << 31), ("2^63", 1 << 63), ("2^64-1", (1 << 64) - 1), ("2^64", 1 << 64),
            ("2^64 and the true one", (1 << 64) + len(CHAT)), ("10^40", 10**40),
        )
    ),
    served("a length with blanks around", "RFC 9112 §5.1", of_length(b" 27 \t"), faults=(3,)),
    served("a length with leading zeros", "RFC 9110 §8.6", of_length(b"00027"))._replace(lacks=(b"00027",)),
    cut("a body shorter than its length", "RFC 9112 §6.3", of_length(b"99"), SILENCE, 400, 408, faults=(36,)),
    Case("a body longer than its length", "RFC 9112 §6.3", post() + b"xyz",
         (frozenset({200}), frozenset({400, 405, 501})), (CHAT,), faults=(37,)),
    Case("a request after the end of a body", "RFC 9112 §9.3", post() + post(), (frozenset({200}),) * 2,
         (CHAT, CHAT), is_kept=True),
    unread("GET with a length", get(fields=b"Content-Length: 5\r\n") + b"hello", 200),
    unread("GET with a coding", get(b"/v1/models", CODING) + chunk(b"hello") + LAST, 200),
    unread("HEAD with a length", get(fields=b"Content-Length: 5\r\n", method=b"HEAD") + b"hello", 200)
    ._replace(is_head=True),
    unread("DELETE with a length",
           get(b"/v1/chat/completions", b"Content-Length: 5\r\n", method=b"DELETE") + b"hello", 405),
    unread("OPTIONS with a length", get(b"*", b"Content-Length: 5\r\n", method=b"OPTIONS") + b"hello", 200, 204),
    unread("a request as the body of GET", get(fields=b"Content-Length: %d\r\n" % len(SMUGGLED)) + SMUGGLED, 200),
    answered("POST with a length of zero", "RFC 9112 §6.3", of_length(b"0", b""), 400),
    refused("a body beyond the limit", "RFC 9110 §15.5.14", of_length(b"1048577", CHAT), 413, faults=(40,)),
    refused("a body beyond the limit in chunks", "RFC 9110 §15.5.14",
            chunked(chunk(b'{"model":"m","x":"' + b"x" * 1_048_576 + b'"}'), LAST), 413, faults=(40,)),
    refused("a chunk beyond the limit", "RFC 9110 §15.5.14", chunked(b"7fffffff\r\n", CHAT), 400, 413, faults=(40,)),
)  # fmt: skip

CODINGS = (
    served("chunked", "RFC 9112 §7.1", of_coding(b" chunked")),
    served("chunked in capitals", "RFC 9112 §7", of_coding(b" Chunked")),
    served("chunked behind a tab", "RFC 9112 §5.1", of_coding(b"\tchunked")),
    # The RFC has such blanks taken away. llhttp refuses them here: no client sends them, but smugglers do.
    refused("chunked before a tab", "RFC 9112 §5.1", of_coding(b" chunked\t")),
    served("chunked without a blank", "RFC 9112 §5.1", of_coding(b"chunked")),
    *(
        refused(f"a coding {what}", "RFC 9112 §6.1", of_coding(b" " + value), 400, 501, faults=(5,))
        for what, value in (
            ("with a letter before", b"xchunked"), ("with a letter behind", b"chunkedx"), ("twice", b"chunked, chunked"),
            ("with a comma before", b",chunked"), ("with a comma behind", b"chunked,"), ("of identity", b"identity"),
            ("of gzip, then chunked", b"gzip, chunked"), ("of chunked, then gzip", b"chunked, gzip"), ("of gzip", b"gzip"),
            ("of identity, then chunked", b"identity, chunked"), ("of chunked, then identity", b"chunked, identity"),
            ("in quotes", b'"chunked"'), ("with a parameter", b"chunked;q=1"), ("that is empty", b""), ("of nonsense", b"cow"),
            ("with a vertical tab", b"\x0bchunked"), ("with a form feed", b"chunked\x0c"), ("with a NUL", b"chunked\0"),
            ("with a fixed blank", b"\xa0chunked"), ("with a blank within", b"chun ked"), ("in two halves", b"chunk, ed"),
        )
    ),
    refused("two codings in two fields", "RFC 9112 §6.1", bare(b"Transfer-Encoding: gzip\r\n" + CODING, LAST), 400, 501,
            faults=(5,)),
    refused("chunked in two fields", "RFC 9112 §6.1", bare(CODING + CODING, chunk() + LAST), faults=(5,)),
    refused("chunked in HTTP/1.0", "RFC 9112 §6.1", of_coding(b" chunked", line=LINE.replace(b"1.1", b"1.0")), faults=(6,)),
    refused("chunked with a length in HTTP/1.0", "RFC 9112 §6.1",
            bare(CODING + LENGTH, CHAT, line=LINE.replace(b"1.1", b"1.0")), faults=(1, 6)),
    refused("a space before the colon of the coding", "RFC 9112 §5.1",
            bare(b"Transfer-Encoding : chunked\r\n", LAST), faults=(11,)),
    served("TE and Trailer", "RFC 9110 §10.1.4", chunked(chunk(), LAST, fields=b"TE: trailers\r\nTrailer: x-sum\r\n"))
    ._replace(lacks=(b"\nte:", b"\ntrailer:")),
)  # fmt: skip

UPLOAD = (
    b'--b0\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF\0\xff\r\n'
    b'--b0\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n--b0--\r\n'
)


def upload(kind: bytes, body: bytes = UPLOAD, *, length: int | None = None) -> bytes:
    """A multipart request; `kind` is its Content-Type."""
    head = b"POST /v1/audio/transcriptions HTTP/1.1\r\n" + HOST + b"Content-Type: %b\r\n" % kind
    return head + b"Content-Length: %d\r\n\r\n" % (len(body) if length is None else length) + body


FORM = b"multipart/form-data; boundary=b0"
UPLOADS = (
    served("an upload", "RFC 7578 §4", upload(FORM), body=UPLOAD),
    served("an upload in chunks", "RFC 7578 §4",
           upload(FORM).partition(b"Content-Length")[0] + CODING + b"\r\n" + chunk(UPLOAD[:50]) + chunk(UPLOAD[50:]) + LAST,
           body=UPLOAD),
    served("an upload with a quoted boundary", "RFC 2046 §5.1.1", upload(b'multipart/form-data; boundary="b0"'), body=UPLOAD),
    *(
        refused(f"an upload {what}", "RFC 2046 §5.1.1", upload(kind), 400, 415, faults=(45,))._replace(is_kept=None)
        for what, kind in (
            ("without a boundary", b"multipart/form-data"), ("with an empty boundary", b"multipart/form-data; boundary="),
            ("with two boundaries", FORM + b"; boundary=b1"), ("with an illegal boundary", b"multipart/form-data; boundary=b*0"),
            ("with a boundary of 20 kB", b"multipart/form-data; boundary=" + b"b" * 20_000), ("that says it is JSON", b"application/json"),
        )
    ),
    refused("an upload with a boundary of 1 MB", "RFC 2046 §5.1.1",
            upload(b"multipart/form-data; boundary=" + b"b" * 1_000_000), 431, faults=(45,)),
    refused("an upload without a model", "RFC 7578 §4", upload(FORM, UPLOAD.replace(b'"model"', b'"m"')), 400)
    ._replace(is_kept=None),
    refused("an upload of an unknown model", "RFC 7578 §4", upload(FORM, UPLOAD.replace(b"\r\nm\r\n", b"\r\nnone\r\n")), 404)
    ._replace(is_kept=None),
    refused("an upload with another boundary inside", "RFC 2046 §5.1.1", upload(FORM, UPLOAD.replace(b"--b0", b"--b1")), 400)
    ._replace(is_kept=None),
    cut("an upload shorter than its length", "RFC 9112 §6.3", upload(FORM, length=len(UPLOAD) + 9), SILENCE, 400, 408, 502,
        faults=(36,)),
    refused("an upload beyond the limit", "RFC 9110 §15.5.14", upload(FORM, length=1 << 40), 413, faults=(40,)),
)  # fmt: skip

CUTS = (
    cut("an empty connection", "RFC 9112 §9.6", b"", faults=(23,)),
    cut("the end of the client in a method", "RFC 9112 §9.6", b"PO", faults=(23,)),
    cut("the end of the client in a head", "RFC 9112 §9.6", LINE + HOST + b"Conte", faults=(23,)),
    cut("the end of the client before the last LF", "RFC 9112 §9.6", bare(LENGTH)[:-1], faults=(23,)),
    cut("the end of the client before a body", "RFC 9112 §9.6", bare(LENGTH), SILENCE, 400, 408, faults=(36,)),
    cut("the end of the client in a body", "RFC 9112 §8", post()[:-HALF], SILENCE, 400, 408, faults=(36,)),
    cut("the end of the client in a chunk", "RFC 9112 §8", chunked(chunk()[:-9]), SILENCE, 400, 408, faults=(36,)),
    cut("the end of the client before the last chunk", "RFC 9112 §8", chunked(chunk()), SILENCE, 400, 408, faults=(36,)),
    cut("the end of the client before the last line", "RFC 9112 §8", chunked(chunk(), b"0\r\n"), SILENCE, 400, 408,
        faults=(34, 36)),
    Case("the end of the client after a request", "RFC 9112 §9.6", post(), (frozenset({200}),), (CHAT,), has_probe=False),
    Case("the end of the client after two requests", "RFC 9112 §9.6", post() + HEALTH, (frozenset({200}),) * 2, (CHAT,),
         has_probe=False),
    Case("the end of the client within a second request", "RFC 9112 §9.6", post() + LINE + JSON, (frozenset({200}),),
         (CHAT,), has_probe=False),
)  # fmt: skip

ROWS = LENGTHS + CODINGS + UPLOADS + CUTS
