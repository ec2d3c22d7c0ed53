"""Compiling: the endpoints and their lists of models become one snapshot.

A pure function of its arguments, linear in the number of rows. All that the data plane could need
to render is rendered here, once: it only copies bytes.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from multillama.control.ollama_lists import show, tag
from multillama.control.routes import LATEST, PLAIN, Alias, Routing, alias, spellings, unserved
from multillama.core.carrier import key_of
from multillama.core.snapshot import Endpoint, Limits, Route, Snapshot, Target, Timeouts
from multillama.providers.facts import model_facts
from multillama.providers.listing import Row, context_length, text_of, whole_of

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_S: Final = 253_402_300_799
"""The end of the year 9999, the last that RFC 3339 can write."""

_NAMING: Final = frozenset({
    "name", "display_name", "displayName", "description", "root", "parent", "canonical_slug",
    "hugging_face_id", "aliases",
})  # fmt: skip
_OUTPUT_LIMITS: Final = (
    "outputTokenLimit", "max_output_tokens", "max_completion_tokens", "max_tokens",
)  # fmt: skip
_OPENAI_CONTEXT: Final = ("context_length", "max_model_len")
"""Where clients of OpenAI's dialect look for the context length: OpenRouter's name and vLLM's."""
_GEMINI_METHODS: Final = (
    "generateContent", "streamGenerateContent", "countTokens", "embedContent", "batchEmbedContents",
)  # fmt: skip


class _Model(NamedTuple):
    row: Row
    """As the first endpoint sent it."""
    targets: list[Target]


class _Rendered(NamedTuple):
    """One model in the shapes in which clients list and look it up."""

    openai: bytes
    anthropic: bytes
    gemini: bytes
    tag: bytes
    """Of Ollama's `/api/tags`."""
    show: bytes
    """The body of Ollama's `/api/show`."""


def compile_snapshot(
    endpoints: Sequence[Endpoint],
    listings: Mapping[str, Sequence[Row]],
    *,
    api_key: bytes | None = None,
    timeouts: Timeouts,
    limits: Limits,
    routing: Routing = PLAIN,
) -> Snapshot:
    """Merge what the endpoints serve.

    Args:
        endpoints: In order of preference, which is the order of a model's targets.
        listings: Endpoint name to its models; an endpoint without a list serves none yet.
        api_key: What clients must send, or None.
        timeouts: Passed on.
        limits: Passed on.
        routing: Policies, and the aliases of the configuration file.
    """
    models = _merged(endpoints, listings, routing)
    rendered = {name: _render_model(name, model) for name, model in models.items()}
    shorts = _shorts(models)
    policies = routing.policies.keeping(_kept(endpoints, listings, routing))
    routing = routing._replace(policies=policies)
    names_of: dict[str, list[str]] = {name: [name] for name in models}
    for short, name in shorts.items():
        names_of[name].append(short)
    routes = {
        name: Route(tuple(model.targets), policies.of(names_of[name]))
        for name, model in models.items()
    }
    for short, name in shorts.items():
        targets, policy = routes[name].targets, routes[name].policy
        routes[short] = Route(_renamed(targets, name), policy)
        rendered[short] = rendered[name]
    lacking = {
        name: absent
        for name, setting in routing.aliases.items()
        if (absent := unserved(setting, endpoints=endpoints, listings=listings, routes=routes))
    }
    aliases = _aliases(endpoints, routes, routing)
    for name, found in aliases.items():
        routes[name] = found.route
        rendered[name] = _render_alias(name, found, models)
    listed = list(dict.fromkeys([*models, *aliases]))
    return Snapshot(
        endpoints=tuple(endpoints),
        routes=routes,
        aliases=frozenset(shorts) - aliases.keys(),
        unserved=lacking,
        lists=_lists([rendered[name] for name in listed], listed),
        rows=_rows(rendered),
        api_key=api_key,
        timeouts=timeouts,
        limits=limits,
        carrier_key=key_of(api_key),
    )


