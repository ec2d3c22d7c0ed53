import re

import pytest
from hypothesis import given, strategies as st

from multillama.wire.hosts import Host, is_near, is_own_name, parse_host


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("localhost", Host("localhost", None)),
        ("LocalHost:3000", Host("localhost", 3000)),
        ("127.0.0.1:80", Host("127.0.0.1", 80)),
        ("[::1]:3000", Host("::1", 3000)),
        ("[0:0:0:0:0:0:0:1]", Host("::1", None)),
        ("my_box-1.lan.", Host("my_box-1.lan.", None)),
    ],
)
def test_a_good_host_is_parsed(text: str, host: Host) -> None:
    assert parse_host(text) == host


@pytest.mark.parametrize(
    "text",
    [
        "", ".", ":80", "a:", "a:0", "a:65536", "a:80:80", "a:+80", "a:8 0", "a:٣", "a:123456", "a b", "a/b",
        "a@b", "a\"b", "<b>", "a'b", "a\r\nb", "é.example", "[::1", "::1", "[fe80::1%eth0]", "[evil]", "[::1]80",
        "[]", "$(id)", "`id`", "a" * 254,
    ],
)  # fmt: skip
def test_a_malformed_host_is_none(text: str) -> None:
    assert parse_host(text) is None


def test_a_host_is_written_as_it_is_used_in_a_url() -> None:
    written = [str(parse_host(text)) for text in ("LOCALHOST", "a.b:1", "[::1]", "[::1]:3000")]

    assert written == ["localhost", "a.b:1", "[::1]", "[::1]:3000"]


@given(st.text(max_size=40) | st.from_regex(r"[\[\]a-z0-9.:\-]{1,20}", fullmatch=True))
def test_whatever_is_accepted_needs_no_escaping_anywhere(text: str) -> None:
    host = parse_host(text)

    assert host is None or re.fullmatch(r"[a-z0-9_.:\[\]-]+", str(host))


@pytest.mark.parametrize(
    "text",
    ["localhost", "localhost.", "a.localhost:80", "127.0.0.1", "192.168.1.9:3000", "[::1]", "box"],
)
def test_no_stranger_owns_these_names(text: str) -> None:
    host = parse_host(text)

    assert host is not None
    assert is_own_name(host, "Box")


@pytest.mark.parametrize(
    "text",
    ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "notlocalhost", "box.lan"],
)
def test_a_stranger_may_own_these_names(text: str) -> None:
    host = parse_host(text)

    assert host is not None
    assert not is_own_name(host, "box")


def test_listening_everywhere_makes_no_name_our_own() -> None:
    assert not is_own_name(Host("evil.example", 80), "0.0.0.0")


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "::1", "10.1.2.3", "172.16.0.1", "192.168.1.5",
        "fd00::1", "fe80::1%eth0", "169.254.1.1", "::ffff:10.0.0.1", "ollama", "gpu1", "0xbox", "box.local", "box.lan.",
        "host.docker.internal", "llm.home.arpa",
    ],
)  # fmt: skip
def test_a_host_of_the_own_network_is_near(host: str) -> None:
    assert is_near(host)


@pytest.mark.parametrize(
    "host",
    [
        "api.openai.com", "8.8.8.8", "2606:4700::1", "::ffff:8.8.8.8", "172.32.0.1", "100.64.0.1", "127.1",
        "local.example.com", "0.0.0.0", "::", "", ".", "10.0.0.1.example.com", "localhost.example.com",
        "134744072", "0x08080808", "0X08080808", "010.8.8.8", "8.8.2056", "8.0x80808", "134744072.", "0x",
    ],
)  # fmt: skip
def test_any_other_host_is_not_near(host: str) -> None:
    assert not is_near(host)
