"""Making a connection: names, happy eyeballs, TLS with the system's trust store, and HTTP proxies.

Nothing here blocks the loop: names are looked up by the loop's resolver and remembered for a while.

Sources: RFC 8305 (staggered attempts), RFC 9110 §9.3.6 (CONNECT); `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` as curl
reads them, except that loopback is never sent through a proxy.
"""

import asyncio
import ipaddress
import re
import socket
import ssl
from asyncio import staggered
from base64 import b64encode
from collections.abc import Mapping
from functools import partial
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from multillama.core.snapshot import Endpoint
from multillama.dataplane.upstream import Upstream
from multillama.errors import GatewayError
from multillama.wire.hosts import is_address

STAGGER_S: Final = 0.25
"""Head start of one address over the next: RFC 8305 §5."""
NAME_TTL_S: Final = 30.0
MAX_NAMES: Final = 1024
MAX_ADDRESSES: Final = 8
MAX_CONNECT_ANSWER_BYTES: Final = 16 * 1024

PROXY_PORT: Final = 1080
"""Of a proxy without one, as with curl."""

Address = tuple[str, int]


class Connector:
    """Makes connections for the pool."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._proxies = {
            "https": environ.get("https_proxy") or environ.get("HTTPS_PROXY"),
            # An HTTP_PROXY in capitals can be forged in CGI; curl reads the small one only, and so do we.
            "http": environ.get("http_proxy"),
        }
        all_proxy = environ.get("all_proxy") or environ.get("ALL_PROXY")
        self._proxies = {scheme: url or all_proxy for scheme, url in self._proxies.items()}
        self._no_proxy = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
        self._names: dict[Address, tuple[float, list[str]]] = {}
        self._context: ssl.SSLContext | None = None

    def proxy_of(self, endpoint: Endpoint) -> SplitResult | None:
        """Returns the proxy on the way to an endpoint, or None."""
        url = self._proxies.get(endpoint.scheme)
        if not url or is_excepted(endpoint.host, endpoint.port, self._no_proxy):
            return None
        return urlsplit(url if "://" in url else f"http://{url}")

    async def connect(self, endpoint: Endpoint, upstream: Upstream) -> None:
        """Connects `upstream` to its endpoint.

        Raises:
            GatewayError: `endpoint_unreachable` (name, refusal, proxy) or `endpoint_tls_failed`.
        """
        name = endpoint.name
        try:
            await self._connect(endpoint, upstream)
        except ssl.SSLError as error:
            reason = getattr(error, "verify_message", "") or error.reason or "handshake failed"
            text = f"TLS with the endpoint {name} failed: {reason}."
            raise GatewayError("endpoint_tls_failed", text, endpoint=name) from error
        except (
            OSError,
            ValueError,
        ) as error:  # the second for a name or a proxy that cannot be one
            text = f"The endpoint {name} cannot be reached: {reason_of(error)}"
            raise GatewayError("endpoint_unreachable", text, endpoint=name) from error

    async def _connect(self, endpoint: Endpoint, upstream: Upstream) -> None:
        loop = asyncio.get_running_loop()
        sock = await self.dial(endpoint)
        try:
            if endpoint.scheme == "https":
                await loop.create_connection(
                    lambda: upstream, sock=sock, ssl=self.tls(), server_hostname=endpoint.host
                )
            else:
                await loop.create_connection(lambda: upstream, sock=sock)
        except BaseException:
            sock.close()
            raise

    async def dial(self, endpoint: Endpoint) -> socket.socket:
        """Opens a connection to an endpoint, through its proxy if it has one, without TLS.

        Raises:
            OSError: There is none.
        """
        proxy = self.proxy_of(endpoint)
        if proxy is not None:
            return await self._through(proxy, endpoint)
        return await self._dial(endpoint.host, endpoint.port)

    def tls(self) -> ssl.SSLContext:
        """Returns what TLS with every endpoint is made with."""
        if self._context is None:
            self._context = ssl.create_default_context()
            self._context.set_alpn_protocols(["http/1.1"])
        return self._context

    async def _through(self, proxy: SplitResult, endpoint: Endpoint) -> socket.socket:
        """Opens a tunnel; also for plain http, so that only one form of request exists."""
        if proxy.scheme != "http":
            raise OSError(f"a proxy must be http://…, and this one is {proxy.scheme}://…")
        loop = asyncio.get_running_loop()
        sock = await self._dial_proxy(proxy.hostname or "", proxy.port or PROXY_PORT)
        host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
        head = f"CONNECT {host}:{endpoint.port} HTTP/1.1\r\nhost: {host}:{endpoint.port}\r\n"
        if proxy.username is not None:
            pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
            head += f"proxy-authorization: Basic {b64encode(pair).decode()}\r\n"
        try:
            await loop.sock_sendall(sock, f"{head}\r\n".encode())
            answer = b""
            while b"\r\n\r\n" not in answer:
                piece = await loop.sock_recv(sock, 1)  # not one byte of what follows the head
                if not piece or len(answer) > MAX_CONNECT_ANSWER_BYTES:
                    raise ConnectionError("the proxy broke off")
                answer += piece
            if not re.match(rb"HTTP/1\.[01] 2\d\d", answer):
                line = answer.split(b"\r\n")[0][:80].decode("latin-1")
                raise ConnectionError(f"the proxy {proxy.hostname} refused ({line})")
        except BaseException:
            sock.close()
            raise
        return sock

    async def _dial_proxy(self, host: str, port: int) -> socket.socket:
        try:
            return await self._dial(host, port)
        except OSError as error:
            # Else it would be told as the endpoint's refusal, which nobody has asked yet.
            reason = reason_of(error)
            if isinstance(error, ConnectionRefusedError):
                reason = "it refused the connection. Is it running?"
            text = f"its proxy {host}:{port} cannot be reached: {reason.rstrip('.')}"
            raise ConnectionError(text) from error

    async def _dial(self, host: str, port: int) -> socket.socket:
        """Connects to the first address that answers, giving each a head start over the next."""
        addresses = await self.look_up(host, port)
        # Every socket is known here, so that none is lost: two may win at once, and a cancel may come just then.
        opened: list[socket.socket] = []
        winner: socket.socket | None = None
        try:
            attempts = [partial(_open, address, port, opened) for address in addresses]
            winner, _, errors = await staggered.staggered_race(attempts, STAGGER_S)
        finally:
            for sock in opened:
                if sock is not winner:
                    sock.close()
        if winner is None:
            raise next((error for error in errors if error), OSError("the name has no address"))
        return winner

    async def look_up(self, host: str, port: int) -> list[str]:
        """Returns the addresses of a host, in the order in which they are tried."""
        if is_address(host):
            return [host]
        loop = asyncio.get_running_loop()
        known = self._names.get((host, port))
        if known is not None and known[0] > loop.time():
            return known[1]
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = _interleave([str(info[4][0]) for info in found])[:MAX_ADDRESSES]
        if len(self._names) >= MAX_NAMES:
            self._names.clear()
        self._names[host, port] = (loop.time() + NAME_TTL_S, addresses)
        return addresses


async def _open(address: str, port: int, opened: list[socket.socket]) -> socket.socket:
    """Connects a socket; whoever owns `opened` closes it, too."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    opened.append(sock)
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    await asyncio.get_running_loop().sock_connect(sock, (address, port))
    return sock


