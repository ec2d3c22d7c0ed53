"""Endpoints: from the settings of one LLM server to what the data plane needs to call it.

Everything that is the same for every request is made here, once: address, paths, header lines. The
key goes into `fixed_head` and `own_heads`, and nowhere else; names, URLs and complaints never hold it.
"""

import re
from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
from typing import Final, TypedDict

import msgspec

from multillama.config.check import did_you_mean
from multillama.config.load import BadSetting
from multillama.config.schema import EndpointSetting
from multillama.control.ways import cleaning_of, detours_of, lacking_of, tidying_of, ways_of
from multillama.core.endpoints_state import EndpointState
from multillama.core.operations import OPERATIONS, V1, Body, Operation
from multillama.core.snapshot import Endpoint, Timeouts
from multillama.core.translate import AnyWay, Detour, Way
from multillama.providers.base_url import BaseUrl, read_base_url
from multillama.providers.catalog import BY_NAME, Provider
from multillama.wire.hosts import is_near

_KEY: Final = re.compile(r"[\x20-\x7e\xa0-\xff]+")
_KEY_FIELDS: Final = frozenset(
    row.auth.partition(":")[0].lower().encode("ascii") for row in BY_NAME.values()
)
_CHAT: Final = "/chat/completions"
DEFAULT_TIMEOUTS: Final = Timeouts()


def make_endpoints(
    settings: Sequence[EndpointSetting],
    states: MutableMapping[str, EndpointState],
    *,
    timeouts: Timeouts = DEFAULT_TIMEOUTS,
) -> tuple[Endpoint, ...]:
    """Make the endpoints, in the order of their settings.

    Args:
        settings: What the operator gave.
        states: Live states by endpoint name; what is there is kept, what is missing is added.
        timeouts: The gateway's, for what an endpoint's own leave open.

    Raises:
        BadSetting: A URL or a key cannot be used; the text says which and how to give it right.
    """
    endpoints: list[Endpoint] = []
    taken = {setting.name for setting in settings if setting.name is not None}
    for number, setting in enumerate(settings, 1):
        try:
            base = read_base_url(setting.url, provider=_given_provider(setting))
        except ValueError as error:
            raise BadSetting(f"Endpoint {number}: {error}.") from error
        name = setting.name or _unique(base.authority, taken)
        taken.add(name)
        state = states.setdefault(name, EndpointState(name))
        endpoints.append(_endpoint(name, base, setting, state, timeouts))
    return tuple(endpoints)


def with_own_states(
    endpoints: Sequence[Endpoint],
    before: Sequence[Endpoint],
    states: MutableMapping[str, EndpointState],
) -> tuple[Endpoint, ...]:
    """Return the endpoints of a reload: what is known of a server is not said of another one.

    Args:
        endpoints: The new ones, with the states of their names.
        before: The old ones.
        states: By name; those of other servers are made anew, those of endpoints gone are dropped.
    """
    known = {endpoint.name: endpoint for endpoint in before}
    result = []
    for endpoint in endpoints:
        old = known.get(endpoint.name)
        if old is not None and _address(old) != _address(endpoint):
            states[endpoint.name] = EndpointState(endpoint.name)
            endpoint = msgspec.structs.replace(endpoint, state=states[endpoint.name])
        result.append(endpoint)
    for name in states.keys() - {endpoint.name for endpoint in endpoints}:
        del states[name]
    return tuple(result)


def _address(endpoint: Endpoint) -> tuple[str, str, int]:
    return endpoint.scheme, endpoint.host, endpoint.port


def judge(member: str, text: str) -> str | None:
    """Say what is wrong with a member of an endpoint; is the `Judge` of the file.

    Args:
        member: `url`, `provider`, or `local_only`, which is judged by the URL.
        text: The URL, or the name of the provider.
    """
    if member == "provider":
        return (
            None
            if text in BY_NAME
            else f"unknown kind of server{did_you_mean(text, list(BY_NAME))}"
        )
    try:
        base = read_base_url(text)
    except ValueError as error:
        return str(error)
    if member == "local_only" and not _is_local(base.host, ()):
        return "is for local endpoints, and by its URL this is none; if it is, add tags: [local]"
    return None


def base_path(endpoint: Endpoint) -> str:
    """Return the path of an endpoint's OpenAI operations, e.g. `/openai/v1`; may be empty."""
    return endpoint.paths["chat"].decode("ascii").removesuffix(_CHAT)


def corrected(endpoint: Endpoint, provider: Provider, path: str) -> Endpoint:
    """Return the endpoint as its answers have shown it to be."""
    if provider.name == endpoint.provider and path == base_path(endpoint):
        return endpoint
    speaks = (*provider.dialects, *provider.asks)
    if endpoint.are_dialects_given:
        speaks = endpoint.speaks
    return msgspec.structs.replace(
        endpoint, provider=provider.name, paths=_paths(provider, path), **_speech(provider, speaks)
    )


def with_dialects(endpoint: Endpoint, found: Collection[str]) -> Endpoint:
    """Return the endpoint as one that speaks what its provider surely does, and what was found besides."""
    if endpoint.are_dialects_given:
        return endpoint
    provider = provider_of(endpoint)
    return msgspec.structs.replace(endpoint, **_speech(provider, (*provider.dialects, *found)))


def _spoken(given: Sequence[str]) -> tuple[str, ...]:
    """Return the dialects that the operator's words stand for, in their order."""
    return tuple(
        dialect
        for name in given
        for dialect in dict.fromkeys(row.dialect for row in OPERATIONS)
        if dialect == name or dialect.startswith(f"{name}.")
    )


