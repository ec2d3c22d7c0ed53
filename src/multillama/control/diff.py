"""What a reload changes, in words: for the log, before it happens.

Names and numbers only. Of what may be a secret it says that it changed, never what it is.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import msgspec

from multillama.config.routing import PolicySetting, policy_values
from multillama.config.schema import SETTINGS, EndpointSetting, Settings, public_url

AT_THE_START: Final = ("port", "host", "log_format")
"""Settings that are read once: what they made cannot be exchanged while it serves."""
NAMED: Final = 5
"""Names that are told of one kind of change; of more, only how many."""
_HIDDEN: Final = frozenset({"key", "headers"})


class Changes(NamedTuple):
    """What is different."""

    words: tuple[str, ...]
    """E.g. `+1 endpoint (b)`, `routing of m1: strategy fastest`."""
    restart: tuple[str, ...]
    """What will be different only after a restart, e.g. `port 3000 -> 4000`."""

    def __str__(self) -> str:
        return ", ".join(self.words) or "nothing changed"


def changes(
    old: Settings, new: Settings, old_names: Iterable[str], new_names: Iterable[str]
) -> Changes:
    """Compare two settings.

    Args:
        old: Those in use.
        new: Those that come.
        old_names: Names of the old endpoints, in their order.
        new_names: Names of the new endpoints, in their order.
    """
    before = dict(zip(old_names, old.endpoints, strict=True))
    after = dict(zip(new_names, new.endpoints, strict=True))
    words = [
        *_kind("endpoint", "endpoints", before, after),
        *_order(list(before), list(after)),
        *_kind("alias", "aliases", old.aliases, new.aliases),
        *_policy("routing", old.routing, new.routing),
        *_policies(old.routing.models, new.routing.models),
        *_settings(old, new, at_the_start=False),
    ]
    return Changes(tuple(words), tuple(_settings(old, new, at_the_start=True)))


def _kind(
    one: str, many: str, before: Mapping[str, object], after: Mapping[str, object]
) -> Iterable[str]:
    added = [name for name in after if name not in before]
    gone = [name for name in before if name not in after]
    both = [name for name in after if name in before and after[name] != before[name]]
    if added:
        yield _counted("+", one, many, added)
    if gone:
        yield _counted("-", one, many, gone)
    if both:
        yield _counted("~", one, many, [_named(name, before[name], after[name]) for name in both])


def _counted(sign: str, one: str, many: str, names: list[str]) -> str:
    shown = ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
    return f"{sign}{len(names)} {one if len(names) == 1 else many} ({shown})"


def _named(name: str, before: object, after: object) -> str:
    if not isinstance(before, EndpointSetting) or not isinstance(after, EndpointSetting):
        return name
    parts = []
    for field in after.__struct_fields__:
        old, new = getattr(before, field), getattr(after, field)
        if old == new or field == "name":
            continue
        if new is None and field not in _HIDDEN:
            parts.append(f"no {field}")
        elif field == "url":
            parts.append(f"url {public_url(new)}")
        elif field in _HIDDEN or not isinstance(new, str | int | float):
            parts.append(field)
        else:
            parts.append(f"{field} {_plain(new)}")
    return f"{name}: {' and '.join(parts)}" if parts else name


def _order(before: list[str], after: list[str]) -> Iterable[str]:
    kept_before = [name for name in before if name in after]
    kept_after = [name for name in after if name in before]
    if kept_before != kept_after:
        yield "another order of endpoints"


def _policies(
    before: Mapping[str, PolicySetting], after: Mapping[str, PolicySetting]
) -> Iterable[str]:
    for glob in dict.fromkeys([*before, *after]):
        if glob not in after:
            yield f"routing of {glob}: as usual"
        else:
            yield from _policy(f"routing of {glob}", before.get(glob, PolicySetting()), after[glob])
    shared = [glob for glob in before if glob in after]
    if shared != [glob for glob in after if glob in before]:
        yield "another order of routing"


def _policy(title: str, before: PolicySetting, after: PolicySetting) -> Iterable[str]:
    old, new = _flat(policy_values(before)), _flat(policy_values(after))
    parts = [
        f"{name} {_plain(new[name]) if name in new else 'as usual'}"
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    ]
    if parts:
        yield f"{title}: {' and '.join(parts)}"


def _flat(values: Mapping[str, object]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found.update({f"{name}.{inner}": one for inner, one in value.items()})
        else:
            found[name] = value
    return found


def _settings(old: Settings, new: Settings, *, at_the_start: bool) -> Iterable[str]:
    for row in SETTINGS:
        if row.repeats or row.name == "config" or (row.name in AT_THE_START) != at_the_start:
            continue
        before, after = getattr(old, row.name), getattr(new, row.name)
        if before == after:
            continue
        if row.secret:
            yield f"{row.name} changed"
        else:
            yield f"{row.name} {_plain(before)} -> {_plain(after)}"


def _plain(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return msgspec.json.encode(value).decode()
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def kept_at_the_start(running: Settings, new: Settings) -> Settings:
    """Return the new settings with those of the start that cannot be exchanged."""
    return msgspec.structs.replace(new, **{name: getattr(running, name) for name in AT_THE_START})
