"""Rows: the connection, offers to leave HTTP/1.1, expectations (RFC 9110 §7.6 to §7.8, §10.1.1; RFC 9112 §9)."""

from tests.http.case import (
    CHAT,
    HEALTH,
    HOST,
    LAST,
    LINE,
    Case,
    answered,
    bare,
    chunk,
    chunked,
    get,
    post,
    refused,
    served,
)  # fmt: skip

OLD = LINE.replace(b"1.1", b"1.0")
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\nUpgrade: h2c\r\n"
WEBSOCKET = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
OK = frozenset({200})
NO_OFFER = (b"\nupgrade:", b"http2-settings", b"\nconnection: upgrade")


def two(name: str, first: bytes, second: bytes = post(), *, seen: int = 2) -> Case:
    """Two requests in one go, both answered in order."""
    return Case(name, "RFC 9112 §9.3.2", first + second, (OK, OK), (CHAT,) * seen, is_kept=True)


KEPT = (
    served("Connection: close", "RFC 9112 §9.6", post(b"Connection: close\r\n"))._replace(is_kept=False),
    served("Connection: Close", "RFC 9110 §7.6.1", post(b"Connection: Close\r\n"))._replace(is_kept=False),
    served("Connection: keep-alive", "RFC 9112 §9.3", post(b"Connection: keep-alive\r\n")),
    served("both close and keep-alive", "RFC 9112 §9.3", post(b"Connection: keep-alive, close\r\n"))._replace(
        is_kept=False),
    served("close in a second field", "RFC 9110 §5.3", post(b"Connection: keep-alive\r\nConnection: close\r\n"))
    ._replace(is_kept=False),
    served("close before keep-alive in two fields", "RFC 9112 §9.3",
           post(b"Connection: close\r\nConnection: keep-alive\r\n"))._replace(is_kept=False),
    served("empty members of Connection", "RFC 9110 §5.6.1", post(b"Connection: , keep-alive,,\r\n")),
    served("Keep-Alive and Proxy-Connection", "RFC 9110 §7.6.1",
           post(b"Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic eA==\r\n"))
    ._replace(lacks=(b"\nkeep-alive:", b"\nproxy-")),
    served("HTTP/1.0 with keep-alive", "RFC 9112 §9.3", post(b"Connection: keep-alive\r\n", line=OLD))._replace(
        needs=(b"connection: keep-alive",)),
    answered("HTTP/1.0 without keep-alive", "RFC 9112 §9.3", b"GET /health HTTP/1.0\r\n\r\n", 200)._replace(is_kept=False),
    served("a field that Connection names", "RFC 9110 §7.6.1", post(b"X-Hop: stolen\r\nConnection: X-Hop\r\n"))._replace(
        lacks=(b"stolen",)),
    served("a field named before it comes", "RFC 9110 §7.6.1", post(b"Connection: x-hop, x-b\r\nX-HOP: stolen\r\n"))
    ._replace(lacks=(b"stolen",)),
    served("Connection names the framing", "RFC 9110 §7.6.1", post(b"Connection: content-length, transfer-encoding\r\n")),
    served("Connection names Host", "RFC 9110 §7.6.1", post(b"Connection: host\r\n")),
    served("Connection names Content-Type", "RFC 9110 §7.6.1", post(b"Connection: content-type\r\n")),
)  # fmt: skip

PIPELINED = (
    two("two chats", post()),
    two("a chat after the models", get(b"/v1/models"), seen=1),
    two("a chat after chunks", chunked(chunk(), LAST)),
    two("a chat after an empty line", post() + b"\r\n"),
    two("the health after a chat", post(), HEALTH, seen=1),
    two("the health after HEAD", get(method=b"HEAD"), HEALTH, seen=0)._replace(is_head=True),
    Case("ten chats", "RFC 9112 §9.3.2", post() * 10, (OK,) * 10, (CHAT,) * 10, is_kept=True),
    Case("20 requests of all kinds", "RFC 9112 §9.3.2", (post() + HEALTH) * 10, (OK,) * 20, (CHAT,) * 10, is_kept=True),
    Case("a bad request behind a good one", "RFC 9112 §9.3.2", post() + post(host=b""), (OK, frozenset({400})), (CHAT,)),
    Case("noise behind a good request", "RFC 9112 §9.3.2", post() + bytes(9), (OK, frozenset({400})), (CHAT,)),
    Case("a request behind one that closes", "RFC 9112 §9.6", post(b"Connection: close\r\n") + post(), (OK,), (CHAT,)),
    Case("a request behind a bad one", "RFC 9112 §9.6", post(host=b"") + post(), (frozenset({400}),)),
    Case("a refusal between two answers", "RFC 9112 §9.3.2", post() + get(b"/v1/chat/completions") + post(),
         (OK, frozenset({405}), OK), (CHAT,) * 2, is_kept=True),
    Case("an unknown model between two answers", "RFC 9112 §9.3.2", post() + post(body=b'{"model":"none"}') + post(),
         (OK, frozenset({404}), OK), (CHAT,) * 2, is_kept=True),
)  # fmt: skip

