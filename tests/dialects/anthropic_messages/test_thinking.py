import pytest

from multillama.core.canonical import (
    Message,
    Reasoning,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from multillama.dialects.anthropic_messages.thinking import has_thoughts
from tests.dialects.anthropic_messages.spoken import LOCAL, ask, goal, written

OFF = {"type": "disabled"}
SHOWN = {"type": "adaptive", "display": "summarized"}


def budget(tokens):
    return {"type": "enabled", "budget_tokens": tokens}


def request(thinking, **members):
    return Request(
        "m", [Message("user", [Text("Hello")])], thinking=thinking, max_tokens=20_000, **members
    )


@pytest.mark.parametrize(
    ("model", "said", "thinking", "effort"),
    [
        # a model that measures itself
        ("claude-opus-4-7", Thinking("high"), SHOWN, "high"),
        ("claude-opus-4-7", Thinking("minimal"), SHOWN, "low"),
        ("claude-opus-4-7", Thinking("xhigh"), SHOWN, "xhigh"),
        ("claude-opus-4-6", Thinking("xhigh"), SHOWN, "high"),
        ("claude-opus-4-6", Thinking("max"), SHOWN, "max"),
        ("claude-opus-4-7", Thinking(is_on=True), SHOWN, None),
        ("claude-opus-4-7", Thinking("low", summary="none"), {"type": "adaptive", "display": "omitted"}, "low"),
        ("claude-opus-4-7", Thinking(budget=-1), SHOWN, None),
        ("claude-opus-4-7", Thinking(budget=500), SHOWN, "low"),
        ("claude-opus-4-7", Thinking(budget=3000), SHOWN, "medium"),
        ("claude-opus-4-7", Thinking(budget=9000), SHOWN, "high"),
        ("claude-opus-4-7", Thinking("none"), OFF, None),
        ("claude-opus-4-7", Thinking(budget=0), OFF, None),
        ("claude-opus-4-7", Thinking(is_on=False), OFF, None),
        # a model that wants a budget
        ("claude-sonnet-4-5", Thinking("minimal"), budget(1024), None),
        ("claude-sonnet-4-5", Thinking("max"), budget(16_384), None),
        ("claude-sonnet-4-5", Thinking(is_on=True), budget(2048), None),
        ("claude-sonnet-4-5", Thinking(budget=-1), budget(2048), None),
        ("claude-sonnet-4-5", Thinking(budget=100), budget(1024), None),
        ("claude-sonnet-4-5", Thinking(budget=99_999), budget(19_999), None),
        ("claude-sonnet-4-5", Thinking("low", summary="none"), budget(1024) | {"display": "omitted"}, None),
        ("claude-sonnet-4-5", Thinking("none"), None, None),
        ("claude-opus-4-5", Thinking("max"), budget(16_384), "high"),
        ("claude-opus-4-5", Thinking(is_on=True), budget(2048), None),
        # a model that does not think
        ("claude-3-5-haiku", Thinking("none"), None, None),
        # no Claude
        ("qwen3", Thinking("high"), budget(4096), "high"),
        ("qwen3", Thinking(budget=7), budget(7), None),
        ("qwen3", Thinking("none"), OFF, None),
    ],
)  # fmt: skip
def test_thinking_is_asked_for_in_the_words_that_the_model_takes(model, said, thinking, effort):
    body, losses = written(
        request(said), goal(model, "anthropic" if "claude" in model else "llama.cpp")
    )

    assert (body.get("thinking"), body.get("output_config", {}).get("effort"), losses) == (
        thinking,
        effort,
        (),
    )


@pytest.mark.parametrize(
    ("model", "said", "thinking"),
    [
        ("claude-opus-5-5", Thinking("none"), None),  # always thinks
        ("claude-3-5-haiku", Thinking("high"), None),  # never
    ],
)
def test_a_model_that_cannot_is_not_asked_and_that_is_told(model, said, thinking):
    body, losses = written(request(said), goal(model))

    assert (body.get("thinking"), losses) == (thinking, ("thinking",))


@pytest.mark.parametrize(
    ("model", "thinking", "losses"),
    [
        ("claude-opus-4-7", OFF, ("thinking",)),
        ("claude-sonnet-4-5", OFF, ("thinking",)),
        ("claude-3-opus", None, ("thinking",)),
        ("claude-opus-5-5", SHOWN, ("tool_choice",)),  # cannot be forced
    ],
)
def test_a_tool_that_must_be_called_comes_before_thoughts(model, thinking, losses):
    asked = request(Thinking(is_on=True), tools=[Tool("f")], tool_choice=ToolChoice("required"))

    body, lost = written(asked, goal(model))

    assert (body.get("thinking"), lost) == (thinking, losses)


def test_no_budget_fits_into_few_tokens():
    asked = request(Thinking("low"))
    asked.max_tokens = 1024

    body, losses = written(asked, goal("claude-sonnet-4-5"))

    assert ("thinking" in body, losses) == (False, ("thinking",))


def test_a_local_model_of_few_tokens_has_a_small_budget():
    asked = request(Thinking("high"))
    asked.max_tokens = 1

    body, _ = written(asked, goal(*LOCAL))

    assert body["thinking"] == budget(1)


def test_a_strange_cloud_is_asked_for_no_budget_below_the_least():
    asked = request(Thinking(is_on=True))
    asked.max_tokens = 10

    body, losses = written(asked, goal("glm-5", "zai"))

    assert ("thinking" in body, losses) == (False, ("thinking",))


@pytest.mark.parametrize(
    ("model", "max_tokens", "tokens"),
    [
        (LOCAL, None, 2048),  # of the 4096 that are asked for where the client does not say
        (LOCAL, 3000, 1500),
        (LOCAL, 1500, 1024),
        (("claude-sonnet-4-5", "anthropic"), 3000, 1500),
        (("claude-sonnet-4-5", "anthropic"), 1500, 1024),
    ],
)
def test_an_effort_leaves_room_for_an_answer(model, max_tokens, tokens):
    asked = request(Thinking("high"))
    asked.max_tokens = max_tokens

    body, _ = written(asked, goal(*model))

    assert body["thinking"] == budget(tokens)


CALL, RESULT = ToolCall("c", "f", "{}"), Message("tool", [ToolResult("c", [Text("42")])])


@pytest.mark.parametrize(
    ("messages", "thinks"),
    [
        ([Message("assistant", [CALL]), RESULT], False),
        ([Message("assistant", [Reasoning("hm", "s"), CALL]), RESULT], True),
        ([Message("assistant", [Reasoning("hm", "s")]), Message("assistant", [CALL]), RESULT], True),
        ([Message("assistant", [Reasoning("hm"), CALL]), RESULT, Message("system", [Text("x")])], False),
        ([Message("assistant", [CALL]), RESULT, Message("assistant", [Text("Done.")]), Message("user",
        [Text("And?")])], True),
        ([Message("assistant", [Text("Hi")]), Message("user", [Text("And?")])], True),
    ],
)  # fmt: skip
def test_calls_that_came_without_thoughts_are_answered_without(messages, thinks):
    asked = request(Thinking("low"), tools=[Tool("f")])
    asked.messages += messages

    body, losses = written(asked, goal("claude-sonnet-4-5"))

    assert ("thinking" in body, "thinking" in losses) == (thinks, not thinks)


def test_a_conversation_may_begin_with_a_call():
    asked = request(Thinking("low"), tools=[Tool("f")])
    asked.messages = [Message("assistant", [CALL]), RESULT]

    assert written(asked, goal("claude-sonnet-4-5"))[1] == ("thinking",)


@pytest.mark.parametrize(
    "members",
    [
        {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        {"thinking": {"type": "enabled", "budget_tokens": 1024, "display": "omitted"}},
        {"thinking": {"type": "enabled"}},
        {"thinking": {"type": "adaptive", "display": "summarized"}},
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
        {
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "output_config": {"effort": "low"},
        },
        {"thinking": {"type": "disabled"}},
        {"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}},
        {"thinking": {"type": "between_tools"}},
        {"thinking": {"type": "new", "much": 1}},
        {"output_config": {"effort": "max", "task_budget": {"total": 9}}},
    ],
)
def test_what_a_client_of_this_dialect_says_is_written_as_it_came(members):
    body, losses = written(ask(**members), goal("claude-opus-4-5"))

    assert ({name: body.get(name) for name in members}, losses) == (members, ())
    assert ("thinking" in body) == ("thinking" in members)


@pytest.mark.parametrize(("thinking", "thinks"), [(None, False), (OFF, False), (SHOWN, True)])
def test_thoughts_are_seen(thinking, thinks):
    assert has_thoughts(thinking) is thinks
