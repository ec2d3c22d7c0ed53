import json
from typing import Any

import pytest

from multillama.core.closing import (
    DONE,
    MESSAGE_STOP,
    End,
    UsageStitcher,
    missing_end,
    unfinished,
    usage_body,
)
from multillama.core.partial import CHAT, COMPLETIONS, MESSAGES, Partial
from multillama.core.resume import Form, How, find_how, why_not
from multillama.errors import GatewayError
from tests.core.streams import chat, completions, decoded, messages, read

USAGE = {"stream_options": {"include_usage": True}}
LLAMA_CPP = find_how("llama.cpp", CHAT)
SAY = {"messages": [{"role": "user", "content": "Hi"}]}


def end(partial: Partial, *, is_over: bool = False, **asked: Any) -> End | None:
    return missing_end(partial, json.dumps(asked).encode(), is_over=is_over)


@pytest.mark.parametrize(
    ("partial", "asked", "missing"),
    [
        (read(CHAT, chat(["a"])[:-1]), {}, End(DONE)),
        (read(CHAT, chat(["a"])[:-1]), USAGE, End(DONE)),
        (read(CHAT, chat(["a"])[:-2]), {}, End(DONE)),
        (read(CHAT, chat(["a"])[:-2]), USAGE, End(DONE, lacks_usage=True)),
        (read(COMPLETIONS, completions(["a"])[:-1]), USAGE, End(DONE)),
        (read(MESSAGES, messages(["a"])[:-1]), {}, End(MESSAGE_STOP)),
    ],
)
def test_what_closes_a_stream_is_fixed(
    partial: Partial, asked: dict[str, Any], missing: End
) -> None:
    assert end(partial, **asked) == missing


def test_a_stream_with_its_last_event_lacks_nothing() -> None:
    assert end(read(CHAT, chat(["a"])), is_over=True, **USAGE) == End(b"")


def test_the_end_that_is_made_good_is_the_one_that_endpoints_send() -> None:
    assert chat(["a"])[-1] == DONE
    assert messages(["a"])[-1].replace(b": ", b":") == MESSAGE_STOP.replace(b": ", b":")


def test_a_tool_call_that_has_ended_is_whole() -> None:
    partial = Partial(
        dialect=CHAT,
        finish="tool_calls",
        oddity="A tool call had begun, and half a call cannot be continued.",
    )

    assert end(partial) == End(DONE)


@pytest.mark.parametrize(
    ("partial", "body"),
    [
        (Partial(dialect=CHAT, text="a"), b"{}"),
        (Partial(dialect=CHAT, text="a", finish="stop", oddity="It is odd."), b"{}"),
        (Partial(dialect=CHAT, text="a", finish="stop"), b'{"n":2}'),
        (Partial(dialect=CHAT, text="a", finish="stop"), b"\x80"),
    ],
)
def test_where_some_of_the_answer_may_be_missing_nothing_is_closed(
    partial: Partial, body: bytes
) -> None:
    assert missing_end(partial, body, is_over=False) is None


def test_an_answer_that_used_up_its_tokens_can_be_asked_about() -> None:
    partial = read(CHAT, chat(["a", "b"])[:-2])
    body = json.dumps({**SAY, "max_tokens": 2}).encode()

    assert why_not(partial, body, LLAMA_CPP, model="m") is not None
    assert why_not(unfinished(partial), body, LLAMA_CPP, model="m") is None


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_the_usage_costs_one_token(limit: str) -> None:
    partial = read(CHAT, chat(["a", "b"])[:-2])

    asked = json.loads(usage_body(json.dumps({**SAY, limit: 2}).encode(), partial, LLAMA_CPP))

    assert asked[limit] == 1
    assert asked["messages"][-1] == {"role": "assistant", "content": "ab"}


def test_the_usage_of_a_request_without_a_limit_costs_one_token_too() -> None:
    asked = usage_body(json.dumps(SAY).encode(), read(CHAT, chat(["a"])[:-2]), How(Form.PREFILL))

    assert json.loads(asked)["max_tokens"] == 1


@pytest.mark.parametrize("pieces", [["a", "b", "c"], ["a", "b", "\n"], [" "]])
def test_the_client_gets_the_usage_of_its_answer_and_the_end(pieces: list[str]) -> None:
    whole = chat(pieces, prompt=10)
    partial = read(CHAT, whole[:-2])
    counted = chat(["x"], "two", prompt=10 + partial.spent_tokens)
    rest = UsageStitcher(partial)

    got = rest.feed(b"".join(counted))

    assert rest.is_over
    assert decoded([got]) == decoded([b"".join(whole[-2:])])
    assert (rest.usage.input_tokens, rest.usage.output_tokens) == (10, len(pieces))


@pytest.mark.parametrize("data", [b"[]", b"\x80", b'{"error":{"message":"no"}}', b'{"usage":1}'])
def test_what_is_no_answer_is_refused(data: bytes) -> None:
    rest = UsageStitcher(read(CHAT, chat(["a"])[:-2]))

    with pytest.raises(GatewayError):
        rest.feed(b"data: " + data + b"\n\n")
