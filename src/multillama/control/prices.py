"""Prices of cloud models, from the table of the package `genai-prices`, for strategy `cheapest`.

It is optional (`multillama[prices]`), works without the network, and is only asked while a snapshot is compiled.
Importing it takes half a second and 100 MB of memory, so that is done once, and only where a route compares prices.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from importlib.util import find_spec
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

from multillama.config.routing import AliasSetting, RoutingSetting
from multillama.config.schema import EndpointSetting
from multillama.control.endpoints import make_endpoints
from multillama.core.snapshot import Snapshot, Target
from multillama.core.strategies import price

PACKAGE: Final = "genai_prices"
INSTALL: Final = "pip install 'multillama[prices]'"
STRATEGY: Final = "cheapest"
SHOWN: Final = 3
"""Targets that a note names."""
SAMPLE: Final = 1000
"""Tokens whose price is asked for: few enough for the lowest tier of prices that rise with the length."""
_MILLION: Final = 1_000_000

TABLE_OF: Final[Mapping[str, str]] = MappingProxyType(
    {
        name: name
        for name in (
            "anthropic", "azure", "baseten", "cerebras", "cloudflare", "cohere", "databricks", "deepseek",
            "fireworks", "groq", "meta", "minimax", "mistral", "novita", "openai", "openrouter", "ovhcloud",
            "perplexity", "together", "zai",
        )
    }
    | {
        "bedrock": "aws",
        "bigmodel": "zhipuai",
        "copilot": "github-copilot",
        "gemini": "google",
        "moonshot": "moonshotai",
        "voyage": "voyageai",
        "xai": "x-ai",
    }
)  # fmt: skip
"""Our providers to the table's."""


class Prices(NamedTuple):
    """US dollars per million tokens; None is unknown."""

    input: float | None = None
    output: float | None = None


UNKNOWN: Final = Prices()
PriceOf = Callable[[str, str], Prices]
"""Provider and model, as it knows it, to what the table says."""


def has_table() -> bool:
    """Say whether the table is installed, without importing it."""
    return find_spec(PACKAGE) is not None


class Compared(Protocol):
    """What is needed of settings, or of a file of them."""

    @property
    def endpoints(self) -> tuple[EndpointSetting, ...]: ...
    @property
    def aliases(self) -> Mapping[str, AliasSetting]: ...
    @property
    def routing(self) -> RoutingSetting: ...


def compares_prices(settings: Compared) -> bool:
    """Say whether anything is chosen by price."""
    routing = settings.routing
    policies = (routing, *routing.models.values(), *settings.aliases.values())
    return any(policy.strategy == STRATEGY for policy in policies)


def price_table(settings: Compared) -> PriceOf | None:
    """Return the table; None where it is not installed or nothing is chosen by price."""
    if not (compares_prices(settings) and has_table()):
        return None
    from genai_prices import Usage
    from genai_prices.data_snapshot import get_snapshot

    table = get_snapshot()
    usage = Usage(input_tokens=SAMPLE, output_tokens=SAMPLE)

    @lru_cache(maxsize=4096)
    def price_of(provider: str, model: str) -> Prices:
        known = TABLE_OF.get(provider)
        if known is None:
            return UNKNOWN
        try:
            found = table.calc(usage, model, known, None, None)
        except (LookupError, ValueError):  # no such model; a price that this usage does not meet
            return UNKNOWN
        share = _MILLION // SAMPLE
        return Prices(float(found.input_price * share), float(found.output_price * share))

    return price_of


def unpriced(snapshot: Snapshot) -> str | None:
    """Return a note on targets that `cheapest` puts last as nobody knows their price; None without any."""
    names = list(dict.fromkeys(_unpriced(snapshot)))
    if not names:
        return None
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    cure = "Give their endpoints input_price and output_price"
    cure += "." if has_table() else f", or install the table of prices: {INSTALL}"
    return (
        f"strategy {STRATEGY}: no price is known of {', '.join(names[:SHOWN])}{more};"
        f" what has no price comes last. {cure}"
    )


def _unpriced(snapshot: Snapshot) -> Iterator[str]:
    for route in snapshot.routes.values():
        if route.policy.strategy == STRATEGY and len(route.targets) > 1:
            yield from (_named(target) for target in route.targets if math.isinf(price(target)))


def _named(target: Target) -> str:
    return f"{target.endpoint.name}/{target.model}"


def note_on_table(settings: Compared) -> str | None:
    """Return a note for a file that compares prices without the table; None where that is well."""
    endpoints = zip(settings.endpoints, make_endpoints(settings.endpoints, {}), strict=True)
    has_cloud = any(
        setting.input_price is None and setting.output_price is None and not endpoint.is_local
        for setting, endpoint in endpoints
    )
    if not (has_cloud and compares_prices(settings)) or has_table():
        return None
    return (
        f"strategy {STRATEGY} knows the prices that the file has and that lists of models tell; most"
        f" clouds tell none. A table of theirs: {INSTALL}"
    )
