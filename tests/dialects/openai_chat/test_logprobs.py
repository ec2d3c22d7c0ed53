import pytest

from multillama.core.canonical import Logprob
from multillama.dialects.openai_chat.logprobs import read_logprobs, write_logprobs

TOLD = {
    "content": [
        {
            "token": "Hi",
            "logprob": -0.5,
            "bytes": [72, 105],
            "top_logprobs": [{"token": "Hi", "logprob": -0.5, "bytes": None}],
        },
        {"token": "!", "logprob": -1, "bytes": None, "top_logprobs": []},
    ],
    "refusal": None,
}


def test_tokens_come_back():
    tokens = read_logprobs(TOLD)

    assert tokens[0] == Logprob("Hi", -0.5, [72, 105], [Logprob("Hi", -0.5)])
    assert write_logprobs(tokens) == TOLD


@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        {},
        {"content": None},
        {"content": [5]},
        {"content": [{"token": "a", "logprob": True}]},
    ],
)
def test_what_is_none_is_left_out(value):
    assert read_logprobs(value) == []


def test_bytes_that_are_none_are_left_out():
    token = {"token": "a", "logprob": 0, "bytes": ["x"], "top_logprobs": "?"}

    assert read_logprobs({"content": [token]}) == [Logprob("a", 0)]