def _interleave(addresses: list[str]) -> list[str]:
    """Orders addresses alternately by family, keeping the resolver's order within each (RFC 8305 §4)."""
    unique = list(dict.fromkeys(addresses))
    if not unique:
        return []
    first_is_6 = ":" in unique[0]
    first = [a for a in unique if (":" in a) == first_is_6]
    second = [a for a in unique if (":" in a) != first_is_6]
    mixed = [a for pair in zip(first, second, strict=False) for a in pair]
    return mixed + first[len(second) :] + second[len(first) :]


def is_excepted(host: str, port: int, no_proxy: str) -> bool:
    """Says whether a host is reached without the proxy."""
    try:
        if ipaddress.ip_address(host).is_loopback:
            return True
    except ValueError:
        if host == "localhost" or host.endswith(".localhost"):
            return True
    for entry in re.split(r"[\s,]+", no_proxy.lower()):
        if entry == "*" or (entry and _matches(host.lower(), port, entry)):
            return True
    return False


def _matches(host: str, port: int, entry: str) -> bool:
    if "/" in entry:
        try:
            return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, colon, wanted = entry.rpartition(":") if entry.count(":") == 1 else (entry, "", "")
    if colon and wanted != str(port):
        return False
    name = name.lstrip("*").lstrip(".")
    return host == name or host.endswith(f".{name}")


def reason_of(error: BaseException) -> str:
    """Says in plain words why a connection failed; ends with a full stop or question mark."""
    if isinstance(error, ConnectionRefusedError):
        return "connection refused. Is it running?"
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved."
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text if text.endswith(("?", ".")) else f"{text}."
