"""Tells of aliases whose targets no endpoint lists, once each, when the endpoints have had time to answer."""

from multillama.control.reload import Tell
from multillama.core.snapshot import Snapshot
from multillama.core.unserved import unserved_texts


class UnservedAliases:
    """What has been told of aliases."""

    def __init__(self, log: Tell) -> None:
        self._log = log
        self._told: dict[str, str] = {}
        self._is_waiting = True
        self._snapshot = Snapshot()

    def on_start(self) -> None:
        """Keeps silent from now on: endpoints are about to answer."""
        self._is_waiting = True

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """Tells what is new in a snapshot, unless endpoints are waited for."""
        self._snapshot = snapshot
        if not self._is_waiting:
            self._tell()

    def on_settled(self) -> None:
        """Tells what is the matter, now that the endpoints have answered or failed."""
        self._is_waiting = False
        self._tell()

    def _tell(self) -> None:
        texts = unserved_texts(self._snapshot)
        for alias in self._told.keys() - texts.keys():
            del self._told[alias]
            text = f"nothing more is wrong with the alias {alias}: all of its targets are listed, or it is gone"
            self._log.event("alias_served", text, alias=alias)
        for alias, text in texts.items():
            if self._told.get(alias) != text:
                self._told[alias] = text
                models = list(self._snapshot.unserved[alias])
                self._log.event("alias_unserved", text, is_warning=True, alias=alias, models=models)
