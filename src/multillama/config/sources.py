"""Brings flags, environment and the configuration file together, and remembers who said what.

The one place that knows which file is meant. Nothing is opened here: readers are arguments.
"""

import os.path
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from multillama.config.load import (
    BadFile,
    BadSetting,
    Flags,
    ReadFile,
    given_for,
    load,
)
from multillama.config.schema import SETTINGS, Settings

if TYPE_CHECKING:  # brings PyYAML with it, which a start without a file does without
    from multillama.config.file import ConfigFile, Judge

Mode = Callable[[str], int | None]
"""Path to the permissions of a file, None where the system has none."""

CONFIG: Final = next(row for row in SETTINGS if row.name == "config")


class World(NamedTuple):
    """What settings are read from, beside flags."""

    environ: Mapping[str, str]
    read_file: ReadFile
    mode: Mode
    judge: "Judge"


class Loaded(NamedTuple):
    """Settings, and where they came from."""

    settings: Settings
    file: "ConfigFile | None" = None
    paths: tuple[str, ...] = ()
    """Files that they were read from: the configuration, and those of its `file:PATH` keys."""

    @property
    def warnings(self) -> tuple[str, ...]:
        return self.file.warnings if self.file is not None else ()


class Source(NamedTuple):
    """Settings that may change while they are in use."""

    loaded: Loaded
    """As they are now."""
    load: Callable[[], Loaded]
    """Reads them anew; raises as `load_settings`."""


def load_settings(flags: Flags, world: World, *, default_port: int | None = None) -> Loaded:
    """Read all settings.

    Args:
        flags: See `load.Flags`.
        world: The rest.
        default_port: Stands in for a missing port where a command does not require one.

    Raises:
        BadFile: The configuration file has faults.
        BadSetting: A flag or a variable has one.
    """
    given = given_for(CONFIG, flags, world.environ)
    if given is None:
        settings = load(flags, world.environ, world.read_file, default_port=default_port)
        return Loaded(settings)
    file, paths = read_file(given.text, world, source=given.source)
    settings = load(
        flags, world.environ, world.read_file, default_port=default_port, file=file.given
    )
    return Loaded(msgspec.structs.replace(settings, config=given.text), file, paths)


def read_file(
    path: str, world: World, *, source: str = CONFIG.flag
) -> tuple["ConfigFile", tuple[str, ...]]:
    """Read a configuration file by itself.

    Returns:
        It, and all files that were read.

    Raises:
        BadFile: It has faults.
        BadSetting: It cannot be opened.
    """
    from multillama.config.file import Reading, read_config

    place = os.path.expanduser(path)  # a variable's ~ is expanded by no shell
    try:
        text, mode = world.read_file(place), world.mode(place)
    except OSError as error:
        cure = " multillama init writes one." if isinstance(error, FileNotFoundError) else ""
        raise BadSetting(f"{source}: cannot read {path} ({error.strerror}).{cure}") from error
    except UnicodeDecodeError as error:
        raise BadFile([f"{path}:1: it is not UTF-8 text"]) from error
    paths = [place]

    def read_beside(key_path: str) -> str:
        # what a file names is meant from where the file is, wherever the gateway was started
        found = os.path.join(os.path.dirname(place), os.path.expanduser(key_path))
        paths.append(found)
        return world.read_file(found)

    reading = Reading(world.environ, read_beside, world.judge, mode)
    file = read_config(text, path, reading)
    return file, tuple(dict.fromkeys(paths))
