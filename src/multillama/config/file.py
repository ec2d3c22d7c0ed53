"""The configuration file: one schema for YAML and TOML, checked whole, with a line for each fault.

The sections `listen`, `timeouts` and `limits` are made from the rows of `SETTINGS`, so a new row can
be written in the file at once. Secrets are fetched here; no complaint holds their text.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET, Meta, UnsetType

from multillama.config.check import did_you_mean, problems_of
from multillama.config.document import Document, Unreadable, read_document
from multillama.config.headers import header_problem
from multillama.config.load import (
    BadFile,
    BadSetting,
    FromFile,
    Given,
    ReadFile,
    checked_url,
    read_secret,
)
from multillama.config.problem import Path, Problem, path_text
from multillama.config.routing import AliasSetting, AliasTarget, RoutingSetting
from multillama.config.schema import SETTINGS, EndpointSetting, Setting

Judge = Callable[[str, str], str | None]
"""Name of an endpoint's member and a text to what is wrong with it, or None.

The text of `provider` is its name; that of `url` and of `local_only` is the URL.
"""

SECTIONS: Final = {"Main settings": "listen", "Time limits": "timeouts", "Size limits": "limits"}
"""Group of a row to the section of the file that it stands in."""
NOT_IN_FILE: Final = frozenset({"url", "key", "config"})
ON_TOP: Final = frozenset({"refresh_s", "responses_store"})
"""Rows that stand in no section."""

_VARIABLE: Final = re.compile(r"\$\{([^}]*)\}")
_VARIABLE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ENDPOINT_NAME: Final = re.compile(r"[A-Za-z0-9\[][A-Za-z0-9._:\[\]#-]{0,79}")
_PRIVATE_MODE: Final = 0o077


class Reading(NamedTuple):
    """What reading a file needs of the world."""

    environ: Mapping[str, str]
    read_file: ReadFile
    """Reads the file of a `file:PATH` secret."""
    judge: Judge
    mode: int | None = None
    """Permissions of the file; None where the system has none."""


class ConfigFile(NamedTuple):
    """A file without faults."""

    document: Document
    given: FromFile
    warnings: tuple[str, ...]
    """What works but should not stay, a line each."""


def _annotated(row: Setting) -> Any:
    kind: Any = Literal[row.choices] if row.choices else row.type
    return Annotated[kind, Meta(ge=row.minimum, le=row.maximum, description=row.help)] | UnsetType


def _section(title: str, group: str) -> Any:
    rows = [row for row in file_rows() if row.group == group and row.name not in ON_TOP]
    fields = [(row.name, _annotated(row), UNSET) for row in rows]
    return msgspec.defstruct(
        title, fields, frozen=True, kw_only=True, forbid_unknown_fields=True, module=__name__
    )


def file_rows() -> Iterator[Setting]:
    """Give the rows of the settings that may be written in the file."""
    return (row for row in SETTINGS if row.name not in NOT_IN_FILE)


def path_of(row: Setting) -> Path:
    """Return where a setting stands in the file."""
    return (row.name,) if row.name in ON_TOP else (SECTIONS[row.group], row.name)


Listen: Final = _section("Listen", "Main settings")
Timeouts: Final = _section("Timeouts", "Time limits")
Limits: Final = _section("Limits", "Size limits")
AliasValue = str | Annotated[tuple[str | AliasTarget, ...], Meta(min_length=1)] | AliasSetting

FileSettings: Final = msgspec.defstruct(
    "FileSettings",
    [
        ("listen", Annotated[Listen, Meta(description="Where and how clients reach it.")], UNSET),
        (
            "endpoints",
            Annotated[tuple[EndpointSetting, ...], Meta(description="The LLM servers.")],
            (),
        ),
        (
            "aliases",
            Annotated[
                dict[str, AliasValue],
                Meta(description="Public name to one target, a list of them, or the long form."),
            ],
            msgspec.field(default_factory=dict),
        ),
        (
            "routing",
            Annotated[RoutingSetting, Meta(description="How targets are chosen.")],
            RoutingSetting(),
        ),
        *((row.name, _annotated(row), UNSET) for row in file_rows() if row.name in ON_TOP),
        ("timeouts", Annotated[Timeouts, Meta(description="All waits, in seconds.")], UNSET),
        ("limits", Annotated[Limits, Meta(description="All sizes, in bytes.")], UNSET),
    ],
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    module=__name__,
)
"""The whole file. The JSON Schema is made from it."""


def read_config(text: str, name: str, reading: Reading) -> ConfigFile:
    """Read a configuration file.

    Args:
        text: What is in it.
        name: Its path, as the operator calls it; `.toml` is TOML, everything else YAML.
        reading: The world around it.

    Raises:
        BadFile: It has faults; all of them are told.
    """
    try:
        document = read_document(text, name)
    except Unreadable as error:
        raise BadFile([f"{name}:{error}"]) from None
    reader = _Reader(document, reading)
    problems = [*document.problems, *problems_of(document.data, FileSettings), *reader.problems()]
    if problems:
        problems.sort(key=lambda problem: document.line(problem.path))
        raise BadFile([f"{document.place(path)}: {text}" for path, text in problems])
    return ConfigFile(document, reader.given(), tuple(reader.warnings()))


class _Reader:
    """Fetches secrets and judges what types cannot say."""

    def __init__(self, document: Document, reading: Reading) -> None:
        self._document = document
        self._data = document.data
        self._reading = reading
        self._resolved: dict[Path, str] = {}
        """Texts in place of those with `${NAME}` or a secret's reference."""

    def problems(self) -> Iterator[Problem]:
        yield from self._secret_problems(("listen", "api_key"))
        for place, row in enumerate(_rows(self._data.get("endpoints"))):
            yield from self._endpoint_problems(("endpoints", place), row)
        yield from self._name_problems()
        yield from self._alias_problems()

    def given(self) -> FromFile:
        """Return what the file gives; there must be no problems."""
        data = self._data
        return FromFile(
            values={row.name: value for row in file_rows() if (value := self._value(path_of(row)))},
            endpoints=tuple(
                msgspec.convert(self._endpoint(("endpoints", place), row), EndpointSetting)
                for place, row in enumerate(_rows(data.get("endpoints")))
            ),
            aliases={
                name: msgspec.convert(_long_form(value), AliasSetting)
                for name, value in data.get("aliases", {}).items()
            },
            routing=msgspec.convert(data.get("routing", {}), RoutingSetting),
        )

    def warnings(self) -> Iterator[str]:
        """Tell of keys that stand in the file itself."""
        mode = self._reading.mode
        is_open = mode is not None and bool(mode & _PRIVATE_MODE)
        for path in self._secret_paths():
            text = str(_at(self._data, path))
            if text != "null" and not text.startswith(("env:", "file:")) and "${" not in text:
                others = (
                    f", and others may read the file: chmod 600 {self._document.name}"
                    if is_open
                    else ""
                )
                yield (
                    f"{self._document.place(path)}: the key itself stands here{others};"
                    " env:NAME or file:PATH keeps it out"
                )

    # --- endpoints ---------------------------------------------------------------------------

    def _endpoint_problems(self, path: Path, row: Mapping[str, object]) -> Iterator[Problem]:
        yield from self._url_problems((*path, "url"))
        yield from self._secret_problems((*path, "key"))
        provider = row.get("provider")
        if isinstance(provider, str) and (wrong := self._reading.judge("provider", provider)):
            yield Problem((*path, "provider"), wrong)
        yield from self._locality_problems(path, row)
        headers = row.get("headers")
        for name, value in headers.items() if isinstance(headers, dict) else ():
            yield from self._header_problems((*path, "headers", name), name, value)

    def _locality_problems(self, path: Path, row: Mapping[str, object]) -> Iterator[Problem]:
        given = row.get("tags")
        tags: list[object] = given if isinstance(given, list) else []
        for place, tag in enumerate(tags):
            if isinstance(tag, str) and re.sub("[-_ ]", "", tag.lower()) == "localonly":
                at = (*path, "tags", place)
                yield Problem(at, "does nothing as a tag; write local_only: true instead")
        url = self._resolved.get((*path, "url"))
        if row.get("local_only") is not True or url is None:
            return
        if "cloud" in tags:
            yield Problem((*path, "local_only"), "is for local endpoints, and this is tagged cloud")
        elif "local" not in tags and (wrong := self._reading.judge("local_only", url)):
            yield Problem((*path, "local_only"), wrong)

    def _url_problems(self, path: Path) -> Iterator[Problem]:
        text = _at(self._data, path)
        if not isinstance(text, str):
            return
        try:
            text = self._filled_in(text)
            self._resolved[path] = checked_url(Given("it", text))
        except BadSetting as error:
            yield Problem(path, str(error).removeprefix("it "))
        else:
            if wrong := self._reading.judge("url", text):
                yield Problem(path, wrong)

    def _secret_problems(self, path: Path) -> Iterator[Problem]:
        text = _at(self._data, path)
        if not isinstance(text, str) or text == "null":
            return
        try:
            text = self._filled_in(text)
            secret = read_secret(Given("it", text), self._reading.environ, self._reading.read_file)
        except BadSetting as error:
            yield Problem(path, str(error).removeprefix("it: ").removeprefix("it "))
        else:
            self._resolved[path] = secret

    def _header_problems(self, path: Path, name: str, value: object) -> Iterator[Problem]:
        if not isinstance(value, str):
            return
        try:
            self._resolved[path] = self._filled_in(value)
        except BadSetting as error:
            yield Problem(path, str(error))
        else:
            if wrong := header_problem(name, self._resolved[path]):
                yield Problem(path, wrong)

    def _name_problems(self) -> Iterator[Problem]:
        taken: set[str] = set()
        for place, row in enumerate(_rows(self._data.get("endpoints"))):
            name, path = row.get("name"), ("endpoints", place, "name")
            if not isinstance(name, str):
                continue
            if not _ENDPOINT_NAME.fullmatch(name):
                yield Problem(path, "may hold letters, digits and . _ - : only, 80 at most")
            elif name in taken:
                yield Problem(path, "is another endpoint's name too; choose a different one")
            taken.add(name)

    def _endpoint(self, path: Path, row: Mapping[str, object]) -> dict[str, object]:
        values = {name: self._resolved.get((*path, name), value) for name, value in row.items()}
        if values.get("key") == "null":
            del values["key"]
        if isinstance(headers := row.get("headers"), dict):
            values["headers"] = {name: self._resolved[*path, "headers", name] for name in headers}
        return values

    # --- aliases -----------------------------------------------------------------------------

    def _alias_problems(self) -> Iterator[Problem]:
        aliases = self._data.get("aliases") or {}
        if not isinstance(aliases, dict):
            return
        for path in self._document.lines:
            if path[:-1] == ("aliases",) and path[-1] not in aliases:  # what is null is left out
                yield Problem(path, "leads nowhere; name a model, or leave it out")
        names = self._endpoint_names()
        for name, value in aliases.items():
            if not name or name != name.strip() or len(name) > 200:
                yield Problem(("aliases", name), "is no name: 1 to 200 characters, no blank around")
            for model in _models(value):
                if model in aliases and model != name:
                    yield Problem(
                        ("aliases", name),
                        f"leads to the alias {path_text((model,))}; name that one's targets instead",
                    )
                prefix, slash, _ = model.partition("/")
                if slash and prefix not in names and (hint := did_you_mean(prefix, names)):
                    yield Problem(("aliases", name), f"no endpoint is named {prefix}{hint}")

    def _endpoint_names(self) -> list[str]:
        """Return the endpoints' names, of those without one what it is made from: host and port."""
        names = []
        for place, row in enumerate(_rows(self._data.get("endpoints"))):
            url = self._resolved.get(("endpoints", place, "url"), "")
            names.append(str(row.get("name") or urlsplit(url).netloc.rpartition("@")[2]))
        return names

    # --- values ------------------------------------------------------------------------------

    def _value(self, path: Path) -> Given | None:
        value = _at(self._data, path)
        if value is None:
            return None
        if path in self._resolved:
            return Given(self._document.place(path), self._resolved[path], is_fetched=True)
        text = self._filled_in(value) if isinstance(value, str) else f"{value:.15g}"
        return Given(self._document.place(path), text)

    def _filled_in(self, text: str) -> str:
        """Put variables in the place of `${NAME}`."""
        return _VARIABLE.sub(lambda match: self._variable(match[1]), text)

    def _variable(self, name: str) -> str:
        if not _VARIABLE_NAME.fullmatch(name):
            raise BadSetting("between ${ and } stands the bare name of a variable, like ${NAS_KEY}")
        if value := self._reading.environ.get(name, "").strip():
            return value
        if not name.isupper():  # it may be a key in the wrong place
            raise BadSetting("${…} names a variable that is not set")
        raise BadSetting(f"the variable {name} is not set. Run: export {name}=VALUE")

    def _secret_paths(self) -> Iterator[Path]:
        paths: list[Path] = [("listen", "api_key")]
        paths += [("endpoints", i, "key") for i, _ in enumerate(self._data.get("endpoints", ()))]
        return (path for path in paths if _at(self._data, path) is not None)


def _rows(value: object) -> list[dict[str, Any]]:
    """Return the rows of a list, an empty one in place of each that is none."""
    return (
        [row if isinstance(row, dict) else {} for row in value] if isinstance(value, list) else []
    )


def _at(data: object, path: Path) -> object:
    for part in path:
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int):
            data = data[part]
        else:
            return None
    return data


def _long_form(value: object) -> object:
    if isinstance(value, str):
        value = [value]
    return {"targets": value} if isinstance(value, list) else value


def _models(value: object) -> list[str]:
    """Return the names that an alias leads to, as far as they can be read."""
    value = _long_form(value)
    targets = value.get("targets") if isinstance(value, dict) else None
    rows = targets if isinstance(targets, list) else []
    names = [row.get("model") if isinstance(row, dict) else row for row in rows]
    return [name for name in names if isinstance(name, str)]
