"""The seam of a continued answer: what the second endpoint says again of the first one's text is dropped.

Only that: where it cannot be told whether something is new, it is.
"""

from typing import Final

from multillama.core.partial import Partial
from multillama.core.usage import Usage

ECHO_TOKENS: Final = 4
"""From this many tokens on, a first piece that begins with all of the prefill is an echo of it. A model says one token
at a time, so its own first piece is that long only by a freak; of fewer tokens nobody could tell."""


class Seam:
    """Drops what the client already has."""

    def __init__(self, partial: Partial) -> None:
        self._echo = partial.prefill if partial.tokens >= ECHO_TOKENS else ""
        self._held = partial.held

    @property
    def is_passed(self) -> bool:
        """True once everything that follows is new."""
        return not self._echo and not self._held

    def take(self, text: str) -> str:
        """Returns what is new of a piece of the second endpoint's text.

        Blanks that were held back are expected again. Where it says other ones, the client keeps those it has, and
        gets what follows the last one that is equal.
        """
        if self._echo:
            text = text.removeprefix(self._echo)
            self._echo = ""
        if not self._held:
            return text
        size = 0
        for said, has in zip(text, self._held, strict=False):
            if said != has:
                break
            size += 1
        text = text[size:]
        self._held = "" if text else self._held[size:]
        return text


def add_up(partial: Partial, input_tokens: int | None, output_tokens: int) -> Usage:
    """Returns the usage of both requests as that of the one the client made.

    What was said before is output for the client and input for the second endpoint, so the sum of all stays the same.

    Args:
        partial: What the client has.
        input_tokens: All of the second request's, None where it was not told.
        output_tokens: The second answer's.
    """
    before = partial.input_tokens
    if input_tokens is None:
        return Usage(before, partial.spent_tokens + output_tokens)
    if before is None:
        before = max(input_tokens - partial.spent_tokens, 0)
    return Usage(before, max(input_tokens + output_tokens - before, output_tokens))
