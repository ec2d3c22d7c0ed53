"""A TCP proxy that keeps every byte of both directions: what an endpoint really got and sent."""

import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Self

import h11

BLOCK_BYTES = 64 * 1024


class Passed:
    """The bytes of one connection."""

    def __init__(self) -> None:
        self.up = bytearray()
        self.down = bytearray()

    def request_body(self) -> bytes:
        return _body(h11.Connection(h11.SERVER), self.up)

    def answer_body(self) -> bytes:
        """Returns the body of the server's one answer, without its framing."""
        connection = h11.Connection(h11.CLIENT)
        connection.send(h11.Request(method="POST", target="/", headers=[("host", "x")]))
        connection.send(h11.EndOfMessage())
        return _body(connection, self.down)


class Tap:
    """Listens on loopback and passes every connection on to a port of loopback; use it with `with`."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._connections: list[Passed] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets = [self._listener]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        _spawn(self._accept)
        return self

    def __exit__(self, *error: object) -> None:
        for sock in self._sockets:
            sock.close()

    def forget(self) -> None:
        """Forgets what has passed; to be called between exchanges."""
        for passed in self._connections:
            del passed.up[:], passed.down[:]

    def passed(self) -> Passed:
        """Returns what has passed since, on the one connection that was answered."""
        (passed,) = (passed for passed in self._connections if passed.down)
        return passed

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # it is closed
                return
            server = socket.create_connection(("127.0.0.1", self._target_port))
            self._sockets += [client, server]
            passed = Passed()
            self._connections.append(passed)
            _spawn(partial(_pump, client, server, passed.up))
            _spawn(partial(_pump, server, client, passed.down))


def _pump(source: socket.socket, target: socket.socket, kept: bytearray) -> None:
    try:
        while data := source.recv(BLOCK_BYTES):
            kept += data
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        """One side is gone, and the other one will see it."""


def _spawn(run: Callable[[], object]) -> None:
    threading.Thread(target=run, daemon=True).start()


def _body(connection: h11.Connection, data: bytearray) -> bytes:
    connection.receive_data(bytes(data))
    body = b""
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        assert event is not h11.NEED_DATA
        body += bytes(event.data) if isinstance(event, h11.Data) else b""
    assert connection.trailing_data[0] == b"", "more than one message"
    return body
