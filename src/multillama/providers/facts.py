"""Facts of models: what a row of a provider's list tells about one model.

Every provider has its own words for the same few facts; each is one row of a table here. What no row
tells stays unknown, for a wrong "no" would take a model from clients that could use it.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from multillama.core.snapshot import NO_FACTS, Endpoint, ModelFacts
from multillama.providers.listing import context_length


class Sign(NamedTuple):
    """One place where a row says yes or no."""

    member: str
    """What is behind a dot is a member of a member."""
    word: str = ""
    """What a list there must hold for a yes; other values are yes or no themselves."""
    witness: str = ""
    """A list without the word is a no only if it holds this one, which shows that it is a whole list."""
    denies: bool = True
    """Whether a `false` there is a no."""


VISION: Final = (
    Sign("architecture.input_modalities", "image", "text"),  # OpenRouter, llama.cpp
    Sign("supported_input_modalities", "image", "text"),  # GitHub Models
    Sign("input_modalities", "image", "text"),
    Sign("capabilities.vision"),  # Mistral, LM Studio
    Sign("capabilities.image_input"),  # Anthropic
    Sign("capabilities.supports.vision"),  # GitHub Copilot
    Sign("capabilities", "vision", "completion"),  # Ollama
    Sign("supports_image_input"),  # Fireworks
    Sign("type", "vlm", "llm"),  # LM Studio's older list
    Sign("tags", "vision", "tool-use"),  # Vercel
)
TOOLS: Final = (
    Sign("supported_parameters", "tools", "max_tokens"),  # OpenRouter
    Sign("capabilities.function_calling"),  # Mistral
    Sign("capabilities.supports.tool_calls"),  # GitHub Copilot
    # LM Studio gives tools to every model; this says which were made for them
    Sign("capabilities.trained_for_tool_use", denies=False),
    Sign("capabilities", "tools", "completion"),  # Ollama
    Sign("capabilities", "tool_use", "completion"),  # LM Studio's older list
    Sign("capabilities", "tool-calling", "completion"),  # GitHub Models
    Sign("supports_tools"),  # Fireworks
    Sign("tags", "tool-use", "vision"),  # Vercel
)
"""Whether a model takes functions to call; the first place that tells counts, and so for the others."""

INPUT_PRICES: Final = ("pricing.prompt", "pricing.input")
"""OpenRouter; Together and Vercel."""
OUTPUT_PRICES: Final = ("pricing.completion", "pricing.output")

Prices = tuple[float | None, float | None]
"""Of input and output, in US dollars per million tokens."""
MILLION: Final = 1_000_000
_DEAREST: Final = 100_000
"""US dollars per million tokens. What is beyond it is in another unit."""

_MEMBERS: Final = frozenset(
    member.partition(".")[0]
    for member in (
        *INPUT_PRICES,
        *OUTPUT_PRICES,
        *(sign.member for sign in (*VISION, *TOOLS)),
    )
)


def model_facts(fields: Mapping[str, msgspec.Raw]) -> ModelFacts:
    """Tell what is known of a model.

    Args:
        fields: Of a `Row`; any bytes are survived.
    """
    if not fields:
        return NO_FACTS
    told = {name: _decoded(fields[name]) for name in _MEMBERS & fields.keys()}
    found = ModelFacts(
        context_tokens=context_length(fields),
        has_vision=_says(told, VISION),
        has_tools=_says(told, TOOLS),
        input_price=_price(told, INPUT_PRICES),
        output_price=_price(told, OUTPUT_PRICES),
    )
    return NO_FACTS if found == NO_FACTS else found  # the same one, which routing looks for


def with_prices(facts: ModelFacts, endpoint: Endpoint, table: Prices = (None, None)) -> ModelFacts:
    """Say what a model costs: as configured, else as its list tells, else as a table has it.

    Args:
        facts: From the list.
        endpoint: With its configured prices.
        table: The table's prices of input and output.
    """
    into = _first(endpoint.input_price, facts.input_price, table[0])
    out = _first(endpoint.output_price, facts.output_price, table[1])
    if (into, out) == (facts.input_price, facts.output_price):
        return facts
    return msgspec.structs.replace(facts, input_price=into, output_price=out)


def _first(*prices: float | None) -> float | None:
    return next((price for price in prices if price is not None), None)


def _says(told: Mapping[str, object], signs: tuple[Sign, ...]) -> bool | None:
    if not told:
        return None
    answers = (_answer(_at(told, sign.member), sign) for sign in signs)
    return next((answer for answer in answers if answer is not None), None)


def _answer(value: object, sign: Sign) -> bool | None:
    if isinstance(value, dict):
        value = value.get("supported")
    if isinstance(value, bool) and not sign.word:
        return value if value or sign.denies else None
    if not sign.word or not isinstance(value, str | list):
        return None
    words = [value] if isinstance(value, str) else value
    if sign.word in words:
        return True
    return False if sign.witness in words else None


def _price(told: Mapping[str, object], members: tuple[str, ...]) -> float | None:
    prices = (_dollars(_at(told, member)) for member in members)
    return next((price for price in prices if price is not None), None)


def _dollars(value: object) -> float | None:
    """Return US dollars per million tokens.

    Who writes a price as text means one token (OpenRouter, Vercel: `"0.00000015"`), who writes a
    number means a million (Together: `0.15`). OpenRouter's `"-1"` stands for a price that varies.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        # through Decimal: `float("0.00000015") * MILLION` is not 0.15
        price = float(Decimal(value) * MILLION) if isinstance(value, str) else float(value)
    except (ArithmeticError, ValueError):
        return None
    return price if 0 <= price <= _DEAREST else None


def _at(told: Mapping[str, object], member: str) -> object:
    value: object = told
    for name in member.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _decoded(value: msgspec.Raw) -> object:
    try:
        return msgspec.json.decode(value)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
