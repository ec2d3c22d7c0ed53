"""Takes an exchange over to another dialect and back, as the gateway does it."""

import random
from typing import NamedTuple

from multillama.core.answering import ChatTranslator
from multillama.core.canonical import Answer
from multillama.core.codec import Codec
from multillama.core.join import Joiner
from multillama.core.translate import Asking, Bound, Translated, Way, translate
from multillama.dialects.catalog import CODECS
from tests.translation.facts import Facts, of_answer, of_request
from tests.translation.taken import Taken

HOMES: dict[str, tuple[str, str]] = {
    "anthropic.messages": ("anthropic", "claude-sonnet-4-5"),
    "gemini": ("gemini", "gemini-2.5-flash"),
    "openai.chat": ("openai", "gpt-5-mini"),
    "openai.completions": ("openai", "gpt-3.5-turbo-instruct"),
    "openai.responses": ("openai", "gpt-5-mini"),
    "ollama.chat": ("ollama", "qwen3"),
    "ollama.generate": ("ollama", "qwen3"),
}
"""Dialect to a provider that speaks it, and a model of his."""


class Crossed(NamedTuple):
    """What a recorded exchange says, before it goes over and when it is home again."""

    asked: Facts
    asked_home: Facts
    dropped: tuple[str, ...]
    """What the endpoint of the other dialect could not be told."""
    said: Facts
    said_there: Facts
    """As a client of the other dialect reads it."""
    said_home: Facts
    lost: tuple[str, ...]
    """What the client of the other dialect could not be told."""


def cross(taken: Taken, other: str) -> Crossed:
    """Takes over and back: the request to an endpoint of the other dialect, the answer to a client of it."""
    own, stream = taken.dialect, taken.is_stream
    there = sent(taken.request, own, other, stream=stream)
    model = CODECS[own].read_request(taken.request).model
    home = sent(there.body, other, own, stream=stream, model=model)
    told, lost = answered(
        taken.answer, home, (other, own), stream=stream, cuts=cuts_of(taken.answer, taken.name)
    )
    again, _ = answered(told, there, (own, other), stream=stream, cuts=cuts_of(told, taken.name))
    return Crossed(
        of_request(CODECS[own].read_request(taken.request)),
        of_request(CODECS[own].read_request(home.body)),
        there.dropped,
        of_answer(read(taken.answer, CODECS[own], stream=stream), wants_usage=there.request.wants_usage),
        of_answer(read(told, CODECS[other], stream=stream)),
        of_answer(read(again, CODECS[own], stream=stream)),
        lost,
    )  # fmt: skip


def way(source: str, target: str) -> Way:
    return Way(CODECS[source], CODECS[target], "")


def bound(target: str, model: str = "") -> Bound:
    provider, usual = HOMES[target]
    return Bound(model or usual, provider, True)


def asking(*, stream: bool) -> Asking:
    return Asking("public", stream, "0a1b", 1_700_000_000.0, b"secret")


def sent(body: bytes, source: str, target: str, *, stream: bool, model: str = "") -> Translated:
    return translate(body, way(source, target), bound(target, model), asking(stream=stream))


def answered(
    body: bytes, translated: Translated, pair: tuple[str, str], *, stream: bool, cuts: list[int]
) -> tuple[bytes, tuple[str, ...]]:
    """Feeds an endpoint's answer; returns the client's, and what could not be told him.

    Args:
        body: In the words of the endpoint.
        translated: The request that it answers.
        pair: The client's dialect, and the endpoint's.
        stream: Whether the answer is a stream.
        cuts: Where it is cut.
    """
    translator = ChatTranslator(way(*pair), translated, bound(pair[1]), asking(stream=stream))
    translator.begin(is_stream=stream)
    pieces = [body[at:to] for at, to in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    told = [translator.feed(piece, is_last=False) for piece in pieces]
    told.append(translator.feed(b"", is_last=True))
    return b"".join(told), translator.lost


def cuts_of(body: bytes, seed: str) -> list[int]:
    dice = random.Random(seed)
    return sorted(dice.randrange(len(body)) for _ in range(min(len(body), 12)))


def read(body: bytes, codec: Codec, *, stream: bool) -> Answer:
    """Reads an answer, whole or joined."""
    if not stream:
        return codec.read_answer(body)
    reader, joiner = codec.reader(), Joiner()
    joiner.take(reader.feed(body) + reader.end())
    return joiner.answer
