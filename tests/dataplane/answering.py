"""An answering that only notes what it is told, and a connection to ask over."""

from multillama.core.snapshot import Timeouts
from multillama.dataplane.pool import Origin
from multillama.dataplane.upstream import Upstream
from tests.dataplane.parts import FakeLoop, FakeTransport

TIMEOUTS = Timeouts(first_byte_s=20, idle_s=5, send_s=3, pool_idle_s=50)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
STREAM = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Answer:
    """Notes what an answering is told."""

    endpoint = "here"

    def __init__(self):
        self.told = []
        self.body = b""
        self.error = None
        self.died_in_pool = None

    def on_head(self, head):
        self.told.append(f"head {head.status}")

    def on_data(self, parts, is_last):
        self.body += b"".join(parts)
        parts.clear()
        self.told.append("last" if is_last else "data")

    def on_lost(self, error, *, reusable_socket_died):
        assert error.endpoint == "here"
        self.told.append(f"lost {error.kind}")
        self.error, self.died_in_pool = error, reusable_socket_died

    def on_writable(self):
        self.told.append("writable")


def connection(loop: FakeLoop) -> Upstream:
    """A connection of an origin of its own."""
    origin = Origin(loop.timers(), TIMEOUTS)
    upstream = Upstream(origin)
    upstream.connection_made(FakeTransport(upstream))
    origin.open.add(upstream)
    return upstream


def ask(upstream, body=b"{}"):
    answer = Answer()
    upstream.send(b"POST / HTTP/1.1\r\n\r\n", body, answer)
    return answer
