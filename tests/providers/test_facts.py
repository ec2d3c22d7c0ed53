"""Facts of models are read from rows as the providers send them, and any bytes are survived."""

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from multillama.core.snapshot import NO_FACTS, ModelFacts
from multillama.providers.facts import Prices, model_facts, with_prices
from multillama.providers.listing import read_listing
from tests.core.samples import endpoint

OPENROUTER = {
    "id": "openai/gpt-4o-mini",
    "context_length": 128000,
    "architecture": {"modality": "text+image->text", "input_modalities": ["text", "image"]},
    "pricing": {"prompt": "0.00000015", "completion": "0.0000006", "image": "0.000217"},
    "top_provider": {"context_length": 128000, "max_completion_tokens": 16384},
    "supported_parameters": ["max_tokens", "tools", "tool_choice"],
}
LLAMA_CPP = {
    "id": "smollm2-135m",
    "owned_by": "llamacpp",
    "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
    "meta": {"n_ctx": 4096, "n_ctx_train": 8192},
}
ROWS: list[tuple[dict[str, Any], ModelFacts]] = [
    (
        OPENROUTER,
        ModelFacts(
            context_tokens=128000,
            has_vision=True,
            has_tools=True,
            input_price=0.15,
            output_price=0.6,
        ),
    ),
    (
        {"pricing": {"prompt": "0", "completion": "0"}, "supported_parameters": ["max_tokens"]},
        ModelFacts(has_tools=False, input_price=0.0, output_price=0.0),
    ),
    ({"pricing": {"prompt": "-1", "completion": "-1"}}, NO_FACTS),
    (
        {"type": "chat", "context_length": 131072, "pricing": {"input": 0.88, "output": 0.9}},
        ModelFacts(context_tokens=131072, input_price=0.88, output_price=0.9),
    ),
    (
        {
            "context_window": 200000,
            "tags": ["tool-use", "vision"],
            "pricing": {"input": "0.000003", "output": "0.000015"},
        },
        ModelFacts(
            context_tokens=200000,
            has_vision=True,
            has_tools=True,
            input_price=3.0,
            output_price=15.0,
        ),
    ),
    (
        {
            "max_context_length": 32768,
            "capabilities": {"completion_chat": True, "function_calling": True, "vision": False},
        },
        ModelFacts(context_tokens=32768, has_vision=False, has_tools=True),
    ),
    (
        {"max_input_tokens": 200000, "capabilities": {"image_input": {"supported": True}}},
        ModelFacts(context_tokens=200000, has_vision=True),
    ),
    (LLAMA_CPP, ModelFacts(context_tokens=4096, has_vision=False)),
    ({"max_model_len": 8192, "owned_by": "vllm"}, ModelFacts(context_tokens=8192)),
    (
        {"name": "a", "capabilities": ["completion", "tools"]},
        ModelFacts(has_vision=False, has_tools=True),
    ),
    ({"capabilities": ["embedding"]}, NO_FACTS),
    (
        {"key": "a", "max_context_length": 4096, "capabilities": {"vision": True, "trained_for_tool_use": False}},
        ModelFacts(context_tokens=4096, has_vision=True),
    ),
    (
        {"type": "vlm", "state": "loaded", "capabilities": ["tool_use"]},
        ModelFacts(has_vision=True, has_tools=True),
    ),
    ({"type": "llm", "capabilities": []}, ModelFacts(has_vision=False)),
    (
        {"capabilities": {"supports": {"tool_calls": True, "vision": False}}},
        ModelFacts(has_vision=False, has_tools=True),
    ),
    (
        {"supports_image_input": False, "supports_tools": True},
        ModelFacts(has_vision=False, has_tools=True),
    ),
    (
        {"supported_input_modalities": ["text", "image"], "capabilities": ["streaming", "tool-calling"]},
        ModelFacts(has_vision=True, has_tools=True),
    ),
    ({"object": "model", "created": 1, "owned_by": "openai"}, NO_FACTS),
    ({}, NO_FACTS),
]  # fmt: skip


def facts_of(row: object) -> ModelFacts:
    fields = row if isinstance(row, dict) else {"pricing": row}
    return model_facts(read_listing(json.dumps([{"id": "m", **fields}]).encode()).rows[0].fields)


@pytest.mark.parametrize(("row", "known"), ROWS)
def test_rows_tell_facts_in_every_providers_words(row: dict[str, Any], known: ModelFacts) -> None:
    assert facts_of(row) == known


def test_a_model_without_a_row_has_no_facts() -> None:
    assert model_facts({}) is NO_FACTS


@pytest.mark.parametrize(
    "price", ["", "free", "nan", "inf", "1e999", "1e9999999999", -0.1, 1e300, True, None, [], {}]
)
def test_what_is_no_price_is_unknown(price: object) -> None:
    assert facts_of({"pricing": {"prompt": price}}) == NO_FACTS


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers()
    | st.text(),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3)
    ),
    max_leaves=6,
)
MEMBERS = st.sampled_from(
    ["pricing", "capabilities", "architecture", "tags", "type", "supports_tools"]
)


@given(st.dictionaries(MEMBERS, JSON))
def test_any_row_is_survived(row: dict[str, object]) -> None:
    assert isinstance(facts_of(row), ModelFacts)


@pytest.mark.parametrize(
    ("file", "listed", "table", "known"),
    [
        ((1.0, 2.0), (3.0, 4.0), (5.0, 6.0), (1.0, 2.0)),
        ((None, 2.0), (3.0, 4.0), (5.0, 6.0), (3.0, 2.0)),
        ((None, None), (3.0, None), (5.0, 6.0), (3.0, 6.0)),
        ((None, None), (None, None), (5.0, 6.0), (5.0, 6.0)),
        ((0.0, 0.0), (3.0, 4.0), (5.0, 6.0), (0.0, 0.0)),
        ((None, None), (None, None), (None, None), (None, None)),
    ],
)
def test_the_file_knows_a_price_best_and_then_the_list(
    file: Prices, listed: Prices, table: Prices, known: Prices
) -> None:
    here = endpoint(input_price=file[0], output_price=file[1])
    facts = ModelFacts(input_price=listed[0], output_price=listed[1])

    priced = with_prices(facts, here, table)

    assert (priced.input_price, priced.output_price) == known


def test_a_model_of_which_nothing_is_known_stays_the_one_that_routing_looks_for() -> None:
    assert with_prices(NO_FACTS, endpoint()) is NO_FACTS
