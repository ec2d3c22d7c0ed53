"""A whole request head through llhttp, then through our rules. No I/O."""

import re
from typing import Final

import httptools

from multillama.errors import GatewayError
from multillama.wire.heads import Field, Head, read_head, refuse

_OFFER: Final = re.compile(rb"\r\n(?:upgrade|http2-settings):[^\r\n]*", re.IGNORECASE)
_CONNECTION: Final = re.compile(rb"(\r\nconnection:)([^\r\n]*)", re.IGNORECASE)
_LINE: Final = re.compile(rb"[!-~]+ [!-~]+ (HTTP/[0-9]\.[0-9])\r\n")
"""As `wire/partial.py` has it: llhttp lets more than one space pass."""


class _Parts:
    """Receives what llhttp reads."""

    __slots__ = ("fields", "is_whole", "target")

    def __init__(self) -> None:
        self.target = b""
        self.fields: list[Field] = []
        self.is_whole = False

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value.rstrip(b" \t")))  # llhttp takes off what stands before only

    def on_headers_complete(self) -> None:
        self.is_whole = True


def parse_head(raw: bytes) -> Head:
    """Parses a head that ends with its blank line.

    An `Upgrade` offer is taken out first and the request served as plain HTTP/1.1 (RFC 9110 §7.8): llhttp would
    drop the body, and every stock JDK client offers h2c.

    Raises:
        GatewayError: What is wrong with it; the connection cannot go on.
    """
    line = _LINE.match(raw)
    if line is None:
        refuse("The request line is malformed.")
    version = line[1]
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        refuse("This gateway speaks HTTP/1.1 and HTTP/1.0.", "version_not_supported")
    parts = _Parts()
    parser = httptools.HttpRequestParser(parts)
    try:
        parser.feed_data(raw)
    except httptools.HttpParserUpgrade:
        if raw.startswith(b"CONNECT "):
            refuse("CONNECT is not served here.", "method_not_allowed")
        return parse_head(_without_offer(raw))
    except httptools.HttpParserInvalidMethodError:
        refuse("The method is unknown.", "not_implemented")
    except httptools.HttpParserError as error:
        raise GatewayError("bad_request", f"The request's head is malformed: {error}.") from error
    if not parts.is_whole:
        refuse("The request's head is malformed.")
    return read_head(
        parser.get_method(), parts.target, parts.fields, has_http_11=version == b"HTTP/1.1"
    )


def _without_offer(raw: bytes) -> bytes:
    """Takes the offer out: the two fields, and their names in `Connection`."""
    return _CONNECTION.sub(_without_tokens, _OFFER.sub(b"", raw))


def _without_tokens(match: re.Match[bytes]) -> bytes:
    tokens = [token.strip() for token in match[2].split(b",")]
    kept = [token for token in tokens if token.lower() not in (b"upgrade", b"http2-settings")]
    return match[1] + b" " + b", ".join(kept) if kept else b""
