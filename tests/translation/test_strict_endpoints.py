"""An endpoint that is sent nothing but whole requests serves the agents that people use."""

import json

import pytest

from multillama.core.translate import Bound, translate
from tests.translation.crossing import asking, way

CACHED = {"type": "ephemeral"}
CLAUDE_CODE = {
    "model": "m",
    "max_tokens": 32_000,
    "stream": True,
    "metadata": {"user_id": "user_1_account__session_2"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "thinking": {"type": "enabled", "budget_tokens": 4000},
    "system": [{"type": "text", "text": "You are an agent.", "cache_control": CACHED}],
    "tools": [
        {"name": "Bash", "input_schema": {"type": "object"}, "cache_control": CACHED},
        {"name": "mcp__a__b", "input_schema": {"type": "object"}, "eager_input_streaming": True},
    ],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Go.", "cache_control": CACHED}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Look.", "signature": "mlsig1-of-another"},
                {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": "ls"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "content": "a.txt",
                    "cache_control": CACHED,
                }
            ],
        },
    ],
}


@pytest.mark.parametrize(
    ("target", "provider"),
    [
        ("openai.chat", "llama.cpp"),
        ("openai.chat", "vllm"),
        ("openai.chat", "openai"),
        ("openai.responses", "openai"),
        ("gemini", "gemini"),
        ("ollama.chat", "ollama"),
    ],
)
def test_claude_code_is_not_refused(target, provider):
    body = json.dumps(CLAUDE_CODE).encode()

    told = translate(
        body, way("anthropic.messages", target), Bound("m", provider, False), asking(stream=True)
    )

    assert json.loads(told.body)
