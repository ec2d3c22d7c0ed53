"""The gateway's own protocol on a transport that is only a list of bytes: segments arrive exactly as cut.

The endpoint behind is real (loopback, read by h11). Request ids and the date are fixed, so two runs that should be
alike are alike to the byte.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

from multillama.core.endpoints_state import EndpointState
from multillama.core.operations import OPERATIONS
from multillama.core.record import Record
from multillama.core.snapshot import Endpoint, Limits, Route, Snapshot, Target, Timeouts
from multillama.dataplane.connect import Connector
from multillama.dataplane.downstream import Downstream
from multillama.dataplane.listener import Listener
from multillama.dataplane.pool import Pool
from multillama.dataplane.timers import Timers
from multillama.tasks import Tasks
from tests.http.process import KEY, LIMIT_BYTES
from tests.http.recorder import MODELS, Recorder, Seen, listen

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
NOT_FOUND = (
    b"HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 95\r\nconnection: close\r\n\r\n"
    b'{"error":{"message":"None.","type":"x","param":null,"code":"path_not_found","origin":"client"}}'
)
"""What stands in for the pages."""


class ListTransport(asyncio.Transport):
    """One client's side: what is written to it is kept, what it sends is told to the protocol."""

    def __init__(self, protocol: Downstream) -> None:
        super().__init__()
        self.protocol = protocol
        self.written: list[bytes] = []
        self.waiting: list[bytes] = []
        """Segments that came while reading was paused."""
        self.is_paused = False
        self.is_finished = False
        """The gateway has closed its side; the client may still send."""
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._is_closing = False

    def write(self, data: Any) -> None:
        assert not self.is_finished, "written after the end"
        self.written.append(bytes(data))

    def write_eof(self) -> None:
        self.is_finished = True

    def can_write_eof(self) -> bool:
        return True

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            asyncio.get_running_loop().call_soon(self._lose)

    abort = close

    def _lose(self) -> None:
        self.protocol.connection_lost(None)
        self.closed.set_result(None)

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False
        asyncio.get_running_loop().call_soon(self._deliver)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass  # nothing waits here: a list is never full

    def get_write_buffer_size(self) -> int:
        return 0

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        raise AssertionError("nobody takes over in here")

    def receive(self, data: bytes) -> None:
        """A segment arrives."""
        self.waiting.append(data)
        self._deliver()

    def _deliver(self) -> None:
        while self.waiting and not self.is_paused and not self._is_closing:
            self.protocol.data_received(self.waiting.pop(0))

    def receive_end(self) -> None:
        """The client closes its side."""
        if not self._is_closing and not self.protocol.eof_received():
            self.close()


class Stage:
    """A gateway without a port."""

    def __init__(self, listener: Listener, recorder: Recorder) -> None:
        self.listener = listener
        self.recorder = recorder

    async def play(
        self, pieces: Iterable[bytes], *, ends: bool, is_patient: bool = False
    ) -> tuple[bytes, list[Seen]]:
        """Plays one connection to its end.

        Args:
            pieces: The segments.
            ends: Whether the client closes its side behind them.
            is_patient: Whether it waits for the answer to what it has sent whole, before it does.

        Returns:
            What the client got, interim answers left out, and what the endpoint saw.
        """
        self.listener._count = 0  # so that ids repeat
        self.recorder.take()
        protocol = Downstream(self.listener)
        transport = ListTransport(protocol)
        protocol.connection_made(transport)
        for piece in pieces:
            transport.receive(piece)
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            while not transport.is_closing() and (transport.is_paused or is_patient):
                is_patient = protocol._request is not None and protocol._request.is_complete
                await asyncio.sleep(0)
            if ends or transport.is_finished:
                transport.receive_end()
            while not transport.closed.done():
                if transport.is_finished:
                    transport.receive_end()
                await asyncio.sleep(0)
        return b"".join(transport.written).replace(CONTINUE, b""), self.recorder.take()


@contextlib.asynccontextmanager
async def stage(*, has_key: bool = False) -> AsyncIterator[Stage]:
    """Gives a gateway of the running loop, with an endpoint that serves the model `m`."""
    crashes: list[BaseException] = []
    tasks = Tasks(lambda _, error: crashes.append(error))
    timers = Timers(asyncio.get_running_loop())
    recorder = Recorder()
    server = await listen(recorder)
    pool = Pool(timers, tasks, Connector({}))
    listener = Listener(
        snapshot=_snapshot(recorder.port, has_key=has_key), pool=pool, timers=timers, id_prefix="req_",
        on_record=_forget, hand_over=_not_found,
    )  # fmt: skip
    listener.on_crash = crashes.append
    listener.date = lambda: b"Thu, 01 Jan 1970 00:00:00 GMT"  # type: ignore[method-assign]
    try:
        yield Stage(listener, recorder)
    finally:
        pool.close()
        timers.close()
        await tasks.close()
        server.close()
        recorder.abort()
        await asyncio.sleep(0)  # the turn in which they close
    assert crashes == []


def _snapshot(port: int, *, has_key: bool) -> Snapshot:
    endpoint = Endpoint(
        name="recorder", url=f"http://127.0.0.1:{port}", provider="openai", has_key=False, scheme="http",
        host="127.0.0.1", port=port, state=EndpointState("recorder"),
        paths={operation.name: f"/v1{operation.path}".encode() for operation in OPERATIONS},
        fixed_head=b"host: 127.0.0.1:%d\r\n" % port,
    )  # fmt: skip
    return Snapshot(
        endpoints=(endpoint,),
        routes={"m": Route((Target(endpoint),))},
        lists={"openai": MODELS},
        rows={"openai": {"m": b'{"id":"m"}'}},
        api_key=KEY.encode() if has_key else None,
        timeouts=Timeouts(),
        limits=Limits(body_bytes=LIMIT_BYTES, upload_bytes=LIMIT_BYTES),
    )


def _forget(record: Record) -> None:
    pass


def _not_found(transport: asyncio.Transport, data: bytes) -> None:
    transport.write(NOT_FOUND)
    transport.close()