class _Speech(TypedDict):
    speaks: tuple[str, ...]
    ways: Mapping[str, AnyWay]
    cleaning: Mapping[str, Way]
    detours: Mapping[str, Detour]
    lacks: frozenset[str]
    tidying: Mapping[str, Callable[[bytes], bytes]]
    untouched: frozenset[str]
    keeps_responses: bool


def _speech(provider: Provider, speaks: Sequence[str]) -> _Speech:
    speaks = tuple(speaks)
    ways, cleaning = ways_of(provider.name, speaks), cleaning_of(speaks)
    detours, tidying = detours_of(provider.name, speaks), tidying_of(provider.name)
    touched = ways.keys() | cleaning.keys() | detours.keys() | tidying.keys()
    return {
        "speaks": speaks,
        "ways": ways,
        "cleaning": cleaning,
        "detours": detours,
        "lacks": lacking_of(provider.name, speaks),
        "tidying": tidying,
        "untouched": frozenset(
            row.name for row in OPERATIONS if row.name not in touched and row.body is not Body.PATH
        ),
        "keeps_responses": provider.keeps_responses and "openai.responses" in speaks,
    }


def without_key(endpoint: Endpoint) -> Endpoint:
    """Return the endpoint as somebody sees it who has no key."""
    lines = endpoint.fixed_head.split(b"\r\n")
    kept = b"\r\n".join(line for line in lines if line.partition(b":")[0] not in _KEY_FIELDS)
    return msgspec.structs.replace(endpoint, has_key=False, fixed_head=kept, own_heads={})


def provider_of(endpoint: Endpoint) -> Provider:
    """Return the endpoint's row of the catalog."""
    return BY_NAME[endpoint.provider]


def _endpoint(
    name: str, base: BaseUrl, setting: EndpointSetting, state: EndpointState, timeouts: Timeouts
) -> Endpoint:
    provider, key = base.provider, setting.key
    lines = _lines(base, setting, name, provider.auth)
    own_heads = {
        row.name: _head(_lines(base, setting, name, auth))
        for row in OPERATIONS
        if key is not None and (auth := provider.auths.get(_family(row)))
    }
    owns = frozenset(field.encode("ascii") for field, _ in lines)
    defaults = ((field.encode(), value.encode()) for field, value in provider.defaults)
    return Endpoint(
        name=name,
        url=base.shown,
        provider=provider.name,
        is_provider_given=setting.provider is not None,
        has_key=key is not None,
        scheme=base.scheme,
        host=base.host,
        port=base.port,
        paths=_paths(provider, base.path),
        are_dialects_given=bool(setting.dialects),
        rejects_losses=setting.untranslatable == "reject",
        **_speech(provider, _spoken(setting.dialects) or (*provider.dialects, *provider.asks)),
        query=base.query.encode("ascii"),
        fixed_head=_head(lines),
        own_heads=own_heads,
        owns=owns,
        defaults=tuple((field, value) for field, value in defaults if field not in owns),
        state=state,
        weight=setting.weight,
        tier=setting.tier,
        is_local=_is_local(base.host, setting.tags),
        tags=frozenset(setting.tags),
        max_concurrency=setting.max_concurrency,
        is_selective=bool(setting.include or setting.exclude),
        timeouts=_timeouts(setting, timeouts),
        local_only=setting.local_only,
        input_price=setting.input_price,
        output_price=setting.output_price,
    )


def _is_local(host: str, tags: Collection[str]) -> bool:
    """Say whether what goes there stays near; a tag knows better than the address."""
    if "cloud" in tags:
        return False
    return "local" in tags or is_near(host)


def _timeouts(setting: EndpointSetting, common: Timeouts) -> Timeouts | None:
    """Return the endpoint's own time limits, None where it has none."""
    own = msgspec.to_builtins(setting.timeouts)
    if not own:
        return None
    # `connect_timeout_s` of the settings is `connect_s` of the data plane
    return msgspec.structs.replace(
        common, **{name.replace("_timeout_s", "_s"): value for name, value in own.items()}
    )


def _given_provider(setting: EndpointSetting) -> Provider | None:
    if setting.provider is None:
        return None
    if setting.provider not in BY_NAME:
        raise BadSetting(f"The provider of {setting.url}: {judge('provider', setting.provider)}.")
    return BY_NAME[setting.provider]


def _lines(base: BaseUrl, setting: EndpointSetting, name: str, auth: str) -> list[tuple[str, str]]:
    """Return the fields of every request, with the key in the header line that `auth` begins."""
    lines = [("host", base.authority), ("accept-encoding", "identity")]
    if setting.key is not None:
        header, _, before = auth.partition(": ")
        lines.append((header, before + _checked(setting.key, name)))
    return lines + [(field.lower(), value) for field, value in setting.headers.items()]


def _head(lines: Sequence[tuple[str, str]]) -> bytes:
    return "".join(f"{field}: {value}\r\n" for field, value in lines).encode("latin-1")


def _family(operation: Operation) -> str:
    return operation.dialect.partition(".")[0]


def _paths(provider: Provider, path: str) -> dict[str, bytes]:
    return {
        operation.name: (_base(provider, operation, path) + operation.path).encode()
        for operation in OPERATIONS
    }


def _base(provider: Provider, operation: Operation, path: str) -> str:
    bases, family = provider.bases, _family(operation)
    if operation.prefixes is not V1:  # a dialect with a root of its own
        return bases.get(family, operation.prefixes[0])
    return bases.get(operation.dialect, path)


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
