"""Which values count, and who said so: the default, a line of the file, a variable or a flag.

Secrets are masked here, so that what is shown or printed never had them.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from multillama.config.file import file_rows, path_of
from multillama.config.load import NO_FILE, Flags, given_for, given_pairs
from multillama.config.problem import Path, path_text
from multillama.config.routing import PolicySetting, policy_values
from multillama.config.schema import EndpointSetting, public_url
from multillama.config.sources import Loaded
from multillama.core.policy import DEFAULT_POLICY

MASKED: Final = "***"
DEFAULT: Final = "default"


class Fact(NamedTuple):
    """One value."""

    path: str
    """As in the file, e.g. `endpoints[0].weight`."""
    value: object
    """Plain data; a secret is `***`."""
    source: str
    """`default`, `multillama.yaml:12`, `MULTILLAMA_PORT` or `--port`."""


def effective(loaded: Loaded, flags: Flags, environ: Mapping[str, str]) -> tuple[Fact, ...]:
    """Return all values of the settings.

    Args:
        loaded: The settings.
        flags: What they were read from, together with …
        environ: … the environment and the file.
    """
    return (
        *_settings(loaded, flags, environ),
        *_endpoints(loaded, flags, environ),
        *_aliases(loaded),
        *_routing(loaded),
    )


def _settings(loaded: Loaded, flags: Flags, environ: Mapping[str, str]) -> Iterator[Fact]:
    file = loaded.file.given if loaded.file is not None else NO_FILE
    for row in file_rows():
        value = getattr(loaded.settings, row.name)
        given = given_for(row, flags, environ, file)
        if given is None:
            source = DEFAULT
        elif file.values.get(row.name) is given:
            source = _line(loaded, path_of(row))
        else:
            source = given.source
        shown = MASKED if row.secret and value is not None else value
        yield Fact(path_text(path_of(row)), shown, source)


def _endpoints(loaded: Loaded, flags: Flags, environ: Mapping[str, str]) -> Iterator[Fact]:
    urls, keys = given_pairs(flags, environ)
    for place, setting in enumerate(loaded.settings.endpoints):
        in_file = place - len(urls)
        for member, value in _members(setting):
            if in_file >= 0:
                source = _line(loaded, ("endpoints", in_file, member))
            else:
                source = (keys if member == "key" else urls)[place].source
            yield Fact(f"endpoints[{place}].{member}", value, source)


def _members(setting: EndpointSetting) -> Iterator[tuple[str, object]]:
    """Give what differs from the defaults, as it may be shown."""
    for field in msgspec.structs.fields(setting):
        value = getattr(setting, field.name)
        if value is None or value in (field.default, (), {}):
            continue
        if field.name == "url":
            value = public_url(value)
        elif field.name == "key":
            value = MASKED
        elif field.name == "headers":
            value = dict.fromkeys(value, MASKED)
        yield field.name, msgspec.to_builtins(value)


def _aliases(loaded: Loaded) -> Iterator[Fact]:
    for name, alias in loaded.settings.aliases.items():
        path: Path = ("aliases", name)
        targets = [msgspec.to_builtins(target) for target in alias.targets]
        yield Fact(path_text((*path, "targets")), targets, _line(loaded, (*path, "targets")))
        yield from _given_policy(loaded, path, alias)


def _routing(loaded: Loaded) -> Iterator[Fact]:
    routing = loaded.settings.routing
    given = dict(_flat(policy_values(routing)))
    for path, value in _flat(msgspec.to_builtins(DEFAULT_POLICY)):
        source = _line(loaded, ("routing", *path)) if path in given else DEFAULT
        yield Fact(path_text(("routing", *path)), given.get(path, value), source)
    for glob, policy in routing.models.items():
        yield from _given_policy(loaded, ("routing", "models", glob), policy)


def _given_policy(loaded: Loaded, at: Path, policy: PolicySetting) -> Iterator[Fact]:
    for path, value in _flat(policy_values(policy)):
        yield Fact(path_text((*at, *path)), value, _line(loaded, (*at, *path)))


def _flat(values: Mapping[str, object], at: Path = ()) -> Iterator[tuple[Path, object]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, (*at, name))
        else:
            yield (*at, name), value


def _line(loaded: Loaded, path: Path) -> str:
    if loaded.file is None:  # found on this machine
        return DEFAULT
    document = loaded.file.document
    return f"{document.name}:{document.line(path)}"
