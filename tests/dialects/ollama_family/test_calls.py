import pytest

from multillama.core.canonical import ToolCall
from multillama.core.codec import Misfit
from multillama.dialects.ollama_family.calls import answered_id, arguments_of, call_row, read_call


def test_a_call_comes_back_with_all_it_has():
    row = {
        "id": "call_1",
        "function": {"index": 0, "name": "f", "arguments": {"a": 1}, "more": 2},
        "also": 3,
    }

    call = read_call(row)

    assert call == ToolCall("call_1", "f", '{"a":1}', extras={"also": 3, "function": {"more": 2}})
    assert call_row(call, 0, is_ours=True) == row


def test_extras_of_others_are_not_written():
    call = ToolCall("call_1", "f", "{}", extras={"also": 3})

    row = call_row(call, 2, is_ours=False)

    assert row == {"id": "call_1", "function": {"index": 2, "name": "f", "arguments": {}}}


def test_extras_that_are_no_members_of_a_function_are_left_out():
    call = ToolCall("call_1", "f", extras={"function": 7})

    assert call_row(call, 0, is_ours=True)["function"] == {"index": 0, "name": "f", "arguments": {}}


@pytest.mark.parametrize(
    ("row", "call"),
    [
        ({}, ToolCall("", "", "{}")),
        ({"function": 7, "id": 7}, ToolCall("", "", "{}")),
        ({"function": {"name": "f", "arguments": '{"a": 1}'}}, ToolCall("", "f", '{"a": 1}')),
    ],
)
def test_a_call_is_forgiven_what_it_lacks(row, call):
    assert read_call(row) == call


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("", {}),
        ('{"a": [1]}', {"a": [1]}),
        ("[1]", {"_raw": "[1]"}),
        ('{"a": ', {"_raw": '{"a": '}),
    ],
)
def test_arguments_become_an_object(text, arguments):
    assert arguments_of(text) == arguments


def test_arguments_nested_too_deeply_are_refused():
    deep = []
    for _ in range(100_000):
        deep = [deep]

    with pytest.raises(Misfit, match="nested too deeply"):
        read_call({"function": {"name": "f", "arguments": {"a": deep}}})


def test_calls_without_an_id_are_told_apart():
    call, other = ToolCall("", "f", "{}"), ToolCall("", "f", '{"a":1}')

    ids = {
        answered_id("2024-05-24T20:57:43.1Z", 0, call),
        answered_id("2024-05-24T20:57:43.1Z", 1, call),
        answered_id("2024-05-24T20:57:43.2Z", 0, call),
        answered_id("2024-05-24T20:57:43.1Z", 0, other),
    }

    assert len(ids) == 4
    assert all(id_.startswith("call_") for id_ in ids)
