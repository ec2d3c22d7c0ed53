import pytest

from multillama.core.canonical import Logprob
from multillama.dialects.openai_completions.logprobs import read_logprobs, write_logprobs

TOLD = {
    "tokens": ["Hi", "!"],
    "token_logprobs": [-0.5, -1],
    "top_logprobs": [{"Hi": -0.5, "Ho": -2}, {}],
    "text_offset": [0, 2],
}


def test_tokens_come_back():
    tokens = read_logprobs(TOLD)

    assert tokens == [
        Logprob("Hi", -0.5, None, [Logprob("Hi", -0.5), Logprob("Ho", -2)]),
        Logprob("!", -1),
    ]
    assert write_logprobs(tokens) == TOLD
    assert write_logprobs(tokens, 5)["text_offset"] == [5, 7]


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"tokens": ["a"], "token_logprobs": []},
        {"tokens": [5], "token_logprobs": [1]},
        {"tokens": ["a"], "token_logprobs": [None]},
    ],
)
def test_what_is_none_is_left_out(value):
    assert read_logprobs(value) == []


def test_alternatives_may_be_missing():
    assert read_logprobs({"tokens": ["a"], "token_logprobs": [1], "top_logprobs": None}) == [
        Logprob("a", 1)
    ]
