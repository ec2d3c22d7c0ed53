import pytest

from multillama.core.canonical import Thinking
from multillama.core.codec import Misfit
from multillama.core.shape import Members
from multillama.dialects.openai_chat.thinking import (
    budget_of,
    nearest,
    read_thinking,
    write_thinking,
)  # fmt: skip
from multillama.dialects.openai_family.habits import EFFORTS, habits_of


@pytest.mark.parametrize(
    ("members", "thinking"),
    [
        ({}, None),
        ({"reasoning_effort": "xhigh"}, Thinking("xhigh")),
        ({"reasoning_effort": "default"}, None),
        ({"reasoning": {"effort": "low", "exclude": True}}, Thinking("low", summary="none")),
        ({"reasoning": {"max_tokens": 2000}}, Thinking(budget=2000)),
        ({"reasoning": {"enabled": False}}, Thinking(is_on=False)),
        ({"reasoning": {}}, Thinking(is_on=True)),
        ({"thinking": {"type": "enabled", "budget_tokens": 5}}, Thinking(budget=5)),
        ({"thinking": {"type": "enabled"}}, Thinking(is_on=True)),
        ({"thinking": {"type": "disabled"}}, Thinking(is_on=False)),
        ({"enable_thinking": False}, Thinking(is_on=False)),
    ],
)
def test_thinking_is_read_in_all_its_forms(members, thinking):
    assert read_thinking(Members(members)) == thinking


def test_a_word_that_is_no_effort_stays_for_the_family():
    members = Members({"reasoning_effort": "default"})

    read_thinking(members)

    assert members.rest == {"reasoning_effort": "default"}


def test_an_effort_that_is_no_word_is_told():
    with pytest.raises(Misfit):
        read_thinking(Members({"reasoning_effort": 5}))


@pytest.mark.parametrize(
    ("thinking", "budget"),
    [
        (Thinking("max"), 16384),
        (Thinking("none"), None),
        (Thinking(budget=0), None),
        (Thinking(budget=100), 100),
        (Thinking(budget=1024), 1024),
        (Thinking(budget=3000), 3000),
        (Thinking(budget=9000), 9000),
        (Thinking(budget=-1), None),
        (Thinking(is_on=True), None),
        (Thinking(is_on=False), None),
    ],
)
def test_a_budget_is_what_was_said_or_is_meant(thinking, budget):
    assert budget_of(thinking) == budget


@pytest.mark.parametrize(
    ("effort", "known", "found"),
    [
        ("high", {"high"}, "high"),
        ("max", {"none", "low", "high"}, "high"),
        ("minimal", {"none", "low", "high"}, "low"),
        ("medium", {"none", "high"}, "high"),
        ("none", {"low"}, "low"),
        ("none", set(), "none"),
        ("extreme", {"high"}, "extreme"),
    ],
)
def test_the_nearest_effort_that_is_known_is_told(effort, known, found):
    assert nearest(effort, frozenset(known)) == found


@pytest.mark.parametrize("provider", ["openai", "groq", "gemini", "mistral", "vllm"])
@pytest.mark.parametrize("effort", EFFORTS)
def test_only_efforts_that_the_provider_knows_are_written(provider, effort):
    habits, body = habits_of(provider), {}

    write_thinking(Thinking(effort), habits, body)

    told = body.get("reasoning_effort", "none")
    assert told in habits.efforts
    assert (told == "none") == (effort == "none")


@pytest.mark.parametrize(
    ("provider", "thinking", "body"),
    [
        ("openrouter", Thinking(budget=2000), {"reasoning": {"max_tokens": 2000}}),
        ("openrouter", Thinking(budget=0), {"reasoning": {"effort": "none"}}),
        ("openrouter", Thinking("max", summary="none"), {"reasoning": {"effort": "max", "exclude": True}}),
        ("openrouter", Thinking(is_on=True), {"reasoning": {"enabled": True}}),
        ("openai", Thinking(is_on=True), {}),
        ("sglang", Thinking(budget=-1), {"chat_template_kwargs": {"enable_thinking": True}}),
        ("deepseek", Thinking("high"), {"thinking": {"type": "enabled"}}),
        ("zai", Thinking(is_on=False), {"thinking": {"type": "disabled"}}),
        ("dashscope", Thinking(budget=500), {"enable_thinking": True, "thinking_budget": 500}),
        ("dashscope", Thinking("none"), {"enable_thinking": False}),
        ("vllm", Thinking("none"), {"chat_template_kwargs": {"enable_thinking": False}}),
        (
            "llama.cpp",
            Thinking(budget=3000),
            {
                "chat_template_kwargs": {"enable_thinking": True},
                "reasoning_effort": "medium",
                "thinking_budget_tokens": 3000,
            },
        ),
        ("openai", Thinking(budget=3000), {"reasoning_effort": "medium"}),
    ],
)  # fmt: skip
def test_each_provider_is_told_in_its_own_way(provider, thinking, body):
    written = {}

    write_thinking(thinking, habits_of(provider), written)

    assert written == body
