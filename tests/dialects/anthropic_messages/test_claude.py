import pytest

from multillama.dialects.anthropic_messages.claude import OWN_MACHINES, claude_of, is_claude
from multillama.providers.catalog import LOCALS


@pytest.mark.parametrize(
    ("model", "max_output"),
    [
        ("claude-3-haiku-20240307", 4096),
        ("claude-3-5-sonnet-latest", 8192),
        ("claude-3.7-sonnet", 64_000),
        ("claude-opus-4@20250514", 32_000),
        ("us.anthropic.claude-opus-4-1-20250805-v1:0", 32_000),
        ("anthropic/claude-sonnet-4.5", 64_000),
        ("Claude-Opus-4-7", 128_000),
        ("claude-4-opus-20250514", 32_000),
    ],
)
def test_a_claude_is_known_by_any_of_its_names(model, max_output):
    assert claude_of(model, "bedrock").max_output == max_output


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("qwen3", "llama.cpp"),
        ("kimi-k2", "moonshot"),
        ("claude-opus-4-7", "llama.cpp"),
        ("claude", "litellm"),
    ],
)
def test_a_model_that_is_no_claude_has_no_row(model, provider):
    assert not is_claude(model, provider)


def test_one_that_is_not_known_yet_is_taken_for_one_of_the_newest():
    assert claude_of("claude-opus-9", "anthropic") is claude_of("claude-opus-5-5", "anthropic")


@pytest.mark.parametrize(
    ("model", "facts"),
    [
        #                       sampling two prefill force adaptive always later schema
        ("claude-3-opus",          (1, 1, 1, 1, 0, 0, 0, 0)),
        ("claude-opus-4-1",        (1, 0, 1, 1, 0, 0, 0, 1)),
        ("claude-haiku-4-5",       (1, 0, 1, 1, 0, 0, 0, 1)),
        ("claude-sonnet-4-6",      (1, 0, 0, 1, 1, 0, 0, 1)),
        ("claude-opus-4-7",        (0, 0, 0, 1, 1, 0, 0, 1)),
        ("claude-sonnet-5",        (0, 0, 0, 1, 1, 0, 1, 1)),
        ("claude-fable-5",         (0, 0, 0, 1, 1, 1, 1, 1)),
        ("claude-opus-5-5",        (0, 0, 0, 0, 1, 1, 1, 1)),
    ],
)  # fmt: skip
def test_each_generation_takes_what_it_takes(model, facts):
    row = claude_of(model, "anthropic")

    told = (
        row.takes_sampling, row.takes_two_samplers, row.takes_prefill, row.takes_force, row.is_adaptive,
        row.always_thinks, row.takes_system_later, row.takes_schema,
    )  # fmt: skip
    assert told == facts


def test_a_claude_is_asked_for_no_more_than_it_can_make():
    assert claude_of("claude-3-haiku", "anthropic").default_max_tokens == 4096
    assert claude_of("claude-opus-5", "anthropic").default_max_tokens == 32_000


def test_every_runtime_of_open_models_is_known():
    others = {"litellm", "infinity"}  # a proxy to anything, and one of embeddings alone

    assert {row.name for row in LOCALS} - others == OWN_MACHINES
