import pytest

from multillama.core.canonical import Reasoning, ToolCall
from multillama.core.deltas import Delta, Open
from multillama.core.parts import Parts
from multillama.dialects.openai_chat.calls import Calls


def calls_of(*rows) -> list[tuple[str, str, str]]:
    """Id, name and arguments of the calls that rows make, in the order in which they begin."""
    parts = Parts()
    calls = Calls(parts, 0, "x")
    for row in rows:
        calls.take(row)
    calls.close()
    parts.close()
    found: dict[int, ToolCall] = {}
    for event in parts.take():
        if isinstance(event, Open) and isinstance(event.what, ToolCall):
            found[event.part] = event.what
        elif isinstance(event, Delta):
            found[event.part].arguments += event.text
    return [(call.id, call.name, call.arguments) for call in found.values()]


def row(index=None, id_=None, name=None, arguments=None, **others) -> dict:
    told = {"index": index, "id": id_, "function": {"name": name, "arguments": arguments}}
    return {name: value for name, value in told.items() if value is not None} | others


@pytest.mark.parametrize(
    ("rows", "calls"),
    [
        ([row(0, "a", "f", ""), row(0, arguments="{"), row(0, arguments="}")], [("a", "f", "{}")]),
        (
            [row(0, "a", "f"), row(1, "b", "g"), row(0, arguments="1"), row(1, arguments="2")],
            [("a", "f", "1"), ("b", "g", "2")],
        ),
        ([row(None, "a", "f", "1"), row(None, "b", "g", "2")], [("a", "f", "1"), ("b", "g", "2")]),
        ([row(None, "a", "f"), row(arguments="1"), row(arguments="2")], [("a", "f", "12")]),
        ([row(0, "a", "f", "1"), row(0, "b", "g", "2")], [("a", "f", "1"), ("b", "g", "2")]),
        ([row(0, "a", "f", "1"), row(0, "a", "f", "2")], [("a", "f", "12")]),
        ([row(0, "a", "f", "1"), row(0, "z", None, "2")], [("a", "f", "12")]),
        ([row(0, "a"), row(0, None, "f", "1")], [("a", "f", "1")]),
        (
            [row(0, "a", None, "1"), row(0, None, None, "2"), row(0, None, "f", "3")],
            [("a", "f", "123")],
        ),
        ([row(0, "a", None, "1")], [("a", "", "1")]),
        ([row(0, "a", odd=None), row(0, None, "f", "1")], [("a", "f", "1")]),
        ([row(0, "a", "f", {"x": 1})], [("a", "f", '{"x":1}')]),
        ([row(0, None, "f"), row(0, "late", None, "1")], None),
        ([None, row(0, "a", "f"), {"index": 0, "function": 5}], [("a", "f", "")]),
        (
            [
                {"index": 0, "id": "a", "type": "custom", "custom": {"name": "f", "input": "x"}},
                {"index": 0, "custom": {"input": "y"}},
            ],
            [("a", "f", "xy")],
        ),
    ],
)
def test_calls_are_told_apart(rows, calls):
    found = calls_of(*rows)

    if calls is None:
        assert [(name, arguments) for _, name, arguments in found] == [("f", "1")]
        assert found[0][0].startswith("call_")
    else:
        assert found == calls


def test_a_function_call_is_one():
    parts = Parts()
    calls = Calls(parts, 0, "x")

    calls.take_function({"name": "f", "arguments": ""})
    calls.take_function({"arguments": "{}"})
    calls.take_function(None)

    events = parts.take()
    assert [type(event) for event in events] == [Open, Delta]
    assert calls.has_any


def test_a_signed_call_has_its_signature_before_it():
    parts = Parts()

    Calls(parts, 0, "x").take(
        row(0, "a", "f", extra_content={"google": {"thought_signature": "s"}}, odd=1)
    )

    opened = [event.what for event in parts.take() if isinstance(event, Open)]
    assert opened == [Reasoning("", "s"), ToolCall("a", "f", extras={"odd": 1})]
