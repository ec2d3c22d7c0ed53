"""One attempt on its way, and the client it is for."""

from multillama.core.snapshot import Timeouts
from multillama.dataplane.relay import Attempt
from multillama.wire.chunked import ChunkedReader
from tests.core.samples import endpoint
from tests.dataplane.parts import FakeLoop, FakePool

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\n\r\n"
SSE = b"Content-Type: text/event-stream\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


class Client:
    """A client's side that keeps what it is given."""

    def __init__(self, has_http_11=True, stays=True):
        self.has_http_11 = has_http_11
        self.stays = stays
        self.written = []
        self.commits = 0
        self.hung_up = None

    def may_keep_alive(self):
        return self.stays

    def date(self):
        return b"now"

    def on_commit(self):
        self.commits += 1

    def write(self, data):
        assert data
        assert self.hung_up is None
        self.written.append(data)

    def hang_up(self, *, hard):
        self.hung_up = "hard" if hard else "soft"

    @property
    def head(self):
        return b"".join(self.written).partition(b"\r\n\r\n")[0] + b"\r\n"

    @property
    def body(self):
        return b"".join(self.written).partition(b"\r\n\r\n")[2]


class Scene:
    """An attempt that is on its way."""

    def __init__(self, *, body=b"{}", dialect="openai.chat", **client):
        self.loop = FakeLoop()
        self.pool = FakePool(self.loop.timers())
        self.client = Client(**client)
        self.endpoint = endpoint("here")
        self.calls = []
        self.body, self.dialect = body, dialect
        self.attempt = self.make()

    def make(self):
        attempt = Attempt(self.client, self.pool, self.endpoint, Timeouts())
        attempt.start(
            HEAD, self.body, dialect=self.dialect, exchange_id="r1",
            on_over=lambda: self.calls.append((attempt.is_sent, attempt.is_over)),
        )  # fmt: skip
        return attempt

    def connect(self):
        return self.pool.waiting[0].come()

    def answer(self, lines=b"", body=b"", status=b"200 OK"):
        """Sends an answer's first bytes; returns the endpoint's side."""
        transport = self.connect()
        transport.protocol.data_received(b"HTTP/1.1 %b\r\n%b\r\n%b" % (status, lines, body))
        return transport


def unchunked(body):
    reader = ChunkedReader()
    data = b"".join(reader.feed(body))
    return data, reader.is_done
