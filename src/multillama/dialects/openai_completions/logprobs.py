"""How likely tokens were, as Completions tells it: four lists, one row a token.

Source: openai 3.54.0, `Logprobs` of `completion_choice`.
"""

from typing import Any

from multillama.core.canonical import Logprob
from multillama.core.shape import Object


def read_logprobs(value: Any) -> list[Logprob]:
    """Returns the tokens; none where the first of them has no figure, as with `echo`."""
    if not isinstance(value, dict):
        return []
    tokens, figures, tops = (
        value.get("tokens"),
        value.get("token_logprobs"),
        value.get("top_logprobs"),
    )
    if not isinstance(tokens, list) or not isinstance(figures, list) or len(tokens) != len(figures):
        return []
    if not all(isinstance(token, str) for token in tokens) or not all(map(_is_figure, figures)):
        return []
    rows = tops if isinstance(tops, list) and len(tops) == len(tokens) else [None] * len(tokens)
    return [
        Logprob(token, figure, None, _top(top))
        for token, figure, top in zip(tokens, figures, rows, strict=True)
    ]


def _is_figure(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _top(row: Any) -> list[Logprob]:
    if not isinstance(row, dict):
        return []
    return [Logprob(token, figure) for token, figure in row.items() if _is_figure(figure)]


def write_logprobs(tokens: list[Logprob], offset: int = 0) -> Object:
    """Returns the `logprobs` of a choice.

    Args:
        tokens: What was made.
        offset: Characters of the answer before them.
    """
    offsets = []
    for token in tokens:
        offsets.append(offset)
        offset += len(token.token)
    return {
        "tokens": [token.token for token in tokens],
        "token_logprobs": [token.logprob for token in tokens],
        "top_logprobs": [{other.token: other.logprob for other in token.top} for token in tokens],
        "text_offset": offsets,
    }
