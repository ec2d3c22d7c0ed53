"""What the file says about routing, made into policies and into the targets of aliases.

Pure: settings and models in, values out. What is local-only stays so through every other name:
where several names or policies meet, one that says `local_only` is enough.
"""

import fnmatch
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from typing import Final, NamedTuple

import msgspec

from multillama.config.routing import AliasSetting, AliasTarget, RoutingSetting, policy_values
from multillama.config.schema import EndpointSetting, Settings
from multillama.control.prices import PriceOf, price_table
from multillama.core.policy import DEFAULT_POLICY, Policy
from multillama.core.snapshot import NO_FACTS, Endpoint, ModelFacts, Route, Target
from multillama.providers.facts import with_prices
from multillama.providers.listing import Row

Values = dict[str, object]
LATEST: Final = ":latest"
"""Ollama's default tag, which its clients leave out."""
Select = Callable[[str, Sequence[Row]], tuple[Row, ...]]
"""Name of an endpoint and its models to those that are served."""


class Policies:
    """The policies of all names, from the general to the special."""

    def __init__(self, routing: RoutingSetting) -> None:
        self._default = policy_values(routing)
        self._rows = [
            (_pattern(glob), policy_values(policy)) for glob, policy in routing.models.items()
        ]
        self._keepers = [match for match, values in self._rows if values.get("local_only")]
        self._kept: frozenset[str] = frozenset()
        self._known: dict[tuple[bool, tuple[int, ...]], Policy] = {}
        """By the places of the globs that match: thousands of models share a few policies."""

    def keeping(self, names: frozenset[str]) -> "Policies":
        """Return the same policies, but those of these names are local-only."""
        other = copy(self)
        other._kept = names
        return other

    def keep_some(self) -> bool:
        """Say whether the file makes any models local-only by their names."""
        return bool(self._keepers)

    def keep(self, names: Collection[str]) -> bool:
        """Say whether the file makes what has these names local-only."""
        return any(match(name) is not None for match in self._keepers for name in names)

    def of(self, names: Collection[str], own: Values | None = None) -> Policy:
        """Return the policy of a model with all its names; every glob that matches one counts.

        Args:
            names: All that clients may call it.
            own: What goes over all others.
        """
        matching = tuple(
            place
            for place, (match, _) in enumerate(self._rows)
            if any(match(name) is not None for name in names)
        )
        is_kept = not self._kept.isdisjoint(names)
        if own is None and (known := self._known.get((is_kept, matching))) is not None:
            return known
        parts = [self._default, *(self._rows[place][1] for place in matching)]
        if is_kept:
            parts.append({"local_only": True})
        if own is not None:
            return _policy([*parts, own])
        policy = self._known[is_kept, matching] = _policy(parts)
        return policy


class Alias(NamedTuple):
    """A public name with where it leads to right now."""

    route: Route
    of: tuple[str, ...]
    """Its targets, as configured."""
    model: str
    """The model that comes first, without its endpoint."""


class Routing(NamedTuple):
    """What the file says about routing, ready to be compiled."""

    policies: Policies
    aliases: Mapping[str, AliasSetting] = {}
    prices: PriceOf | None = None
    """A table of them, where some route compares prices."""

    def facts_of(self, endpoint: Endpoint, model: str, listed: ModelFacts) -> ModelFacts:
        """Return what is known of a model, with its price."""
        if self.prices is None or endpoint.is_local:
            return with_prices(listed, endpoint)
        return with_prices(listed, endpoint, self.prices(endpoint.provider, model))


def _policy(parts: Sequence[Values]) -> Policy:
    """Put policies over each other, the last one on top; `local_only` none of them can take back."""
    merged: Values = msgspec.to_builtins(DEFAULT_POLICY)
    for values in parts:
        for name, value in values.items():
            known = merged[name]
            if isinstance(known, dict) and isinstance(value, dict):
                value = known | value
            merged[name] = value
    merged["local_only"] = any(values.get("local_only") for values in parts)
    policy = msgspec.convert(merged, Policy)
    return (
        DEFAULT_POLICY if policy == DEFAULT_POLICY else policy
    )  # the data plane knows it at a glance


def spellings(model: str) -> tuple[str, str]:
    """Return the two names of a model that mean the same to Ollama: with and without `:latest`."""
    short = model.removesuffix(LATEST)
    return short, short + LATEST


def selection(settings: Mapping[str, EndpointSetting]) -> Select:
    """Return which of an endpoint's models are served: those included and not excluded.

    Args:
        settings: Name of an endpoint to its setting.
    """
    globs = {
        name: (_matcher(setting.include), _matcher(setting.exclude))
        for name, setting in settings.items()
        if setting.include or setting.exclude
    }

    def select(name: str, rows: Sequence[Row]) -> tuple[Row, ...]:
        if name not in globs:
            return tuple(rows)
        included, excluded = globs[name]
        wanted = included or _everything
        return tuple(row for row in rows if wanted(row.id) and not (excluded and excluded(row.id)))

    return select


def all_models(name: str, rows: Sequence[Row]) -> tuple[Row, ...]:
    """Is the `Select` of endpoints without globs."""
    return tuple(rows)


