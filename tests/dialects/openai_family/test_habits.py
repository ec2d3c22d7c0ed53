import pytest

from multillama.core.canonical import Request
from multillama.core.codec import Losses
from multillama.dialects.openai_family.habits import (
    EFFORTS,
    HABITS,
    USUAL,
    habits_of,
    write_samplers,
)
from multillama.providers.catalog import CLOUDS, LOCALS


def test_every_row_is_of_a_provider():
    assert set(HABITS) <= {provider.name for provider in (*CLOUDS, *LOCALS)}


def test_a_provider_without_a_row_has_the_usual_habits():
    assert habits_of("nobody") is USUAL


@pytest.mark.parametrize("provider", sorted(HABITS))
def test_every_row_has_words_that_are_known(provider):
    row = habits_of(provider)

    assert row.efforts <= set(EFFORTS)
    assert row.reasoning in ("", "content", "plain", "details", "signatures")
    assert row.thinking in ("effort", "object", "switch", "budget", "template")
    assert row.cache in ("", "breakpoint", "control")


def test_samplers_are_written_under_the_providers_names_or_dropped():
    request = Request("m", top_k=5, min_p=0.1, repeat_penalty=1.1)
    losses, local, cloud = Losses(), {}, {}

    write_samplers(request, losses, habits_of("llama.cpp"), local)
    assert local == {"top_k": 5, "min_p": 0.1, "repeat_penalty": 1.1}
    assert losses.names == ()

    write_samplers(request, losses, habits_of("openai"), cloud)
    assert cloud == {}
    assert losses.names == ("top_k", "min_p", "repeat_penalty")
