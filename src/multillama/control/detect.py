"""Detection: which endpoints to use when the operator has named none.

Two places are looked at: the environment, for keys under their conventional names, and the loopback
ports where local runtimes listen by default. Nothing else is ever asked, and a key goes only to its
own provider.
"""

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from multillama.config.load import BadSetting
from multillama.config.schema import EndpointSetting
from multillama.control.endpoints import make_endpoints, provider_of
from multillama.control.lister import Fetch, ListingFailed, list_models
from multillama.core.snapshot import Endpoint
from multillama.errors import GatewayError
from multillama.providers.base_url import read_base_url
from multillama.providers.catalog import CLOUDS, GENERIC, LOCALS, Provider

PORT_S: Final = 3.0
"""One loopback port, all questions together."""

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class Found(NamedTuple):
    """One endpoint to use unasked."""

    setting: EndpointSetting
    line: str
    """For people, e.g. `found OPENAI_API_KEY → https://api.openai.com/`."""


def keys_in(environ: Mapping[str, str], *, own_port: int | None = None) -> tuple[Found, ...]:
    """Find the providers whose key is in the environment, in the order of the catalog.

    A variable that moves a key to another base URL, such as OPENAI_BASE_URL, is obeyed: that key is
    not meant for the vendor.

    Args:
        environ: The environment.
        own_port: The port we shall listen on; a base URL that leads there is us, not an endpoint.

    Raises:
        BadSetting: Such a variable holds no base URL.
    """
    found = []
    for row in CLOUDS:
        name = next((name for name in row.keys if environ.get(name, "").strip()), None)
        if name is None or row.general_key:
            continue
        url = _base_url(row, environ)
        if url is not None and not _is_own(url, own_port):
            setting = EndpointSetting(url=url, key=environ[name].strip())
            found.append(Found(setting, f"found {name} → {url}"))
    return tuple(found)


async def local_runtimes(fetch: Fetch, *, own_port: int | None = None) -> tuple[Found, ...]:
    """Find the local runtimes that answer on their default ports, in the order of the catalog.

    A port alone proves nothing: what answers must list models, or answer as only one runtime does.

    Args:
        fetch: Asks one endpoint; must not raise anything but `GatewayError`.
        own_port: The port we shall listen on, which is not asked.
    """
    ports = [port for port in dict.fromkeys(row.port for row in LOCALS) if port != own_port]
    settings = [EndpointSetting(url=f"http://localhost:{port}/", key=None) for port in ports]
    endpoints = make_endpoints(settings, {})
    kinds = await asyncio.gather(*(_kind(endpoint, fetch) for endpoint in endpoints))
    return tuple(
        Found(setting, f"found {kind.title} at {setting.url}")
        for setting, kind in zip(settings, kinds, strict=True)
        if kind is not None
    )


def _base_url(row: Provider, environ: Mapping[str, str]) -> str | None:
    """Return the URL a key belongs to without query, None where only the user can know it."""
    if moved := environ.get(row.url_variable, "").strip():
        try:
            return read_base_url(moved).shown
        except ValueError as error:
            raise BadSetting(
                f"{row.url_variable} cannot be used: {error}. Correct or unset it, or give --url"
                " and --key."
            ) from error
    parts = urlsplit(row.base)
    return None if "*" in parts.netloc else f"{parts.scheme}://{parts.netloc}/"


def _is_own(url: str, own_port: int | None) -> bool:
    base = read_base_url(url)
    return base.port == own_port and base.host in _LOOPBACK


async def _kind(endpoint: Endpoint, fetch: Fetch) -> Provider | None:
    """Return what runs at a loopback endpoint, None where no LLM server answers."""
    try:
        async with asyncio.timeout(PORT_S):
            listed = await list_models(endpoint, fetch)
            known = provider_of(listed.endpoint)
            if listed.rows and known is not GENERIC:
                return known
            return await _probed(endpoint, fetch) or (known if listed.rows else None)
    except (ListingFailed, TimeoutError):
        return None


async def _probed(endpoint: Endpoint, fetch: Fetch) -> Provider | None:
    for row in LOCALS:
        if row.probe and row.port == endpoint.port:
            try:
                answer = await fetch(endpoint, row.probe, ())
            except GatewayError:
                continue
            if answer.status == 200 and answer.body.lstrip().startswith(b"{"):
                return row
    return None