def alias(
    name: str,
    setting: AliasSetting,
    *,
    endpoints: Sequence[Endpoint],
    routes: Mapping[str, Route],
    routing: Routing,
) -> Alias | None:
    """Make an alias; None as long as no endpoint serves what it leads to.

    Args:
        name: The public name.
        setting: What the file says.
        endpoints: All of them: a target that names one is there even if its list lacks the model.
        routes: Models to their targets and policies, without aliases.
        routing: The policies of all names, and what models cost.
    """
    rows = setting.rows()
    by_name = {endpoint.name: endpoint for endpoint in endpoints}
    groups = [_group(row, by_name, routes=routes, routing=routing) for row in rows]
    own = policy_values(setting)
    is_weighted = any(isinstance(row.weight, float | int) for row in rows)
    if is_weighted:
        own.setdefault("strategy", "weighted")
    policies = routing.policies
    policy = policies.of([name], own)
    behind = [routes[row.model].policy for row in rows if row.model in routes]
    split = [_split(row.model, by_name) for row in rows]
    behind += [policies.of(spellings(model)) for _, model in split]
    # it may serve what it does not list
    names_a_keeper = any(name is not None and by_name[name].local_only for name, _ in split)
    if names_a_keeper or any(other.local_only for other in behind):
        policy = msgspec.structs.replace(policy, local_only=True)
    is_in_order = own.get("strategy", "ordered") == "ordered" and not is_weighted
    targets = _ranked(rows, groups, is_in_order=is_in_order)
    if not targets:
        return None
    return Alias(Route(targets, policy), tuple(row.model for row in rows), split[0][1])


def unserved(
    setting: AliasSetting,
    *,
    endpoints: Sequence[Endpoint],
    listings: Mapping[str, Sequence[Row]],
    routes: Mapping[str, Route],
) -> tuple[str, ...]:
    """Return those targets of an alias that no endpoint lists.

    Args:
        setting: What the file says.
        endpoints: All of them.
        listings: Endpoint name to its models; of one without any nothing is known.
        routes: Models to their targets, without aliases.
    """
    by_name = {endpoint.name: endpoint for endpoint in endpoints}
    found = []
    for row in setting.rows():
        name, model = _split(row.model, by_name)
        known = routes[model].targets if model in routes else ()
        if name is not None and (by_name[name].is_selective or not listings.get(name)):
            continue  # its globs may have left it out, or it has not answered
        if not any(name is None or target.endpoint.name == name for target in known):
            found.append(row.model)
    return tuple(found)


def _group(
    row: AliasTarget,
    endpoints: Mapping[str, Endpoint],
    *,
    routes: Mapping[str, Route],
    routing: Routing,
) -> tuple[Target, ...]:
    """Return what one row leads to, each with the endpoint's own name of the model."""
    name, model = _split(row.model, endpoints)
    known = routes[model].targets if model in routes else ()
    if name is None:
        return tuple(_renamed(target, model) for target in known)
    endpoint = endpoints[name]
    listed = [target for target in known if target.endpoint is endpoint]
    return (_renamed(listed[0] if listed else _unlisted(endpoint, model, routing), model),)


def _split(text: str, endpoints: Mapping[str, Endpoint]) -> tuple[str | None, str]:
    """Split `endpoint/model`; a model's own name may hold slashes, too."""
    name, slash, model = text.partition("/")
    return (name, model) if slash and model and name in endpoints else (None, text)


def _unlisted(endpoint: Endpoint, model: str, routing: Routing) -> Target:
    facts = routing.facts_of(endpoint, model, NO_FACTS)
    return Target(endpoint, model=model, facts=facts, weight=endpoint.weight, tier=endpoint.tier)


def _renamed(target: Target, model: str) -> Target:
    if target.rename is not None:
        return target
    return msgspec.structs.replace(target, rename=msgspec.json.encode(target.model or model))


def _ranked(
    rows: Sequence[AliasTarget], groups: Sequence[Sequence[Target]], *, is_in_order: bool
) -> tuple[Target, ...]:
    """Give the targets their tiers and weights.

    A row's own tier replaces the endpoint's. Without any, the order of the rows counts first and
    the endpoints' tiers within a row second.
    """
    in_order = is_in_order and all(row.tier is msgspec.UNSET for row in rows)
    keyed: list[tuple[tuple[int, int], Target]] = []
    for place, (row, group) in enumerate(zip(rows, groups, strict=True)):
        weights = sum(target.weight for target in group)
        for target in group:
            key = (place, target.tier) if in_order else (0, target.tier)
            if isinstance(row.tier, int):
                key = (0, row.tier)
            if isinstance(row.weight, float | int):
                # the row's share is divided among the endpoints that serve it
                share = row.weight * target.weight / weights
                target = msgspec.structs.replace(target, weight=share)
            keyed.append((key, target))
    kept: dict[tuple[str, str], tuple[tuple[int, int], Target]] = {}
    for key, target in keyed:  # what stands in two rows counts in the first
        kept.setdefault((target.endpoint.name, target.model), (key, target))
    tiers = {key: tier for tier, key in enumerate(sorted({key for key, _ in kept.values()}))}
    return tuple(msgspec.structs.replace(target, tier=tiers[key]) for key, target in kept.values())


def _everything(name: str) -> bool:
    return True


def _matcher(globs: Sequence[str]) -> Callable[[str], bool] | None:
    patterns = [_pattern(glob) for glob in globs]
    return (lambda name: any(match(name) for match in patterns)) if patterns else None


def _pattern(glob: str) -> Callable[[str], re.Match[str] | None]:
    return re.compile(fnmatch.translate(glob)).match


def routing_of(settings: Settings) -> Routing:
    """Return what the settings say about routing."""
    return Routing(Policies(settings.routing), settings.aliases, price_table(settings))


PLAIN: Final = Routing(Policies(RoutingSetting()))
"""All models balanced, no aliases."""
