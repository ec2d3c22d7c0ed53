"""Words about aliases whose targets no endpoint lists: the same for a client, in the log and on the page."""

from typing import Final

from multillama.core.snapshot import Snapshot

MAX_NAMED: Final = 5
"""Targets that are named."""


def unserved_texts(snapshot: Snapshot) -> dict[str, str]:
    """Returns alias to a sentence about it, for all that have a target which no endpoint lists."""
    return {alias: unserved_text(snapshot, alias) for alias in snapshot.unserved}


def unserved_text(snapshot: Snapshot, alias: str) -> str:
    """Returns the sentence about one of these aliases."""
    models = snapshot.unserved[alias]
    named = ", ".join(f"'{model}'" for model in models[:MAX_NAMED])
    if len(models) > MAX_NAMED:
        named += f" and {len(models) - MAX_NAMED} more"
    if alias in snapshot.routes:
        return f"The alias '{alias}' leads to {named}, which no endpoint lists."
    return f"The alias '{alias}' leads nowhere: no endpoint lists {named}."
