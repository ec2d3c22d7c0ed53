import json

import pytest

from multillama.core.canonical import Image, Message, Request, Source, Text
from multillama.dialects.anthropic_messages.billing import normalise_billing, without_billing

LINE = "x-anthropic-billing-header: cc_version=2.1; cc_entrypoint=cli; cch=0a1b2;"
HELLO = Message("user", [Text("Hello")])


@pytest.mark.parametrize(
    ("parts", "kept"),
    [
        ([Text(LINE), Text("You are Claude Code.")], [Text("You are Claude Code.")]),
        (
            [Text(f"{LINE}\n\nYou are Claude Code.", cache="")],
            [Text("You are Claude Code.", cache="")],
        ),
        ([Text("You are Claude Code.")], [Text("You are Claude Code.")]),
        ([Text("Rules."), Text(LINE)], [Text("Rules."), Text(LINE)]),
        ([Image(Source(url="http://a/b"))], [Image(Source(url="http://a/b"))]),
    ],
)
def test_only_the_billing_line_at_the_beginning_is_taken_out(parts, kept):
    request = Request("m", [Message("system", parts), HELLO])

    normalise_billing(request)

    assert request.messages == [Message("system", kept), HELLO]


def test_a_system_prompt_that_is_nothing_else_goes_as_a_whole():
    request = Request("m", [Message("system", [Text(LINE)]), HELLO])

    normalise_billing(request)

    assert request.messages == [HELLO]


@pytest.mark.parametrize("messages", [[], [Message("system")], [Message("user", [Text(LINE)])]])
def test_what_is_no_system_prompt_is_left_alone(messages):
    request = Request("m", list(messages))

    normalise_billing(request)

    assert request.messages == messages


def test_two_requests_that_differ_in_it_are_the_same_after():
    first, second = (
        Request("m", [Message("system", [Text(f"{LINE}{cch}"), Text("Rules.")])])
        for cch in ("1", "2")
    )

    normalise_billing(first)
    normalise_billing(second)

    assert first == second


# in a body that passes

MARK = json.dumps(LINE)
BOTH = json.dumps(f"{LINE}\n\nBe brief.")


@pytest.mark.parametrize(
    ("system", "kept"),
    [
        (f'[{{"type":"text","text":{MARK}}}, {{"type" : "text","text":"Be \\u0062rief."}}]',
         '[{"type" : "text","text":"Be \\u0062rief."}]'),
        (f'[{{"type": "text","text":{BOTH},"x":1.0}}]',
         '[{"type":"text","text":"Be brief.","x":1.0}]'),
        (f'[{{"type":"text","text":{MARK}}}]', "[]"),
        (json.dumps(f"{LINE}\nBe brief."), '"Be brief."'),
    ],
)  # fmt: skip
def test_of_a_body_only_the_line_is_taken_and_the_rest_keeps_its_bytes(system, kept):
    body = '{"model":"m","temperature":1.0e+0,"system":%s,"messages":[]}'

    told = without_billing((body % system).encode())

    assert told.decode() == body % kept


@pytest.mark.parametrize(
    "body",
    [
        b'{"system":"Be brief."}',
        b'{"messages":[{"role":"user","content":%b}]}' % MARK.encode(),
        b'{"system":["Be brief.",%b]}' % MARK.encode(),
        b'{"system":[{"text":"Be brief."},{"text":%b}]}' % MARK.encode(),
        b'{"system":7,"x":%b}' % MARK.encode(),
        b'{"system":[{"text":%b' % MARK.encode(),
        b'{"system":[],"x":%b}' % MARK.encode(),
    ],
)
def test_a_body_without_the_line_or_that_nobody_can_read_is_the_same(body):
    assert without_billing(body) is body
