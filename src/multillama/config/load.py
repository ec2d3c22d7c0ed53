"""From flags, environment and file to `Settings`: each wins over the next, all over the default.

A pure function: the environment and the reader of key files are arguments. What is wrong is said in
one line together with its cure, and never with the text of a key.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from multillama.config.routing import AliasSetting, RoutingSetting
from multillama.config.schema import SETTINGS, EndpointSetting, Setting, Settings

Flags = Mapping[str, str | Sequence[str] | None]
"""Name of a row to what its flag got; None or empty where it was not given."""

ReadFile = Callable[[str], str]
"""Path to text; raises OSError or UnicodeDecodeError."""

_PAIR: Final = ("url", "key")
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")
_DECIMAL: Final = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?")
_VISIBLE_ASCII: Final = re.compile(r"[!-~]+")
# urlsplit would silently drop tabs and line breaks
_NO_BLANKS: Final = re.compile(r"[^\x00-\x20\x7f]+")
# `env:$NAME` puts the key itself where its name should be, so only what cannot be a key is repeated
_SURELY_A_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


class BadSetting(Exception):
    """What the operator gave cannot be used. Its text is one line: what is wrong, and the cure."""


class BadFile(BadSetting):
    """A configuration file with faults, each in a line of its own that begins with file and line."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Given(NamedTuple):
    """A value as it was given."""

    source: str
    """What to call it in a complaint, e.g. `--port` or `MULTILLAMA_PORT`."""
    text: str
    is_fetched: bool = False
    """The text is the secret itself, and `env:` or `file:` no longer a reference."""


class FromFile(NamedTuple):
    """What a configuration file has given, checked on its own."""

    values: Mapping[str, Given] = {}
    """By name of a row."""
    endpoints: tuple[EndpointSetting, ...] = ()
    aliases: Mapping[str, AliasSetting] = {}
    routing: RoutingSetting = RoutingSetting()


NO_FILE: Final = FromFile()


def load(
    flags: Flags,
    environ: Mapping[str, str],
    read_file: ReadFile,
    *,
    default_port: int | None = None,
    file: FromFile = NO_FILE,
) -> Settings:
    """Turn what the operator gave into settings.

    Args:
        flags: See `Flags`.
        environ: The environment; a variable that is empty counts as not set.
        read_file: Reads the file of a `file:PATH` key.
        default_port: Stands in for a missing port where a command does not require one.
        file: The configuration file's part. Endpoints of flags or variables stand before its own.

    Raises:
        BadSetting: A value is missing, malformed or out of bounds, or a key cannot be found.
    """
    values: dict[str, object] = {} if default_port is None else {"port": default_port}
    for row in SETTINGS:
        given = None if row.repeats else given_for(row, flags, environ, file)
        if given is not None:
            values[row.name] = _value(row, given, environ, read_file)
    if "port" not in values:
        raise BadSetting("Port is required. Add one, for example --port 3000.")
    endpoints = _endpoints(*given_pairs(flags, environ), environ, read_file)
    return msgspec.structs.replace(
        msgspec.convert(values, Settings),
        endpoints=endpoints + file.endpoints,
        aliases=dict(file.aliases),
        routing=file.routing,
    )


def literal_keys(flags: Flags) -> tuple[str, ...]:
    """Return the keys that stand as plain text on the command line, where `ps` shows them."""
    texts = [text for row in SETTINGS if row.secret for text in _texts(flags.get(row.name))]
    return tuple(
        text for text in texts if text != "null" and not text.startswith(("env:", "file:"))
    )


def _texts(value: str | Sequence[str] | None) -> Sequence[str]:
    return (value,) if isinstance(value, str) else value or ()


def given_for(
    row: Setting, flags: Flags, environ: Mapping[str, str], file: FromFile = NO_FILE
) -> Given | None:
    """Return what counts for a setting, None where only its default does."""
    for text in _texts(flags.get(row.name)):
        return Given(row.flag, text)
    text = environ.get(row.variable, "")
    return Given(row.variable, text) if text else file.values.get(row.name)


def given_pairs(
    flags: Flags, environ: Mapping[str, str]
) -> tuple[Sequence[Given], Sequence[Given]]:
    """Return the URLs and the keys, all from flags or all from variables.

    A mixture would send a key from the environment to a URL it was not meant for.
    """
    rows = [row for row in SETTINGS if row.name in _PAIR]
    if any(flags.get(row.name) for row in rows):
        given = [(row.flag, _texts(flags.get(row.name))) for row in rows]
    else:
        given = [(row.variable, environ.get(row.variable, "").split()) for row in rows]
    urls, keys = (
        [Given(f"{source} {place}", text) for place, text in enumerate(texts, 1)]
        for source, texts in given
    )
    return urls, keys


