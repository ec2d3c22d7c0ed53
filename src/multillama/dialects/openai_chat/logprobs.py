"""How likely tokens were, as Chat Completions tells it: `{"content": [{"token", "logprob", "bytes", "top_logprobs"}]}`.

Source: openai 3.54.0, `ChatCompletionTokenLogprob`.
"""

from typing import Any

from multillama.core.canonical import Logprob
from multillama.core.shape import Object


def read_logprobs(value: Any) -> list[Logprob]:
    """Returns the tokens of the content; what is none is left out."""
    rows = value.get("content") if isinstance(value, dict) else None
    return _rows(rows)


def _rows(rows: Any) -> list[Logprob]:
    if not isinstance(rows, list):
        return []
    return [token for row in rows if (token := _token(row)) is not None]


def _token(row: Any) -> Logprob | None:
    if not isinstance(row, dict):
        return None
    token, logprob = row.get("token"), row.get("logprob")
    if (
        not isinstance(token, str)
        or isinstance(logprob, bool)
        or not isinstance(logprob, int | float)
    ):
        return None
    raw = row.get("bytes")
    top = row.get("top_logprobs")
    return Logprob(
        token,
        logprob,
        raw if isinstance(raw, list) and all(isinstance(byte, int) for byte in raw) else None,
        _rows(top) if top else [],
    )


def write_logprobs(tokens: list[Logprob]) -> Object:
    """Returns the `logprobs` of a choice."""
    content = [
        {**_members(token), "top_logprobs": [_members(other) for other in token.top]}
        for token in tokens
    ]
    return {"content": content, "refusal": None}


def _members(token: Logprob) -> Object:
    return {"token": token.token, "logprob": token.logprob, "bytes": token.bytes}