def _merged(
    endpoints: Sequence[Endpoint], listings: Mapping[str, Sequence[Row]], routing: Routing
) -> dict[str, _Model]:
    models: dict[str, _Model] = {}
    for endpoint in endpoints:
        for row in listings.get(endpoint.name, ()):
            target = _target(endpoint, row, routing)
            if (model := models.get(row.id)) is None:
                models[row.id] = _Model(row, [target])
            elif model.targets[-1].endpoint is not endpoint:
                model.targets.append(target)
    return models


def _kept(
    endpoints: Sequence[Endpoint], listings: Mapping[str, Sequence[Row]], routing: Routing
) -> frozenset[str]:
    """Return all names of the models that stay local, by their endpoint or by a policy.

    Whatever any endpoint calls the same is the same: one name that stays is enough for all.
    """
    keepers = {endpoint.name for endpoint in endpoints if endpoint.local_only}
    if not (keepers or routing.policies.keep_some()):
        return frozenset()
    alike: dict[str, set[str]] = {}
    kept = {name for model in _named(routing, keepers) for name in spellings(model)}
    for endpoint in endpoints:
        for row in listings.get(endpoint.name, ()):
            names = {*spellings(row.id), *(spellings(row.own) if row.own else ())}
            if endpoint.local_only:
                kept |= names
            _unite(alike, names)
    for group in {id(group): group for group in alike.values()}.values():
        if not kept.isdisjoint(group) or routing.policies.keep(group):
            kept |= group
    return frozenset(kept)


def _named(routing: Routing, keepers: Collection[str]) -> Iterator[str]:
    """Give the models that aliases name at these endpoints, which need not list them."""
    for setting in routing.aliases.values():
        for row in setting.rows():
            endpoint, _, model = row.model.partition("/")
            if model and endpoint in keepers:
                yield model


def _unite(alike: dict[str, set[str]], names: set[str]) -> None:
    """Make one group of these names and of all that any of them is in; the largest takes the others."""
    groups = [names, *{id(group): group for name in names if (group := alike.get(name))}.values()]
    largest = max(groups, key=len)
    for group in groups:
        largest |= group
        alike.update(dict.fromkeys(names if group is largest else group, largest))


def _aliases(
    endpoints: Sequence[Endpoint], routes: Mapping[str, Route], routing: Routing
) -> dict[str, Alias]:
    """Return the aliases of the file that lead somewhere; their names may hide models."""
    found = {
        name: alias(name, setting, endpoints=endpoints, routes=routes, routing=routing)
        for name, setting in routing.aliases.items()
    }
    return {name: one for name, one in found.items() if one is not None}


def _shorts(models: Mapping[str, _Model]) -> dict[str, str]:
    """Return other names that clients use to the model's, unless they are another model's own."""
    found: dict[str, str] = {}
    for name, model in models.items():
        if name.endswith(LATEST):
            found.setdefault(name.removesuffix(LATEST), name)
        if model.row.own is not None:
            found.setdefault(model.row.own, name)
    return {alias: name for alias, name in found.items() if alias and alias not in models}


def _renamed(targets: tuple[Target, ...], name: str) -> tuple[Target, ...]:
    encoded = msgspec.json.encode(name)
    return tuple(
        target if target.rename else msgspec.structs.replace(target, rename=encoded)
        for target in targets
    )


def _target(endpoint: Endpoint, row: Row, routing: Routing) -> Target:
    return Target(
        endpoint,
        rename=None if row.own is None else msgspec.json.encode(row.own),
        model=row.own or row.id,
        weight=endpoint.weight,
        tier=endpoint.tier,
        facts=routing.facts_of(endpoint, row.own or row.id, model_facts(row.fields)),
    )


def _render_model(name: str, model: _Model) -> _Rendered:
    fields = model.row.fields
    owner = text_of(fields.get("owned_by")) or model.targets[0].endpoint.provider
    info = {"endpoints": [target.endpoint.name for target in model.targets]}
    return _render(name, fields, owner, info)


def _render_alias(name: str, found: Alias, models: Mapping[str, _Model]) -> _Rendered:
    """Render an alias as its first model, but for what would name that one."""
    known = models.get(found.model)
    fields = known.row.fields if known is not None else {}
    fields = {member: value for member, value in fields.items() if member not in _NAMING}
    served_by = dict.fromkeys(target.endpoint.name for target in found.route.targets)
    info = {"endpoints": list(served_by), "alias_of": list(found.of)}
    return _render(name, fields, "multillama", info)


