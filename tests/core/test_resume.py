import json
from typing import Any

import pytest

from multillama.core.partial import CHAT, COMPLETIONS, MESSAGES, Partial
from multillama.core.resume import (
    CLAUDE_WITH_PREFILL,
    HOWS,
    MAX_RESUMES,
    Form,
    How,
    find_how,
    find_translated_how,
    why_not,
)
from multillama.providers.catalog import BY_NAME

ASKED = {
    CHAT: {"messages": [{"role": "user", "content": "Hi"}]},
    COMPLETIONS: {"prompt": "Hi"},
    MESSAGES: {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]},
}


def why(
    dialect: str = CHAT, provider: str = "llama.cpp", model: str = "m", **members: Any
) -> str | None:
    partial = Partial(dialect=dialect, text="a b", tokens=2)
    body = json.dumps({"model": model, **ASKED[dialect], **members}).encode()
    return why_not(partial, body, find_how(provider, dialect), model=model)


@pytest.mark.parametrize(("provider", "dialect"), HOWS)
def test_what_the_table_knows_can_be_continued(provider: str, dialect: str) -> None:
    assert provider in BY_NAME
    assert why(dialect, provider, "claude-sonnet-4-5-20250929") is None


@pytest.mark.parametrize(
    ("provider", "dialect"),
    [
        ("ollama", CHAT),
        ("ollama", MESSAGES),
        ("lm-studio", CHAT),
        ("koboldcpp", CHAT),
        ("tgi", CHAT),
    ],
)
def test_where_it_depends_on_the_model_the_operator_may_say_so(provider: str, dialect: str) -> None:
    assert find_how(provider, dialect) is None
    assert find_how(provider, dialect, is_trusted=True) == How(Form.PREFILL)


def test_a_prompt_is_gone_on_with_where_the_operator_says_so() -> None:
    assert find_how("openai-compatible", COMPLETIONS) is None
    assert find_how("openai-compatible", COMPLETIONS, is_trusted=True) == How(Form.PROMPT)


@pytest.mark.parametrize(
    ("provider", "dialect"),
    [("openai", CHAT), ("text-generation-webui", CHAT), ("ollama", COMPLETIONS)],
)
def test_who_is_known_to_begin_anew_is_not_asked_whatever_the_operator_says(
    provider: str, dialect: str
) -> None:
    assert find_how(provider, dialect, is_trusted=True) is None


def test_what_is_known_goes_before_what_the_operator_says() -> None:
    assert find_how("vllm", CHAT, is_trusted=True) == How(Form.FINAL_MESSAGE)
    assert find_how("anthropic", MESSAGES, is_trusted=True) == HOWS["anthropic", MESSAGES]


def test_an_endpoint_that_is_not_known_to_continue_is_not_asked() -> None:
    assert why(CHAT, "ollama") == "It is not known that this endpoint can continue an answer."


@pytest.mark.parametrize("model", ["claude-opus-4-6", "claude-opus-5-5", "claude-sonnet-4-6", "x"])
def test_claude_models_without_prefill_are_not_asked(model: str) -> None:
    assert why(MESSAGES, "anthropic", model) == f"The model {model} does not continue an answer."


def test_an_answer_without_text_is_asked_for_again_of_anybody() -> None:
    body = b'{"n": 2, "messages": []}'

    assert why_not(Partial(dialect=CHAT, has_begun=True), body, None, model="m") is None


@pytest.mark.parametrize(
    ("partial", "words"),
    [
        (Partial(dialect=CHAT, text="a", finish="stop"), "whole answer was sent"),
        (Partial(dialect=CHAT, text="a", oddity="It is odd."), "It is odd."),
        (Partial(dialect=CHAT, oddity="It is odd."), "It is odd."),
    ],
)
def test_what_was_sent_may_forbid_it(partial: Partial, words: str) -> None:
    why = why_not(partial, b'{"messages": []}', How(Form.PREFILL), model="m")

    assert words in (why or "")


def test_an_answer_is_continued_a_few_times_only() -> None:
    partial = Partial(dialect=CHAT, text="a")
    how = How(Form.PREFILL)

    assert why_not(partial, b"{}", how, model="m", resumes=MAX_RESUMES - 1) is None
    assert why_not(partial, b"{}", how, model="m", resumes=MAX_RESUMES) is not None


