"""A last turn of the user in which nothing is said, for dialects that refuse it: Anthropic's and Gemini's.

It cannot be left out: what would be last then is an answer, to be gone on with, or nothing at all.
"""

from typing import Final

import msgspec

from multillama.core.canonical import Message, Text

WORD: Final = "."
"""As little as can be said; blanks alone are refused, too."""


def with_last_word(messages: list[Message]) -> list[Message]:
    """Returns the messages with a word at the end where the user's last turn has none; else the same list."""
    for message in reversed(messages):
        if message.role not in ("user", "tool"):
            break
        if message.role == "tool" or _says_something(message):
            return messages
    if not messages or messages[-1].role != "user":
        return messages
    return [*messages[:-1], msgspec.structs.replace(messages[-1], parts=[Text(WORD)])]


def _says_something(message: Message) -> bool:
    return any(not isinstance(part, Text) or part.text.strip() for part in message.parts)
