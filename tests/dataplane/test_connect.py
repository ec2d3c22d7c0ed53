import asyncio
import errno
import socket
from base64 import b64encode

import pytest

from multillama.core.snapshot import Timeouts
from multillama.dataplane import connect
from multillama.dataplane.connect import MAX_CONNECT_ANSWER_BYTES, Connector, is_excepted, reason_of
from multillama.dataplane.pool import Origin
from multillama.dataplane.upstream import Upstream
from multillama.errors import GatewayError
from tests.core.samples import endpoint
from tests.dataplane.certificates import Authority
from tests.dataplane.parts import FakeLoop

on_asyncio = pytest.mark.asyncio(loop_factories=["asyncio"])
"""For tests that answer the resolver's part: uvloop has one of its own."""


class Hearing(Upstream):
    """An upstream that keeps what is said before anything was asked."""

    def __init__(self, origin):
        super().__init__(origin)
        self.heard = asyncio.get_running_loop().create_future()

    def data_received(self, data):
        if not self.heard.done():
            self.heard.set_result(data)


@pytest.fixture
async def upstream():
    upstream = Hearing(Origin(FakeLoop().timers(), Timeouts()))
    yield upstream
    if upstream.transport is not None:
        upstream.transport.abort()
        await asyncio.sleep(0)


@pytest.fixture
def connector():
    return Connector({})


class Server:
    """A server that waits for those it serves before it ends."""

    def __init__(self):
        self.port = 0
        self._serving = []

    async def listen(self, **how):
        self._server = await asyncio.start_server(self._begin, "127.0.0.1", 0, **how)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _begin(self, reader, writer):
        self._serving.append(asyncio.current_task())
        try:
            await self.serve(reader, writer)
        except ConnectionError:
            """The other side has left, which is how these tests end."""
        finally:
            writer.transport.abort()

    async def __aenter__(self):
        await self.listen()
        return self

    async def __aexit__(self, *_):
        self._server.close()
        await asyncio.wait_for(asyncio.gather(*self._serving), 5)


class Greeter(Server):
    """Greets, if it has something to say, and then waits for the end."""

    def __init__(self, greeting=b"", **how):
        super().__init__()
        self._greeting = greeting
        self._how = how

    async def listen(self):
        await super().listen(**self._how)

    async def serve(self, reader, writer):
        writer.write(self._greeting)
        await reader.read()


@pytest.fixture
async def greeter(upstream):
    async with Greeter(b"hello") as greeter:
        yield greeter
        if upstream.transport is not None:
            upstream.transport.abort()


# --- plain -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_it_connects(connector, upstream, greeter, host):
    await connector.connect(endpoint(host=host, port=greeter.port), upstream)

    transport = upstream.transport
    assert await upstream.heard == b"hello"
    assert transport.get_extra_info("peername")[:2] == ("127.0.0.1", greeter.port)
    assert not transport.is_closing()


async def test_a_port_nobody_listens_on_is_told_as_such(connector, upstream):
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]

    with pytest.raises(GatewayError) as caught:
        await connector.connect(endpoint("here", port=port), upstream)

    assert (caught.value.kind, caught.value.origin) == ("endpoint_unreachable", "endpoint:here")
    assert (
        caught.value.text
        == "The endpoint here cannot be reached: connection refused. Is it running?"
    )


@pytest.mark.parametrize("host", ["a..b", "x" * 70 + ".test"])
async def test_a_name_that_can_be_none_is_told_as_such(connector, upstream, host):
    with pytest.raises(GatewayError) as caught:
        await connector.connect(endpoint(host=host), upstream)

    assert caught.value.kind == "endpoint_unreachable"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "connection refused. Is it running?"),
        (socket.gaierror(-2, "Name or service not known"), "its name cannot be resolved."),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "No route to host."),
        (ConnectionError("the proxy broke off"), "the proxy broke off."),
        (OSError(), "OSError."),
    ],
)
def test_a_reason_is_said_in_plain_words(error, reason):
    assert reason_of(error) == reason


# --- names and addresses (RFC 8305) ----------------------------------------------------------------


@pytest.fixture
def names(monkeypatch):
    """What the resolver answers, and how often it was asked."""
    found = {"asked": []}

    def resolve(host, port, *_, **__):
        found["asked"].append(host)
        if host not in found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port),
            )
            for address in found[host]
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return found


@on_asyncio
async def test_a_name_that_does_not_exist_is_told_as_such(connector, upstream, names):
    with pytest.raises(GatewayError, match="its name cannot be resolved"):
        await connector.connect(endpoint(host="nowhere.test"), upstream)


