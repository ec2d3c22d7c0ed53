import pytest

from multillama.core.canonical import (
    Foreign,
    Image,
    Message,
    Request,
    Source,
    Text,
    ToolCall,
    ToolResult,
)
from tests.dialects.anthropic_messages.spoken import LOCAL, ask, goal, written

PICTURE = Image(Source(url="http://a/b"))
SHOWN = {"type": "image", "source": {"type": "url", "url": "http://a/b"}}


def text(value):
    return {"type": "text", "text": value}


def system(value):
    return Message("system", [Text(value)])


def user(*values):
    return Message("user", [Text(value) for value in values])


def assistant(*parts):
    return Message("assistant", [Text(part) if isinstance(part, str) else part for part in parts])


def call(name):
    return ToolCall(name, "f", "{}")


def called(name):
    return {"type": "tool_use", "id": name, "name": "f", "input": {}}


def result(name, value="42"):
    return Message("tool", [ToolResult(name, [Text(value)])])


def resulted(name, value="42"):
    return {"type": "tool_result", "tool_use_id": name, "content": value}


@pytest.mark.parametrize(
    ("messages", "prompt", "turns"),
    [
        ([user("a")], None, [("user", "a")]),
        ([system("s"), user("a")], "s", [("user", "a")]),
        ([system("s"), Message("developer", [Text("t")]), user("a")], [text("s"), text("t")], [("user", "a")]),
        ([system("s")], None, [("user", [text("s")])]),
        ([user("a"), user("b")], None, [("user", [text("a"), text("b")])]),
        ([user("a", " "), user("")], None, [("user", "a")]),
        ([user("a"), assistant(""), user("b")], None, [("user", "a"), ("user", "b")]),
        (
            [user("a"), assistant("Well.", call("c")), assistant(call("d")), user("b"), result("c"), result("d"),
            user("e")],
            None,
            [
                ("user", "a"),
                ("assistant", [text("Well."), called("c"), called("d")]),
                ("user", [resulted("c"), resulted("d"), text("b"), text("e")]),
            ],
        ),
        (  # what nobody has called
            [user("a"), result("c", "41"), assistant("b"), Message("tool", [ToolResult("d", [PICTURE])])],
            None,
            [("user", [text("41"), text("a")]), ("assistant", "b"), ("user", [SHOWN])],
        ),
        (  # a result that comes after its turn
            [user("a"), assistant(call("c")), result("c"), assistant("b"), result("c"), Message("tool",
            [ToolResult("c")])],
            None,
            [("user", "a"), ("assistant", [called("c")]), ("user", [resulted("c")]), ("assistant", "b"), ("user",
            "42")],
        ),
    ],
)  # fmt: skip
def test_messages_become_turns(messages, prompt, turns):
    body, losses = written(Request("m", messages))

    assert body.get("system") == prompt
    assert [(row["role"], row["content"]) for row in body["messages"]] == turns
    assert losses == ()


LATER = [user("a"), system("s"), assistant("b"), user("c"), system("t")]


def test_a_later_word_of_the_system_stands_where_it_was_for_a_model_that_takes_it():
    body, losses = written(Request("m", LATER), goal("claude-opus-5"))

    assert [row["role"] for row in body["messages"]] == [
        "user",
        "system",
        "assistant",
        "user",
        "system",
    ]
    assert (body["messages"][1]["content"], losses) == ("s", ())


@pytest.mark.parametrize("model", [("claude-opus-4-7", "anthropic"), LOCAL])
def test_others_find_it_in_the_users_turn(model):
    body, losses = written(Request("m", LATER), goal(*model))

    wrapped = text("<system>\ns\n</system>")
    assert (body["messages"][0], losses) == ({"role": "user", "content": [text("a"), wrapped]}, ())


