"""An LLM endpoint on 127.0.0.1:9603 that streams 100 events, one each 10 ms, then usage and `[DONE]`.

The model `idle` sends one event and then stays silent. `GET /written` answers with the number of events
written so far, so that a bench can divide by what really flowed.
"""

import asyncio

import httptools
import uvloop

PORT = 9603
EVENTS = 100
PERIOD_S = 0.01
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = (
    b'data: {"id":"chatcmpl-abc","object":"chat.completion.chunk","created":1741570283,"model":"m1",'
    b'"system_fingerprint":"fp","choices":[{"index":0,"delta":{"content":" token"},"logprobs":null,'
    b'"finish_reason":null}]}\n\n'
)
LAST = (
    b'data: {"id":"chatcmpl-abc","object":"chat.completion.chunk","created":1741570283,"model":"m1",'
    b'"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}\n\n'
    b'data: {"id":"chatcmpl-abc","object":"chat.completion.chunk","created":1741570283,"model":"m1",'
    b'"choices":[],"usage":{"prompt_tokens":19,"completion_tokens":100,"total_tokens":119}}\n\n'
    b"data: [DONE]\n\n"
)
MODELS = b'{"object":"list","data":[{"id":"m1"},{"id":"idle"}]}'


def chunk(data: bytes) -> bytes:
    """Frames data as one chunk (RFC 9112 §7.1)."""
    return b"%x\r\n%s\r\n" % (len(data), data)


class Written:
    """Events written by all connections together."""

    def __init__(self) -> None:
        self.count = 0


class Endpoint(asyncio.Protocol):
    """One connection."""

    transport: asyncio.Transport

    def __init__(self, written: Written) -> None:
        self.written = written
        self.parser = httptools.HttpRequestParser(self)
        self.url, self.is_idle, self.sent = b"", False, 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.url = url

    def on_body(self, body: bytes) -> None:
        self.is_idle = self.is_idle or b'"idle"' in body

    def on_message_complete(self) -> None:
        if self.parser.get_method() == b"GET":
            body = b"%d" % self.written.count if self.url == b"/written" else MODELS
            head = (
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
            )
            self.transport.write(head % len(body) + body)
        elif not self.url.endswith(b"/chat/completions"):
            self.transport.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
        elif self.is_idle:
            self.transport.write(HEAD + chunk(EVENT))
        else:
            self.transport.write(HEAD)
            self.sent = 0
            self.tick()

    def tick(self) -> None:
        if self.transport.is_closing():
            return
        self.written.count += 1
        if self.sent == EVENTS:
            self.transport.write(chunk(LAST) + b"0\r\n\r\n")
            return
        self.sent += 1
        self.transport.write(chunk(EVENT))
        asyncio.get_running_loop().call_later(PERIOD_S, self.tick)


async def serve() -> None:
    """Serves until it is killed."""
    written = Written()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Endpoint(written), "127.0.0.1", PORT, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())
