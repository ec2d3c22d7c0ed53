import asyncio
import socket
from base64 import b64encode

import pytest

from multillama.core.snapshot import Timeouts
from multillama.dataplane.connect import MAX_CONNECT_ANSWER_BYTES, Connector, is_excepted
from multillama.dataplane.pool import Origin
from multillama.errors import GatewayError
from tests.core.samples import endpoint
from tests.dataplane.certificates import Authority
from tests.dataplane.parts import FakeLoop
from tests.dataplane.servers import Greeter, Hearing, Proxy


@pytest.fixture
async def upstream():
    upstream = Hearing(Origin(FakeLoop().timers(), Timeouts()))
    yield upstream
    if upstream.transport is not None:
        upstream.transport.abort()
        await asyncio.sleep(0)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


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


async def test_a_proxy_that_is_not_there_is_named_and_not_the_endpoint(upstream):
    async with Proxy() as proxy:
        port = proxy.port
    connector = Connector({"http_proxy": f"http://user:secret@127.0.0.1:{port}"})

    with pytest.raises(GatewayError) as failed:
        await connector.connect(endpoint(host="api.test"), upstream)

    assert failed.value.kind == "endpoint_unreachable"
    assert failed.value.text == (
        f"The endpoint here cannot be reached: its proxy 127.0.0.1:{port} cannot be reached:"
        " it refused the connection. Is it running?"
    )


async def test_a_proxy_without_an_address_is_named_too(upstream, monkeypatch):
    async def nobody(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", nobody, raising=False)
    connector = Connector({"http_proxy": "http://proxy.test:3128"})

    with pytest.raises(GatewayError, match=r"proxy\.test:3128 .*: its name cannot be resolved\.$"):
        await connector.connect(endpoint(host="api.test"), upstream)


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
