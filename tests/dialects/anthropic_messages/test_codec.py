import pytest

from multillama.core.canonical import Message, Request, Text
from multillama.core.codec import Goal, Losses
from multillama.dialects.anthropic_messages.codec import CODEC, COUNT_CODEC
from multillama.dialects.catalog import CODECS, COUNT_CODECS


def test_the_rows_are_in_the_catalog():
    assert CODECS["anthropic.messages"] is CODEC
    assert COUNT_CODECS["anthropic.messages"] is COUNT_CODEC


def test_only_fields_of_requests_are_said():
    fields = set(Request.__struct_fields__)

    assert CODEC.says <= fields
    assert CODEC.names.keys() <= CODEC.says


@pytest.mark.parametrize(
    ("model", "provider", "max_tokens", "must"),
    [
        ("claude-opus-5", "anthropic", 1000, False),
        ("claude-opus-5", "anthropic", 32_000, True),
        ("claude-opus-5", "anthropic", None, True),
        ("claude-3-haiku", "anthropic", None, False),
        ("smollm2", "llama.cpp", 100_000, False),
    ],
)
def test_what_takes_claude_more_than_ten_minutes_must_be_a_stream(
    model, provider, max_tokens, must
):
    goal = Goal(model, provider, "anthropic", False, Losses())

    assert CODEC.must_stream(Request("m", max_tokens=max_tokens), goal) is must


@pytest.mark.parametrize(
    ("model", "provider", "left"),
    [
        ("smollm2", "llama.cpp", []),
        ("gpt-5", "openai", []),
        ("anthropic/claude-opus-5", "openrouter", ["system"]),
    ],
)
def test_the_billing_text_is_for_claudes(model, provider, left):
    line = Text("x-anthropic-billing-header: cch=12345;")
    request = Request("m", [Message("system", [line])])

    CODEC.tidy(request, Goal(model, provider, "openai", False, Losses()))

    assert [message.role for message in request.messages] == left