@on_asyncio
async def test_a_name_without_an_address_is_told_as_such(connector, upstream, names):
    names["empty.test"] = []

    with pytest.raises(GatewayError, match="the name has no address"):
        await connector.connect(endpoint(host="empty.test"), upstream)


@on_asyncio
async def test_a_refusal_by_one_address_is_followed_by_the_next_at_once(
    connector, upstream, greeter, names
):
    names["two.test"] = ["127.0.0.9", "127.0.0.1"]
    started = asyncio.get_running_loop().time()

    await connector.connect(endpoint(host="two.test", port=greeter.port), upstream)

    assert upstream.transport.get_extra_info("peername")[0] == "127.0.0.1"
    assert asyncio.get_running_loop().time() - started < connect.STAGGER_S


@pytest.fixture
def dead_address(greeter):
    """An address on which a connection is neither made nor refused: its queue is full."""
    sock = socket.socket()
    sock.bind(("127.0.0.3", greeter.port))
    sock.listen(0)
    waiting = [socket.socket() for _ in range(3)]
    for one in waiting:
        one.setblocking(False)
        one.connect_ex(("127.0.0.3", greeter.port))
    yield "127.0.0.3"
    for one in (*waiting, sock):
        one.close()


@on_asyncio
async def test_an_address_that_does_not_answer_holds_nobody_up(
    connector, upstream, greeter, names, dead_address, monkeypatch
):
    monkeypatch.setattr(connect, "STAGGER_S", 0.02)
    names["two.test"] = [dead_address, "127.0.0.1"]

    async with asyncio.timeout(2):
        await connector.connect(endpoint(host="two.test", port=greeter.port), upstream)

    assert upstream.transport.get_extra_info("peername")[0] == "127.0.0.1"


async def test_who_gives_up_leaves_nothing_open(connector, upstream, greeter, dead_address):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await connector.connect(endpoint(host=dead_address, port=greeter.port), upstream)

    # A socket that is left open is a ResourceWarning, and fails the test.
    assert upstream.transport is None


