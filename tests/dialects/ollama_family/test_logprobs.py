import pytest

from multillama.core.canonical import Logprob
from multillama.dialects.ollama_family.logprobs import read_logprobs, write_logprobs


def test_tokens_come_back_with_those_that_were_as_likely():
    rows = [
        {
            "token": "a",
            "logprob": -0.5,
            "bytes": [97],
            "top_logprobs": [{"token": "b", "logprob": -1}],
        },
        {"token": "c", "logprob": -2.0},
    ]

    found = read_logprobs(rows)

    assert found == [Logprob("a", -0.5, [97], [Logprob("b", -1)]), Logprob("c", -2.0)]
    assert write_logprobs(found) == rows


@pytest.mark.parametrize("rows", [None, 3, [3], [{"token": 1, "logprob": 2}], [{"token": "a"}]])
def test_what_is_no_token_is_left_out(rows):
    assert read_logprobs(rows) == []
