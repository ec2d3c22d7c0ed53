"""A last message of the user in which nothing is said."""

import pytest

from multillama.core.canonical import Image, Message, Source, Text, ToolResult
from multillama.core.last_word import WORD, with_last_word

HELLO = Message("user", [Text("hi")])


@pytest.mark.parametrize("parts", [[], [Text("")], [Text(" \n"), Text("")]])
def test_a_user_who_says_nothing_says_a_word(parts):
    messages = [HELLO, Message("assistant", [Text("yo")]), Message("user", parts)]

    told = with_last_word(messages)

    assert told == [*messages[:2], Message("user", [Text(WORD)])]
    assert messages[2].parts == parts


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [HELLO],
        [Message("user", [Text(""), Text("hi")])],
        [Message("user", [Image(Source(url="http://x"))])],
        [HELLO, Message("assistant")],
        [HELLO, Message("user")],
        [Message("tool", [ToolResult("a")]), Message("user", [Text("")])],
    ],
)
def test_all_others_are_left_alone(messages):
    assert with_last_word(messages) is messages
