import pytest

from multillama.core.canonical import (
    Choice,
    Message,
    Reasoning,
    Refusal,
    Stop,
    Text,
    ToolCall,
    Usage,
)
from multillama.dialects.openai_responses.envelope import Envelope, ending, item_status, stop_of
from tests.dialects.openai_responses.spoken import DIALECT, asked, reply

DONE = {"status": "completed"}


def incomplete(reason):
    return {"status": "incomplete", "incomplete_details": {"reason": reason}}


@pytest.mark.parametrize(
    ("response", "kinds", "stop", "extras"),
    [
        (DONE, {Text}, Stop.END, {}),
        (DONE, {Text, ToolCall, Refusal}, Stop.CALLS, {}),
        (DONE, {Refusal}, Stop.REFUSED, {}),
        ({}, set(), Stop.END, {}),
        ({"status": []}, set(), Stop.END, {}),
        (incomplete("max_output_tokens"), {ToolCall}, Stop.LENGTH, {}),
        (incomplete("content_filter"), {Text}, Stop.REFUSED, {}),
        (incomplete("steered"), {Text}, Stop.END, {"incomplete_details": {"reason": "steered"}}),
        (incomplete("new"), {Text}, Stop.LENGTH, {"incomplete_details": {"reason": "new"}}),
        (incomplete([]), {Text}, Stop.LENGTH, {"incomplete_details": {"reason": []}}),
        ({"status": "incomplete"}, {Text}, Stop.LENGTH, {"incomplete_details": None}),
        ({"status": "queued"}, set(), None, {"status": "queued"}),
    ],
)
def test_why_a_response_ended(response, kinds, stop, extras):
    assert stop_of(response, kinds) == (stop, extras)


@pytest.mark.parametrize(
    ("stop", "parts", "status", "reason"),
    [
        (None, [], "completed", None),
        (Stop.END, [], "completed", None),
        (Stop.SEQUENCE, [], "completed", None),
        (Stop.CALLS, [], "completed", None),
        (Stop.LENGTH, [], "incomplete", "max_output_tokens"),
        (Stop.CONTEXT, [], "incomplete", "max_output_tokens"),
        (Stop.PAUSE, [], "incomplete", "max_output_tokens"),
        (Stop.REFUSED, [Text("no")], "incomplete", "content_filter"),
        (Stop.REFUSED, [Refusal("no")], "completed", None),
    ],
)
def test_how_a_response_says_why_it_ended(stop, parts, status, reason):
    end = ending(Choice(parts, stop), is_own=False)

    assert end == {"status": status, "incomplete_details": reason and {"reason": reason}}
    assert item_status(end) == status


def test_what_cannot_be_used_is_a_failure():
    end = ending(Choice(stop=Stop.FAULT), is_own=False)

    assert end["status"] == "failed"
    assert end["error"]["code"] == "server_error"


@pytest.mark.parametrize(
    ("extras", "end"),
    [
        ({"status": "queued"}, {"status": "queued", "incomplete_details": None}),
        (
            incomplete("steered") | {"status": "incomplete"},
            {"status": "incomplete", "incomplete_details": None},
        ),
        ({"incomplete_details": {"reason": "steered"}}, incomplete("steered")),
    ],
)
def test_an_ending_in_this_dialects_words_stays_as_it_was(extras, end):
    choice = Choice(stop=Stop.END, extras=extras)

    assert ending(choice, is_own=True) == end
    assert ending(choice, is_own=False)["status"] == "completed"


def response(to, answer_id="resp_1", dialect=DIALECT):
    envelope = Envelope(to)
    envelope.address(answer_id, 0, dialect)
    return envelope.response(DONE, [], Usage(), None)


def test_the_request_is_repeated():
    schema = {"type": "json_schema", "name": "n", "schema": {}}
    members = {
        "instructions": "be kind",
        "temperature": 0.5,
        "top_p": 0.9,
        "max_output_tokens": 5,
        "max_tool_calls": 3,
        "metadata": {"a": "b"},
        "parallel_tool_calls": False,
        "previous_response_id": "resp_0",
        "prompt_cache_key": "k",
        "prompt_cache_retention": "24h",
        "reasoning": {"effort": "low", "summary": "auto", "context": "all_turns"},
        "safety_identifier": "s",
        "user": "u",
        "store": True,
        "text": {"format": schema, "verbosity": "low", "new": 1},
        "tool_choice": "required",
        "tools": [{"type": "function", "name": "f", "parameters": {}, "strict": True}],
        "top_logprobs": 2,
        "truncation": "auto",
        "background": True,
        "service_tier": "flex",
    }

    told = response(reply(asked(input="hi", conversation="conv_1", **members)))

    assert {name: told[name] for name in members} == members
    assert told["conversation"] == {"id": "conv_1"}


def test_what_was_not_asked_is_told_as_it_goes_without_saying():
    told = response(reply())

    assert {name: value for name, value in told.items() if value is not None} == {
        "id": "resp_1",
        "object": "response",
        "created_at": 1700,
        "model": "public",
        "output": [],
        "status": "completed",
        "background": False,
        "metadata": {},
        "parallel_tool_calls": True,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "truncation": "disabled",
        "usage": told["usage"],
    }


def test_a_choice_or_conversation_of_this_dialect_alone_is_repeated():
    mcp = {"type": "mcp", "server_label": "x"}

    told = response(reply(asked(input="hi", tool_choice=mcp, conversation={"id": "conv_2"})))

    assert told["tool_choice"] == mcp
    assert told["conversation"] == {"id": "conv_2"}


@pytest.mark.parametrize(("answer_id", "dialect"), [("chatcmpl-1", "openai.chat"), ("", DIALECT)])
def test_an_answer_of_another_dialect_gets_an_id_of_this_one(answer_id, dialect):
    assert response(reply(), answer_id, dialect)["id"] == "resp_r1"


def test_instructions_are_repeated_of_any_clients_request():
    to = reply()
    to.request.messages = [Message("system", [Text("a")]), Message("assistant", [Reasoning("hm")])]

    assert response(to)["instructions"] == "a"


def test_the_usage_stands_last_where_whoever_counts_looks_for_it():
    told = response(reply(asked(input="hi")))

    assert list(told)[-1] == "usage"
