"""Asks the kernel whether the other side of a loopback connection has read what was sent to it.

Two writes in a row may come out as one: who wants them read apart has to wait in between, and not for a time.
"""

import os
import socket
import struct
import time

from tests.http.client import PATIENCE_S

_SOCK_DIAG, _REQUEST, _ERROR = 4, 1, 2
_BY_FAMILY = 20
_ANY = 0xFFFFFFFF
_QUEUE_AT = 16 + 4 + 48 + 4
"""In the answer: behind its head, the state, the two addresses and a timer."""


def wait_until_read(sock: socket.socket) -> None:
    """Returns when the other side has read everything, or is gone."""
    end = time.monotonic() + PATIENCE_S
    while unread_bytes(sock):
        assert time.monotonic() < end, "nobody reads"
        os.sched_yield()


def unread_bytes(sock: socket.socket) -> int:
    """How many bytes lie at the other side of an IPv4 connection of this machine; 0 if it is gone.

    Source: Linux, sock_diag(7).
    """
    (our_ip, our_port), (their_ip, their_port) = sock.getsockname(), sock.getpeername()
    ends = struct.pack("!HH", their_port, our_port)
    ends += b"".join(socket.inet_aton(ip).ljust(16, b"\0") for ip in (their_ip, our_ip))
    asked = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, _ANY) + ends
    asked += struct.pack("=III", 0, _ANY, _ANY)  # any interface, whatever its cookie
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _SOCK_DIAG) as kernel:
        kernel.send(struct.pack("=IHHII", 16 + len(asked), _BY_FAMILY, _REQUEST, 0, 0) + asked)
        answer = kernel.recv(4096)
    (kind,) = struct.unpack_from("=H", answer, 4)
    return 0 if kind == _ERROR else int(struct.unpack_from("=I", answer, _QUEUE_AT)[0])
