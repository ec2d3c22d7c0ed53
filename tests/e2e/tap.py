"""A TCP proxy that keeps every byte of both directions: what an endpoint really got and sent.

The gateway's own small questions (`GET`) go over the same connections; they are told from the one exchange by method.
"""

import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Self

import h11

BLOCK_BYTES = 64 * 1024


class Passed:
    """The bytes of one connection."""

    def __init__(self) -> None:
        self.up = bytearray()
        self.down = bytearray()

    def request_body(self) -> bytes:
        (request,) = (one for one in _messages(h11.SERVER, self.up) if one.method == "POST")
        return request.body

    def answer_body(self) -> bytes:
        """Returns the body of the answer to the one `POST`, without its framing."""
        methods = [one.method for one in _messages(h11.SERVER, self.up)]
        return _messages(h11.CLIENT, self.down)[methods.index("POST")].body

    def is_at_rest(self) -> bool:
        """Tells whether every request has its whole answer."""
        asked = _messages(h11.SERVER, self.up)
        told = _messages(h11.CLIENT, self.down)
        return len(asked) == len(told) and all(one.is_whole for one in (*asked, *told))


class Message(NamedTuple):
    """One request or answer."""

    method: str
    """Of a request."""
    body: bytes
    is_whole: bool


class Tap:
    """Listens on loopback and passes every connection on to a port of loopback; use it with `with`."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._connections: list[Passed] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets = [self._listener]
        self._moved = threading.Condition()

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
        with self._moved:
            assert self._moved.wait_for(
                lambda: all(passed.is_at_rest() for passed in self._connections), timeout=10
            )
            for passed in self._connections:
                del passed.up[:], passed.down[:]

    def passed(self) -> Passed:
        """Returns what has passed since, on the one connection that had an exchange.

        A connection that was closed while it was idle may have got the request, too; it has no answer.
        """
        asked = (passed for passed in self._connections if b"POST " in passed.up)
        (passed,) = (passed for passed in asked if passed.down)
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
            _spawn(partial(self._pump, client, server, passed.up))
            _spawn(partial(self._pump, server, client, passed.down))

    def _pump(self, source: socket.socket, target: socket.socket, kept: bytearray) -> None:
        try:
            while data := source.recv(BLOCK_BYTES):
                with self._moved:
                    kept += data
                    self._moved.notify_all()
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            """One side is gone, and the other one will see it."""


def _spawn(run: Callable[[], object]) -> None:
    threading.Thread(target=run, daemon=True).start()


def _messages(role: Any, data: bytes | bytearray) -> list[Message]:
    """Returns the messages of one direction; the last one may not be whole."""
    messages = []
    while data:
        connection = h11.Connection(role)
        if role is h11.CLIENT:
            connection.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
            connection.send(h11.EndOfMessage())
        connection.receive_data(bytes(data))
        method, body = "", b""
        while (event := connection.next_event()) is not h11.NEED_DATA:
            if isinstance(event, h11.EndOfMessage):
                break
            if isinstance(event, h11.Request):
                method = event.method.decode()
            body += bytes(event.data) if isinstance(event, h11.Data) else b""
        is_whole = isinstance(event, h11.EndOfMessage)
        messages.append(Message(method, body, is_whole))
        data = connection.trailing_data[0] if is_whole else b""
    return messages
