import json
from typing import Any

import pytest

from multillama.core.continuation import changed_members, continuation_body
from multillama.core.partial import CHAT, COMPLETIONS, MESSAGES, Partial
from multillama.core.resume import Form, How

FINAL = How(Form.FINAL_MESSAGE, takes_reasoning=True)
PREFILL = How(Form.PREFILL, takes_reasoning=True)
USER = {"role": "user", "content": "Hi"}


def made(partial: Partial, how: How | None, **members: Any) -> Any:
    return json.loads(continuation_body(json.dumps(members).encode(), partial, how))


def test_a_chat_ends_in_an_assistant_message_that_is_to_go_on() -> None:
    partial = Partial(dialect=CHAT, text="One two ", tokens=2)

    body = made(partial, FINAL, messages=[USER], stream=True)

    assert body == {
        "messages": [USER, {"role": "assistant", "content": "One two"}],
        "stream": True,
        "continue_final_message": True,
        "add_generation_prompt": False,
    }


def test_messages_end_in_an_assistant_message_and_nothing_else() -> None:
    body = made(Partial(dialect=MESSAGES, text="One\n"), PREFILL, messages=[USER])

    assert body == {"messages": [USER, {"role": "assistant", "content": "One"}]}


def test_a_prompt_is_followed_by_the_text() -> None:
    body = made(Partial(dialect=COMPLETIONS, text=" b\n"), How(Form.PROMPT), prompt="a")

    assert body == {"prompt": "a b"}


def test_a_prefill_of_the_client_is_gone_on_with() -> None:
    own = {"role": "assistant", "content": "{"}

    body = made(Partial(dialect=CHAT, text='"a": 1'), PREFILL, messages=[USER, own])

    assert body["messages"] == [USER, {"role": "assistant", "content": '{"a": 1'}]


def test_a_request_without_messages_gets_its_first() -> None:
    body = made(Partial(dialect=CHAT, text="a"), PREFILL, messages=[])

    assert body["messages"] == [{"role": "assistant", "content": "a"}]


@pytest.mark.parametrize(
    ("dialect", "text", "message"),
    [
        (CHAT, "", {"content": "", "reasoning_content": "hm"}),
        (CHAT, "a", {"content": "a", "reasoning_content": "hm "}),
        (MESSAGES, "", {"content": [{"type": "thinking", "thinking": "hm", "signature": ""}]}),
        (
            MESSAGES,
            "a",
            {
                "content": [
                    {"type": "thinking", "thinking": "hm ", "signature": ""},
                    {"type": "text", "text": "a"},
                ]
            },
        ),
    ],
)
def test_what_was_thought_is_told(dialect: str, text: str, message: dict[str, Any]) -> None:
    body = made(Partial(dialect=dialect, text=text, reasoning="hm "), PREFILL, messages=[USER])

    assert body["messages"][-1] == {"role": "assistant", **message}


def test_fewer_tokens_are_asked_for() -> None:
    partial = Partial(dialect=CHAT, text="a b\n", tokens=3, held_tokens=1)

    body = made(
        partial, PREFILL, messages=[], max_tokens=10, max_completion_tokens=None, n_predict=-1
    )

    assert (body["max_tokens"], body["max_completion_tokens"], body["n_predict"]) == (8, None, -1)


def test_at_least_one_token_is_asked_for() -> None:
    body = made(Partial(dialect=CHAT, text="a", tokens=9), PREFILL, messages=[], max_tokens=5)

    assert body["max_tokens"] == 1


@pytest.mark.parametrize(
    ("partial", "how"),
    [
        (Partial(dialect=CHAT), None),
        (Partial(dialect=CHAT), FINAL),
        (Partial(dialect=CHAT, text="\n", tokens=1), FINAL),
    ],
)
def test_without_text_it_is_the_same_request(partial: Partial, how: How | None) -> None:
    body = b'{ "messages" : [] }'

    assert continuation_body(body, partial, how) == body


def test_every_other_member_keeps_its_bytes() -> None:
    body = (
        b'{"a": 1.00, "messages": [ {"content":"\\u00e9" ,"role":"user"} ],"stream_options":'
        b' {"include_usage" : true},"z":{"k":[1 ,2],"k":3}}'
    )

    made = continuation_body(body, Partial(dialect=CHAT, text="a"), FINAL)

    for kept in (b"1.00", b'{"content":"\\u00e9" ,"role":"user"}', b'{"include_usage" : true}'):
        assert kept in made
    assert b'{"k":[1 ,2],"k":3}' in made


def test_the_members_that_a_continuation_changes_are_named() -> None:
    body = b'{"model": "m1", "messages": [], "max_tokens": 9}'
    continued = continuation_body(body, Partial(dialect=CHAT, text="One", tokens=2), FINAL)

    names = changed_members(body, continued)

    assert sorted(names) == [
        "add_generation_prompt",
        "continue_final_message",
        "max_tokens",
        "messages",
    ]
    assert changed_members(body, body) == []
