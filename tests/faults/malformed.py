"""Answers that no HTTP client may take for one, by name."""

from multillama.testing.behaviours import Behaviour

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
BODY = b"content-length: 2\r\n\r\n{}"

MALFORMED = {
    "noise": bytes(range(128, 256)) * 4,
    "text without a head": b'{"object":"chat.completion"}',
    "SSH banner": b"SSH-2.0-OpenSSH_9.2\r\n",
    "TLS alert": b"\x15\x03\x01\x00\x02\x02\x46",
    "HTTP/2 frame": b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64",
    "HTTP/2 status line": b"HTTP/2 200 OK\r\n" + BODY,
    "status with a letter": b"HTTP/1.1 20O OK\r\n" + BODY,
    "status of two digits": b"HTTP/1.1 99 Low\r\n" + BODY,
    "status 000": b"HTTP/1.1 000 None\r\n" + BODY,
    "status 999": b"HTTP/1.1 999 High\r\n" + BODY,
    "folded field": OK + b"x-a: 1\r\n 2\r\n" + BODY,
    "NUL in a field": OK + b"x-a: 1\x002\r\n" + BODY,
    "bare CR in a field": OK + b"x-a: 1\r2\r\n" + BODY,
    "field without colon": OK + b"x-a\r\n" + BODY,
    "blank before the colon": OK + b"x-a : 1\r\n" + BODY,
    "field of 1 MB": OK + b"x-a: " + b"a" * 1_000_000 + b"\r\n" + BODY,
    "100,000 fields": OK + b"x-a: 1\r\n" * 100_000 + BODY,
    "1,000 fields": OK + b"x-a: 1\r\n" * 1_000 + BODY,
    "two lengths": OK + b"content-length: 3\r\n" + BODY,
    "list of lengths": OK + b"content-length: 2, 2\r\n\r\n{}",
    "negative length": OK + b"content-length: -2\r\n\r\n{}",
    "length with a sign": OK + b"content-length: +2\r\n\r\n{}",
    "length beyond 64 bits": OK + b"content-length: 18446744073709551618\r\n\r\n{}",
    "length and chunks": OK
    + b"content-length: 12\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "gzip as a coding": OK + b"transfer-encoding: gzip\r\n\r\n{}",
    "gzip, then chunked": OK
    + b"transfer-encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "101": b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
    "eleven interim answers": b"HTTP/1.1 100 Continue\r\n\r\n" * 11 + OK + BODY,
    "a thousand interim answers": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000 + OK + BODY,
}  # fmt: skip


def malformed(raw: bytes) -> Behaviour:
    """Keeps the connection open afterwards: only the bytes themselves can tell."""
    return Behaviour(raw=raw)