def test_reasoning_is_continued_only_where_it_can_be_told() -> None:
    partial = Partial(dialect=CHAT, reasoning="hm", text="a")
    body = b'{"messages": []}'

    assert "reasons" in (why_not(partial, body, find_how("vllm", CHAT), model="m") or "")
    assert why_not(partial, body, find_how("llama.cpp", CHAT), model="m") is None


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"n": 2}, "Several answers"),
        ({"logprobs": True}, "Log probabilities"),
        ({"response_format": {"type": "json_object"}}, "grammar"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, "grammar"),
        ({"output_format": {"type": "json_schema"}}, "grammar"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "grammar"),
        ({"grammar": 'root ::= "a"'}, "grammar"),
        ({"guided_json": {"type": "object"}}, "grammar"),
        ({"structured_outputs": {"regex": "a"}}, "grammar"),
        ({"tool_choice": "required"}, "grammar"),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "grammar"),
        ({"max_tokens": 2}, "All the tokens"),
        ({"max_completion_tokens": 1}, "All the tokens"),
        ({"messages": [{"role": "assistant", "content": [{"type": "text"}]}]}, "own"),
        ({"messages": [{"role": "assistant", "content": None, "tool_calls": [1]}]}, "own"),
        ({"n": "two"}, "cannot work with"),
    ],
)
def test_what_was_asked_for_may_forbid_it(members: dict[str, Any], words: str) -> None:
    assert words in (why(**members) or "")


@pytest.mark.parametrize(
    "members",
    [
        {"n": 1, "logprobs": False, "response_format": {"type": "text"}, "grammar": ""},
        {"tools": [{"type": "function"}], "tool_choice": "auto"},
        {"tool_choice": "none", "response_format": None, "json_schema": None},
        {"max_tokens": 3, "max_completion_tokens": None, "n_predict": -1},
        {"output_config": {"effort": "low"}, "temperature": 0},
        {"messages": [{"role": "assistant", "content": "I"}]},
    ],
)
def test_what_does_no_harm_is_let_pass(members: dict[str, Any]) -> None:
    assert why(**members) is None


@pytest.mark.parametrize(
    "members",
    [{"best_of": 3}, {"echo": True}, {"suffix": "z"}, {"prompt": ["a"]}, {"prompt": [1, 2]},
     {"logprobs": 0}],
)  # fmt: skip
def test_completions_of_other_shapes_are_not_continued(members: dict[str, Any]) -> None:
    assert why(COMPLETIONS, **members) is not None


def test_claude_does_not_think_after_a_prefill() -> None:
    model = "claude-opus-4-5"

    assert "thinking" in (why(MESSAGES, "anthropic", model, thinking={"type": "enabled"}) or "")
    assert why(MESSAGES, "anthropic", model, thinking={"type": "disabled"}) is None


def test_only_a_last_assistant_message_comes_through_a_translation():
    how = find_translated_how("anthropic", CHAT, into=MESSAGES)
    partial = Partial(dialect=CHAT, text="one")

    assert how == How(Form.PREFILL, models=CLAUDE_WITH_PREFILL)
    assert why_not(partial, b"{}", how, model="claude-sonnet-4-5") is None
    assert why_not(partial, b"{}", how, model="claude-opus-4-7") is not None


@pytest.mark.parametrize(
    ("provider", "dialect", "into"),
    [
        ("vllm", MESSAGES, CHAT),
        ("llama.cpp", COMPLETIONS, MESSAGES),
        ("ollama", CHAT, "ollama.chat"),
        ("llama.cpp", MESSAGES, COMPLETIONS),
    ],
)
def test_what_may_begin_anew_behind_a_translation_does_not_go_on(provider, dialect, into):
    assert find_translated_how(provider, dialect, into=into) is None


def test_reasoning_does_not_come_through_a_translation():
    assert HOWS["llama.cpp", MESSAGES].takes_reasoning
    assert find_translated_how("llama.cpp", CHAT, into=MESSAGES) == How(Form.PREFILL)
