"""Ways: which operations an endpoint serves in the client's own words, and how the others are translated for it.

A pure function of its row in the catalog and of what it has been found to speak.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from multillama.core.operations import BY_NAME as OPERATIONS_BY_NAME, OPERATIONS, Kind, Operation
from multillama.core.translate import AnyWay, CountWay, EmbedWay, EstimateWay, ShowWay, Way
from multillama.dialects.anthropic_messages.billing import without_billing
from multillama.dialects.anthropic_messages.claude import OWN_MACHINES
from multillama.dialects.catalog import CODECS, COUNT_CODECS, EMBED_CODECS, UNFRAMED
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


def tidying_of(provider: str) -> Mapping[str, Callable[[bytes], bytes]]:
    """Return operation to what is taken out of bodies that pass; nothing, but for runtimes of open models."""
    return _TIDYING if provider in OWN_MACHINES else _NOTHING


def _way(row: Operation, provider: str, speaks: tuple[str, ...]) -> AnyWay | None:
    if row.kind is Kind.GENERATE:
        return None if row.dialect in speaks else _generate_way(row, speaks)
    if row.kind is Kind.EMBED:
        return None if row.dialect in speaks else _embed_way(row, speaks)
    if row.kind is Kind.COUNT:
        return _count_way(row, provider)
    if row.kind is Kind.SHOW:
        return None if row.dialect in speaks else ShowWay()
    return None


def _generate_way(row: Operation, speaks: tuple[str, ...]) -> Way | None:
    target = next((dialect for dialect in speaks if dialect in CODECS), None)
    if target is None:
        return None
    unframed = UNFRAMED.get(row.dialect) if row.streams else None
    return Way(
        CODECS[row.dialect], CODECS[target], _GENERATE[target], _STREAMED.get(target, ""), unframed
    )


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