@on_asyncio
async def test_both_families_take_turns(connector, upstream, names, monkeypatch):
    tried = []

    async def refuse(address, port, opened):
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(connect, "_open", refuse)
    names["many.test"] = [
        "2001:db8::1",
        "2001:db8::2",
        "2001:db8::1",
        "2001:db8::3",
        "192.0.2.1",
        "192.0.2.2",
    ]

    with pytest.raises(GatewayError):
        await connector.connect(endpoint(host="many.test"), upstream)

    assert tried == ["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "2001:db8::3"]


@on_asyncio
async def test_no_more_than_eight_addresses_are_tried(connector, upstream, names, monkeypatch):
    tried = []

    async def refuse(address, port, opened):
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(connect, "_open", refuse)
    names["many.test"] = [f"192.0.2.{at}" for at in range(20)]

    with pytest.raises(GatewayError):
        await connector.connect(endpoint(host="many.test"), upstream)

    assert len(tried) == connect.MAX_ADDRESSES


@on_asyncio
@pytest.mark.parametrize(("ttl_s", "asked"), [(30.0, 1), (-1.0, 2)])
async def test_a_name_is_remembered_for_a_while(
    connector, upstream, greeter, names, monkeypatch, ttl_s, asked
):
    monkeypatch.setattr(connect, "NAME_TTL_S", ttl_s)
    names["one.test"] = ["127.0.0.1"]

    for _ in range(2):
        await connector.connect(endpoint(host="one.test", port=greeter.port), upstream)
        upstream.transport.abort()

    assert names["asked"] == ["one.test"] * asked


@on_asyncio
async def test_only_so_many_names_are_remembered(connector, names, upstream, monkeypatch):
    monkeypatch.setattr(connect, "MAX_NAMES", 2)
    for host in ("a.test", "b.test", "c.test", "b.test"):
        names[host] = []
        with pytest.raises(GatewayError):
            await connector.connect(endpoint(host=host), upstream)

    assert names["asked"] == ["a.test", "b.test", "c.test", "b.test"]


# --- TLS -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
async def secure(authority, upstream):
    async with Greeter(ssl=authority.server_context("localhost")) as greeter:
        yield greeter
        if upstream.transport is not None:
            upstream.transport.abort()


async def test_a_certificate_of_the_trust_store_is_accepted(
    connector, upstream, secure, authority, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    here = endpoint(scheme="https", host="localhost", port=secure.port)

    await connector.connect(here, upstream)

    tls = upstream.transport.get_extra_info("ssl_object")
    assert tls.selected_alpn_protocol() == "http/1.1"
    assert tls.version() in ("TLSv1.2", "TLSv1.3")


async def test_the_trust_store_is_read_once(connector, upstream, secure, authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    here = endpoint(scheme="https", host="localhost", port=secure.port)
    await connector.connect(here, upstream)
    upstream.transport.abort()
    monkeypatch.setenv("SSL_CERT_FILE", "gone")

    await connector.connect(here, upstream)

    assert upstream.transport.get_extra_info("ssl_object").version()


@pytest.mark.parametrize(
    ("host", "is_trusted", "reason"),
    [
        ("localhost", False, "unable to get local issuer certificate"),
        ("127.0.0.1", True, "certificate is not valid for '127.0.0.1'"),
    ],
)
async def test_any_other_certificate_is_refused_and_the_reason_told(
    connector, upstream, secure, authority, monkeypatch, host, is_trusted, reason
):
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))

    with pytest.raises(GatewayError) as caught:
        await connector.connect(
            endpoint("here", scheme="https", host=host, port=secure.port), upstream
        )

    assert (caught.value.kind, caught.value.origin) == ("endpoint_tls_failed", "endpoint:here")
    assert reason in caught.value.text


async def test_a_server_that_speaks_no_tls_is_told_as_such(connector, upstream, greeter):
    with pytest.raises(GatewayError) as caught:
        await connector.connect(endpoint(scheme="https", port=greeter.port), upstream)

    assert caught.value.kind == "endpoint_tls_failed"


# --- proxies ---------------------------------------------------------------------------------------


class Proxy(Server):
    """Takes one CONNECT, says what it is told, and passes bytes on if it has a target."""

    def __init__(self, answer=b"HTTP/1.1 200 OK\r\n\r\n", target=0):
        super().__init__()
        self.head = b""
        self._answer = answer
        self._target = target

    async def serve(self, reader, writer):
        self.head = await reader.readuntil(b"\r\n\r\n")
        writer.write(self._answer)
        if self._target:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            await asyncio.gather(pump(reader, back), pump(there, writer))
        await writer.drain()
        writer.close()


async def pump(reader, writer):
    try:
        while data := await reader.read(1000):
            writer.write(data)
    finally:
        writer.close()


async def test_a_proxy_is_asked_for_a_tunnel(upstream):
    async with Greeter(b"hello") as greeter, Proxy(target=greeter.port) as proxy:
        connector = Connector({"http_proxy": f"http://user:p%40ss@127.0.0.1:{proxy.port}/"})

        await connector.connect(endpoint(host="api.test", port=8000), upstream)
        heard = await upstream.heard
        upstream.transport.abort()

    assert heard == b"hello"
    assert proxy.head == (
        b"CONNECT api.test:8000 HTTP/1.1\r\nhost: api.test:8000\r\n"
        b"proxy-authorization: Basic %b\r\n\r\n" % b64encode(b"user:p@ss")
    )


async def test_nothing_is_lost_that_comes_together_with_the_proxys_answer(upstream):
    async with Proxy(b"HTTP/1.0 200 OK\r\nX: y\r\n\r\nhello") as proxy:
        connector = Connector({"http_proxy": f"127.0.0.1:{proxy.port}"})

        await connector.connect(endpoint(host="api.test"), upstream)

        assert await upstream.heard == b"hello"


@pytest.mark.parametrize(
    ("url", "credentials"), [("user@127.0.0.1", b"user:"), ("127.0.0.1", None)]
)
async def test_credentials_are_sent_where_there_are_any(upstream, url, credentials):
    async with Proxy() as proxy:
        connector = Connector({"all_proxy": f"{url}:{proxy.port}"})

        await connector.connect(endpoint(host="2001:db8::1"), upstream)

    assert proxy.head.startswith(b"CONNECT [2001:db8::1]:8000 HTTP/1.1\r\n")
    line = b"proxy-authorization: Basic %b\r\n" % b64encode(credentials or b"")
    assert (line in proxy.head) is (credentials is not None)


async def test_tls_goes_through_the_tunnel_to_the_endpoints_name(upstream, authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    secure = Greeter(ssl=authority.server_context("api.test"))
    async with secure, Proxy(target=secure.port) as proxy:
        connector = Connector({"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"})

        await connector.connect(endpoint(scheme="https", host="api.test", port=443), upstream)

        assert upstream.transport.get_extra_info("ssl_object").version()
        upstream.transport.abort()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "refused (HTTP/1.1 407 Proxy Auth"),
        (
            b"HTTP/1.1 403 Forbidden\r\nX: y\r\n\r\n",
            "the proxy 127.0.0.1 refused (HTTP/1.1 403 Forbidden)",
        ),
        (b"SSH-2.0-x\r\n\r\n", "refused (SSH-2.0-x)"),
        (b"HTTP/1.1 200 OK\r\n", "the proxy broke off"),
        (b"", "the proxy broke off"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * MAX_CONNECT_ANSWER_BYTES, "the proxy broke off"),
    ],
)
async def test_a_proxy_that_makes_no_tunnel_is_told_as_such(upstream, answer, reason):
    async with Proxy(answer) as proxy:
        connector = Connector({"http_proxy": f"http://127.0.0.1:{proxy.port}"})

        with pytest.raises(GatewayError) as caught:
            await connector.connect(endpoint("here", host="api.test"), upstream)

    assert caught.value.kind == "endpoint_unreachable"
    assert reason in caught.value.text


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("socks5://127.0.0.1:1", "a proxy must be http://"),
        ("https://127.0.0.1:1", "a proxy must be http://"),
        ("http://127.0.0.1:port", "cannot be reached"),
        ("http://[", "cannot be reached"),
    ],
)
async def test_a_proxy_we_cannot_speak_to_is_told_as_such(upstream, url, reason):
    connector = Connector({"http_proxy": url})

    with pytest.raises(GatewayError, match=reason) as caught:
        await connector.connect(endpoint(host="api.test"), upstream)

    assert caught.value.kind == "endpoint_unreachable"


