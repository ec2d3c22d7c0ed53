"""On what terms something is written: who reads it, and whether what came with it is in this dialect's words."""

from typing import Final

import msgspec

from multillama.core.canonical import Extras
from multillama.core.codec import Losses
from multillama.core.join import MORE

DIALECT: Final = "openai.responses"
FAMILY: Final = "openai"


class Terms(msgspec.Struct, frozen=True):
    """What the writers of parts, items and tools need to know."""

    is_own: bool
    """True if what is written was read from this dialect, so that extras and foreign parts may be written."""
    losses: Losses
    provider: str = ""
    """Who reads it."""

    def own(self, extras: Extras) -> Extras:
        """Returns the extras that may be written; the others are told as lost."""
        if not extras:
            return extras
        if self.is_own:
            return {name: value for name, value in extras.items() if name != MORE}
        for name in extras:
            if name != MORE:  # a stream's: told piece by piece by who knows its kinds
                self.losses.drop(f"extras.{name}")
        return {}