@pytest.mark.parametrize(
    "messages",
    [
        [user("a"), assistant("b"), system("s"), user("c")],
        [user("a"), system("s"), user("c")],
        [user("a"), assistant(call("c")), system("s"), result("c")],
    ],
)
def test_it_stands_nowhere_else(messages):
    body, _ = written(Request("m", messages), goal("claude-opus-5"))

    assert "system" not in [row["role"] for row in body["messages"]]
    assert text("<system>\ns\n</system>") in body["messages"][-1]["content"]


def test_a_result_stays_first_where_a_word_of_the_system_came_between():
    messages = [user("a"), assistant(call("c")), system("s"), result("c")]

    body, _ = written(Request("m", messages), goal("claude-opus-5"))

    assert body["messages"][-1]["content"] == [resulted("c"), text("<system>\ns\n</system>")]


def test_results_are_answered_by_a_system_message_in_its_place():
    messages = [user("a"), assistant(call("c")), result("c"), system("s")]

    body, _ = written(Request("m", messages), goal("claude-opus-5"))

    assert [row["role"] for row in body["messages"]] == ["user", "assistant", "user", "system"]


def test_a_system_message_without_a_word_is_nothing():
    body, losses = written(Request("m", [user("a"), system(""), assistant("b"), user("c")]))

    assert ([row["content"] for row in body["messages"]], losses) == (["a", "b", "c"], ())


@pytest.mark.parametrize(
    ("messages", "loss"),
    [
        ([Message("system", [Text("s"), PICTURE]), user("a")], "system.image"),
        ([user("a"), assistant("b", PICTURE), user("c")], "image"),
        ([Message("user", [Text("a")], name="Ann")], "messages.name"),
        ([Message("user", [Text("a")], extras={"x": 1})], "extras.x"),
        ([user("a"), assistant("b", Foreign("refusal", {})), user("c")], "foreign:refusal"),
    ],
)
def test_what_cannot_stand_there_is_told(messages, loss):
    _, losses = written(Request("m", messages, family="openai"))

    assert losses == (loss,)


def test_a_prefill_that_the_model_does_not_take_is_dropped_by_name():
    body, losses = written(Request("m", [user("a"), assistant("{")]), goal("claude-opus-4-6"))

    assert ([row["role"] for row in body["messages"]], losses) == (["user"], ("prefill",))


@pytest.mark.parametrize(
    ("model", "last"),
    [(("claude-opus-4-5", "anthropic"), "So:"), (LOCAL, "So: \n")],
)
def test_a_prefill_ends_without_blanks_where_they_are_refused(model, last):
    body, losses = written(Request("m", [user("a"), assistant("So: \n")]), goal(*model))

    assert (body["messages"][-1]["content"], losses) == (last, ())


def test_a_call_at_the_end_is_no_prefill():
    body, losses = written(Request("m", [user("a"), assistant(call("c"))]))

    assert (len(body["messages"]), losses) == (2, ())


def test_results_without_calls_stay_results_where_the_endpoint_knows_the_calls():
    body, _ = written(Request("m", [result("c")], previous_id="r"))

    assert body["messages"] == [{"role": "user", "content": [resulted("c")]}]


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": "a"}, {"role": "system", "content": "s"}, {"role": "user", "content": "b"}],
        [{"role": "user", "content": [resulted("c"), text("b")]}],
        [{"role": "user", "content": [text("a"), {"type": "container_upload", "file_id": "f"}]}],
        [{"role": "assistant", "content": "So: "}],
        [{"role": "user", "content": "a", "x": 1}, {"role": "user", "content": "b", "x": 2}, {"role": "user",
        "content": "c"}],
    ],
)  # fmt: skip
def test_messages_of_this_dialect_are_written_as_they_came(messages):
    body, losses = written(ask(messages=messages))

    assert (body["messages"], losses) == (messages, ())


def test_a_system_prompt_of_this_dialect_may_hold_what_only_this_family_has():
    prompt = [text("s"), {"type": "tool_addition", "tool": {}}]

    body, losses = written(ask(system=prompt))

    assert (body["system"], losses) == (prompt, ())
