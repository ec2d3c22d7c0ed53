"""Whether a client that waits for its answer is still there.

A FIN may be a client that left, or one that has said all and waits (RFC 9112 §9.6 allows it). Only the answer to a
write tells: an interim response is legal at any time, and a closed peer resets. While reading is paused the loop shows
neither FIN nor reset, so the system is asked. It must never write into an answer that has begun.
"""

import asyncio
import socket
import sys
from collections.abc import Callable
from typing import Final, Protocol

from multillama.dataplane.timers import Timers

PROBES_S: Final = (0.02, 0.03, 0.05, 0.1, 0.3)
"""After a client's FIN, between probes: whichever way its reset has to come, we look soon after it is here."""
PROBE_S: Final = 5.0
"""Between later probes."""
LOOK_S: Final = 0.1
"""Between looks at a connection whose reading is paused."""
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

# States of Linux (include/net/tcp_states.h): other systems number them otherwise.
TCP_CLOSE: Final = 7
"""A reset has come."""
TCP_CLOSE_WAIT: Final = 8
"""The peer's FIN is here, maybe behind bytes that nobody has read."""


class Exchanging(Protocol):
    """What is known of an exchange that runs."""

    @property
    def has_begun_to_answer(self) -> bool: ...
    def cancel(self) -> None: ...


class Connection(Protocol):
    """A client's connection, as it is watched here."""

    transport: asyncio.Transport
    has_http_11: bool
    is_read_paused: bool
    write: Callable[[bytes], None]

    @property
    def running(self) -> Exchanging | None:
        """The exchange that runs."""


class Presence:
    """Watches over one connection, from the first doubt on."""

    __slots__ = ("_connection", "_has_fin", "_is_looking", "_probes", "_timers")

    def __init__(self, connection: Connection, timers: Timers) -> None:
        self._connection = connection
        self._timers = timers
        self._probes = 0
        self._has_fin = False
        self._is_looking = False

    def on_fin(self) -> bool:
        """Takes note of a FIN; says whether the client may still wait. One that has left is cancelled."""
        connection = self._connection
        exchange = connection.running
        if exchange is not None and exchange.has_begun_to_answer:
            # Nobody half-closes while it reads, and a reader that left must not cost tokens.
            connection.transport.abort()
            exchange.cancel()
            return False
        if not self._has_fin:
            self._has_fin = True
            self._probe()
        return True

    def _probe(self) -> None:
        connection = self._connection
        exchange = connection.running
        if exchange is None or connection.transport.is_closing():
            self._has_fin = False
            return
        if exchange.has_begun_to_answer:
            return  # an interim response within the answer would spoil it, and its own bytes tell as well
        if connection.has_http_11:
            connection.write(CONTINUE)
        # Soon at first: nobody should generate for a client that has left.
        wait_s = PROBES_S[self._probes] if self._probes < len(PROBES_S) else PROBE_S
        self._probes += 1
        self._timers.call_later(wait_s, self._probe)

    def on_read_paused(self) -> None:
        """Looks from now on, until reading goes on."""
        if not self._is_looking:
            self._is_looking = True
            self._timers.call_later(LOOK_S, self._look)

    def _look(self) -> None:
        connection = self._connection
        self._is_looking = False
        if not connection.is_read_paused or connection.transport.is_closing():
            return
        state = tcp_state(connection.transport)
        if state is None:
            return  # not on this system
        if state == TCP_CLOSE:
            connection.transport.abort()
            return
        if state == TCP_CLOSE_WAIT and connection.running is not None and not self.on_fin():
            return
        self.on_read_paused()


def tcp_state(transport: asyncio.Transport) -> int | None:
    """Returns the state of a connection as Linux numbers it; None where that cannot be known."""
    sock = transport.get_extra_info("socket")
    if sys.platform != "linux" or sock is None:
        return None
    try:
        return int(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0])
    except OSError:
        return None
