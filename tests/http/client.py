"""A client that sends exactly the bytes it is told to, and reads answers with h11."""

import contextlib
import json
import socket
from collections.abc import Iterable
from typing import NamedTuple

import h11

PATIENCE_S = 5.0
IDS = (b"x-request-id", b"x-multillama-id")


class Answer(NamedTuple):
    """One answer, without what differs from run to run."""

    status: int
    fields: tuple[tuple[bytes, bytes], ...]
    """Lower-case names, sorted; ids masked, no date."""
    body: bytes

    @property
    def text(self) -> bytes:
        lines = b"".join(b"%b: %b\n" % field for field in self.fields)
        return lines + self.body


def one_by_one(raw: bytes) -> list[bytes]:
    return [raw[at : at + 1] for at in range(len(raw))]


def exchange(port: int, pieces: Iterable[bytes], *, ends: bool) -> bytes:
    """Sends the pieces and returns all that comes back until the gateway closes.

    A gateway that refuses closes before everything is sent: what cannot be sent any more is left out.

    Args:
        port: Where the gateway listens on 127.0.0.1.
        pieces: What is sent, one `send` each.
        ends: Whether the client then closes its side.
    """
    with connect(port) as sock:
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                sock.sendall(piece)
            if ends:
                sock.shutdown(socket.SHUT_WR)
        return read_all(sock)


def connect(port: int, patience_s: float = PATIENCE_S) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), patience_s)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def read_all(sock: socket.socket) -> bytes:
    """Reads until the gateway closes."""
    received = bytearray()
    with contextlib.suppress(ConnectionError):
        while data := sock.recv(65536):
            received += data
    return bytes(received)


def read_answers(raw: bytes, *, first_is_head: bool = False) -> list[Answer]:
    """Reads all answers of one connection; fails on bytes that are none.

    Interim answers (100) are left out: whether one is sent depends on when the body comes.
    """
    answers: list[Answer] = []
    while raw:
        method = "HEAD" if first_is_head and not answers else "GET"
        answer, raw = _read_answer(raw, method)
        answers.append(answer)
    return answers


def _read_answer(raw: bytes, method: str) -> tuple[Answer, bytes]:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    connection.send(h11.Request(method=method, target="/", headers=[("host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(raw)
    response: h11.Response | None = None
    body = b""
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        if event is h11.NEED_DATA:
            connection.receive_data(b"")  # the end of the connection ends the body, or breaks it
        elif isinstance(event, h11.Response):
            response = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
    assert response is not None
    rest, _ = connection.trailing_data
    return _masked(response, body), bytes(rest)


def _masked(response: h11.Response, body: bytes) -> Answer:
    fields = [(bytes(name), bytes(value)) for name, value in response.headers]
    masked = [(name, b"ID" if name in IDS else value) for name, value in fields if name != b"date"]
    return Answer(response.status_code, tuple(sorted(masked)), body)


def assert_explains(answer: Answer) -> None:
    """An error of ours has OpenAI's shape."""
    error = json.loads(answer.body)["error"]
    assert {"message", "type", "param", "code", "origin"} <= error.keys()
    assert error["origin"] in ("client", "gateway")
    assert isinstance(error["message"], str)
    assert error["message"]
