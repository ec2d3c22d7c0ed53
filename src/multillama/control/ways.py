"""Ways: which operations an endpoint serves in the client's own words, and how the others are translated for it.

A pure function of its row in the catalog and of what it has been found to speak.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import msgspec

from multillama.core.codec import Codec
from multillama.core.operations import BY_NAME as OPERATIONS_BY_NAME, OPERATIONS, Kind, Operation
from multillama.core.translate import (
    AnyWay,
    CountWay,
    Detour,
    EmbedWay,
    EstimateWay,
    ShowWay,
    Way,
)
from multillama.dialects.anthropic_messages.billing import without_billing
from multillama.dialects.anthropic_messages.claude import OWN_MACHINES
from multillama.dialects.bounds import bounds_of
from multillama.dialects.catalog import ASKS, CODECS, COUNT_CODECS, EMBED_CODECS, UNFRAMED
from multillama.providers.catalog import BY_NAME

_GENERATE: Final = {
    row.dialect: row.name
    for row in reversed(OPERATIONS)
    if row.kind is Kind.GENERATE and row.name != "stream_generate_content"
}
_EMBED: Final = {row.dialect: row.name for row in OPERATIONS if row.kind is Kind.EMBED}
_STREAMED: Final = {"gemini": "stream_generate_content"}
_SIGNED: Final = ("anthropic.messages", "openai.responses", "gemini")
"""Dialects whose conversations hold signatures."""
_TIDYING: Final = MappingProxyType({"messages": without_billing, "count_tokens": without_billing})
_NOTHING: Final[Mapping[str, Callable[[bytes], bytes]]] = MappingProxyType({})


@lru_cache(maxsize=256)
def ways_of(provider: str, speaks: tuple[str, ...]) -> Mapping[str, AnyWay]:
    """Return operation to the way in which it reaches an endpoint, for all that the endpoint does not speak itself.

    Args:
        provider: Its row in the catalog.
        speaks: The dialects that it is known to speak, the best to translate into first; none leaves every operation
            as it is.
    """
    found = {row.name: _way(row, provider, speaks) for row in OPERATIONS} if speaks else {}
    return MappingProxyType({name: way for name, way in found.items() if way is not None})


@lru_cache(maxsize=256)
def cleaning_of(speaks: tuple[str, ...]) -> Mapping[str, Way]:
    """Return operation to the way back into its own dialect, for conversations that hold what others have signed."""
    return MappingProxyType({
        row.name: Way(
            CODECS[row.dialect], CODECS[row.dialect], row.name, unframed=UNFRAMED.get(row.dialect)
        )
        for row in OPERATIONS
        if row.kind is Kind.GENERATE and row.dialect in speaks and row.dialect in _SIGNED
    })  # fmt: skip


@lru_cache(maxsize=256)
def detours_of(provider: str, speaks: tuple[str, ...]) -> Mapping[str, Detour]:
    """Return operation to the way of requests for what an endpoint ignores in their dialect, though it speaks it.

    They go into a dialect in which it ignores nothing; where there is none into their own, so that it is named as lost.
    """
    ignores = BY_NAME[provider].ignores
    better = _best(tuple(dialect for dialect in speaks if dialect not in ignores))
    return MappingProxyType({
        row.name: Detour(ASKS[row.dialect, field], _into(better or row.dialect, row, provider))
        for row in OPERATIONS
        if row.kind is Kind.GENERATE and row.dialect in speaks
        for field in ignores.get(row.dialect, ())
    })  # fmt: skip


@lru_cache(maxsize=256)
def lacking_of(provider: str, speaks: tuple[str, ...]) -> frozenset[str]:
    """Return the operations that a server cannot have and no way leads to; of whom nothing is known, it may have all.

    What has no dialect of its own (images, sounds, rerank, …) may be had by whoever speaks one of OpenAI's.
    """
    if not speaks:
        return frozenset()
    served = ways_of(provider, speaks).keys() | {
        row.name for row in OPERATIONS if row.dialect in speaks or row.kind is Kind.COUNT
    }
    if any(dialect.startswith("openai.") for dialect in speaks):
        served |= {row.name for row in OPERATIONS if row.kind is Kind.OTHER}
    return frozenset(OPERATIONS_BY_NAME.keys() - served)


def tidying_of(provider: str) -> Mapping[str, Callable[[bytes], bytes]]:
    """Return operation to what is taken out of bodies that pass; nothing, but for runtimes of open models."""
    return _TIDYING if provider in OWN_MACHINES else _NOTHING


def _way(row: Operation, provider: str, speaks: tuple[str, ...]) -> AnyWay | None:
    if row.kind is Kind.GENERATE:
        return None if row.dialect in speaks else _generate_way(row, provider, speaks)
    if row.kind is Kind.EMBED:
        return None if row.dialect in speaks else _embed_way(row, speaks)
    if row.kind is Kind.COUNT:
        return _count_way(row, provider)
    if row.kind is Kind.SHOW:
        return None if row.dialect in speaks else ShowWay()
    return None


def _generate_way(row: Operation, provider: str, speaks: tuple[str, ...]) -> Way | None:
    target = _best(speaks)
    return None if target is None else _into(target, row, provider)


def _best(speaks: tuple[str, ...]) -> str | None:
    """Return the first dialect in which a model can be asked."""
    return next((dialect for dialect in speaks if dialect in CODECS), None)


def _into(target: str, row: Operation, provider: str) -> Way:
    return Way(
        CODECS[row.dialect],
        _as_heard(CODECS[target], provider),
        _GENERATE[target],
        _STREAMED.get(target, ""),
        UNFRAMED.get(row.dialect) if row.streams else None,
        # who speaks the target's dialect knows what it takes
        None if target == row.dialect else bounds_of(target, provider),
    )


def _as_heard(codec: Codec, provider: str) -> Codec:
    """Return the row of a dialect with only what a provider hears of it."""
    ignored = BY_NAME[provider].ignores.get(codec.dialect)
    return msgspec.structs.replace(codec, says=codec.says.difference(ignored)) if ignored else codec


def _embed_way(row: Operation, speaks: tuple[str, ...]) -> EmbedWay | None:
    targets = [dialect for dialect in speaks if dialect in EMBED_CODECS]
    if "gemini.batch_embed" in targets:
        targets = ["gemini.batch_embed"]  # takes several texts at once
    if not targets:
        return None
    return EmbedWay(EMBED_CODECS[row.dialect], EMBED_CODECS[targets[0]], _EMBED[targets[0]])


def _count_way(row: Operation, provider: str) -> AnyWay | None:
    counts = BY_NAME[provider].counts
    source = COUNT_CODECS[row.dialect]
    if row.name in counts:
        return None
    if not counts:
        return EstimateWay(source)
    return CountWay(source, COUNT_CODECS[OPERATIONS_BY_NAME[counts[0]].dialect], counts[0])