def _endpoints(
    urls: Sequence[Given],
    keys: Sequence[Given],
    environ: Mapping[str, str],
    read_file: ReadFile,
) -> tuple[EndpointSetting, ...]:
    if len(urls) != len(keys):
        raise BadSetting(
            f"Number of keys must match number of URLs, but there are {len(keys)} and {len(urls)}."
            " Give one --key for each --url; --key null for an endpoint without a key."
        )
    return tuple(
        EndpointSetting(
            url=checked_url(url),
            key=None if key.text == "null" else read_secret(key, environ, read_file),
        )
        for url, key in zip(urls, keys, strict=True)
    )


def _value(
    row: Setting, given: Given, environ: Mapping[str, str], read_file: ReadFile
) -> str | int | float:
    if given.is_fetched:
        return given.text
    if row.secret and given.text == "null":
        raise BadSetting(f"{given.source} cannot be null. Leave it out to ask clients for no key.")
    if row.secret:
        return read_secret(given, environ, read_file)
    if row.type is not str:
        return _number(row, given)
    if row.choices and given.text not in row.choices:
        raise BadSetting(
            f'{given.source} cannot be "{given.text}". Use one of: {", ".join(row.choices)}.'
        )
    if row.name == "config" and given.text.strip():  # a path may have blanks in it
        return given.text
    if given.text.split() != [given.text]:
        raise BadSetting(f"{given.source} is empty or has blanks in it. Give one {row.name}.")
    return given.text


def _number(row: Setting, given: Given) -> int | float:
    pattern = _WHOLE if row.type is int else _DECIMAL
    value = float(given.text) if pattern.fullmatch(given.text) else None
    if value is None or not (row.minimum or 0) <= value <= (row.maximum or value):
        kind = "a whole number" if row.type is int else "a number"
        unit = f" of {row.unit}" if row.unit else ""
        raise BadSetting(
            f"{given.source} must be {kind}{unit} from {row.minimum} to {row.maximum},"
            f' not "{given.text}".'
        )
    return int(given.text) if row.type is int else value


def checked_url(given: Given) -> str:
    """Check what every URL must have; `providers/base_url.py` reads the rest."""
    name = f'{given.source} "{_harmless(given.text)}"'
    if not _NO_BLANKS.fullmatch(given.text):
        raise BadSetting(
            f"{given.source} is empty or has blanks in it. Write it like https://api.openai.com/."
        )
    try:
        parts = urlsplit(given.text)
        port = parts.port
    except ValueError as error:
        raise BadSetting(f"{name} is not a URL that can be used: {error}.") from error
    if parts.scheme not in ("http", "https"):
        raise BadSetting(
            f"{name} is not an http or https URL. Write it in full, like http://localhost:11434/."
        )
    if not parts.hostname:
        raise BadSetting(f"{name} has no host. Write it like https://api.openai.com/.")
    if port == 0:
        raise BadSetting(f"{name} has port 0, which nobody listens on. Give the server's port.")
    return given.text


def _harmless(text: str) -> str:
    """Return a URL for a complaint: without user and password; not at all if it may be a key."""
    if not re.search(r"[/:.]", text):
        return "(not shown)"
    scheme, separator, rest = text.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def read_secret(given: Given, environ: Mapping[str, str], read_file: ReadFile) -> str:
    """Return a secret that is given as `env:NAME`, `file:PATH` or itself.

    Raises:
        BadSetting: It cannot be found, or is no key.
    """
    scheme, colon, name = given.text.partition(":")
    secret = given.text
    if colon and scheme == "env":
        secret = _from_variable(given.source, name, environ)
    elif colon and scheme == "file":
        secret = _from_file(given.source, name, read_file)
    elif not secret or secret.startswith("--"):
        raise BadSetting(
            f"{given.source} has no value: is the shell's variable not set?"
            " Give the key, env:NAME or file:PATH; an endpoint without a key has --key null."
        )
    if not _VISIBLE_ASCII.fullmatch(secret):
        raise BadSetting(
            f"{given.source} has a blank, a line break or a non-ASCII character in it, which no key"
            " has. Give the key alone."
        )
    return secret


def _from_variable(source: str, name: str, environ: Mapping[str, str]) -> str:
    secret = environ.get(name, "").strip()
    if not secret and _SURELY_A_NAME.fullmatch(name):
        raise BadSetting(f"{source}: the variable {name} is not set. Run: export {name}=YOUR-KEY")
    if not secret:
        raise BadSetting(
            f"{source}: env: names a variable that is not set."
            " Write its bare name, without $, for example env:OPENAI_API_KEY."
        )
    return secret


def _from_file(source: str, path: str, read_file: ReadFile) -> str:
    try:
        secret = read_file(path).strip()
    except OSError as error:
        raise BadSetting(
            f"{source}: cannot read {path} ({error.strerror}). Put the key alone into that file."
        ) from error
    except UnicodeDecodeError as error:
        raise BadSetting(f"{source}: {path} is not text. Put the key alone into it.") from error
    if not secret:
        raise BadSetting(f"{source}: {path} is empty. Put the key alone into that file.")
    return secret
