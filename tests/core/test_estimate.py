import pytest

from multillama.core.canonical import (
    Audio,
    File,
    Foreign,
    Image,
    Message,
    Reasoning,
    Request,
    Source,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)  # fmt: skip
from multillama.core.estimate import estimate_tokens


@pytest.mark.parametrize(
    ("part", "tokens"),
    [
        (Text("x" * 40), 14),
        (Text("x" * 41), 15),
        (Reasoning("x" * 40), 14),
        (Image(Source(url="u")), 1004),
        (Audio(Source(data="x" * 40)), 14),
        (File(Source(text="x" * 40)), 14),
        (File(Source(file_id="f")), 4),
        (ToolCall("c", "look", "x" * 36), 14),
        (ToolResult("c", [Text("x" * 40), Image(Source(url="u"))]), 1014),
        (Foreign("f", {"a": 1}), 6),
    ],
)
def test_a_message_is_weighed_by_its_characters(part, tokens):
    assert estimate_tokens(Request("m", [Message("user", [part])])) == tokens


def test_tools_and_plain_prompts_count():
    assert estimate_tokens(Request("m", prompt="x" * 40)) == 10
    assert estimate_tokens(Request("m", tools=[Tool("name", "d" * 32, {})])) == 10
