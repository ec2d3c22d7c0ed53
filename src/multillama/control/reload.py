"""Reload: when the configuration file changes, or at a signal, it is read, judged and taken over.

A file that changes is looked at once a second: by its time, size and place on the disk, which
works in containers and where a file is exchanged by a link, and costs 3 us. It is read when it has
been the same for two looks, so that nobody's half-written file counts. A file with faults changes
nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from multillama.config.load import BadFile, BadSetting
from multillama.config.schema import Settings
from multillama.config.sources import Loaded, Source
from multillama.control.diff import Changes
from multillama.control.discovery import Clock

LOOK_S: Final = 1.0

Look = Callable[[str], object]
"""Path to what is different when the file is: None where there is no file."""

Read = Callable[[Callable[[], Loaded]], Awaitable[Loaded]]
"""Calls what reads the settings, beside the loop: a large file takes seconds."""


class Running(Protocol):
    """The gateway, as a reload needs it."""

    def compare(self, settings: Settings) -> Changes:
        """Says what would change.

        Raises:
            BadSetting: The settings cannot be used.
        """

    async def apply(self, settings: Settings) -> None:
        """Goes over to settings, in one assignment; returns when that is done."""


class Tell(Protocol):
    """Where news goes: the log."""

    def event(
        self, name: str, text: str, /, *, is_warning: bool = False, **facts: object
    ) -> None: ...


class Reloader:
    """Watches the files of one gateway's settings."""

    def __init__(
        self,
        source: Source,
        *,
        look: Look,
        read: Read,
        gateway: Running,
        log: Tell,
    ) -> None:
        self._paths = source.loaded.paths
        self._warnings = source.loaded.warnings
        self._load = source.load
        self._look = look
        self._read = read
        self._turn = asyncio.Lock()
        self._gateway = gateway
        self._log = log
        self._known = self._seen = self._looks()
        self._is_gone = False

    async def run(self, clock: Clock) -> None:
        """Looks again and again; being cancelled ends it."""
        while True:
            await clock.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Looks at the files, and reloads when they have changed and are still again."""
        seen = self._looks()
        is_still, self._seen = seen == self._seen, seen
        if not is_still:  # one that is being exchanged may be missing for a moment
            return
        self._tell_gone(is_gone=seen[0] is None)
        # one that is gone says nothing
        if seen != self._known and seen[0] is not None:
            await self.reload()

    async def reload(self) -> bool:
        """Reads the settings anew and takes them over.

        Returns:
            True unless they are faulty; then everything stays as it was, and the log says why.
        """
        async with self._turn:  # a signal may come while the file is read
            return await self._reload()

    async def _reload(self) -> bool:
        before = dict(zip(self._paths, self._looks(), strict=True))
        self._known = tuple(before.values())
        try:
            loaded = await self._read(self._load)
            changes = self._gateway.compare(loaded.settings)
        except BadFile as error:
            self._tell_refused(error.problems)
            return False
        except BadSetting as error:
            self._tell_refused((str(error),))
            return False
        except Exception as error:  # whatever is in a file, the gateway goes on as it was
            self._tell_refused((f"refused, as reading failed with {type(error).__name__}",))
            return False
        self._paths = loaded.paths
        # as they were before they were read: what has changed meanwhile is read again
        self._known = tuple(before.get(path, self._look(path)) for path in loaded.paths)
        self._seen = self._known
        self._tell_taken(loaded, changes)
        await self._gateway.apply(loaded.settings)
        return True

    def _looks(self) -> tuple[object, ...]:
        return tuple(map(self._look, self._paths))

    def _tell_gone(self, *, is_gone: bool) -> None:
        if is_gone is self._is_gone:
            return
        self._is_gone = is_gone
        path = self._paths[0]
        if is_gone:
            text = f"{path} is gone: what it said stays in use until it is back, or until a restart"
        else:
            text = f"{path} is back"
        name = "config_gone" if is_gone else "config_back"
        self._log.event(name, text, is_warning=is_gone, path=path)

    def _tell_refused(self, problems: tuple[str, ...]) -> None:
        text = f"configuration kept as it was: {'; '.join(problems)}"
        self._log.event("reload_refused", text, is_warning=True, problems=list(problems))

    def _tell_taken(self, loaded: Loaded, changes: Changes) -> None:
        text = f"configuration reloaded: {changes}"
        self._log.event("reload", text, changes=list(changes.words), restart=list(changes.restart))
        if changes.restart:
            text = f"only a restart changes: {', '.join(changes.restart)}"
            self._log.event("restart_needed", text, is_warning=True, settings=list(changes.restart))
        if loaded.warnings != self._warnings:
            self._warnings = loaded.warnings
            for warning in loaded.warnings:
                self._log.event("config_warning", warning, is_warning=True)
