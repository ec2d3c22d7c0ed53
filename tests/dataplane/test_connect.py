import asyncio
import errno
import socket

import pytest

from multillama.core.snapshot import Timeouts
from multillama.dataplane import connect
from multillama.dataplane.connect import Connector, reason_of
from multillama.dataplane.pool import Origin
from multillama.errors import GatewayError
from tests.core.samples import endpoint
from tests.dataplane.certificates import Authority
from tests.dataplane.parts import FakeLoop
from tests.dataplane.servers import Greeter, Hearing

on_asyncio = pytest.mark.asyncio(loop_factories=["asyncio"])
"""For tests that answer the resolver's part: uvloop has one of its own."""


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


@pytest.fixture
async def greeter(upstream):
    async with Greeter(b"hello") as greeter:
        yield greeter
        if upstream.transport is not None:
            upstream.transport.abort()


# plain


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


# names and addresses (RFC 8305)


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


# TLS


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
