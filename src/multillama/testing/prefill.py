"""Prefill: a request that holds the beginning of the answer is answered with its rest, as llama.cpp does it.

It is a chat or message whose last turn is the assistant's, or a completion whose prompt ends in the beginning of the
text. What is no beginning of the text is answered with all of it.
"""

from collections.abc import Iterable
from itertools import chain
from typing import Any


def rest_of(words: Iterable[str], asked: dict[str, Any]) -> tuple[int, Iterable[str]]:
    """Returns how many of the words the request holds already, and what is left to say."""
    prompt = asked.get("prompt")
    turns = asked.get("messages")
    last = turns[-1] if isinstance(turns, list) and turns else None
    said: object = prompt
    if isinstance(last, dict) and last.get("role") == "assistant":
        said = last.get("content")
    if not isinstance(said, str) or not said:
        return 0, words
    return _after(words, said, is_prompt=said is prompt)


def _after(words: Iterable[str], said: str, *, is_prompt: bool) -> tuple[int, Iterable[str]]:
    ours = iter(words)
    opening: list[str] = []
    text = ""
    while len(text) < len(said) and (word := next(ours, "")):
        opening.append(word)
        text += word
    if is_prompt:
        # nobody tells where in it the answer begins: it is the longest end that fits
        said = next(said[at:] for at in range(len(said) + 1) if text.startswith(said[at:]))
    if not said or not text.startswith(said):
        return 0, chain(opening, ours)
    count = size = 0
    while size < len(said):
        size += len(opening[count])
        count += 1
    left, later = text[len(said) : size], opening[count:]
    if left.isspace():  # cut off behind what was said; it is told with the word that follows
        rest = chain(later, ours)
        return count, chain([left + next(rest, "")], rest)
    return (count - 1 if left else count), chain([left] if left else [], later, ours)
