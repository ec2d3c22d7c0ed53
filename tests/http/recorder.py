"""The endpoint behind the gateway: it reads with h11, strictly, and remembers what it saw.

It is the judge of what the gateway makes of hostile bytes: whatever came in, here arrive good requests only.
"""

import asyncio
import hashlib
import json
import threading
from typing import NamedTuple

import h11

MODELS = json.dumps({"object": "list", "data": [{"id": "m", "object": "model"}]}).encode()
HOP_BY_HOP = {
    b"connection", b"keep-alive", b"proxy-connection", b"proxy-authorization", b"proxy-authenticate",
    b"te", b"trailer", b"upgrade", b"http2-settings", b"expect",
}  # fmt: skip


class Seen(NamedTuple):
    """One request as h11 understood it."""

    method: bytes
    target: bytes
    fields: list[tuple[bytes, bytes]]
    body: bytes

    def values(self, name: bytes) -> list[bytes]:
        return [value for known, value in self.fields if known == name]

    @property
    def text(self) -> bytes:
        """The head in lower case, one line each, for questions about what must not be in it."""
        lines = b"".join(b"\n%b: %b" % field for field in self.fields)
        return (self.method + b" " + self.target + lines).lower()


class Recorder:
    """What arrived at one endpoint, by any thread."""

    def __init__(self) -> None:
        self.port = 0
        self.transports: set[asyncio.Transport] = set()
        self._seen: list[Seen] = []
        self._broken: list[str] = []

    def take(self) -> list[Seen]:
        """Returns what arrived since the last call; fails if anything was no HTTP."""
        seen, self._seen = self._seen, []
        broken, self._broken = self._broken, []
        assert broken == []
        return seen

    def on_request(self, seen: Seen) -> bytes:
        """Remembers a request for an operation; returns the body of the answer."""
        if seen.method == b"GET":
            return MODELS
        if seen.body == b"{}":
            return b"{}"  # the gateway asks which dialects are spoken here
        self._seen.append(seen)
        return json.dumps(
            {
                "object": "echo",
                "sha256": hashlib.sha256(seen.body).hexdigest(),
                "bytes": len(seen.body),
            }
        ).encode()

    def abort(self) -> None:
        """Ends all connections; they are closed one turn of the loop later."""
        for transport in list(self.transports):
            transport.abort()

    def on_garbage(self, error: str) -> None:
        self._broken.append(error)


class RecorderProtocol(asyncio.Protocol):
    """One connection from the gateway."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=128 * 1024)
        self._request: h11.Request | None = None
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._recorder.transports.add(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._recorder.transports.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._h11.receive_data(data)
            while isinstance(event := self._h11.next_event(), h11.Event):
                self._on_event(event)
        except h11.RemoteProtocolError as error:
            self._recorder.on_garbage(str(error))
            self._transport.close()

    def _on_event(self, event: h11.Event) -> None:
        if isinstance(event, h11.Request):
            self._request, self._body = event, []
        elif isinstance(event, h11.Data):
            self._body.append(bytes(event.data))
        elif isinstance(event, h11.EndOfMessage):
            assert self._request is not None
            if list(event.headers):
                self._recorder.on_garbage("a trailer arrived")
            request = self._request
            fields = [(bytes(name), bytes(value)) for name, value in request.headers]
            seen = Seen(bytes(request.method), bytes(request.target), fields, b"".join(self._body))
            self._answer(self._recorder.on_request(seen))

    def _answer(self, body: bytes) -> None:
        fields = [("content-type", "application/json"), ("content-length", str(len(body)))]
        head = self._h11.send(h11.Response(status_code=200, headers=fields))
        data = self._h11.send(h11.Data(data=body))
        end = self._h11.send(h11.EndOfMessage())
        self._transport.write((head or b"") + (data or b"") + (end or b""))
        if self._h11.our_state is h11.MUST_CLOSE:
            self._transport.close()
        else:
            self._h11.start_next_cycle()


def assert_built_by_us(seen: Seen, recorder: Recorder) -> None:
    """What holds for every request that the gateway sends, whatever it received."""
    assert seen.method == b"POST"
    assert seen.values(b"host") == [b"127.0.0.1:%d" % recorder.port]
    lengths, codings = seen.values(b"content-length"), seen.values(b"transfer-encoding")
    assert len(lengths) + len(codings) == 1
    assert lengths in ([], [b"%d" % len(seen.body)])
    assert codings in ([], [b"chunked"])
    names = [name for name, _ in seen.fields]
    assert [name for name in names if name in HOP_BY_HOP or b"_" in name] == []
    assert [name for name in (b"content-type", b"authorization") if names.count(name) > 1] == []


class RecorderThread:
    """A recorder on a loop of its own, for a gateway that runs in another process."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder")

    def __enter__(self) -> Recorder:
        self._thread.start()
        assert self._ready.wait(10)
        return self.recorder

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await listen(self.recorder)
        self._ready.set()
        await self._stop.wait()
        server.close()
        self.recorder.abort()
        await asyncio.sleep(0)  # the turn in which they close


async def listen(recorder: Recorder) -> asyncio.Server:
    """Serves a recorder on a free port of the running loop."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: RecorderProtocol(recorder), "127.0.0.1", 0)
    recorder.port = server.sockets[0].getsockname()[1]
    return server
