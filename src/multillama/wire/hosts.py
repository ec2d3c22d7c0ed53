"""Names of hosts: the `Host` a browser names, judged against DNS rebinding, and which hosts are near.

A page of a stranger can point its own name at 127.0.0.1 and then read what answers there as its own
origin. It cannot make the browser say another name in `Host`. So where no key guards the page, only
names that no stranger can own get an answer.
"""

import re
from ipaddress import IPv6Address, ip_address
from typing import Final, NamedTuple

_NAME: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")
_NAME_CHARS: Final = 253
_NEAR: Final = (".localhost", ".local", ".lan", ".internal", ".home.arpa")
"""Ends of names that no public DNS may answer for, Docker's `host.docker.internal` among them."""

_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)


class Host(NamedTuple):
    """A well-formed `Host`: nothing in it needs escaping, be it in HTML, a shell or a program."""

    name: str
    """In lower case; an IPv6 address without its brackets."""
    port: int | None

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return name if self.port is None else f"{name}:{self.port}"


def parse_host(text: str) -> Host | None:
    """Returns the parts of a `Host` value, or None where it is malformed.

    Source: RFC 9110 §7.2, RFC 3986 §3.2.2; names are held to what DNS and Docker use.
    """
    if text.startswith("["):
        address, bracket, rest = text[1:].partition("]")
        name = _ipv6(address) if bracket else None
    else:
        plain, colon, port_text = text.partition(":")
        name, rest = _name(plain), colon + port_text
    if name is None:
        return None
    if not rest:
        return Host(name, None)
    port = _port(rest)
    return None if port is None else Host(name, port)


def is_own_name(host: Host, bound: str) -> bool:
    """Says whether no stranger can own this name: an address, `localhost`, what `--host` gave."""
    name = host.name.removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    return is_address(host.name) or name == bound.lower().removesuffix(".")


def is_near(host: str) -> bool:
    """Says whether a host must be on this machine or in its own network.

    A name without a dot is: it is Docker Compose's or the own network's. Where neither the address nor
    the name tells, the answer is no, for what may not leave the network relies on it.

    Args:
        host: A name, or an address without brackets, in lower case.

    Source: RFC 1918, RFC 4193, RFC 6762, RFC 8375, inet_aton(3), ICANN's reservation of `internal` (2024).
    """
    name = host.removesuffix(".")
    try:
        address = ip_address(name)
    except ValueError:
        if _NUMBER.fullmatch(name.rpartition(".")[2]):
            return False  # to the system it is an address, such as 134744072 for 8.8.8.8
        return bool(name) and ("." not in name or name.endswith(_NEAR))
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    address = mapped or address
    return address.is_private and not address.is_unspecified


def _ipv6(text: str) -> str | None:
    try:
        return str(IPv6Address(text)) if "%" not in text else None
    except ValueError:
        return None


def _name(text: str) -> str | None:
    name = text.lower()
    if not name.strip(".") or len(name) > _NAME_CHARS or not _NAME.issuperset(name):
        return None
    return name


def _port(text: str) -> int | None:
    digits = text[1:]
    if text[0] != ":" or not digits.isascii() or not digits.isdigit() or len(digits) > 5:
        return None
    port = int(digits)
    return port if 0 < port < 65536 else None


def is_address(name: str) -> bool:
    """Says whether this is an IP address and no name."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
