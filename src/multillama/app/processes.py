"""The process around a gateway: its event loop, its sockets and its signals."""

import asyncio
import contextlib
import ctypes
import errno
import gc
import signal
import socket
from collections.abc import Callable, Coroutine
from ipaddress import ip_address
from typing import Any, Final, TypeVar

Result = TypeVar("Result")

M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3
KEPT_BYTES: Final = 16 * 1024 * 1024


class StartError(Exception):
    """The gateway cannot start; the text says why and what to do."""


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Runs a coroutine on uvloop, or on asyncio's own loop where uvloop does not exist."""
    # An exchange leaves no circles behind, so the collector finds nothing: look less often (1 µs a request), and
    # never at what the imports have made.
    gc.freeze()
    _keep_memory()
    gc.set_threshold(20_000, 20, 20)
    try:
        import uvloop
    except ImportError:  # Windows
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


def _keep_memory() -> None:
    """Lets glibc keep up to 16 MB of freed memory.

    It would give the memory of every larger body back to the kernel and take it again, page by page: 14 of 130 µs for
    a body of 100 kB. Other C libraries have no such word and need none.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(M_MMAP_THRESHOLD, KEPT_BYTES // 4)


def bind(host: str, port: int) -> list[socket.socket]:
    """Binds all addresses of a host name; `::` is every network by IPv4, too.

    Raises:
        StartError: The name cannot be resolved, or the port cannot be had.
    """
    bare = host.strip("[]")
    # A socket of its own for IPv4: through the other one its clients would have addresses of IPv6.
    names = [bare, "0.0.0.0"] if is_everywhere(bare) and ":" in bare else [bare]  # noqa: S104 - asked for
    try:
        found = [address for name in names for address in _addresses(name, port)]
    except (OSError, UnicodeError) as error:
        raise StartError(
            f"The host {host} cannot be resolved. Use --host localhost, or an address of this machine."
        ) from error
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    for family, kind, protocol, _, address in dict.fromkeys(found):
        try:
            sockets.append(_bind_one(family, kind, protocol, address))
        except OSError as error:
            # `localhost` names ::1 too, also where IPv6 is switched off: one address is enough.
            if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                missing = error
                continue
            for sock in sockets:
                sock.close()
            raise StartError(_reason(error, host, port)) from error
    if not sockets:
        raise StartError(_reason(missing, host, port)) from missing
    return sockets


def _addresses(name: str, port: int) -> list[tuple[Any, ...]]:
    return list(socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE))


def is_everywhere(host: str) -> bool:
    """Says whether a host is every address of this machine: `0.0.0.0` or `::`, in any spelling."""
    try:
        return ip_address(host.strip("[]")).is_unspecified
    except ValueError:
        return False


def _bind_one(family: int, kind: int, protocol: int, address: Any) -> socket.socket:
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
    except BaseException:
        sock.close()
        raise
    return sock


def _reason(error: OSError | None, host: str, port: int) -> str:
    code = error.errno if error is not None else None
    if code == errno.EADDRINUSE:
        return f"Port {port} is in use. Stop the other program, or choose another --port."
    if code == errno.EACCES:
        return f"Port {port} needs more rights than this user has. Choose a --port above 1023."
    if code == errno.EADDRNOTAVAIL:
        return (
            f"The host {host} is not an address of this machine. Use --host localhost or 0.0.0.0."
        )
    return f"Port {port} on {host} cannot be had: {error.strerror if error else 'no address'}."


def on_stop(stop: Callable[[], None]) -> None:
    """Calls `stop` for every SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


def on_reload(reload: Callable[[], object]) -> None:
    """Calls `reload` for every SIGHUP, where the system has it."""
    if hasattr(signal, "SIGHUP"):
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