@pytest.mark.parametrize(
    ("environ", "scheme", "proxy"),
    [
        ({}, "https", None),
        ({"https_proxy": "http://small:1", "HTTPS_PROXY": "http://large:1"}, "https", "small"),
        ({"HTTPS_PROXY": "http://large:1"}, "https", "large"),
        ({"HTTPS_PROXY": "http://large:1"}, "http", None),
        ({"http_proxy": "http://small:1"}, "http", "small"),
        ({"http_proxy": "http://small:1"}, "https", None),
        # In a CGI script HTTP_PROXY is a header of the client (httpoxy).
        ({"HTTP_PROXY": "http://forged:1"}, "http", None),
        ({"ALL_PROXY": "http://all:1"}, "http", "all"),
        ({"all_proxy": "http://all:1", "https_proxy": "http://small:1"}, "https", "small"),
        ({"all_proxy": "all:1"}, "https", "all"),
        ({"all_proxy": "http://all:1", "no_proxy": "api.test"}, "https", None),
        ({"all_proxy": "http://all:1", "NO_PROXY": "*"}, "https", None),
        ({"all_proxy": "http://all:1", "no_proxy": "b.test", "NO_PROXY": "*"}, "https", "all"),
        ({"https_proxy": ""}, "https", None),
    ],
)
def test_proxies_are_named_as_for_curl(environ, scheme, proxy):
    found = Connector(environ).proxy_of(endpoint(scheme=scheme, host="api.test"))

    assert (found.hostname if found else None) == proxy


@pytest.mark.parametrize(
    ("host", "no_proxy", "is_one"),
    [
        ("localhost", "", True),
        ("llm.localhost", "", True),
        ("127.0.0.1", "", True),
        ("127.9.9.9", "", True),
        ("::1", "", True),
        ("api.test", "", False),
        ("api.test", "*", True),
        ("api.test", "api.test", True),
        ("API.TEST", "api.test", True),
        ("api.test", "API.Test", True),
        ("api.test", "b.test, api.test", True),
        ("api.test", "b.test api.test", True),
        ("api.test", "test", True),
        ("api.test", ".test", True),
        ("api.test", "*.test", True),
        ("api.test", "est", False),
        ("api.test", "pi.test", False),
        ("test", ".test", True),
        ("api.test", "api.test:8000", True),
        ("api.test", "api.test:80", False),
        ("api.test", ".test:8000", True),
        ("api.test", ",, ,", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "10.1.2.3/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "10.1.2.3:8000", True),
        ("2001:db8::1", "2001:db8::/32", True),
        ("2001:db8::1", "2001:db8::1", True),
        ("api.test", "10.0.0.0/8", False),
        ("10.1.2.3", "10.0.0.0/99", False),
        ("localhost.evil.test", "", False),
    ],
)
def test_some_hosts_are_reached_without_the_proxy(host, no_proxy, is_one):
    assert is_excepted(host, 8000, no_proxy) is is_one
