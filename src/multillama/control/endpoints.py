"""Endpoints: from the settings of one `--url` and `--key` to what the data plane needs to call it.

Everything that is the same for every request is made here, once: address, paths, header lines. The
key goes into `fixed_head` and nowhere else; names, URLs and complaints never hold it.
"""

import re
from collections.abc import MutableMapping, Sequence
from typing import Final

import msgspec

from multillama.config.load import BadSetting
from multillama.config.schema import EndpointSetting
from multillama.core.endpoints_state import EndpointState
from multillama.core.operations import OPERATIONS
from multillama.core.snapshot import Endpoint
from multillama.providers.base_url import BaseUrl, read_base_url
from multillama.providers.catalog import BY_NAME, Provider
from multillama.wire.hosts import is_near

_KEY: Final = re.compile(r"[\x20-\x7e\xa0-\xff]+")
_CHAT: Final = "/chat/completions"


def make_endpoints(
    settings: Sequence[EndpointSetting], states: MutableMapping[str, EndpointState]
) -> tuple[Endpoint, ...]:
    """Make the endpoints, in the order of their settings.

    Args:
        settings: What the operator gave.
        states: Live states by endpoint name; what is there is kept, what is missing is added.

    Raises:
        BadSetting: A URL or a key cannot be used; the text says which and how to give it right.
    """
    endpoints: list[Endpoint] = []
    taken: set[str] = set()
    for number, setting in enumerate(settings, 1):
        try:
            base = read_base_url(setting.url)
        except ValueError as error:
            raise BadSetting(f"Endpoint {number}: {error}.") from error
        name = _unique(base.authority, taken)
        taken.add(name)
        endpoints.append(_endpoint(name, base, setting.key, states))
    return tuple(endpoints)


def base_path(endpoint: Endpoint) -> str:
    """Return the path of an endpoint's OpenAI operations, e.g. `/openai/v1`; may be empty."""
    return endpoint.paths["chat"].decode("ascii").removesuffix(_CHAT)


def corrected(endpoint: Endpoint, provider: Provider, path: str) -> Endpoint:
    """Return the endpoint as its answers have shown it to be."""
    if provider.name == endpoint.provider and path == base_path(endpoint):
        return endpoint
    return msgspec.structs.replace(endpoint, provider=provider.name, paths=_paths(provider, path))


def provider_of(endpoint: Endpoint) -> Provider:
    """Return the endpoint's row of the catalog."""
    return BY_NAME[endpoint.provider]


def _endpoint(
    name: str, base: BaseUrl, key: str | None, states: MutableMapping[str, EndpointState]
) -> Endpoint:
    provider = base.provider
    lines = [("host", base.authority), ("accept-encoding", "identity")]
    if key is not None:
        header, _, before = provider.auth.partition(": ")
        lines.append((header, before + _checked(key, name)))
    return Endpoint(
        name=name,
        url=base.shown,
        provider=provider.name,
        has_key=key is not None,
        scheme=base.scheme,
        host=base.host,
        port=base.port,
        paths=_paths(provider, base.path),
        query=base.query.encode("ascii"),
        fixed_head="".join(f"{field}: {value}\r\n" for field, value in lines).encode("latin-1"),
        owns=frozenset(field.encode("ascii") for field, _ in lines),
        defaults=tuple((field.encode(), value.encode()) for field, value in provider.defaults),
        state=states.setdefault(name, EndpointState(name)),
        is_local=is_near(base.host),
    )


def _paths(provider: Provider, path: str) -> dict[str, bytes]:
    return {
        operation.name: (provider.bases.get(operation.dialect, path) + operation.path).encode()
        for operation in OPERATIONS
    }


def _unique(name: str, taken: set[str]) -> str:
    number = 1
    unique = name
    while unique in taken:
        number += 1
        unique = f"{name}#{number}"
    return unique


def _checked(key: str, name: str) -> str:
    if not _KEY.fullmatch(key) or key != key.strip():
        raise BadSetting(
            f"The key of {name} is empty or holds a line break, a blank at an end or another"
            " character that no header can carry. Give it with --key as one line of plain text, or"
            " --key null for none."
        )
    return key