def _render(
    name: str, fields: Mapping[str, msgspec.Raw], owner: str, info: Mapping[str, list[str]]
) -> _Rendered:
    created_s = _created_s(fields)
    title = _title(name, fields)
    into = context_length(fields)
    out = next((n for key in _OUTPUT_LIMITS if (n := whole_of(fields.get(key)))), None)
    openai: dict[str, object] = {
        **fields,
        "id": name,
        "object": "model",
        "created": created_s,
        "owned_by": owner,
        **_limits(fields, into, _OPENAI_CONTEXT),
        "multillama": info,
    }
    anthropic = {
        **openai,
        **_limits(fields, into, ("max_input_tokens",)),
        **_limits(fields, out, ("max_tokens",)),
        "type": "model",
        "display_name": title,
        "created_at": fields["created_at"]
        if _moment(fields, "created_at")
        else _rfc3339(created_s),
    }
    gemini: dict[str, object] = {"name": f"models/{name}", "displayName": title}
    if description := text_of(fields.get("description")):
        gemini["description"] = description
    if into:
        gemini["inputTokenLimit"] = into
    if out:
        gemini["outputTokenLimit"] = out
    encode = msgspec.json.encode
    gemini["supportedGenerationMethods"] = _GEMINI_METHODS
    facts = model_facts(fields)
    return _Rendered(
        encode(openai),
        encode(anthropic),
        encode(gemini),
        encode(tag(name, fields, facts, created_s=created_s)),
        show(name, fields, facts, created_s=created_s),
    )


def _limits(
    fields: Mapping[str, msgspec.Raw], limit: int | None, names: Sequence[str]
) -> dict[str, int]:
    """Return a limit under those of the names under which the endpoint does not tell one itself."""
    return {name: limit for name in names if limit and not whole_of(fields.get(name))}


def _rows(rendered: Mapping[str, _Rendered]) -> dict[str, dict[str, bytes]]:
    return {
        "openai": {name: row.openai for name, row in rendered.items()},
        "anthropic": {name: row.anthropic for name, row in rendered.items()},
        "gemini": {name: row.gemini for name, row in rendered.items()},
        "ollama": {name: row.show for name, row in rendered.items()},
    }


def _lists(rows: Sequence[_Rendered], names: Sequence[str]) -> dict[str, bytes]:
    first, last = (names[0], names[-1]) if names else (None, None)
    ends = b'],"has_more":false,"first_id":%b,"last_id":%b}' % (
        msgspec.json.encode(first),
        msgspec.json.encode(last),
    )
    return {
        "openai": b'{"object":"list","data":[' + b",".join(row.openai for row in rows) + b"]}",
        "anthropic": b'{"data":[' + b",".join(row.anthropic for row in rows) + ends,
        "gemini": b'{"models":[' + b",".join(row.gemini for row in rows) + b"]}",
        "ollama": b'{"models":[' + b",".join(row.tag for row in rows) + b"]}",
    }


def _title(name: str, fields: Mapping[str, msgspec.Raw]) -> str:
    members = ("display_name", "displayName", "name")
    return next((text for key in members if (text := text_of(fields.get(key)))), name)


def _created_s(fields: Mapping[str, msgspec.Raw]) -> int:
    """Return when the model was made, seconds since 1970; 0 where its endpoint does not say."""
    if seconds := whole_of(fields.get("created")):
        return seconds
    moment = _moment(fields, "created_at") or _moment(fields, "modified_at")
    return int((moment - _EPOCH).total_seconds()) if moment else 0


def _moment(fields: Mapping[str, msgspec.Raw], member: str) -> datetime | None:
    """Return a time as RFC 3339 writes it, None for anything else and one without a time zone."""
    try:
        moment = msgspec.json.decode(fields.get(member, b"null"), type=datetime | None)
    except msgspec.MsgspecError:
        return None
    return moment if moment and moment.tzinfo else None


def _rfc3339(seconds: int) -> str:
    moment = _EPOCH + timedelta(seconds=min(max(seconds, 0), _LAST_S))
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
