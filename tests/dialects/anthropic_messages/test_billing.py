import pytest

from multillama.core.canonical import Image, Message, Request, Source, Text
from multillama.dialects.anthropic_messages.billing import normalise_billing

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
