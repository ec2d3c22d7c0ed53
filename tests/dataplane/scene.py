"""One attempt on its way, and the client it is for."""

from multillama.core.snapshot import Timeouts
from multillama.dataplane.attempt import Attempt
from multillama.dataplane.outbox import Outbox
from multillama.dataplane.relay import Ahead, Relay
from multillama.wire.chunked import ChunkedReader
from tests.core.samples import endpoint
from tests.dataplane.parts import FakeLoop, FakePool

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\n\r\n"
SSE = b"Content-Type: text/event-stream\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


class Direct:
    """What a lane writes to."""

    def __init__(self, client):
        self.write = client.write
        self.is_closing = lambda: client.hung_up is not None


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

    @property
    def ahead(self):
        return Ahead(Direct(self), Outbox(lambda callback: None))

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

    def make(self, **facts):
        """Another attempt, for an answer of its own."""
        self.relay = Relay(self.client, self.dialect, "r1")
        attempt = Attempt(self.relay, self.pool, self.endpoint, Timeouts())
        for name, value in facts.items():
            setattr(attempt, name, value)
        attempt.start(HEAD, self.body, on_over=lambda: self._on_over(attempt))
        return attempt

    def _on_over(self, attempt):
        """What an exchange does that has no other target."""
        self.calls.append((attempt.is_sent, attempt.is_over))
        if attempt.error is not None and self.relay.is_begun:
            self.relay.break_off(attempt.error)
        if attempt.is_over:
            attempt.let_go()

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