OFFERS = (
    served("an offer of h2c", "RFC 9110 §7.8", post(H2C), faults=(28,)),
    served("an offer of h2c with chunks", "RFC 9110 §7.8", chunked(chunk(), LAST, fields=H2C), faults=(28,)),
    answered("an offer of h2c with GET", "RFC 9110 §7.8", get(b"/v1/models", H2C), 200, faults=(28,)),
    Case("an offer of h2c, then another request", "RFC 9110 §7.8", post(H2C) + post(), (OK, OK), (CHAT, CHAT), is_kept=True,
         faults=(28,)),
    served("an offer of h2c and close", "RFC 9110 §7.8", post(H2C.replace(b"Connection: ", b"Connection: close, ")),
           faults=(28,))._replace(is_kept=False),
    served("an offer in lower case", "RFC 9110 §7.8", post(H2C.lower()), faults=(28,)),
    served("an offer in two fields", "RFC 9110 §7.8",
           post(b"Connection: Upgrade\r\nConnection: HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEA\r\n"),
           faults=(28,)),
    served("an offer of websocket", "RFC 9110 §7.8", post(WEBSOCKET), faults=(29,)),
    answered("an offer of websocket with GET", "RFC 9110 §7.8", get(b"/v1/models", WEBSOCKET), 200, faults=(29,)),
    served("an offer of TLS", "RFC 2817 §3", post(b"Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n")),
    served("Upgrade without Connection", "RFC 9110 §7.8", post(b"Upgrade: h2c\r\n")),
    served("Connection: upgrade without Upgrade", "RFC 9110 §7.8", post(b"Connection: upgrade\r\n")),
    served("an offer in HTTP/1.0", "RFC 9110 §7.8", post(H2C, line=OLD))._replace(is_kept=False),
    answered("an offer of h2c with GET and a body", "RFC 9110 §7.8",
             get(fields=H2C + b"Content-Length: 5\r\n") + b"hello", 200, faults=(28,))._replace(is_kept=None),
)  # fmt: skip

EXPECTED = (
    served("Expect: 100-continue", "RFC 9110 §10.1.1", post(b"Expect: 100-continue\r\n")),
    served("Expect: 100-Continue", "RFC 9110 §10.1.1", post(b"Expect: 100-Continue\r\n")),
    served("Expect with chunks", "RFC 9110 §10.1.1", chunked(chunk(), LAST, fields=b"Expect: 100-continue\r\n")),
    served("Expect in HTTP/1.0", "RFC 9110 §10.1.1", post(b"Expect: 100-continue\r\n", line=OLD))._replace(is_kept=False),
    answered("Expect without a body", "RFC 9110 §10.1.1", get(fields=b"Expect: 100-continue\r\n"), 200),
    *(
        refused(f"Expect: {value.decode()}", "RFC 9110 §15.5.18", post(b"Expect: %b\r\n" % value), 417, faults=(25,))
        ._replace(is_kept=None)
        for value in (b"200-ok", b"100-continue, x", b"100", b"x=y")
    ),
    refused("Expect with a body beyond the limit", "RFC 9110 §10.1.1",
            bare(b"Expect: 100-continue\r\nContent-Length: 1048577\r\n"), 413, faults=(40,)),
    answered("Expect with an unknown model", "RFC 9110 §10.1.1", post(b"Expect: 100-continue\r\n", b'{"model":"none"}'), 404),
)  # fmt: skip

FORWARDED = (
    served("credentials of another place", "RFC 9110 §11.6.2", post(b"Authorization: Basic c3RvbGVu\r\nCookie: a=stolen\r\n"))
    ._replace(lacks=(b"c3rvbgvu", b"stolen", b"\ncookie:")),
    served("a key where none is asked", "RFC 9110 §11.6.2", post(b"Authorization: Bearer stolen\r\n"))._replace(
        lacks=(b"stolen",)),
    served("who the client is", "RFC 9110 §7.6.3", post(b"X-Forwarded-For: stolen\r\nVia: 1.1 stolen\r\nForwarded: for=stolen\r\n"))
    ._replace(lacks=(b"stolen",)),
    served("a Host that is not the endpoint's", "RFC 9110 §7.2", post(host=b"Host: stolen.test\r\n"))._replace(lacks=(b"stolen",)),
    answered("the head of nothing", "RFC 9112 §9.3", b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n", 200),
)  # fmt: skip

ROWS = KEPT + PIPELINED + OFFERS + EXPECTED + FORWARDED
